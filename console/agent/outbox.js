// @ts-check
// Steps of jobs that were taken and not yet confirmed: on their way, or waiting for the network.
//
// Owns what is kept of them in the browser: order, fence, step and when it was taken; never a phone number, an
// address or a token. Knows no connection but `ask`. Invariants: a step is kept until the server took it or refused
// it for good; the steps of an order are sent in their order, one at a time, each with the time when it was taken;
// each step is an entry of its own, so that tabs beside each other never overwrite one another's.

/**
 * @typedef {{ order_id: string, fence: number, step: string, at: number }} Step
 * @typedef {{ key: string } & Step} Entry
 * @typedef {{ getItem(key: string): string | null, setItem(key: string, value: string): void,
 *   removeItem(key: string): void, key(index: number): string | null, readonly length: number }} Store
 */

const FIRST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 30_000;
/** Refusals that stay refusals. After the second group no later step of the same assignment can pass either. */
const FINAL = new Set(["conflict", "invalid", "stale_fence", "forbidden", "not_found"]);
const NOT_OURS = new Set(["stale_fence", "forbidden", "not_found"]);

export class Outbox {
  #options;
  #prefix;
  /** @type {Map<string, Step>} what the browser would not store lives as long as the page */ #unstored = new Map();
  /** @type {Set<string>} orders of which a step is under way */ #sending = new Set();
  /** @type {any} */ #timer = null;
  #failures = 0;
  #drawn = 0;

  /**
   * @param {object} options
   * @param {string} options.agent  whose steps: a phone may pass from hand to hand
   * @param {(message: any) => Promise<any>} options.ask  `client.ask`
   * @param {() => number} options.now  `client.now`: the server's clock
   * @param {(steps: Step[], error: any) => void} options.onRefused  they are gone; `error` has `code` and `message`
   * @param {() => void} [options.onChange]  what `steps` tells has changed
   * @param {Store} [options.storage]
   * @param {() => number} [options.random]
   * @param {(fn: () => void, ms: number) => any} [options.setTimer]
   * @param {(timer: any) => void} [options.clearTimer]
   */
  constructor(options) {
    this.#prefix = `outbox:${encodeURIComponent(options.agent)}:`; // an id may have a colon in it
    this.#options = {
      storage: /** @type {Store} */ (globalThis.localStorage),
      onChange: () => {},
      random: Math.random,
      setTimer: (/** @type {() => void} */ fn, /** @type {number} */ ms) => setTimeout(fn, ms),
      clearTimer: (/** @type {any} */ timer) => clearTimeout(timer),
      ...options,
    };
  }

  /**
   * Keeps a step taken now, and sends it as soon as that can be. False: the browser stores nothing (it is full, or
   * forbidden to), so the step is lost with the page.
   * @param {{ order_id: string, fence: number, step: string }} step
   */
  add({ order_id, fence, step }) {
    const { now, storage, onChange } = this.#options;
    // The server's clock may be put right by some ms between two steps; their order is not to turn with it.
    const after = this.steps(order_id).at(-1)?.at ?? 0;
    const kept = { order_id, fence, step, at: Math.max(now(), after + 1) };
    const key = this.#draw(kept.at);
    let stored = true;
    try {
      storage.setItem(key, JSON.stringify(kept));
    } catch {
      stored = false;
      this.#unstored.set(key, kept);
    }
    onChange();
    this.send();
    return stored;
  }

  /** Steps not yet confirmed, oldest first; of one order, if given. @param {string} [orderId] @returns {Step[]} */
  steps(orderId) {
    const steps = this.#entries().map(({ key, ...step }) => step);
    return orderId === undefined ? steps : steps.filter(({ order_id }) => order_id === orderId);
  }

  /** Sends what waits: call it when the connection is there (again). Order by order, each at its own pace. */
  send() {
    this.#options.clearTimer(this.#timer);
    this.#failures = 0;
    this.#sendAll();
  }

  /** Sends nothing more by itself; what waits is kept. */
  stop() {
    this.#options.clearTimer(this.#timer);
  }

  #sendAll() {
    for (const orderId of new Set(this.#entries().map(({ order_id }) => order_id))) {
      if (!this.#sending.has(orderId)) this.#sendOrder(orderId);
    }
  }

  /** @param {string} orderId */
  async #sendOrder(orderId) {
    this.#sending.add(orderId);
    let entry;
    while ((entry = this.#entries().find(({ order_id }) => order_id === orderId)) && (await this.#settle(entry)));
    this.#sending.delete(orderId);
  }

  /** Whether the next one may follow. @param {Entry} entry */
  async #settle(entry) {
    const { key, ...step } = entry;
    try {
      await this.#options.ask({ type: "progress", ...step });
      this.#remove([key]);
      return true;
    } catch (/** @type {any} */ error) {
      const isFinal = FINAL.has(error.code) && !error.retryable;
      if (isFinal) this.#refused(entry, error);
      else this.#later();
      return isFinal;
    }
  }

  /** @param {Entry} entry @param {any} error */
  #refused(entry, error) {
    const entries = this.#entries();
    // Another tab has sent it meanwhile: then going back to it is refused, and nobody's news.
    if (!entries.some(({ key }) => key === entry.key)) return;
    const isSame = (/** @type {Entry} */ other) => other.order_id === entry.order_id && other.fence === entry.fence;
    const gone = entries.filter((other) => other.key === entry.key || (NOT_OURS.has(error.code) && isSame(other)));
    this.#remove(gone.map(({ key }) => key));
    this.#options.onRefused(gone.map(({ key, ...step }) => step), error);
  }

  /** Without a connection `send` is called when it is back; the rest passes with time. */
  #later() {
    const { setTimer, clearTimer, random } = this.#options;
    const pauseMs = (0.5 + random() / 2) * Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    clearTimer(this.#timer);
    this.#timer = setTimer(() => this.#sendAll(), pauseMs);
  }

  /** @param {string[]} keys */
  #remove(keys) {
    for (const key of keys) {
      this.#unstored.delete(key);
      this.#options.storage.removeItem(key);
    }
    this.#options.onChange();
  }

  /** @returns {Entry[]} oldest first: keys begin with the time */
  #entries() {
    const { storage } = this.#options;
    const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
    const stored = keys.filter((key) => key.startsWith(this.#prefix)).flatMap((key) => this.#read(key));
    const unstored = [...this.#unstored].map(([key, step]) => ({ key, ...step }));
    return [...stored, ...unstored].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** @param {string} key @returns {Entry[]} none where another tab was quicker, or it is not of our making */
  #read(key) {
    try {
      const { order_id, fence, step, at } = JSON.parse(this.#options.storage.getItem(key) ?? "");
      return [{ key, order_id, fence, step, at }];
    } catch {
      return [];
    }
  }

  /** Sorted by time, then as drawn; tabs do not draw the same. @param {number} at */
  #draw(at) {
    const number = String(++this.#drawn).padStart(6, "0");
    const chance = this.#options.random().toString(36).slice(2, 10);
    return `${this.#prefix}${String(at).padStart(15, "0")}:${number}:${chance}`;
  }
}
