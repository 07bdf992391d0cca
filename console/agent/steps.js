// A held order's steps, and those of them that were taken but are not with the server yet.
//
// Pure. Invariant: only a step forward is offered, of what the order is and of what is still to be sent.

export const STEPS = ["en_route", "arrived", "working", "completed"];
const PLACE = new Map(["assigned", ...STEPS].map((status, i) => [status, i]));

/**
 * The status as its holder knows it: further than the server's when steps are still to be sent.
 * @param {{status: string}} order @param {{step: string}[]} unsent
 */
export function reached(order, unsent) {
  const all = [order.status, ...unsent.map((entry) => entry.step)];
  return all.reduce((furthest, status) => ((PLACE.get(status) ?? -1) > (PLACE.get(furthest) ?? -1) ? status : furthest));
}

/** The steps that are left; the first is the next. @param {string} status @returns {string[]} */
export function stepsAfter(status) {
  return STEPS.slice(PLACE.get(status) ?? STEPS.length);
}
