// @ts-check
// Sending an order out again: with a bonus, and rounds that reach further than those that nobody answered.
//
// Owns the form. What is proposed, and what a form means, is `widening`'s.

import { drawKey } from "../api.js";
import { dialog } from "../kit/dialog.js";
import { icon } from "../kit/icons.js";
import { kindName, t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { command } from "./commands.js";
import { buttons, field, otherFaults, submitter } from "./fields.js";
import { MOST_ROUNDS, proposal, reopening } from "./widening.js";

/** @typedef {import("./app.js").Context} Context */

const COLUMNS = /** @type {const} */ (["radius", "limit", "seconds"]);
const BONUS = { name: "bonus", path: "bonus_fen", type: "decimal", most: 12, first: true };
const BONUSES = [500, 1000, 2000, 5000];

/** @param {Context} context @param {import("../view.js").Order} order */
export function openReopen(context, order) {
  const rounds = context.policies.get(order.kind)?.rounds ?? [];
  const proposed = proposal(order, rounds);
  context.open("reopen", { order_id: order.id, own: rounds.length > 0, ...proposed, faults: {}, key: drawKey() });
}

/** @param {Context} context */
export function reopenDialog(context) {
  const ours = context.state.dialog;
  const order = context.order(ours.order_id);
  const body = html`<form class="stack" @submit=${submitter(() => send(context))}>
    <p class="muted">${kindName(order.kind)} · ${order.place.address ?? order.id} · ${t("desk.row.offered", { n: order.offered })}</p>
    ${field(context, { ...BONUS, label: t("desk.reopen.bonus"), hint: t("desk.reopen.bonus.hint") })}
    <div class="row tight wrap" role="group"
      aria-label=${t("desk.reopen.bonus")}>${BONUSES.map((fen) => bonus(context, fen))}</div>
    <label class="row tight"><input type="checkbox" .checked=${live(ours.own)}
      @change=${() => toggleOwn(context)}> ${t("desk.reopen.own")}</label>
    ${ours.own ? rounds(context) : html`<p class="muted small">${t("desk.reopen.policy")}</p>`}
    ${otherFaults(ours, ["bonus_fen"])}
    ${buttons(context, { label: t("desk.act.reopen"), busy: context.isBusy(`reopen ${order.id}`), act: "reopen" })}
  </form>`;
  return dialog({ title: t("desk.reopen.title"), body, close: context.close });
}

/** @param {Context} context */
function toggleOwn({ state, update }) {
  state.dialog.own = !state.dialog.own;
  update();
}

/** @param {Context} context @param {number} fen */
function bonus({ state, update }, fen) {
  const press = () => {
    state.dialog.bonus = String(fen / 100);
    delete state.dialog.faults.bonus_fen;
    update();
  };
  return html`<button type="button" class="button small"
    @click=${press}>${t("desk.reopen.yuan", { n: fen / 100 })}</button>`;
}

/** @param {Context} context */
function rounds(context) {
  const { dialog: ours } = context.state;
  return html`<table class="plain rounds">
    <thead><tr>
      <th>${t("desk.reopen.round")}</th>
      ${COLUMNS.map((column) => html`<th>${t(`desk.reopen.${column}`)}</th>`)}
      <th><span class="visually-hidden">${t("desk.reopen.remove")}</span></th>
    </tr></thead>
    <tbody>${ours.rounds.map((/** @type {any} */ _, /** @type {number} */ i) => round(context, i))}</tbody>
  </table>
  ${ours.rounds.length < MOST_ROUNDS ? html`<button type="button" class="button small"
    @click=${() => add(context)}>${icon("plus")}${t("desk.reopen.add")}</button>` : null}`;
}

/** @param {Context} context */
function add({ state, update }) {
  const { rounds: list } = state.dialog;
  list.push({ ...list[list.length - 1] });
  update();
}

/** @param {Context} context @param {number} i */
function round(context, i) {
  const { dialog: ours } = context.state;
  const remove = () => {
    ours.rounds.splice(i, 1);
    context.update();
  };
  return html`<tr><td>${i + 1}</td>
    ${COLUMNS.map((column) => html`<td>${cell(context, i, column)}</td>`)}
    <td><button type="button" class="button quiet small icon-only"
      aria-label=${t("desk.reopen.remove.nth", { n: i + 1 })}
      ?disabled=${ours.rounds.length === 1} @click=${remove}>${icon("minus")}</button></td></tr>`;
}

/** @param {Context} context @param {number} i @param {"radius" | "limit" | "seconds"} column */
function cell({ state, update }, i, column) {
  const { dialog: ours } = state;
  const fault = ours.faults[`rounds.${i}.${column}`];
  const typed = (/** @type {any} */ event) => {
    ours.rounds[i][column] = event.target.value;
    delete ours.faults[`rounds.${i}.${column}`];
    update();
  };
  return html`<div class="field"><input inputmode="decimal" maxlength="9"
    aria-label=${t("desk.reopen.cell", { n: i + 1, column: t(`desk.reopen.${column}`) })}
    aria-invalid=${fault ? "true" : "false"} .value=${live(ours.rounds[i][column])} @input=${typed}>
    ${fault ? html`<span class="fault">${fault}</span>` : null}</div>`;
}

/** @param {Context} context */
async function send(context) {
  const ours = context.state.dialog;
  const { body, faults } = reopening(ours);
  const pathOf = (/** @type {string} */ name) => (name === "bonus" ? "bonus_fen" : name);
  ours.faults = Object.fromEntries(Object.entries(faults).map(([name, key]) => [pathOf(name), t(key)]));
  if (Object.keys(faults).length > 0) return context.update();
  const { order_id: id, key } = ours;
  const done = await command(context, id, "reopen", () => context.api.post(`/v1/orders/${id}/reopen`, body, { key }));
  if (done) toast(t("desk.done.reopen"), "good");
}
