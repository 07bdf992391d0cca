// Who is at the page: the token, kept in this tab's session storage and nowhere else.
//
// Owns taking a token in (from the address' fragment or by `enter`), reading its claims, and forgetting it; and the
// place that a link may give beside it (`#token=…&at=LAT,LON`).
// Judges nothing: whether a token is good is the server's to say; a malformed one is refused here at once.

const KEPT = "token";
const PLACE = "at";
const PAGES = { dispatcher: "/console/desk", valet: "/console/valet", shop: "/console/shop" };

/** @typedef {{token: string, sub: string, role: string, regions: string[] | null, expiresAt: number}} Identity */

/** Why a text is no token that could be used: `malformed`, `expired`. */
export class TokenFault extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** @returns {Identity | null} Reads a `#token=…` first, and takes it out of the address. */
export function identity() {
  takeFromAddress();
  const token = sessionStorage.getItem(KEPT);
  if (token === null) return null;
  try {
    return read(token);
  } catch {
    sessionStorage.removeItem(KEPT);
    return null;
  }
}

/** @returns {string} '' while nobody is logged in. */
export function token() {
  return sessionStorage.getItem(KEPT) ?? "";
}

/**
 * A token, or a login link that contains one.
 * @param {string} text
 * @returns {Identity} Throws TokenFault.
 */
export function enter(text) {
  const found = /(?:^|[#&])token=([^&\s]+)/.exec(text);
  const who = read(found ? decodeURIComponent(found[1]) : text.trim());
  if (who.expiresAt <= Date.now()) throw new TokenFault("expired");
  sessionStorage.setItem(KEPT, who.token);
  return who;
}

export function leave() {
  sessionStorage.removeItem(KEPT);
  sessionStorage.removeItem(PLACE);
}

/**
 * The browser keeps pages that were left, for "back", as they were: with the phone numbers of whoever has logged out
 * since. A kept one is empty, and begins anew. A login link that is opened over the page only changes the fragment.
 * @param {any} [page]
 */
export function watchPage(page = window) {
  page.addEventListener("pagehide", ({ persisted }) => persisted && page.document.body.replaceChildren());
  page.addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  page.addEventListener("hashchange", () => bears(location.hash) && location.reload());
}

/**
 * Where the link said to be, in place of where the device is: a demonstration plays in another city.
 * @returns {{lat: number, lon: number} | null}
 */
export function givenPlace() {
  const [lat, lon] = (sessionStorage.getItem(PLACE) ?? "").split(",").map(Number.parseFloat);
  return Math.abs(lat) <= 85 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

/** The page for people of this role, or null. @param {string} role */
export function pageOf(role) {
  return PAGES[role] ?? null;
}

/** @param {string} fragment */
function bears(fragment) {
  return new URLSearchParams(fragment.slice(1)).has("token");
}

function takeFromAddress() {
  if (!bears(location.hash)) return;
  const given = new URLSearchParams(location.hash.slice(1));
  history.replaceState(history.state, "", location.pathname + location.search);
  sessionStorage.setItem(KEPT, given.get("token"));
  sessionStorage.removeItem(PLACE);
  if (given.has("at")) sessionStorage.setItem(PLACE, given.get("at"));
}

/** @param {string} token @returns {Identity} */
function read(token) {
  try {
    const claims = JSON.parse(decoded(token.split(".")[1]));
    if (typeof claims.sub !== "string" || typeof claims.role !== "string") throw new TokenFault("malformed");
    return { token, sub: claims.sub, role: claims.role, regions: claims.regions ?? null, expiresAt: claims.exp * 1000 };
  } catch (fault) {
    throw fault instanceof TokenFault ? fault : new TokenFault("malformed");
  }
}

function decoded(part) {
  const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
