// The cards of orders that may be grabbed: which are there, in what order, and how far each has come.
//
// Owns a card's life: offered → asking → (pending) → won, lost or refused. Knows no page and no network; `now` is
// passed in. Invariants: a card never changes its place; a new one takes the place of one that is over and was read,
// or comes after all others; one that is over stays in its place for a while, so that nothing moves to where a thumb
// is about to press; of one order only one grab is under way.

/** So long does a card that is over stay where it was. */
export const SHOWN_AFTER_MS = 3000;

/** After so long it was read, and gives its place to a new one: those alive are not to hide behind the dead. */
export const READ_AFTER_MS = 1200;

/** States in which the offer is still to be had. */
const LIVE = new Set(["offered", "asking", "pending", "refused"]);
const UNDECIDED = new Set(["asking", "pending", "unknown"]);
const GRABBABLE = new Set(["offered", "refused"]);
/** Refusals that end the offer. */
const FOR_GOOD = new Set(["declined", "suspended", "not_offered"]);

/**
 * @typedef {"offered" | "asking" | "pending" | "unknown" | "won" | "lost" | "refused"} State
 * @typedef {{id: string, order: any, from: "round" | "hall" | "unsure", state: State, reason: string | null,
 *   since: number, spanMs: number}} Card
 * `since`: when the state began; `spanMs`: what was left when its end became known.
 */

/** @param {Card} card */
function isOver({ state }) {
  return state === "lost" || state === "won";
}

export class Cards {
  /** @type {Card[]} */ #cards = [];

  /** All of them, in their places. */
  get all() {
    return this.#cards;
  }

  /** Those of the rounds, as the list of offers shows them. */
  get offered() {
    return this.#cards.filter((card) => card.from === "round");
  }

  /** How many wait for a decision. */
  get waiting() {
    return this.offered.filter((card) => LIVE.has(card.state)).length;
  }

  /** @param {string} id @returns {Card | undefined} */
  find(id) {
    return this.#cards.find((card) => card.id === id);
  }

  /** The card that the key for "grab" means: the first that can be grabbed. @returns {Card | undefined} */
  get top() {
    return this.offered.find((card) => GRABBABLE.has(card.state));
  }

  /**
   * An order is offered, or something of its offer changed.
   * @param {any} order @param {number} now @param {Card["from"]} [from]
   * @returns {boolean} whether it is offered anew
   */
  offer(order, now, from = "round") {
    const card = this.find(order.id);
    const spanMs = Math.max(0, (order.expires_at ?? now) - now);
    if (card === undefined) {
      const dealt = { id: order.id, order, from, state: /** @type {State} */ ("offered"), reason: null, since: now, spanMs };
      this.#cards = this.#dealt(dealt, now);
      return true;
    }
    if (card.order.expires_at !== order.expires_at) card.spanMs = spanMs;
    card.order = order;
    if (LIVE.has(card.state)) return false;
    const known = card.state === "unknown";
    this.#become(card, "offered", null, now);
    return !known;
  }

  /**
   * All that is offered, and all that is held, by a `welcome` or `snapshot`. What has gone meanwhile is over; the
   * verdict of a grab under way is left to come, unless nobody waits for it any more.
   * @param {Iterable<any>} offers @param {ReadonlyMap<string, any>} jobs @param {number} now
   * @returns {string[]} ids of those that are offered anew
   */
  replace(offers, jobs, now) {
    const orders = [...offers];
    const there = new Set(orders.map((order) => order.id));
    for (const card of this.#cards) {
      const went = GRABBABLE.has(card.state) && !there.has(card.id);
      if (went || card.state === "unknown") this.#resolve(card, there, jobs, now);
    }
    const byEnd = orders.sort((a, b) => (a.expires_at ?? 0) - (b.expires_at ?? 0) || a.created_at - b.created_at);
    return byEnd.filter((order) => this.offer(order, now)).map((order) => order.id);
  }

  #dealt(card, now) {
    const read = this.#cards.findIndex((each) => isOver(each) && now - each.since >= READ_AFTER_MS);
    return read < 0 ? [...this.#cards, card] : this.#cards.map((each, i) => (i === read ? card : each));
  }

  #resolve(card, there, jobs, now) {
    if (jobs.has(card.id)) this.#become(card, "won", null, now);
    else if (there.has(card.id)) this.#become(card, "offered", null, now);
    else this.#become(card, "lost", "gone", now);
  }

  /** The hall answered: what came while it was asked is its doing, or of a round. @param {ReadonlySet<string>} listed
   * @returns {string[]} ids of those that are of a round */
  settle(listed) {
    const unsure = this.#cards.filter((card) => card.from === "unsure");
    for (const card of unsure) card.from = listed.has(card.id) ? "hall" : "round";
    return unsure.filter((card) => card.from === "round").map((card) => card.id);
  }

  /** A `retract`, or the answer to a decline. @param {string} id @param {string} reason @param {number} now */
  end(id, reason, now) {
    const card = this.find(id);
    if (card && LIVE.has(card.state)) this.#become(card, "lost", reason, now);
  }

  /** Begins a grab. @param {string} id @param {number} now @returns {boolean} false: not to be grabbed now */
  ask(id, now) {
    const card = this.find(id);
    if (!card || !GRABBABLE.has(card.state)) return false;
    this.#become(card, "asking", null, now);
    return true;
  }

  /** @param {string} id @param {number} now */
  pend(id, now) {
    const card = this.find(id);
    if (card?.state === "asking") this.#become(card, "pending", null, now);
  }

  /** Nobody waits for the verdict any more; the next list will tell. @param {string} id @param {number} now */
  forsake(id, now) {
    const card = this.find(id);
    if (card && UNDECIDED.has(card.state)) this.#become(card, "unknown", null, now);
  }

  /** @param {string} id @param {{outcome: string, reason?: string | null}} verdict the final one @param {number} now */
  judge(id, { outcome, reason = null }, now) {
    const card = this.find(id);
    if (!card) return;
    if (outcome === "won") this.#become(card, "won", null, now);
    else if (outcome === "taken") this.#become(card, "lost", "taken", now);
    else if (outcome === "gone" || FOR_GOOD.has(reason)) this.#become(card, "lost", reason ?? "gone", now);
    else this.#become(card, "refused", reason, now);
  }

  /** The question could not be asked. @param {string} id @param {string} reason @param {number} now */
  refuse(id, reason, now) {
    this.judge(id, { outcome: "refused", reason }, now);
  }

  /** Somebody has read it. @param {string} id */
  dismiss(id) {
    this.#drop((card) => card.id === id && isOver(card));
  }

  /** Those that have been over for long enough go. @param {number} now @returns {string[]} their ids */
  sweep(now) {
    return this.#drop((card) => isOver(card) && now - card.since >= SHOWN_AFTER_MS);
  }

  #drop(goes) {
    const gone = this.#cards.filter(goes);
    if (gone.length > 0) this.#cards = this.#cards.filter((card) => !goes(card));
    return gone.map((card) => card.id);
  }

  #become(card, state, reason, now) {
    card.state = state;
    card.reason = reason;
    card.since = now;
  }
}
