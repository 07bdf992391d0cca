// The world of a client under test: time, timers, chance, the page's events and the server's end of each socket.
//
// Owns them all; nothing passes by itself. Invariant: `advance` runs what falls due in its order, and lets promises
// settle between.

export const WELCOME = { type: "welcome", session_id: "s-1", heartbeat_seconds: 20, features: [], more: [] };
/** The server's clock is ahead of the client's by this. */
export const AHEAD_MS = 1_790_000_000_000;

class Socket {
  onopen = null;
  onmessage = null;
  onclose = null;
  bufferedAmount = 0;
  sent = [];
  closed = false;

  constructor(world, url, protocol) {
    Object.assign(this, { world, url, protocol });
  }

  send(frame) {
    this.sent.push(JSON.parse(frame));
  }

  close() {
    this.closed = true; // its close event is a test's to give, as a dead network's comes late or never
  }

  // What the other side does.

  open() {
    this.onopen?.({});
  }

  say(message) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  welcome(more = {}) {
    this.open();
    this.say({ ...WELCOME, server_at: this.world.now + AHEAD_MS, ...more });
  }

  end(code, reason = "") {
    this.onclose?.({ code, reason });
  }

  /** The messages of the type that were said to it. */
  said(type) {
    return this.sent.filter((message) => message.type === type);
  }
}

export class World {
  now = 1_000;
  chance = 0.5;
  sockets = [];
  page = new EventTarget();
  #timers = new Map();
  #last = 0;

  /** Options for a `Client`. */
  get options() {
    const world = this;
    return {
      WebSocket: class {
        constructor(url, protocol) {
          const socket = new Socket(world, url, protocol);
          world.sockets.push(socket);
          return socket;
        }
      },
      ...this.time,
      page: this.page,
    };
  }

  /** Options for whoever has timers only. */
  get time() {
    return {
      random: () => this.chance,
      clock: () => this.now,
      setTimer: (fn, ms) => {
        this.#timers.set(++this.#last, { fn, at: this.now + ms });
        return this.#last;
      },
      clearTimer: (timer) => this.#timers.delete(timer),
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** How many timers are set: whoever is done leaves none. */
  get timers() {
    return this.#timers.size;
  }

  async advance(ms) {
    const until = this.now + ms;
    await settled();
    for (let due; (due = this.#next(until)); await settled()) {
      this.now = Math.max(this.now, due.at);
      due.fn();
    }
    this.now = until;
  }

  /** The device sleeps: time passes, and no timer runs. */
  sleep(ms) {
    this.now += ms;
  }

  #next(until) {
    const [first] = [...this.#timers].sort(([a, { at: aAt }], [b, { at: bAt }]) => aAt - bAt || a - b);
    if (first === undefined || first[1].at > until) return undefined;
    this.#timers.delete(first[0]);
    return first[1];
  }
}

/** Whatever promises can do by now, they have done. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
