// @ts-check
// HTTP as PROTOCOL §5 has it: JSON in and out, problems as errors, commands that take effect once.
//
// Owns the retries. Knows no routes and no page. Invariants: a command that is sent again bears the same
// `Idempotency-Key`, so it is carried out at most once however often its answer is lost; only what the server calls
// retryable, or what was not answered at all, is sent again, a few times, with pauses at random.

const TRIES = 4;
const FIRST_PAUSE_MS = 400;
const TIMEOUT_MS = 15_000;
const UPLOAD_TIMEOUT_MS = 60_000;
/** What a proxy says in the server's place. */
const GATEWAY = new Set([502, 503, 504]);

/** The server's refusal, RFC 9457. `code` is of PROTOCOL §4; `errors` names the fields: `[{ path, message }]`. */
export class Problem extends Error {
  /** @param {number} status @param {any} [document] */
  constructor(status, document = {}) {
    super(document.detail || document.title || `HTTP ${status}`);
    this.name = "Problem";
    this.status = status;
    /** @type {string} */ this.code = document.code ?? (GATEWAY.has(status) ? "unavailable" : "internal");
    /** @type {string} */ this.detail = document.detail ?? "";
    /** @type {boolean} */ this.retryable = document.retryable ?? GATEWAY.has(status);
    /** @type {{ path: string, message: string }[]} */ this.errors = document.errors ?? [];
  }
}

/** No answer in spite of every try: whether a command took effect is not known; the same key finds out. */
export class Offline extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("no answer", { cause });
    this.name = "Offline";
  }
}

/** @typedef {{ key?: string, signal?: AbortSignal }} How  `signal` gives it up (rejects its `reason`) */

export class Api {
  #options;

  /**
   * @param {object} options
   * @param {() => string | null} options.token
   * @param {(problem: Problem) => void} [options.onUnauthenticated]  the token is no longer good
   * @param {string} [options.base]  where the server is; here, if not given
   * @param {typeof fetch} [options.fetch]
   * @param {() => number} [options.random]
   * @param {(fn: () => void, ms: number) => any} [options.setTimer]
   * @param {(timer: any) => void} [options.clearTimer]
   */
  constructor(options) {
    this.#options = {
      base: "",
      onUnauthenticated: () => {},
      fetch: (/** @type {any} */ url, /** @type {any} */ init) => fetch(url, init),
      random: Math.random,
      setTimer: (/** @type {() => void} */ fn, /** @type {number} */ ms) => setTimeout(fn, ms),
      clearTimer: (/** @type {any} */ timer) => clearTimeout(timer),
      ...options,
    };
  }

  /**
   * @param {string} path @param {object} [query] absent values are left out
   * @param {How} [how] @returns {Promise<any>}
   */
  get(path, query = {}, how = {}) {
    return this.#send("GET", path + search(query), undefined, how);
  }

  /** @param {string} path @param {unknown} [body] @param {How} [how] @returns {Promise<any>} */
  post(path, body, how = {}) {
    return this.#send("POST", path, body, { key: drawKey(), ...how });
  }

  /** @param {string} path @param {unknown} body @param {How} [how] @returns {Promise<any>} */
  patch(path, body, how = {}) {
    return this.#send("PATCH", path, body, how);
  }

  /** @param {string} path @param {unknown} body @param {How} [how] @returns {Promise<any>} */
  put(path, body, how = {}) {
    return this.#send("PUT", path, body, how);
  }

  /** @param {string} path @param {How} [how] @returns {Promise<any>} */
  delete(path, how = {}) {
    return this.#send("DELETE", path, undefined, how);
  }

  /** @param {string} path @param {FormData} form @param {How} [how] @returns {Promise<any>} */
  upload(path, form, how = {}) {
    return this.#send("POST", path, form, { key: drawKey(), ...how });
  }

  /** @param {string} method @param {string} path @param {unknown} body @param {How} how @returns {Promise<any>} */
  async #send(method, path, body, how) {
    let lost = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method, path, body, how);
      } catch (error) {
        // The first one went through, but for its answer.
        if (method === "DELETE" && lost && error instanceof Problem && error.status === 404) return null;
        if (!mayRepeat(error) || attempt === TRIES) throw error;
        lost ||= error instanceof Offline;
      }
      await this.#pause(this.#options.random() * FIRST_PAUSE_MS * 2 ** attempt, how.signal);
    }
  }

  /** @param {string} method @param {string} path @param {unknown} body @param {How} how */
  async #once(method, path, body, { key, signal }) {
    const { base, token, fetch, setTimer, clearTimer, onUnauthenticated } = this.#options;
    signal?.throwIfAborted();
    const ending = new AbortController();
    const giveUp = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp);
    const timer = setTimer(() => ending.abort(), isForm(body) ? UPLOAD_TIMEOUT_MS : TIMEOUT_MS);
    try {
      const init = { method, headers: headers(token(), key, body), body: encoded(body), signal: ending.signal };
      return await answered(await fetch(base + path, { ...init, cache: "no-store" }));
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Problem)) throw new Offline(error);
      if (error.status === 401) onUnauthenticated(error);
      throw error;
    } finally {
      clearTimer(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} rejects at once when given up */
  #pause(ms, signal) {
    const { setTimer, clearTimer } = this.#options;
    return new Promise((resolve, reject) => {
      const giveUp = () => (clearTimer(timer), reject(signal?.reason));
      const timer = setTimer(() => (signal?.removeEventListener("abort", giveUp), resolve()), ms);
      signal?.addEventListener("abort", giveUp);
    });
  }
}

/**
 * A fresh `Idempotency-Key`: draw one when the form is opened, and pressing "send" twice is one order.
 * (`crypto.randomUUID` is there on HTTPS pages only.)
 */
export function drawKey() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {unknown} error */
function mayRepeat(error) {
  return error instanceof Offline || (error instanceof Problem && error.retryable);
}

/** The body. Throws Problem, or whatever the network did to it. @param {Response} response @returns {Promise<any>} */
async function answered(response) {
  const text = await response.text();
  if (response.ok) return text === "" ? null : JSON.parse(text);
  throw new Problem(response.status, documentIn(text));
}

/** @param {string} text @returns {any} undefined where it is none: a proxy answers in HTML */
function documentIn(text) {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/** @param {string | null} token @param {string | undefined} key @param {unknown} body */
function headers(token, key, body) {
  const said = { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  // A form's type has a boundary in it that only the browser knows.
  const type = body === undefined || isForm(body) ? {} : { "Content-Type": "application/json" };
  return { ...said, ...type, ...(key && { "Idempotency-Key": key }) };
}

/** @param {unknown} body */
function isForm(body) {
  return body instanceof FormData;
}

/** @param {unknown} body @returns {any} */
function encoded(body) {
  return body === undefined || isForm(body) ? body : JSON.stringify(body);
}

/** @param {object} query */
function search(query) {
  const given = Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  const text = new URLSearchParams(given.filter(([, value]) => value !== undefined && value !== null)).toString();
  return text && `?${text}`;
}
