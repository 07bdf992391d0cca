// What outlives a reload of the tab: the jobs as they were last known, and which notices were read.
//
// Owns what is in the tab's session storage but for the token: it ends with the tab, as the token does. In a garage
// without signal a phone may throw the page away; its holder still needs the address. Invariant: what is kept is of
// the one who is logged in; another finds nothing.

const KEPT = "agent";

/** @typedef {{sub: string, status: string | null, jobs: any[], read: string[]}} Kept */

/** @param {string} sub @returns {Kept} */
export function recall(sub) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept?.sub === sub) return kept;
  forget();
  return { sub, status: null, jobs: [], read: [] };
}

/** @param {Kept} kept */
export function keep(kept) {
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

export function forget() {
  sessionStorage.removeItem(KEPT);
}
