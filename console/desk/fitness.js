// @ts-check
// What stands against giving an order to a candidate, and what it takes to do it all the same.
//
// Pure. The server tells the first reason (`why_not`); here all that can be known are named, since a
// dispatcher who overrides one must not be surprised by the next. The server judges again.

import { HELD } from "../view.js";
import { inHand } from "./book.js";

/** The server refuses these without `force`. */
const FORCED = new Set(["unreachable", "paused", "at_capacity", "taken_up"]);
/** Nothing overrides these. */
const FINAL = new Set(["suspended", "holds"]);

/**
 * @typedef {object} Fitness
 * @property {string[]} reasons  why not, the server's own first: keys of `desk.why.*`
 * @property {boolean} final  it can not be done
 * @property {boolean} force  it takes `force`
 * @property {boolean} ask  a person should say yes first
 */

/**
 * @param {any} candidate @param {import("../view.js").Order} order @param {string} me @param {number} now
 * @returns {Fitness}
 */
export function fitnessOf(candidate, order, me, now) {
  const taken = inHand(order, now);
  const holder = HELD.has(order.status) ? order.assignment?.agent_id : undefined;
  /** @type {[boolean, string][]} */
  const found = [
    [candidate.agent_id === holder, "holds"],
    [Boolean(candidate.why_not), candidate.why_not],
    [candidate.status === "offline", "unreachable"],
    [candidate.status === "paused", "paused"],
    [candidate.load >= candidate.capacity, "at_capacity"],
    [Boolean(candidate.declined), "declined"],
    [taken !== null && taken.dispatcher_id !== me, "taken_up"],
    [holder !== undefined && candidate.agent_id !== holder, "held"],
  ];
  const reasons = [...new Set(found.filter(([holds]) => holds).map(([, reason]) => reason))];
  return {
    reasons,
    final: reasons.some((reason) => FINAL.has(reason)),
    force: reasons.some((reason) => FORCED.has(reason)),
    ask: reasons.length > 0,
  };
}

/**
 * Of a candidate alone, beside the list: reasons that concern the order are told above it.
 * @param {Fitness} fitness
 */
export function ownReasons({ reasons }) {
  if (reasons.includes("holds")) return [];
  return reasons.filter((reason) => reason !== "taken_up" && reason !== "held");
}
