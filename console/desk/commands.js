// @ts-check
// Sending a command on one order.
//
// Invariants: nothing is sent twice (a command under way disables its buttons, and a repeated one bears the
// same key); what the server refuses is told in words, in the dialog that asked if there is one, and the
// order is read anew.

import { drawKey } from "../api.js";

/**
 * The dialog stays open with its faults, and is closed when it is done. What was refused is carried out no
 * more: the next attempt is another command; what was not answered may have been, and is asked for again
 * by the same key.
 * @param {import("./app.js").Context} context @param {string} orderId @param {string} act
 * @param {() => Promise<any>} send @returns {Promise<any>} the order; undefined: it was not done
 */
export async function command(context, orderId, act, send) {
  const ours = context.state.dialog;
  const told = () => send().catch((error) => {
    if (ours !== null) ours.problem = error;
    throw error;
  });
  const done = await context.act(`${act} ${orderId}`, told, () => {
    context.reading.changed(orderId);
    if (ours !== null) ours.key = drawKey();
    return ours !== null;
  });
  if (done === undefined) return undefined;
  context.take(done);
  context.reading.changed(orderId);
  if (ours !== null && context.state.dialog === ours) context.close();
  return done;
}
