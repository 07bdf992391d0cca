// @ts-check
// What one session knows, computed from the messages that it heard (PROTOCOL §4), as lists to show.
//
// Owns the meaning of every server message for offers, jobs, desk, orders and notices. Knows no socket, no clock
// and no page. Invariants: after each message the lists are what the protocol entitles the session to show; a
// `welcome` or `snapshot` replaces them; what an older version says of an order never overwrites a newer one.
// Messages and their orders are never changed, what differs is another object: `===` tells whether one is new.

/** @typedef {import("./client.js").Message} Message */
/** @typedef {{ id: string, version: number, status: string, [field: string]: any }} Order */

export const HELD = new Set(["assigned", "en_route", "arrived", "working"]);
const STEPS = [...HELD, "completed"];
export const TERMINAL = new Set(["completed", "cancelled", "expired"]);

/** Refusals after which the offer is no longer ours. */
const REFUSED_FOR_GOOD = new Set(["declined", "suspended"]);
/** Versions that are remembered: of a day's orders, not of a month's. */
const MOST_VERSIONS = 5_000;
const ORDER_LISTS = /** @type {const} */ (["offers", "jobs", "desk", "orders"]);

/** The desk shows what waits for a dispatcher, and what stalls in somebody's hands. @param {Order} order */
export function isOnDesk(order) {
  return order.status === "escalated" || (Boolean(order.stalled) && HELD.has(order.status));
}

export class View {
  /** @type {string | null} */ sessionId = null;
  /** @type {string[]} what the server knows beyond the protocol */ features = [];
  /** @type {any} the agent's own card, `status` as last confirmed; null for others */ agent = null;
  /** @type {Map<string, Order>} id → public view with `say`: what may be grabbed */ offers = new Map();
  /** @type {Map<string, Order>} id → full view: what the agent holds */ jobs = new Map();
  /** @type {Map<string, Order>} id → full view: what waits at the desk, longest waiting first */ desk = new Map();
  /** @type {Map<string, Order>} id → full view: a customer's unfinished orders */ orders = new Map();
  /** @type {Map<string, Message>} id → notice */ notices = new Map();
  /** @type {Map<string, Message>} order id → where its agent is, for its customer */ tracks = new Map();
  /** @type {Set<string>} names of the lists that were cut; the rest by HTTP */ more = new Set();
  /** @type {Order | null} the job completed last, for the page to say so */ done = null;
  /** @type {Map<string, number>} order id → the newest version heard */ #versions = new Map();

  /**
   * Takes a message in. An order that HTTP answered may be told as the stream would: `{ type: "job", order }`.
   * @param {Message} message
   * @param {Message} [asked] our own message that it answers; `client.on("message", …)` has both
   */
  hear(message, asked) {
    switch (message.type) {
      case "welcome": return this.#welcome(message);
      case "snapshot": return this.#replace(message);
      case "offer": return this.#offer(message);
      case "retract": return void this.offers.delete(message.order_id);
      case "verdict": return this.#verdict(message);
      case "job": return this.#job(message.order);
      case "unjob": return void this.jobs.delete(message.order_id);
      case "order": return this.#order(message.order);
      case "track": return void this.tracks.set(message.order_id, message);
      case "desk": return this.#desk(message.order);
      case "notice": return void this.notices.set(message.id, message);
      case "ok": return asked && this.#done(asked);
    }
  }

  /** @param {Message} message */
  #welcome(message) {
    this.sessionId = message.session_id;
    this.features = message.features ?? [];
    this.#replace(message);
  }

  /** @param {Message} message */
  #replace(message) {
    if (message.agent) this.agent = message.agent;
    this.#versions.clear();
    for (const name of ORDER_LISTS) {
      this[name] = new Map((message[name] ?? []).map((/** @type {Order} */ order) => [order.id, order]));
      for (const { id, version } of this[name].values()) this.#versions.set(id, version);
    }
    for (const id of this.tracks.keys()) if (!this.orders.has(id)) this.tracks.delete(id);
    this.more = new Set(message.more ?? []);
  }

  /** In lists the sentence stands in the order, here beside it. @param {Message} message */
  #offer({ order, say }) {
    if (!this.#isNews(order)) return;
    this.jobs.delete(order.id); // only whoever holds it no more is offered it
    this.offers.set(order.id, say ? { ...order, say } : order);
  }

  /** @param {Message} verdict */
  #verdict({ order_id: id, outcome, reason, job }) {
    if (outcome === "won") return this.#job(job);
    const lost = outcome === "taken" || outcome === "gone";
    if (lost || (outcome === "refused" && REFUSED_FOR_GOOD.has(reason))) this.offers.delete(id);
  }

  /** @param {Order} order */
  #job(order) {
    if (!this.#isNews(order)) return;
    this.offers.delete(order.id);
    if (order.status === "completed") this.done = order;
    this.#keep(this.jobs, order, HELD.has(order.status));
  }

  /** @param {Order} order */
  #order(order) {
    if (!this.#isNews(order)) return;
    if (TERMINAL.has(order.status)) this.tracks.delete(order.id);
    this.#keep(this.orders, order, !TERMINAL.has(order.status));
  }

  /** The order itself tells whether it is still there: a stalled one that was taken up is. @param {Order} order */
  #desk(order) {
    if (this.#isNews(order)) this.#keep(this.desk, order, isOnDesk(order));
  }

  /** An answer that says no more than "done": what was asked says what. @param {Message} asked */
  #done(asked) {
    if (asked.type === "decline") this.offers.delete(asked.order_id);
    if (asked.type === "status" && this.agent) this.agent = { ...this.agent, status: asked.status };
    if (asked.type === "progress") this.#step(asked);
  }

  /** The step that was confirmed, until `job` tells all of it; a repeated one goes not back. @param {Message} asked */
  #step({ order_id: id, fence, step }) {
    const job = this.jobs.get(id);
    if (job?.assignment?.fence !== fence || STEPS.indexOf(step) <= STEPS.indexOf(job.status)) return;
    this.#keep(this.jobs, { ...job, status: step }, HELD.has(step));
  }

  /**
   * Of what is shown no more the version is kept, too: an answer over HTTP and the stream may overtake each other.
   * @param {Order} order
   */
  #isNews({ id, version }) {
    if (version < (this.#versions.get(id) ?? 0)) return false;
    this.#versions.delete(id); // the latest goes to the end
    this.#versions.set(id, version);
    if (this.#versions.size > MOST_VERSIONS) this.#versions.delete(this.#versions.keys().next().value);
    return true;
  }

  /** @param {Map<string, Order>} list @param {Order} order @param {boolean} shown */
  #keep(list, order, shown) {
    if (shown) list.set(order.id, order);
    else list.delete(order.id);
  }
}
