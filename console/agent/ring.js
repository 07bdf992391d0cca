// The time that is left to decide, as a ring that closes and a number in it.

import { html, svg } from "../vendor/lit-html/lit-html.js";
import { t } from "../kit/text.js";

const HURRY_MS = 5000;

/** @param {number} leftMs @param {number} spanMs what was left at the beginning */
export function ring(leftMs, spanMs) {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000));
  const share = spanMs > 0 ? Math.min(1, Math.max(0, leftMs / spanMs)) : 0;
  const arc = svg`
    <circle class="track" cx="24" cy="24" r="20" />
    <circle class="arc" cx="24" cy="24" r="20" pathLength="100" stroke-dasharray="100" stroke-dashoffset=${100 - share * 100} />`;
  return html`
    <div class="ring ${leftMs <= HURRY_MS ? "hurry" : ""}" role="timer" aria-label=${t("agent.offer.left", { n: seconds })}>
      <svg viewBox="0 0 48 48" aria-hidden="true">${arc}</svg>
      <span class="number" aria-hidden="true">${words(seconds)}</span>
    </div>`;
}

function words(seconds) {
  return seconds < 100 ? seconds : t("agent.offer.minutes", { n: Math.ceil(seconds / 60) });
}
