// @ts-check
// One row of a list of orders: what a dispatcher has to know of it at a glance.
//
// Owns the words and marks of a row. A row is drawn each second with hundreds of others: what does not count
// seconds is drawn again only when the order itself is another.

import { clock, countdown, day, money } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { kindName, language, t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { TERMINAL, isOnDesk } from "../view.js";
import { inHand, waitsSince } from "./book.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("../view.js").Order} Order */

/** What is left of the wait at the desk when it becomes pressing. */
const PRESSING_MS = 120_000;

/** @param {Context} context @param {Order} order */
export function row(context, order) {
  const { state } = context;
  const selected = state.selected === order.id;
  const choose = () => context.select(order.id);
  return html`
    <li class="order-row ${selected ? "selected" : ""}" data-order=${order.id} data-status=${order.status}>
      ${checkbox(context, order)}
      <button type="button" class="row-main" aria-current=${selected ? "true" : "false"} @click=${choose}>
        <span class="row-line">
          ${guard([order, language()], () => titleOf(order))}
          <span class="grow"></span>${waiting(context, order)}
        </span>
        <span class="row-line small">
          ${guard([order, language()], () => addressOf(order))}
          ${left(context, order)}
        </span>
        <span class="row-line small">
          ${guard([order, language()], () => termsOf(order))}
          <span class="grow"></span>${hand(context, order)}
        </span>
      </button>
    </li>
  `;
}

/** @param {Context} context @param {Order} order */
function checkbox({ state, update }, order) {
  const toggle = () => {
    if (!state.checked.delete(order.id)) state.checked.add(order.id);
    update();
  };
  const label = t("desk.row.check", { kind: kindName(order.kind), address: order.place.address ?? order.id });
  return html`<label class="row-check"><input type="checkbox" aria-label=${label}
    .checked=${state.checked.has(order.id)} @change=${toggle}></label>`;
}

/** @param {Order} order */
function titleOf(order) {
  return html`<span class="row-kind">${icon(order.kind)}<strong>${kindName(order.kind)}</strong></span>${statusBadges(order)}`;
}

const TONES = { escalated: "warn", open: "primary", completed: "good", cancelled: "", expired: "bad", scheduled: "" };

/** The status in words; what stalled says in which status it did. @param {Order} order */
export function statusBadges(order) {
  const badge = html`<span class="badge ${TONES[order.status] ?? "good"}">${t(`kit.status.${order.status}`)}</span>`;
  const isStalled = order.stalled && isOnDesk(order);
  return html`${isStalled ? html`<span class="badge bad">${icon("warning")}${t("kit.stalled")}</span>` : null}${badge}`;
}

/** @param {Order} order */
function addressOf(order) {
  const { place, destination, region } = order;
  const to = destination ? html`<span class="muted">→ ${destination.address ?? t("desk.row.place")}</span>` : null;
  const title = [place.address, destination?.address].filter(Boolean).join(" → ");
  return html`<span class="cut grow" title=${title}>${place.address ?? t("desk.row.no_address", { region })} ${to}</span>`;
}

/** @param {Order} order */
function termsOf(order) {
  const { price_fen: price, bonus_fen: bonus, declined } = order;
  return html`
    <span class="number">
      ${price === null ? t("desk.row.no_price") : money(price)} ${bonus > 0 ? html`<b>+${money(bonus)}</b>` : null}
    </span>
    <span class="muted">${t("desk.row.offered", { n: order.offered })}</span>
    ${declined > 0 ? html`<span class="declined">${t("desk.row.declined", { n: declined })}</span>` : null}
    ${order.voice_notes.length > 0 ? html`<span title=${t("desk.row.voice")}>${icon("voice")}<span
      class="visually-hidden">${t("desk.row.voice")}</span></span>` : null}
    ${order.agent ? html`<span class="cut">${icon(order.agent.role === "shop" ? "shop" : "person")} ${order.agent.name}</span>` : null}
  `;
}

/**
 * How long it has waited at the desk; of other orders when they came.
 * @param {Context} context @param {Order} order
 */
function waiting(context, order) {
  if (!isOnDesk(order)) return html`<time
    class="muted">${order.status === "scheduled" && order.scheduled_at ? day(order.scheduled_at) : clock(order.created_at)}</time>`;
  const ms = context.now() - waitsSince(order, context.policies);
  return html`<time class="waits" title=${t("desk.row.waits")}>${elapsed(ms)}</time>`;
}

/** 0:07, 12:30, 2:05:00: narrow, and of one width. @param {number} ms */
export function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** @param {Context} context @param {Order} order */
export function left(context, order) {
  if (!order.expires_at || TERMINAL.has(order.status)) return null;
  const ms = order.expires_at - context.now();
  const key = order.status === "open" ? "desk.row.round_left" : "desk.row.left";
  return html`<time class="left ${ms < PRESSING_MS && order.status === "escalated" ? "pressing" : ""}">${t(key, { left: countdown(ms) })}</time>`;
}

/** @param {Context} context @param {Order} order */
function hand(context, order) {
  const taken = inHand(order, context.now());
  if (taken === null) return null;
  const mine = taken.dispatcher_id === context.state.who.sub;
  const seconds = Math.ceil((taken.until_at - context.now()) / 1000);
  const words = mine ? t("desk.hand.mine", { n: seconds }) : t("desk.hand.other", { who: taken.dispatcher_id, n: seconds });
  return html`<span class="badge ${mine ? "primary" : ""}"
    data-hand=${mine ? "mine" : "other"}>${icon("desk")}${words}</span>`;
}
