// Numbers as people read them, in the language of the page: money, distances, times of day, spans.
//
// Pure but for the language. Takes the wire's units (fen, metres, milliseconds) and knows no others.

import { language, t } from "./text.js";

/** @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} */
const made = new Map();

function formatter(make, options) {
  const key = JSON.stringify([make.name, language(), options]);
  if (!made.has(key)) made.set(key, new make(language(), options));
  return made.get(key);
}

/** @param {number} value */
export function number(value) {
  return formatter(Intl.NumberFormat, {}).format(value);
}

/** @param {number} share 0…1 */
export function percent(share) {
  return formatter(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

/** @param {number} fen */
export function money(fen) {
  const digits = fen % 100 === 0 ? 0 : 2;
  const options = { style: "currency", currency: "CNY", currencyDisplay: "narrowSymbol" };
  return formatter(Intl.NumberFormat, { ...options, minimumFractionDigits: digits, maximumFractionDigits: digits })
    .format(fen / 100);
}

/** @param {number} metres */
export function distance(metres) {
  const options = { style: "unit", unitDisplay: "short" };
  const tens = Math.round(metres / 10) * 10;
  return tens < 1000
    ? formatter(Intl.NumberFormat, { ...options, unit: "meter" }).format(tens)
    : formatter(Intl.NumberFormat, { ...options, unit: "kilometer", maximumFractionDigits: 1 }).format(metres / 1000);
}

/** The time of day. @param {number} ms since the epoch @param {boolean} [seconds] */
export function clock(ms, seconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(seconds && { second: "2-digit" }) };
  return formatter(Intl.DateTimeFormat, options).format(ms);
}

/** Date and time of day. @param {number} ms */
export function day(ms) {
  const options = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return formatter(Intl.DateTimeFormat, options).format(ms);
}

/** How long something took or has been going on. @param {number} ms */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return t("kit.span.seconds", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("kit.span.minutes", { n: minutes, seconds: seconds % 60 });
  return t("kit.span.hours", { n: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** What is left, as 1:05 or 1:20:42. @param {number} ms */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const parts = minutes < 60 ? [minutes, seconds % 60] : [Math.floor(minutes / 60), minutes % 60, seconds % 60];
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
