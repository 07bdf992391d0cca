// Several orders at once: sent out again with a bonus, or told about to the agents around them.
//
// Owns the bar under the queue, its two dialogs, and how each order fared. Each order is answered for itself: what
// failed is named with its reason, and stays chosen. The keys are drawn once a run, so that a repeat does nothing twice.

import { Offline, Problem, drawKey } from "../api.js";
import { dialog } from "../kit/dialog.js";
import { money } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { wordsOf } from "./app.js";
import { REACHES, reopenBody, runAll } from "./bulk_run.js";
import { areaField, choiceField, textField } from "./form_fields.js";
import { HOURS, circles, emptyNotice, metresOf, noticeBody, noticeFaults } from "./notice_form.js";
import { inWords } from "./order_words.js";
import { fenOf } from "./typed.js";

const STEPS = ["5", "10", "20", "50"];

/** @typedef {import("./app.js").Context} Context */
/** @typedef {{ done: Set<string>, failed: Map<string, unknown>, total: number, running: boolean }} Run */

/** @param {Context} context */
export function bulkBar(context) {
  const { state } = context;
  return html`${state.checked.size > 0 ? bar(context) : nothing}${dialogs(context)}`;
}

/** @param {Context} context */
function bar(context) {
  const orders = checkedOrders(context);
  const reopenable = orders.filter(isReopenable).length;
  const clear = () => {
    context.state.checked.clear();
    context.update();
  };
  return html`
    <div class="bulk-bar row tight wrap" role="region" aria-label=${t("work.bulk.title")}>
      <div class="row tight between">
        <strong role="status">${t("work.bulk.checked", { n: orders.length })}</strong>
        <button class="button small quiet" type="button" data-act="bulk_clear" @click=${clear}>${t("work.bulk.clear")}</button>
      </div>
      <button class="button small primary" type="button" data-act="bulk_reopen" ?disabled=${reopenable === 0} @click=${() => beginReopen(context)}>
        ${icon("refresh")}${t("work.bulk.reopen", { n: reopenable })}</button>
      <button class="button small" type="button" data-act="bulk_notice" @click=${() => beginNotice(context)}>${icon("bell")}${t("work.bulk.notice")}</button>
    </div>
  `;
}

/** @param {Context} context */
function checkedOrders(context) {
  return [...context.state.checked].map((id) => context.order(id)).filter((order) => order !== undefined);
}

function isReopenable({ status }) {
  return status === "escalated";
}

/** @param {Context} context */
function dialogs(context) {
  const { state, close } = context;
  if (state.dialog?.name === "bulk_reopen") return dialog({ title: t("work.bulk.reopen_title"), body: reopenForm(context), close });
  if (state.dialog?.name === "bulk_notice") return dialog({ title: t("work.bulk.notice_title"), body: noticeForm(context), close });
  return nothing;
}

// --- running -------------------------------------------------------------------------------------------

/** @param {number} total @returns {Run} */
function newRun(total) {
  return { done: new Set(), failed: new Map(), total, running: true };
}

/**
 * @template T
 * @param {Context} context @param {T[]} all @param {(one: T) => any[]} ordersOf @param {(one: T) => Promise<unknown>} command
 */
async function run(context, all, ordersOf, command) {
  const shown = context.state.dialog;
  shown.run = newRun(all.flatMap(ordersOf).length);
  context.update();
  await runAll(all, command, (one, fault) => {
    for (const { id } of ordersOf(one)) settle(context, shown.run, id, fault);
    context.update();
  });
  shown.run.running = false;
  context.update();
}

/** @param {Context} context @param {Run} run @param {string} id @param {unknown} fault */
function settle({ state }, run, id, fault) {
  if (fault === undefined) {
    run.done.add(id);
    state.checked.delete(id);
    return;
  }
  run.failed.set(id, fault);
  if (!(fault instanceof Offline || fault instanceof Problem)) reportError(fault); // a fault of ours: the console has it
}

/** @param {unknown} fault */
function why(fault) {
  if (fault instanceof Offline) return t("kit.problem.offline");
  return fault instanceof Problem ? wordsOf(fault) : t("work.bulk.own_fault");
}

/** @param {Context} context @param {Run} run */
function progress(context, run) {
  const failed = [...run.failed].map(([id, fault]) => {
    const order = context.order(id);
    return html`<li data-order=${id}><strong>${order ? inWords(order) : id}</strong> <span class="fault">${why(fault)}</span></li>`;
  });
  const settled = run.done.size + run.failed.size;
  return html`
    <div class="stack" aria-live="polite">
      <progress max=${run.total} value=${settled} aria-label=${t("work.bulk.progress")}></progress>
      <p role="status">${t("work.bulk.so_far", { done: run.done.size, failed: run.failed.size, total: run.total })}</p>
      ${failed.length > 0 ? html`<ul class="stack tight">${failed}</ul>` : nothing}
      <footer class="row tight end">
        <button class="button primary" type="button" ?disabled=${run.running} @click=${context.close}>${t("kit.close")}</button>
      </footer>
    </div>
  `;
}

function footer(context, label, picture) {
  return html`<footer class="row tight end">
    <button class="button" type="button" @click=${context.close}>${t("work.cancel")}</button>
    <button class="button primary" type="submit">${icon(picture)}${label}</button></footer>`;
}

// --- out again, with a bonus ---------------------------------------------------------------------------

/** @param {Context} context */
function beginReopen(context) {
  const orders = checkedOrders(context);
  const ids = orders.filter(isReopenable).map(({ id }) => id);
  const keys = new Map(ids.map((id) => [id, drawKey()]));
  context.open("bulk_reopen", { ids, keys, left: orders.length - ids.length, raise: STEPS[1], reach: "1", faults: {}, run: null });
}

/** @param {Context} context */
function reopenForm(context) {
  const ours = context.state.dialog;
  if (ours.run) return progress(context, ours.run);
  const set = (name) => (value) => {
    ours[name] = value;
    ours.faults = {};
    context.update();
  };
  const reaches = REACHES.map((value) => ({ value: String(value), label: value === 1 ? t("work.bulk.reach.same") : t("work.bulk.reach.times", { n: value }) }));
  return html`
    <form class="stack" novalidate @submit=${(event) => reopenAll(event, context)}>
      <p>${t("work.bulk.reopen_words", { n: ours.ids.length })}
        ${ours.left > 0 ? html`<span class="muted">${t("work.bulk.left", { n: ours.left })}</span>` : nothing}</p>
      ${textField({ id: "bulk-raise", label: t("work.bulk.raise"), value: ours.raise, change: set("raise"), fault: ours.faults.raise, mode: "decimal" })}
      <div class="row tight wrap">${STEPS.map((step) => html`<button class="button small" type="button" aria-pressed=${ours.raise === step}
        @click=${() => set("raise")(step)}>${t("work.bulk.step", { amount: money(Number(step) * 100) })}</button>`)}</div>
      ${choiceField({ id: "bulk-reach", label: t("work.bulk.reach"), value: ours.reach, options: reaches, change: set("reach") })}
      ${footer(context, t("work.bulk.reopen", { n: ours.ids.length }), "refresh")}
    </form>
  `;
}

/** @param {Event} event @param {Context} context */
function reopenAll(event, context) {
  event.preventDefault();
  const ours = context.state.dialog;
  const raiseFen = ours.raise.trim() === "" ? 0 : fenOf(ours.raise);
  if (raiseFen === null) {
    ours.faults = { raise: "money" };
    return context.update();
  }
  const how = { raiseFen, reach: Number(ours.reach) };
  const orders = ours.ids.map((id) => context.order(id)).filter(Boolean);
  return run(context, orders, (order) => [order], (order) => reopen(context, order, how, ours.keys.get(order.id)));
}

/** @param {Context} context @param {any} order @param {{ raiseFen: number, reach: number }} how @param {string} key */
async function reopen({ api, take, policies }, order, how, key) {
  const body = reopenBody(order, policies.get(order.kind)?.rounds ?? [], how);
  take(await api.post(`/v1/orders/${order.id}/reopen`, body, { key }));
}

// --- told about, around them ---------------------------------------------------------------------------

/** @param {Context} context */
function beginNotice(context) {
  const ids = checkedOrders(context).map(({ id }) => id);
  context.open("bulk_notice", { ids, key: drawKey(), draft: emptyNotice({ level: "warning", hours: HOURS[0] }), faults: {}, run: null });
}

/** @param {Context} context */
function noticeForm(context) {
  const ours = context.state.dialog;
  if (ours.run) return progress(context, ours.run);
  const { draft, faults } = ours;
  const own = (name, more = {}) => ({
    id: `bulk-${name}`, label: t(`work.notices.${name}`), value: draft[name], fault: faults[name],
    change: (value) => {
      draft[name] = value;
      delete faults[name];
      context.update();
    },
    ...more,
  });
  const hours = HOURS.map((n) => ({ value: String(n), label: t("work.notices.hours_n", { n }) }));
  const until = own("hours", { value: String(draft.hours), options: hours });
  const around = metresOf(draft.radius);
  const orders = ours.ids.map((id) => context.order(id)).filter(Boolean);
  return html`
    <form class="stack" novalidate @submit=${(event) => tellAll(event, context)}>
      <p>${t("work.bulk.notice_words", { n: orders.length, circles: around === null ? "–" : circles(orders, around).length })}</p>
      ${textField(own("title", { required: true, longest: 200 }))} ${areaField(own("body", { longest: 2000 }))}
      <div class="pair">${textField(own("radius", { mode: "decimal" }))} ${choiceField({ ...until, change: (value) => until.change(Number(value)) })}</div>
      ${footer(context, t("work.notices.send"), "send")}
    </form>
  `;
}

/** @param {Event} event @param {Context} context */
function tellAll(event, context) {
  event.preventDefault();
  const { api, now, state, order } = context;
  const ours = state.dialog;
  ours.faults = { ...noticeFaults(ours.draft), ...(metresOf(ours.draft.radius) === null && { radius: "radius" }) };
  if (Object.keys(ours.faults).length > 0) return context.update();
  const orders = ours.ids.map(order).filter(Boolean);
  const body = noticeBody(ours.draft, now());
  const around = circles(orders, metresOf(ours.draft.radius));
  return run(context, around, (circle) => circle.orders, ({ region, near: { lat, lon }, radius_m: radius, orders: [first] }) =>
    api.post("/v1/notices", { ...body, region, near: { lat, lon }, radius_m: radius }, { key: `${ours.key}.${first.id}` }));
}
