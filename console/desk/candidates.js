// @ts-check
// Who could take the selected order: nearest first, with what stands against each, and the button that
// assigns.
//
// Owns the choice of a candidate, by press or by digit and Enter. What stands against whom is `fitness`'; the
// command itself, and the question before an override, are `actions`'.

import { clock, distance } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t, tOr } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { assign } from "./actions.js";
import { actionsOf } from "./book.js";
import { fitnessOf, ownReasons } from "./fitness.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("../view.js").Order} Order */

const DIGITS = 9;
/** One page of the server: who is further away is found by other means. */
const MOST = 200;

/** @param {Context} context @param {Order} order @param {any} detail */
export function candidatesPanel(context, order, detail) {
  if (!actionsOf(order).assign) return null;
  const { candidates } = detail;
  return html`<section class="detail-part" aria-label=${t("desk.candidates")} data-candidates>
    <div class="row between"><h3>${t("desk.candidates")}</h3>${candidates === null ? null : tally(candidates)}</div>
    ${candidates === null ? html`<p class="muted small">${t("desk.list.loading")}</p>` : list(context, order, detail)}
  </section>`;
}

/** @param {any} candidate */
function idOf({ agent_id: id }) {
  return id;
}

/** @param {any[]} candidates */
function tally(candidates) {
  const n = candidates.filter(({ eligible }) => eligible).length;
  return html`<span class="small muted">${t("desk.candidates.eligible", { n })}</span>`;
}

/** @param {Context} context @param {Order} order @param {any} detail */
function list(context, order, detail) {
  const { candidates, drawn, asked, next } = detail;
  if (candidates.length === 0) return html`<p class="muted small">${t("desk.candidates.none")}</p>`;
  return html`
    ${chosenStrip(context, order)}
    <ol class="candidates">${repeat(candidates.slice(0, drawn), idOf, (each, i) => candidate(context, order, each, i))}</ol>
    ${drawn >= candidates.length && (next === null || asked >= MOST) ? null : html`<button type="button"
      class="button quiet small"
      @click=${() => context.act("candidates", () => context.reading.moreCandidates())}>
      ${t("desk.candidates.more")}</button>`}
  `;
}

/** The candidate that a digit chose, until Enter or Escape. @param {Context} context */
export function chosen({ state }) {
  return state.detail?.candidates?.find((/** @type {any} */ each) => each.agent_id === state.chosen) ?? null;
}

/** @param {Context} context @param {Order} order */
function chosenStrip(context, order) {
  const one = chosen(context);
  if (!one) return null;
  return html`<div class="banner chosen" role="status">
    <span class="grow">${t("desk.candidates.chosen", { name: one.name })}</span>
    <button type="button" class="button primary small"
      @click=${() => assign(context, order, one)}>${t("desk.act.assign")}</button>
  </div>`;
}

/** @param {Context} context @param {Order} order @param {any} one @param {number} i */
function candidate(context, order, one, i) {
  const fitness = fitnessOf(one, order, context.state.who.sub, context.now());
  const against = ownReasons(fitness);
  const isChosen = context.state.chosen === one.agent_id;
  return html`
    <li class="candidate ${against.length === 0 ? "fit" : ""} ${isChosen ? "chosen" : ""}"
      data-agent=${one.agent_id}>
      <kbd class="digit" aria-hidden="true">${i < DIGITS ? i + 1 : ""}</kbd>
      <div class="grow">
        <div class="row tight wrap">
          <strong>${icon(one.role === "shop" ? "shop" : "person")} ${one.name}</strong>
          <span class="visually-hidden">${t(`kit.role.${one.role}`)}</span>
          <span class="number">${one.distance_m === null ? t("desk.candidates.nowhere") : distance(one.distance_m)}</span>
          <span class="muted small">${t("desk.candidates.load", { load: one.load, capacity: one.capacity })}</span>
          ${phone(one)}
        </div>
        <div class="row tight wrap small">${against.map(why)} ${against.length === 0 ? html`<span
          class="badge good">${icon("check")}${t("desk.candidates.fit")}</span>` : null} ${story(one)}</div>
      </div>
      ${assignButton(context, order, one, fitness)}
    </li>
  `;
}

/** @param {string} reason */
function why(reason) {
  return html`<span class="badge ${reason === "declined" || reason === "suspended" ? "bad" : "warn"}"
    data-why=${reason}>${tOr(`desk.why.${reason}`, "desk.why.other")}</span>`;
}

/** @param {any} one */
function phone({ phone: number, name }) {
  if (!number) return null;
  return html`<a class="call" href="tel:${number}" aria-label=${t("desk.call", { name, phone: number })}
    title=${number}>${icon("phone")}</a>`;
}

/** What became of the offer to him. @param {any} one */
function story(one) {
  if (one.declined) {
    const reason = one.decline_reason;
    return reason ? html`<span class="quote">${t("desk.candidates.reason", { reason })}</span>` : null;
  }
  if (one.offered_at === null) return html`<span class="muted">${t("desk.candidates.not_offered")}</span>`;
  const steps = ["offered_at", "delivered_at", "seen_at", "heard_at"].filter((step) => one[step]);
  const last = steps[steps.length - 1];
  return html`<span class="muted">${t(`desk.candidates.${last}`, { at: clock(one[last], true) })}</span>`;
}

/**
 * @param {Context} context @param {Order} order @param {any} one
 * @param {import("./fitness.js").Fitness} fitness
 */
function assignButton(context, order, one, fitness) {
  if (fitness.reasons.includes("holds")) return html`<span
    class="badge primary">${t("desk.why.holds")}</span>`;
  const label = t("desk.act.assign.to", { name: one.name });
  const isBusy = context.isBusy(`assign ${order.id}`);
  return html`<button type="button" class="button small ${fitness.ask ? "" : "primary"}" data-act="assign"
    aria-label=${label}
    ?disabled=${fitness.final || isBusy} @click=${() => assign(context, order, one)}>${t("desk.act.assign")}</button>`;
}
