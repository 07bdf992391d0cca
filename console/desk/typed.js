// What people type, read as the wire wants it: money in yuan → fen, a place, a local time.
//
// Pure. Takes what a Chinese keyboard makes of it (full-width digits, commas, the sign of the yuan). Returns null where a text is
// no such thing; the empty text is the caller's to judge.

/** Full-width forms as plain ones. @param {string} text */
function plain(text) {
  return text
    .replace(/[\uff10-\uff19\uff0e\uff0c\uff0b\uff0d]/g, (char) => String.fromCharCode(char.charCodeAt(0) - 0xfee0))
    .replace(/[\u3001\uff1b]/g, ",")
    .replace(/\u3000/g, " ")
    .trim();
}

/** Yuan, at most two decimals: "1,280.50" is 128050. @param {string} text @returns {number | null} */
export function fenOf(text) {
  const digits = plain(text).replace(/^[\u00a5\uffe5]\s*|\s*\u5143$/g, "").replace(/,(?=\d{3}(\D|$))/g, "");
  if (!/^\d{1,10}(\.\d{0,2})?$/.test(digits)) return null;
  return Math.round(Number(digits) * 100);
}

/** Fen as one types it: 128050 is "1280.5". @param {number | null | undefined} fen */
export function yuanText(fen) {
  return fen === null || fen === undefined ? "" : String(fen / 100);
}

const MOST_LAT = 85;

/**
 * Two numbers, as maps give them: "31.2304, 121.4737". A first number that can be no latitude is the longitude
 * (Amap writes it first).
 * @param {string} text @returns {{ lat: number, lon: number } | null}
 */
export function placeOf(text) {
  const found = /^[(\[]?\s*([+-]?\d{1,3}(?:\.\d+)?)°?\s*[,\s]\s*([+-]?\d{1,3}(?:\.\d+)?)°?\s*[)\]]?$/.exec(plain(text));
  if (!found) return null;
  const [first, second] = [Number(found[1]), Number(found[2])];
  const [lat, lon] = Math.abs(first) > MOST_LAT ? [second, first] : [first, second];
  return Math.abs(lat) <= MOST_LAT && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

/** A metre is five decimals. @param {{ lat: number, lon: number }} place */
export function placeText({ lat, lon }) {
  return `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
}

/** What `<input type=datetime-local>` holds, as ms; its time is that of the place where the page is. @param {string} text */
export function whenOf(text) {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text) ? new Date(text).getTime() : NaN;
  return Number.isNaN(at) ? null : at;
}

/** @param {number} at ms */
export function whenText(at) {
  const when = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return when.toISOString().slice(0, 16);
}

/** When today began, here. @param {number} now ms */
export function midnight(now) {
  return new Date(now).setHours(0, 0, 0, 0);
}
