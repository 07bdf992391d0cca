// How the line to the server stands, as the one thing to be told of it, and what can be done about it.
//
// Pure. Owns the meaning of close codes for people (PROTOCOL §4). Invariant: whatever state a client is in, there is
// at most one such thing, and each that does not go by itself names an act that goes on.

/** @typedef {"log_in" | "resume" | "return" | "reload" | "retry"} Act */

/** @type {Record<number, {kind: string, act: Act}>} */
const ENDS = {
  4500: { kind: "expired", act: "log_in" },
  4501: { kind: "expired", act: "log_in" },
  4502: { kind: "forbidden", act: "log_in" },
  4503: { kind: "suspended", act: "return" },
  4504: { kind: "replaced", act: "resume" },
  4505: { kind: "kicked", act: "return" },
};
/** Page and server do not understand each other: an old page, most likely. */
const MISUNDERSTOOD = { kind: "misunderstood", act: /** @type {Act} */ ("reload") };
/** So long before its end a token is asked for anew. */
export const RENEW_MS = 5 * 60_000;

/**
 * @param {{state: string, end: {code: number} | null, expiresAt: number, now: number, seen: boolean}} line
 *   `seen`: whether it was connected before
 * @returns {{kind: string, act: Act} | null}
 */
export function tidings({ state, end, expiresAt, now, seen }) {
  if (state === "over" && end) return ENDS[end.code] ?? MISUNDERSTOOD;
  if (now >= expiresAt && state !== "connecting") return ENDS[4501];
  if (state === "waiting" || (state === "connecting" && seen)) return { kind: "offline", act: "retry" };
  if (now >= expiresAt - RENEW_MS) return { kind: "expiring", act: "log_in" };
  return null;
}
