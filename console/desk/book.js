// @ts-check
// Every order that this page has heard of, at its newest version, and the lists that are made of them.
//
// Pure: no page, no network; the time is passed in. Invariants: what an older version says never overwrites
// a newer one; the queue is ordered by how long an order waits, longest first, and two equal ones by id, so
// rows do not jump.

import { HELD, TERMINAL, isOnDesk } from "../view.js";

/** @typedef {import("../view.js").Order} Order */
/** @typedef {{region: string, kind: string}} Filters  '' is all of them */
/** @typedef {Map<string, {desk_seconds: number}>} Policies */

export class Book {
  /** Raised by each change: what is made of the orders can be kept until it moves. */
  revision = 0;
  /** @type {Map<string, {order: Order, at: number}>} */ #entries = new Map();

  /** @param {string} id @returns {Order | undefined} */
  get(id) {
    return this.#entries.get(id)?.order;
  }

  /** @returns {Order[]} */
  all() {
    return [...this.#entries.values()].map(({ order }) => order);
  }

  /**
   * @param {Order} order @param {number} at when it was asked for, or heard
   * @returns {boolean} whether it is no older than what was known
   */
  take(order, at) {
    const known = this.#entries.get(order.id);
    if (known && known.order.version > order.version) return false;
    this.#entries.set(order.id, { order, at });
    this.revision += 1;
    return true;
  }

  /**
   * The unfinished orders were read whole: one that is not among them, and of which nothing was heard
   * since the reading began, is unfinished no more (or no longer ours to see).
   * @param {Order[]} orders @param {number} begun @param {any[]} [kept] ids: these stay
   */
  replaceUnfinished(orders, begun, kept = []) {
    for (const order of orders) this.take(order, begun);
    const found = new Set(orders.map(({ id }) => id));
    for (const [id, { order, at }] of this.#entries) {
      if (!TERMINAL.has(order.status) && !found.has(id) && at < begun && !kept.includes(id)) this.#entries.delete(id);
    }
    this.revision += 1;
  }
}

/**
 * Since when it waits for a dispatcher. Without the server's word: the wait at the desk is as long as the
 * policy says, and ends at `expires_at`; a stalled one has waited since it was assigned, at most.
 * @param {Order} order @param {Policies} policies
 */
export function waitsSince(order, policies) {
  if (typeof order.desk_at === "number") return order.desk_at;
  const policy = policies.get(order.kind);
  if (order.expires_at && policy) return order.expires_at - policy.desk_seconds * 1000;
  return order.assignment?.at ?? order.created_at;
}

/** Who has it in hand now. @param {Order} order @param {number} now */
export function inHand(order, now) {
  return order.taken_up && order.taken_up.until_at > now ? order.taken_up : null;
}

/**
 * How many of them nobody has in hand: what the title counts.
 * @param {Iterable<Order>} orders @param {number} now
 */
export function unattended(orders, now) {
  let count = 0;
  for (const order of orders) if (isOnDesk(order) && !inHand(order, now)) count += 1;
  return count;
}

/** @param {Order} order @param {Filters} filters */
export function passes(order, { region, kind }) {
  return (region === "" || order.region === region) && (kind === "" || order.kind === kind);
}

/**
 * The queue: longest waiting first.
 * @param {Iterable<Order>} orders @param {Filters} filters @param {Policies} policies
 */
export function queued(orders, filters, policies) {
  const rows = [...orders].filter((order) => isOnDesk(order) && passes(order, filters));
  return rows.sort((a, b) => waitsSince(a, policies) - waitsSince(b, policies) || (a.id < b.id ? -1 : 1));
}

/** Newest first. @param {Order[]} orders @param {Filters} filters */
export function unfinished(orders, filters) {
  return orders.filter((order) => !TERMINAL.has(order.status) && passes(order, filters)).sort(newestFirst);
}

/** Newest first. @param {Order[]} orders @param {Filters} filters */
export function ended(orders, filters) {
  return orders.filter((order) => TERMINAL.has(order.status) && passes(order, filters)).sort(newestFirst);
}

/** Ids are ULIDs: they sort by the time they were made. @param {Order} a @param {Order} b */
function newestFirst(a, b) {
  return a.id < b.id ? 1 : -1;
}

/**
 * Whether an order answers to what somebody typed: part of its id, address, names or details; of a phone
 * number the digits, at least three of them, however they are spaced.
 * @param {Order} order @param {string} text
 */
export function answersTo(order, text) {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return true;
  const digits = wanted.replace(/\D/g, "");
  const isNumber = digits.length >= 3 && /^[\d\s+()-]+$/.test(wanted);
  if (isNumber && phones(order).some((phone) => phone.includes(digits))) return true;
  return words(order).some((word) => word.toLowerCase().includes(wanted));
}

/** @param {Order} order */
function phones({ customer, agent }) {
  return [customer?.phone, agent?.phone].filter(Boolean).map((phone) => phone.replace(/\D/g, ""));
}

/** @param {Order} order */
function words(order) {
  const { id, region, place, destination, customer, agent, details } = order;
  const said = Object.values(details ?? {}).filter((value) => typeof value === "string");
  return [id, region, place?.address, destination?.address, customer?.name, customer?.id, agent?.name, agent?.id, ...said]
    .filter(Boolean);
}

/**
 * What a dispatcher can do with it now; the server judges again.
 * @param {Order} order
 */
export function actionsOf(order) {
  const { status } = order;
  const held = HELD.has(status);
  return {
    takeUp: isOnDesk(order),
    assign: status === "open" || status === "escalated" || held,
    reopen: status === "escalated",
    close: status === "escalated",
    edit: !TERMINAL.has(status),
    cancel: !TERMINAL.has(status),
  };
}
