// @ts-check
// What a dispatcher does with the selected order, and the dialogs that ask for the rest.
//
// Owns which of them can be begun, and by what. How a command is sent is `commands`'. Invariant: an override
// of what stands against a candidate is asked about, with all that stands against him, before it is sent.

import { drawKey } from "../api.js";
import { dialog } from "../kit/dialog.js";
import { icon } from "../kit/icons.js";
import { kindName, t, tOr } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { actionsOf } from "./book.js";
import { command } from "./commands.js";
import { isForcible } from "./conflicts.js";
import { editDialog, openEdit } from "./edit.js";
import { buttons, field, otherFaults, submitter } from "./fields.js";
import { fitnessOf } from "./fitness.js";
import { takeUp, whoseHand } from "./hand.js";
import { openReopen, reopenDialog } from "./reopen.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("../view.js").Order} Order */

/** Reasons at hand, of texts `desk.cancel.reason.*` and `desk.close.reason.*`. */
const REASONS = {
  cancel: ["customer", "duplicate", "nobody", "wrong"],
  close: ["phone", "himself", "other_help", "unreachable"],
};

/** @param {Context} context @param {Order} order */
export function actionBar(context, order) {
  const can = actionsOf(order);
  const hand = whoseHand(context, order);
  const other = hand === "other";
  const up = t(hand === "mine" ? "desk.act.take_up.again" : "desk.act.take_up");
  const isSure = hand === "mine" && order.taken_up.until_at - context.now() > SURE_MS;
  if (!Object.values(can).includes(true)) return null;
  return html`<div class="row tight wrap actions" role="group" aria-label=${t("desk.actions")}>
    ${can.takeUp && !isSure ? button(context, order, "take_up", { label: up, disabled: other }) : null}
    ${can.reopen ? button(context, order, "reopen", { disabled: other }) : null}
    ${can.edit ? button(context, order, "edit") : null}
    ${can.close ? button(context, order, "close", { label: t("desk.act.close.short"), disabled: other }) : null}
    ${can.cancel ? button(context, order, "cancel", { label: t("desk.act.cancel.short"), danger: true }) : null}
  </div>`;
}

/** Of a hand that is renewed by itself so much is left that nobody need press for it. */
const SURE_MS = 12_000;

const ICONS = { take_up: "desk", reopen: "refresh", edit: "edit", close: "phone", cancel: "cross" };

/**
 * @param {Context} context @param {Order} order @param {string} act
 * @param {{label?: string, disabled?: boolean, danger?: boolean}} [how]
 */
function button(context, order, act, { label = t(`desk.act.${act}`), disabled = false, danger = false } = {}) {
  const busy = context.isBusy(`${act} ${order.id}`);
  return html`<button type="button" class="button small ${danger ? "danger" : ""}" data-act=${act}
    aria-label=${act === "take_up" ? label : t(`desk.act.${act}`)}
    ?disabled=${disabled || busy} @click=${() => begin(context, act)}>${icon(ICONS[act])}${label}</button>`;
}

/**
 * Begins an action on the selected order, from a button or a key, if it can be done now.
 * @param {Context} context @param {string} act
 */
export function begin(context, act) {
  const order = context.state.selected === null ? undefined : context.order(context.state.selected);
  if (!order) return;
  const can = actionsOf(order);
  if (act === "take_up" && can.takeUp) takeUp(context, order);
  else if (act === "reopen" && can.reopen) openReopen(context, order);
  else if (act === "edit" && can.edit) openEdit(context, order);
  else if ((act === "close" && can.close) || (act === "cancel" && can.cancel)) {
    context.open(act, { order_id: order.id, reason: "", key: drawKey() });
  }
}

/** The dialogs of this module and of its like. @param {Context} context */
export function actionDialog(context) {
  switch (context.state.dialog?.name) {
    case "cancel": case "close": return reasonDialog(context);
    case "force": return forceDialog(context);
    case "reopen": return reopenDialog(context);
    case "edit": return editDialog(context);
    default: return null;
  }
}

// --- assigning -----------------------------------------------------------------------------------------------

/**
 * At once where nothing stands against it; else somebody says yes first.
 * @param {Context} context @param {Order} order @param {any} candidate
 */
export async function assign(context, order, candidate) {
  const fitness = fitnessOf(candidate, order, context.state.who.sub, context.now());
  context.state.chosen = null;
  const final = fitness.reasons.includes("holds") ? "desk.conflict.holds" : "desk.conflict.suspended";
  if (fitness.final) return toast(t(final), "bad");
  if (fitness.ask) return context.open("force", { order_id: order.id, candidate, key: drawKey() });
  await sendAssign(context, order, candidate, false, drawKey());
}

/**
 * @param {Context} context @param {Order} order @param {any} candidate @param {boolean} force
 * @param {string} key
 */
async function sendAssign(context, order, candidate, force, key) {
  const body = { agent_id: candidate.agent_id, force };
  const asked = context.state.dialog;
  const done = await command(context, order.id, "assign", () =>
    context.api.post(`/v1/orders/${order.id}/assign`, body, { key }).catch((problem) => {
      // Things have changed since the list was read: what now stands against it is asked about.
      if (asked === null && isForcible(problem.detail ?? "")) {
        context.open("force", { order_id: order.id, candidate, said: problem, key: drawKey() });
      }
      throw problem;
    }));
  if (done) toast(t("desk.done.assign", { name: candidate.name }), "good");
}

/** @param {Context} context */
function forceDialog(context) {
  const { order_id: id, candidate, said } = context.state.dialog;
  const order = context.order(id);
  const listed = context.state.detail?.candidates ?? [];
  const fresh = listed.find((/** @type {any} */ each) => each.agent_id === candidate.agent_id) ?? candidate;
  const fitness = fitnessOf(fresh, order, context.state.who.sub, context.now());
  const force = fitness.force || isForcible(said?.detail ?? "");
  const send = () => sendAssign(context, order, candidate, force, context.state.dialog.key);
  const yes = t(force ? "desk.force.yes" : "desk.act.assign");
  const values = { who: order.taken_up?.dispatcher_id ?? "", holder: order.agent?.name ?? "" };
  const body = html`<form class="stack" @submit=${submitter(send)}>
    <p>${t("desk.force.question", { name: candidate.name, kind: kindName(order.kind) })}</p>
    <ul class="reasons">
      ${fitness.reasons.map((reason) => html`<li>${icon("warning")} ${tOr(`desk.why.long.${reason}`, "desk.why.other", values)}</li>`)}
    </ul>
    ${otherFaults(context.state.dialog, [])}
    ${buttons(context, { label: yes, busy: context.isBusy(`assign ${id}`), danger: force, act: "assign", first: true })}
  </form>`;
  return dialog({ title: t("desk.force.title", { name: candidate.name }), body, close: context.close });
}

// --- cancelling, and closing by phone -------------------------------------------------------------------------

/** @param {Context} context */
function reasonDialog(context) {
  const { dialog: ours } = context.state;
  const act = /** @type {"cancel" | "close"} */ (ours.name);
  const order = context.order(ours.order_id);
  const name = act === "cancel" ? "reason" : "outcome";
  const label = t(`desk.${act}.label`);
  const busy = context.isBusy(`${act} ${order.id}`);
  const body = html`<form class="stack" @submit=${submitter(() => sendReason(context, act))}>
    <p class="muted">${kindName(order.kind)} · ${order.place.address ?? order.id}</p>
    <div class="row tight wrap" role="group"
      aria-label=${t("desk.reasons")}>${REASONS[act].map((each) => quick(context, `desk.${act}.reason.${each}`))}</div>
    ${field(context, { name: "reason", path: name, label, type: "textarea", required: true, first: true })}
    ${otherFaults(ours, [name])}
    ${buttons(context, { label: t(`desk.act.${act}`), busy, danger: act === "cancel", act })}
  </form>`;
  return dialog({ title: t(`desk.${act}.title`), body, close: context.close });
}

/** @param {Context} context @param {string} key */
function quick({ state, update }, key) {
  const press = () => {
    state.dialog.reason = t(key);
    update();
  };
  return html`<button type="button" class="button small" @click=${press}>${t(key)}</button>`;
}

/** @param {Context} context @param {"cancel" | "close"} act */
async function sendReason(context, act) {
  const { order_id: id, reason, key } = context.state.dialog;
  const body = act === "cancel" ? { reason: reason.trim() } : { outcome: reason.trim() };
  const done = await command(context, id, act, () => context.api.post(`/v1/orders/${id}/${act}`, body, { key }));
  if (done) toast(t(`desk.done.${act}`), "good");
}
