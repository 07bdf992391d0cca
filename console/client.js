// @ts-check
// A session on the stream, as an app holds it: PROTOCOL §4 in one file without imports, to be copied.
//
// Owns one WebSocket at a time, its coming back, the server's clock, and the matching of answers to questions
// by `ref`. Knows no orders: what was told goes to whoever listens (`view.js` makes lists of it). Invariants:
// whoever asks is answered, refused (`ServerError`) or told that nobody knows (`Disconnected`); nothing of a
// connection that was given up is heard any more; who was sent away for good does not come back. It logs
// nothing: tokens and telephone numbers pass through here.
//
//   const client = new Client({ url, token: () => token, hello: () => ({ position, status: "available" }) });
//   client.on("offer", ({ order, say }) => …);
//   client.start();
//   const verdict = await client.grab(order.id, () => …);   // "pending" came: not yet decided

const SUBPROTOCOL = "dispatch.v1.json";
const [FIRST_PAUSE_MS, MOST_PAUSE_MS] = [500, 20_000];
const SETTLED_MS = 5_000; // who lived so long had a good connection: the next pause is of the shortest again
const WELCOME_MS = 10_000; // a browser may take minutes to give up a connection that does not come about
const [ANSWER_MS, VERDICT_MS, PONG_MS, CHECK_MS] = [30_000, 3_000, 5_000, 1_500];
const LATE_MS = 1_000; // a timer that comes so late tells of a page that slept, not of a silent server
const MOST_UNSENT_BYTES = 16 * 1024; // behind so much unsent a position would be old when it is read
const LATE_HELLO = 4506; // of the codes for good the one that tells of a page that slept, not of who it is
const DRIFT = 5e-5; // how far a device's clock runs off, at most: 0.2 s in an hour

/**
 * @typedef {{ type: string, [field: string]: any }} Message
 * @typedef {"connecting" | "open" | "waiting" | "over"} State
 * @typedef {object} Options
 * @property {string} url  `ws://HOST:8001/v1/stream`
 * @property {() => string | null} token  asked at each connection; null where the upgrade bears it
 * @property {() => object} [hello]  `{ position?, status?, crs? }`, asked at each connection
 */

/** The connection ended before the answer came: whether it was carried out, nobody here knows. */
export class Disconnected extends Error {
  /** @param {string} reason @param {number} [code] of the close */
  constructor(reason, code = 0) {
    super(reason);
    this.code = code;
  }
}

/** The server's `error`: not carried out. `code` is of PROTOCOL §4; `retryable`: the same may pass later. */
export class ServerError extends Error {
  /** @param {any} error */
  constructor({ message, code, retryable }) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

export class Client {
  #options;
  #socket = null;
  #state = /** @type {State} */ ("over");
  #end = null;
  #questions = new Map(); // ref → question under way
  #grabs = new Map(); // order id → grab under way
  #listeners = new Map(); // type → set of functions
  #waiters = []; // for the return
  #timer = null; // one is enough: for the welcome, the heartbeat or the return
  #lastRef = 0;
  #failures = 0;
  #begunAt = 0;
  #welcomeAt = null;
  #heartbeatMs = 0;
  #heardAt = 0;
  #heard = 0;
  #due = null; // when a probe has to be answered
  #returnAt = 0;
  #bidden = false; // the server said when to come back
  #sample = null; // of the server's clock: { offset, error, at }
  #wake = ({ type }) => this.check(type === "online" ? 0 : CHECK_MS);

  /** @param {Options & Record<string, any>} options  the rest is the world, which tests replace */
  constructor(options) {
    this.#options = {
      hello: () => ({}),
      WebSocket: globalThis.WebSocket,
      random: Math.random,
      // The wall clock jumps when the user or the network sets it; this one does not.
      clock: () => performance.timeOrigin + performance.now(),
      setTimer: (fn, ms) => setTimeout(fn, ms),
      clearTimer: (timer) => clearTimeout(timer),
      page: globalThis,
      ...options,
    };
  }

  /** "waiting" comes back by itself at `retryAt`; "over" does not: not started, stopped, or sent away. */
  get state() {
    return this.#state;
  }

  /** How the last connection ended: `{ code, reason }`; null before, and after `stop()`. */
  get end() {
    return this.#end;
  }

  /** When it comes back while "waiting", by the device's clock; else null. */
  get retryAt() {
    return this.#state === "waiting" ? this.#returnAt - this.#options.clock() + Date.now() : null;
  }

  /** The server's clock, whole ms: what `expires_at` and a step's `at` are measured by. */
  now() {
    return Math.round(this.#options.clock() + (this.#sample?.offset ?? 0));
  }

  /** Begins, also again after it was over (with another token, say). Does nothing while it runs. */
  start() {
    if (this.#state !== "over") return;
    this.#failures = 0;
    this.#connect();
    this.#attend("addEventListener");
  }

  stop() {
    this.#attend("removeEventListener");
    if (this.#state !== "over") this.#over(null, new Disconnected("stopped"));
  }

  /** Comes back at once. An attempt that hangs for so long is begun anew: its packets are repeated too rarely. */
  retryNow(hangsMs = CHECK_MS) {
    const hangs = this.#state === "connecting" && this.#options.clock() - this.#begunAt >= hangsMs;
    if (this.#state !== "waiting" && !hangs) return;
    this.#drop();
    this.#connect();
  }

  /** Finds out at once whether the connection lives; by itself, too, when the page is seen again (its timers slept)
   * or the network changes. Where the server said when to come back, it is left at that. */
  check(hangsMs = CHECK_MS) {
    if (this.#state === "open") this.#probe(CHECK_MS);
    else if (!this.#bidden) this.retryNow(hangsMs);
  }

  /**
   * Calls `fn(message, asked)` for each message of the type; `asked` is our own that it answers. Types: those of
   * the server, "message" for all of them (also those unknown here), and "state", which gets the new
   * state. "message" is told first: make the view of the world by it.
   * @param {string} type @param {(message: any, asked?: Message) => void} fn @returns {() => any} unsubscribe
   */
  on(type, fn) {
    const fns = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, fns.add(fn));
    return () => fns.delete(fn);
  }

  /**
   * Asks, and resolves with the answer (`ok`, `verdict`, `pong`). Rejects `ServerError`, or `Disconnected`: at
   * once where there is no connection, when it ends, and after 30 s without an answer.
   * @param {Message} message  without `ref` @returns {Promise<any>}
   */
  ask(message) {
    return this.#question(message, ANSWER_MS);
  }

  /** Says what may be lost (`position`, `seen`). False: not sent, nothing passes now; say the newest later. */
  tell(message) {
    if (this.#state !== "open" || this.#socket.bufferedAmount > MOST_UNSENT_BYTES) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /**
   * Grabs an order; resolves with the final verdict, however long that takes: `pending` is waited out
   * (`onPending` tells), a lost connection too; then, and when the server says `unavailable`, it is asked again.
   * The holder who asks again hears the same `won`; `refused`, `not_offered` after a return may mean that another
   * has it. Meanwhile another `grab` of the order is the same promise. Rejects `Disconnected` when this is over.
   * @param {string} orderId @param {() => void} [onPending] @returns {Promise<any>}
   */
  grab(orderId, onPending = () => {}) {
    const end = () => this.#grabs.delete(orderId);
    const grab = this.#grabs.get(orderId) ?? this.#grabbed(orderId, onPending).finally(end);
    this.#grabs.set(orderId, grab);
    return grab;
  }

  async #grabbed(orderId, onPending) {
    for (let attempt = 0; ; attempt++) {
      await this.#opened();
      try {
        const verdict = await this.#question({ type: "grab", order_id: orderId }, VERDICT_MS, onPending);
        if (verdict.reason !== "unavailable") return verdict;
      } catch (error) {
        if (error instanceof Disconnected) continue; // `#opened` waits for the return, or ends this
        if (!(error instanceof ServerError && error.retryable)) throw error;
      }
      await new Promise((resolve) => this.#options.setTimer(() => resolve(null), this.#jittered(attempt)));
    }
  }

  // --- the connection and its returns
  #connect() {
    this.#begunAt = this.#options.clock();
    this.#bidden = false;
    const socket = new this.#options.WebSocket(this.#options.url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#greet();
    socket.onmessage = (event) => this.#hear(event.data);
    // `onerror` tells nothing: `onclose` follows. 1006 is all that a browser tells of a refused upgrade.
    socket.onclose = ({ code, reason }) => this.#ended(code, reason);
    this.#after(WELCOME_MS, () => this.#ended(1006, "no welcome in time"));
    this.#become("connecting");
  }

  /** `hello` has to come first, within 5 s. A browser can set no header, so the token is in it. */
  #greet() {
    const token = this.#options.token();
    this.#begunAt = this.#options.clock();
    const hello = { type: "hello", ...(token === null ? {} : { token }), ...this.#options.hello() };
    this.#socket.send(JSON.stringify(hello));
  }

  /** Lets go of the socket: on a dead network its `close` event is minutes away, and is nothing to us then. */
  #drop() {
    this.#options.clearTimer(this.#timer);
    const socket = this.#socket;
    this.#socket = this.#welcomeAt = this.#due = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    socket?.close();
  }

  #ended(code, reason, returnAfterMs = null) {
    const error = new Disconnected(reason || `closed with ${code}`, code);
    if (code >= 4500 && code <= 4999 && code !== LATE_HELLO) return this.#over({ code, reason }, error);
    if (this.#welcomeAt !== null && this.#options.clock() - this.#welcomeAt >= SETTLED_MS) this.#failures = 0;
    this.#drop();
    this.#end = { code, reason };
    this.#bidden = returnAfterMs !== null;
    const pauseMs = returnAfterMs ?? this.#jittered(this.#failures++);
    this.#returnAt = this.#options.clock() + pauseMs;
    this.#after(pauseMs, () => this.#connect());
    this.#fail(error);
    this.#become("waiting");
  }

  #over(end, error) {
    this.#drop();
    this.#end = end;
    this.#fail(error);
    for (const { reject } of this.#waiters.splice(0)) reject(error);
    this.#become("over");
  }

  /** Full jitter: those who lost their connections together come back apart. */
  #jittered(attempt) {
    return this.#options.random() * Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  }

  /** Returns when there is a connection; throws `Disconnected` when there will be none. */
  async #opened() {
    if (this.#state === "over") throw new Disconnected(this.#end?.reason || "not connected", this.#end?.code);
    if (this.#state === "open") return;
    await new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  #attend(verb) {
    for (const type of ["online", "offline", "visibilitychange"]) this.#options.page[verb]?.(type, this.#wake);
  }

  // --- what is heard
  #hear(data) {
    const socket = this.#socket;
    const message = parsed(data);
    const isFirst = this.#welcomeAt === null;
    if (message === null || (isFirst && message.type !== "welcome" && message.type !== "bye")) {
      return this.#ended(1002, "the server speaks another protocol");
    }
    this.#heardAt = this.#options.clock();
    this.#heard += 1;
    const question = this.#questions.get(message.ref);
    if (isFirst && message.type === "welcome") this.#welcomed(message);
    else if (question) this.#measure(question.sentAt, message.server_at);
    this.#emit("message", message, question?.message);
    this.#emit(message.type, message, question?.message);
    if (question) this.#answer(message, question);
    if (this.#socket !== socket) return; // a listener stopped it
    if (isFirst && message.type === "welcome") {
      this.#listen();
      for (const { resolve } of this.#waiters.splice(0)) resolve(null);
      this.#become("open");
    }
    // Answers come before `bye`, and what is said after it is not carried out: this is the end.
    if (message.type === "bye") this.#ended(message.code, message.reason, message.reconnect_after_ms);
  }

  /** Listeners of it may ask at once; "state" is told when all have the new lists. */
  #welcomed({ heartbeat_seconds, server_at }) {
    [this.#welcomeAt, this.#heartbeatMs] = [this.#options.clock(), heartbeat_seconds * 1000];
    this.#measure(this.#begunAt, server_at);
    this.#state = "open";
  }

  /**
   * The server's clock stood at `serverAt` at some time between then and now: in the middle, give or take half.
   * The narrowest sample is kept while newer ones agree. One that can not agree tells that the local clock stood
   * still (a device that slept) or the server's was set: then the newer one holds.
   */
  #measure(sentAt, serverAt) {
    if (typeof serverAt !== "number") return;
    const at = this.#options.clock();
    const fresh = { offset: serverAt - (sentAt + at) / 2, error: (at - sentAt) / 2 + 1, at };
    const kept = this.#sample;
    const keptError = kept ? kept.error + (at - kept.at) * DRIFT : Infinity;
    const agree = kept && Math.abs(fresh.offset - kept.offset) <= fresh.error + keptError;
    if (!agree || fresh.error <= keptError) this.#sample = fresh;
  }

  // --- heartbeat: pings of the server are answered by the browser, unseen; so the page asks for itself
  #listen() {
    this.#due = null;
    const quietMs = this.#options.clock() - this.#heardAt;
    if (quietMs >= this.#heartbeatMs) this.#probe(PONG_MS);
    else this.#after(this.#heartbeatMs - quietMs, () => this.#listen());
  }

  #probe(ms, excused = true) {
    const due = this.#options.clock() + ms;
    if (this.#due !== null && this.#due <= due) return; // under way
    this.#due = due;
    const heard = this.#heard;
    this.#question({ type: "ping" }, 0).catch(() => {}); // its loss is told by the state
    this.#after(ms, () => {
      this.#due = null;
      if (this.#heard > heard) return this.#listen();
      // The page slept: what came meanwhile stands behind this timer in the queue.
      if (excused && this.#options.clock() - due >= LATE_MS) return this.#probe(ms, false);
      this.#ended(1006, "the server is silent");
    });
  }

  // --- questions
  /** The server answers a grab within a second, be it by `pending`: silence tells of the line. */
  #question(message, answerMs, onPending = null) {
    return new Promise((resolve, reject) => {
      if (this.#state !== "open") throw new Disconnected("not connected", this.#end?.code);
      const ref = String(++this.#lastRef);
      const lost = () => this.#questions.delete(ref) && reject(new Disconnected("no answer"));
      const late = onPending ? () => this.check() : lost;
      const timer = answerMs && this.#options.setTimer(late, answerMs);
      this.#questions.set(ref, { message, resolve, reject, onPending, timer, sentAt: this.#options.clock() });
      this.#socket.send(JSON.stringify({ ...message, ref }));
    });
  }

  #answer(message, question) {
    this.#options.clearTimer(question.timer);
    // `pending` answers nothing: the verdict follows under the same ref.
    if (message.outcome === "pending") return this.#call(question.onPending);
    this.#questions.delete(message.ref);
    if (message.type === "error") question.reject(new ServerError(message));
    else question.resolve(message);
  }

  #fail(error) {
    for (const { reject, timer } of this.#questions.values()) {
      this.#options.clearTimer(timer);
      reject(error);
    }
    this.#questions.clear();
  }

  // --- listeners and timers
  #become(state) {
    this.#state = state;
    this.#emit("state", state);
  }

  #emit(type, told, asked) {
    for (const fn of [...(this.#listeners.get(type) ?? [])]) this.#call(() => fn(told, asked));
  }

  /** A listener's fault is reported as any uncaught error is, and ends nothing here. */
  #call(fn) {
    try {
      fn();
    } catch (error) {
      queueMicrotask(() => { throw error; });
    }
  }

  #after(ms, fn) {
    this.#options.clearTimer(this.#timer);
    this.#timer = this.#options.setTimer(fn, ms);
  }
}

/** Null: no message, as JSON text with a `type` is. */
function parsed(data) {
  try {
    const message = JSON.parse(data);
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
