// How the line to the server stands, as the one thing to be told of it, and what can be done about it.
//
// Pure. Invariant: whatever state a client is in, there is
// at most one such thing, and each that does not go by itself names an act that goes on.

import { endingOf } from "../kit/endings.js";

/** @typedef {"log_in" | "resume" | "return" | "reload" | "retry"} Act */

/** @type {Record<string, Act>} what goes on from a final close */
const ACTS = { expired: "log_in", forbidden: "log_in", suspended: "return", replaced: "resume", kicked: "return" };

/** So long before its end a token is asked for anew. */
export const RENEW_MS = 5 * 60_000;

/**
 * @param {{state: string, end: {code: number} | null, expiresAt: number, now: number, seen: boolean}} line
 *   `seen`: whether it was connected before
 * @returns {{kind: string, act: Act} | null}
 */
export function tidings({ state, end, expiresAt, now, seen }) {
  if (state === "over" && end) return over(endingOf(end));
  if (now >= expiresAt && state !== "connecting") return over("expired");
  if (state === "waiting" || (state === "connecting" && seen)) return { kind: "offline", act: "retry" };
  if (now >= expiresAt - RENEW_MS) return { kind: "expiring", act: "log_in" };
  return null;
}

/** @param {string | null} ending @returns {{kind: string, act: Act}} */
function over(ending) {
  return ending === null ? { kind: "misunderstood", act: "reload" } : { kind: ending, act: ACTS[ending] };
}
