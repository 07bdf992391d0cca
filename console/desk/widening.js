// @ts-check
// The rounds in which an order goes out again, as they are proposed and as they were typed.
//
// Pure. Proposed are the policy's rounds, further and to more agents, with a bonus above what nobody took it
// for.

import { fenOf, yuanText } from "./typed.js";

/** @typedef {{radius_m: number, limit: number, seconds: number, bonus_fen?: number}} Round */
/** @typedef {{radius: string, limit: string, seconds: string}} Typed  km, agents, seconds */

const WIDER = 2;
const MORE = 1.5;
const BONUS_STEP_FEN = 500;
const MOST = { radius_m: 20_040_000, limit: 10_000, seconds: 31_536_000 };
export const MOST_ROUNDS = 20;

/**
 * @param {import("../view.js").Order} order @param {Round[]} rounds of its kind's policy
 * @returns {{bonus: string, rounds: Typed[]}}
 */
export function proposal(order, rounds) {
  const paid = Math.max(order.bonus_fen, ...rounds.map(({ bonus_fen = 0 }) => bonus_fen));
  return { bonus: yuanText(paid + BONUS_STEP_FEN), rounds: rounds.map(widened) };
}

/** @param {Round} round @returns {Typed} */
function widened({ radius_m: radius, limit, seconds }) {
  const wide = Math.min(MOST.radius_m, radius * WIDER);
  return typed({ radius_m: wide, limit: Math.min(MOST.limit, Math.ceil(limit * MORE)), seconds: Math.max(1, seconds) });
}

/** @param {Round} round @returns {Typed} */
export function typed({ radius_m: radius, limit, seconds }) {
  return { radius: String(radius / 1000), limit: String(limit), seconds: String(seconds) };
}

/**
 * @param {{bonus: string, rounds: Typed[], own: boolean}} form  `own`: with rounds of its own, not the
 *   policy's
 * @returns {{body: {bonus_fen: number, rounds?: Round[]}, faults: Record<string, string>}} faults: field →
 *   key of a text
 */
export function reopening({ bonus, rounds, own }) {
  /** @type {Record<string, string>} */ const faults = {};
  const bonusFen = bonus.trim() === "" ? 0 : fenOf(bonus);
  if (bonusFen === null) faults.bonus = "desk.fault.money";
  if (!own) return { body: { bonus_fen: bonusFen ?? 0 }, faults };
  const read = rounds.map((round, i) => roundOf(round, i, faults));
  return { body: { bonus_fen: bonusFen ?? 0, rounds: read }, faults };
}

/** @param {Typed} round @param {number} i @param {Record<string, string>} faults @returns {Round} */
function roundOf(round, i, faults) {
  const radius = between(round.radius, 0.001, MOST.radius_m / 1000);
  const limit = between(round.limit, 1, MOST.limit);
  const seconds = between(round.seconds, 1, MOST.seconds);
  if (radius === null) faults[`rounds.${i}.radius`] = "desk.fault.radius";
  if (limit === null || !Number.isInteger(limit)) faults[`rounds.${i}.limit`] = "desk.fault.limit";
  if (seconds === null) faults[`rounds.${i}.seconds`] = "desk.fault.seconds";
  return { radius_m: Math.round((radius ?? 0) * 1000), limit: limit ?? 0, seconds: seconds ?? 0, bonus_fen: 0 };
}

/** @param {string} text @param {number} least @param {number} most */
function between(text, least, most) {
  const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : NaN;
  return value >= least && value <= most ? value : null;
}
