// @ts-check
// Having an order in hand: taking it up, and keeping it while the dispatcher works on it.
//
// Owns the renewal. A take-up lasts 60 s; it is renewed shortly before its end while the order is selected
// and the dispatcher has touched the page lately. Who turned away lets it go by itself: nobody blocks an
// order by absence.

import { inHand } from "./book.js";

const RENEW_BEFORE_MS = 15_000;
const WORKING_MS = 45_000;

let touchedAt = 0;

export function watchHands() {
  const touched = () => (touchedAt = Date.now());
  for (const event of ["pointerdown", "pointermove", "keydown"]) addEventListener(event, touched, { passive: true });
}

/**
 * "mine", "other" or null.
 * @param {import("./app.js").Context} context @param {import("../view.js").Order} order
 */
export function whoseHand(context, order) {
  const taken = inHand(order, context.now());
  if (taken === null) return null;
  return taken.dispatcher_id === context.state.who.sub ? "mine" : "other";
}

/** @param {import("./app.js").Context} context @param {import("../view.js").Order} order */
export function takeUp(context, order) {
  return context.act(`take_up ${order.id}`, async () => {
    context.take(await context.api.post(`/v1/desk/${order.id}/take_up`));
  });
}

/** Called each second. @param {import("./app.js").Context} context */
export function keepInHand(context) {
  const order = context.state.selected === null ? undefined : context.order(context.state.selected);
  if (!order || document.hidden || whoseHand(context, order) !== "mine") return;
  const left = order.taken_up.until_at - context.now();
  if (left < RENEW_BEFORE_MS && Date.now() - touchedAt < WORKING_MS) takeUp(context, order);
}
