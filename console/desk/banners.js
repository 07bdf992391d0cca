// @ts-check
// What a dispatcher has to know of his connection, above everything else.
//
// Owns the words for each way in which the stream can end (PROTOCOL §4, close codes), and the way on from
// there.

import { endingOf } from "../kit/endings.js";
import { countdown } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";

/** @typedef {import("./app.js").Context} Context */

/** Of `endingOf`, those that the desk has words for; any other has "ended". */
const NAMED = new Set(["expired", "replaced", "kicked", "forbidden"]);

/** @param {{code: number} | null} end */
export function endOf(end) {
  const ending = endingOf(end);
  return ending !== null && NAMED.has(ending) ? ending : "ended";
}

/** @param {Context} context */
export function banners(context) {
  const { client } = context;
  if (client.state === "over" && client.end !== null) return over(context, endOf(client.end));
  if (client.state === "waiting" || (client.state === "connecting" && context.wasOpen)) return waiting(context);
  return null;
}

/** What is on the screen is as old as the connection. @param {Context} context */
function waiting({ client }) {
  const left = client.retryAt === null ? "" : countdown(client.retryAt - Date.now());
  return html`<div class="banner warn" role="status" data-banner="offline">${icon("offline")}
    <span class="grow">${t("desk.banner.offline")} ${left ? html`<span
      class="number">${t("desk.banner.retry_in", { left })}</span>` : null}</span>
    <button type="button" class="button small"
      @click=${() => client.retryNow()}>${t("desk.banner.retry")}</button>
  </div>`;
}

/** @param {Context} context @param {string} how */
function over(context, how) {
  const again = how === "expired" || how === "forbidden"
    ? html`<button type="button" class="button small"
      @click=${context.login}>${t("desk.banner.login")}</button>`
    : html`<button type="button" class="button small"
      @click=${() => context.client.start()}>${t("desk.banner.start")}</button>`;
  return html`<div class="banner bad" role="alert" data-banner=${how}>${icon("warning")}<span
    class="grow">${t(`desk.banner.${how}`)}</span>${again}</div>`;
}
