// @ts-check
// Editing an order: who, where, where to, details, money, time.
//
// Owns the form. What was changed, and is sent, is `edits`'.

import { dialog } from "../kit/dialog.js";
import { icon } from "../kit/icons.js";
import { kindName, t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { command } from "./commands.js";
import { changesOf, formOf } from "./edits.js";
import { buttons, field, otherFaults, submitter } from "./fields.js";

/** @typedef {import("./app.js").Context} Context */

const PATHS = [
  "customer.name", "customer.phone", "place.address", "place", "destination.address", "destination",
  "price_fen", "bonus_fen", "scheduled_at",
];

/** @param {Context} context @param {import("../view.js").Order} order */
export function openEdit(context, order) {
  context.open("edit", { order_id: order.id, order, faults: {}, ...formOf(order) });
}

/** @param {Context} context */
export function editDialog(context) {
  const ours = context.state.dialog;
  const { order } = ours;
  const text = (/** @type {string} */ name, /** @type {string} */ path, /** @type {any} */ more = {}) =>
    field(context, { name, path, label: t(`desk.edit.${name}`), ...more });
  const body = html`<form class="stack" @submit=${submitter(() => send(context))}>
    <div class="two">
      ${text("customer_name", "customer.name", { most: 200, first: true })}
      ${text("customer_phone", "customer.phone", { type: "tel", most: 32 })}
    </div>
    <div class="two wide-first">
      ${text("address", "place.address")}
      ${text("point", "place", { hint: t("desk.edit.point.hint") })}
    </div>
    <div class="two wide-first">
      ${text("to_address", "destination.address")}
      ${text("to_point", "destination", { hint: t("desk.edit.to_point.hint") })}
    </div>
    ${details(context)}
    <div class="two">
      ${text("price", "price_fen", { type: "decimal", most: 12 })}
      ${text("bonus", "bonus_fen", { type: "decimal", most: 12 })}
    </div>
    ${order.status === "scheduled" ? text("scheduled", "scheduled_at", { type: "datetime-local" }) : null}
    ${otherFaults(ours, PATHS)}
    ${buttons(context, { label: t("desk.edit.save"), busy: context.isBusy(`edit ${order.id}`), act: "edit" })}
  </form>`;
  return dialog({ title: t("desk.edit.title", { kind: kindName(order.kind) }), body, close: context.close, wide: true });
}

/** @param {Context} context */
function details(context) {
  const ours = context.state.dialog;
  const add = () => {
    ours.details.push({ name: "", value: "" });
    context.update();
  };
  return html`<fieldset class="stack tight"><legend class="label">${t("desk.edit.details")}</legend>
    ${ours.details.map((/** @type {any} */ row, /** @type {number} */ i) => detail(context, row, i))}
    <div><button type="button" class="button small"
      @click=${add}>${icon("plus")}${t("desk.edit.details.add")}</button></div>
  </fieldset>`;
}

/** @param {Context} context @param {{name: string, value: string}} row @param {number} i */
function detail({ state, update }, row, i) {
  const put = (/** @type {"name" | "value"} */ part) => (/** @type {any} */ event) => {
    row[part] = event.target.value;
  };
  const remove = () => {
    state.dialog.details.splice(i, 1);
    update();
  };
  return html`<div class="row tight detail-row">
    <input class="plain name" maxlength="128" aria-label=${t("desk.edit.details.name", { n: i + 1 })}
      .value=${live(row.name)} @input=${put("name")}>
    <input class="plain grow" maxlength="2000" aria-label=${t("desk.edit.details.value", { n: i + 1 })}
      .value=${live(row.value)} @input=${put("value")}>
    <button type="button" class="button quiet small icon-only"
      aria-label=${t("desk.edit.details.remove", { n: i + 1 })} @click=${remove}>${icon("minus")}</button>
  </div>`;
}

const FIELD_PATHS = { point: "place", to_point: "destination", price: "price_fen", bonus: "bonus_fen" };

/** @param {Context} context */
async function send(context) {
  const ours = context.state.dialog;
  const { body, faults } = changesOf(ours.order, ours);
  ours.faults = Object.fromEntries(Object.entries(faults).map(([name, key]) => [FIELD_PATHS[name], t(key)]));
  if (Object.keys(faults).length > 0) return context.update();
  if (Object.keys(body).length === 0) return context.close();
  const { order_id: id } = ours;
  const done = await command(context, id, "edit", () => context.api.patch(`/v1/orders/${id}`, body));
  if (done) toast(t("desk.done.edit"), "good");
}
