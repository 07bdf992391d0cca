// What is said of an order beside its kind: its details, and what it brings.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { money } from "../kit/format.js";
import { detailName, t } from "../kit/text.js";

function shown(value) {
  if (typeof value === "boolean") return t(value ? "agent.yes" : "agent.no");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** @param {Record<string, unknown>} details */
export function facts(details) {
  const known = Object.entries(details ?? {}).filter(([, value]) => value !== null && value !== "");
  if (known.length === 0) return nothing;
  return html`<dl class="facts">${known.map(([key, value]) => html`<dt>${detailName(key)}</dt><dd>${shown(value)}</dd>`)}</dl>`;
}

/** @param {{price_fen: number | null, bonus_fen: number}} order */
export function pay({ price_fen, bonus_fen }) {
  const price = price_fen === null || price_fen === undefined ? t("agent.price.open") : money(price_fen);
  return html`<span class="pay"><strong class="number">${price}</strong>
    ${bonus_fen > 0 ? html`<span class="badge warn number">${t("agent.price.bonus", { bonus: money(bonus_fen) })}</span>` : nothing}</span>`;
}
