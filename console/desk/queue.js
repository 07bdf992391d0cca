// @ts-check
// The left column: what waits for a dispatcher, all unfinished orders, and the last that ended; searched as
// you type.
//
// Owns which rows are shown. A list is made anew only when the orders, the filters or the search are others,
// not each second; a row that is out of sight counts no seconds. Of a very long list the first part is
// drawn, and the rest when asked for.

import { number } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { language, t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { isOnDesk } from "../view.js";
import { answersTo, ended, passes, queued, unattended, unfinished } from "./book.js";
import { row } from "./rows.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {"queue" | "all" | "ended"} Tab */

const TABS = /** @type {Tab[]} */ (["queue", "all", "ended"]);
const DRAWN = 600;
/** No row is lower: as many are in sight at most. */
const LOWEST_ROW_PX = 60;
const MARGIN_ROWS = 10;

/** What was made last, and of what. */
const kept = { key: "", /** @type {import("../view.js").Order[]} */ rows: [] };
let drawn = DRAWN;
/** The first row in sight, about. */
let first = 0;

/** The rows of the present list, in order: also what the keys walk through. @param {Context} context */
export function rowsOf(context) {
  const { book, state, filters } = context;
  const key = JSON.stringify([book.revision, state.tab, filters, state.search, context.policies.size]);
  if (key !== kept.key) Object.assign(kept, { key, rows: made(context) });
  return kept.rows;
}

/** @param {Context} context */
function made({ book, view, state, filters, policies }) {
  const listed = {
    queue: () => queued(view.desk.values(), filters, policies),
    all: () => unfinished(book.all(), filters),
    ended: () => ended(book.all(), filters),
  }[/** @type {Tab} */ (state.tab)]();
  return listed.filter((order) => answersTo(order, state.search));
}

/**
 * A row counts seconds while it is in sight; else it is drawn when something of it is another.
 * @param {Context} context @param {import("../view.js").Order} order @param {number} i
 */
function seen(context, order, i) {
  const { state, policies } = context;
  const isSeen = i >= first - MARGIN_ROWS && i <= first + innerHeight / LOWEST_ROW_PX + MARGIN_ROWS;
  const second = isSeen ? Math.floor(context.now() / 1000) : 0;
  const told = [order, state.selected === order.id, state.checked.has(order.id), policies, language(), second];
  return guard(told, () => row(context, order));
}

/** @param {Context} context @param {Element} list */
function look(context, list) {
  const rows = /** @type {HTMLElement} */ (list.firstElementChild);
  const now = Math.floor((list.scrollTop / rows.offsetHeight) * rows.childElementCount) || 0;
  if (Math.abs(now - first) < MARGIN_ROWS / 2) return;
  first = now;
  context.update();
}

/** @param {Context} context @param {Tab} tab */
export function showTab(context, tab) {
  context.state.tab = tab;
  drawn = DRAWN;
  if (tab !== "queue") context.reading.list(tab);
  context.update();
}

/** @param {Context} context */
export function queuePanel(context) {
  const rows = rowsOf(context);
  return html`
    <section class="panel queue" aria-label=${t("desk.pane.queue")}>
      <div class="list-head">${tabs(context)} ${search(context)} ${summary(context, rows)}</div>
      <div class="scroll" role="tabpanel" id="list" aria-label=${t(`desk.tab.${context.state.tab}`)}
        tabindex="-1" @scroll=${(/** @type {any} */ event) => look(context, event.target)}>
        <ul class="rows">${repeat(rows.slice(0, drawn), (order) => order.id, (order, i) => seen(context, order, i))}</ul>
        ${rows.length > drawn ? more(context, rows.length - drawn) : null}
        ${rows.length === 0 ? empty(context) : null}
      </div>
    </section>
  `;
}

/** @param {Context} context */
function tabs(context) {
  const { state, view } = context;
  const count = { queue: view.desk.size, all: null, ended: null };
  return html`<div class="tabs" role="tablist" aria-label=${t("desk.tabs")}>
    ${TABS.map((tab) => html`<button type="button" role="tab" class="tab" data-tab=${tab}
      aria-selected=${state.tab === tab}
      aria-controls="list" @click=${() => showTab(context, tab)}>${t(`desk.tab.${tab}`)}
      ${count[tab] === null ? null : html`<span
        class="badge ${count[tab] > 0 ? "warn" : ""}">${number(count[tab])}</span>`}</button>`)}
  </div>`;
}

/** @param {Context} context */
function search({ state, update }) {
  const typed = (/** @type {any} */ event) => {
    state.search = event.target.value;
    drawn = DRAWN;
    update();
  };
  return html`<label class="search">
    <span class="visually-hidden">${t("desk.search")}</span>
    <input class="plain" type="search" id="search" placeholder=${t("desk.search.hint")}
      .value=${live(state.search)} @input=${typed}>
  </label>`;
}

/**
 * How many of them nobody has in hand, how many the filters hide.
 * @param {Context} context @param {import("../view.js").Order[]} rows
 */
function summary(context, rows) {
  const { state, view } = context;
  if (state.tab !== "queue") return listState(context, rows.length);
  const open = unattended(rows, context.now());
  const stalled = rows.filter((order) => order.stalled).length;
  const hidden = [...view.desk.values()].filter((order) => isOnDesk(order) && !passes(order, state.filters)).length;
  return html`<p class="list-summary small muted">
    <span>${t("desk.summary.unattended", { n: open })}</span>
    <span>${t("desk.summary.stalled", { n: stalled })}</span>
    ${hidden > 0 ? html`<span class="declined">${t("desk.summary.hidden", { n: hidden })}</span>` : null}
    ${selectAll(context, rows)}
  </p>`;
}

/** @param {Context} context @param {import("../view.js").Order[]} rows */
function selectAll({ state, update }, rows) {
  if (rows.length < 2) return null;
  const all = rows.every(({ id }) => state.checked.has(id));
  const press = () => {
    for (const { id } of rows) if (all) state.checked.delete(id); else state.checked.add(id);
    update();
  };
  return html`<button type="button" class="link-button"
    @click=${press}>${t(all ? "desk.check.none" : "desk.check.all")}</button>`;
}

/** @param {Context} context @param {number} count */
function listState(context, count) {
  const name = /** @type {"all" | "ended"} */ (context.state.tab);
  const list = context.state.lists[name];
  return html`<p class="list-summary small muted">
    <span>${list.loading && !list.read ? t("desk.list.loading") : t("desk.list.count", { n: count })}</span>
    ${list.more ? html`<span>${t("desk.list.cut")}</span>` : null}
    <button type="button" class="link-button"
      @click=${() => context.reading.list(name)}>${icon("refresh")} ${t("desk.list.refresh")}</button>
  </p>`;
}

/** @param {Context} context @param {number} rest */
function more({ update }, rest) {
  const press = () => {
    drawn += DRAWN;
    update();
  };
  return html`<button type="button" class="button quiet more"
    @click=${press}>${t("desk.list.more", { n: rest })}</button>`;
}

/** @param {Context} context */
function empty(context) {
  const { state } = context;
  if (state.search.trim() === "" && state.tab === "queue") return html`<p
    class="empty">${icon("check")} ${t("desk.empty.queue")}</p>`;
  const elsewhere = html`<button type="button" class="button"
    @click=${() => showTab(context, "all")}>${t("desk.empty.look_in_all")}</button>`;
  return html`<div class="empty stack"><p>${t("desk.empty.list")}</p>${state.tab === "queue" ? elsewhere : null}</div>`;
}
