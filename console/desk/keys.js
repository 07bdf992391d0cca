// @ts-check
// The desk by keyboard: through the queue, taking up, assigning, searching.
//
// Owns which key does what. Invariant: a key does nothing while somebody types or a dialog is open, and
// nothing with Ctrl, Alt or Meta held: those are the browser's.

import { dialog } from "../kit/dialog.js";
import { t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { assign, begin } from "./actions.js";
import { actionsOf } from "./book.js";
import { chosen } from "./candidates.js";
import { keyMeans } from "./key_map.js";
import { rowsOf, showTab } from "./queue.js";

/** @typedef {import("./app.js").Context} Context */

/** As they are shown; the words are `desk.key.*`. */
const SHOWN = [
  ["J", "next"], ["K", "previous"], ["T", "take_up"], ["A", "candidates"], ["1–9", "choose"], ["Enter", "confirm"],
  ["R", "reopen"], ["E", "edit"], ["C", "close"], ["X", "cancel"], ["N", "intake"], ["Q", "queue"],
  ["/", "search"], ["Esc", "back"], ["?", "keys"],
];

/** @param {Context} context */
export function listen(context) {
  addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    const meaning = keyMeans(event, placeOf(context, target));
    if (meaning === null) return;
    if (act(context, meaning, target)) event.preventDefault();
  });
}

/** @param {Context} context @param {Element} target */
function placeOf({ state }, target) {
  if (state.dialog !== null) return "dialog";
  if (target.id === "search") return "search";
  if (target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return "typing";
  if (target.closest?.(".leaflet-container")) return "map";
  return target.closest?.("[data-candidates]") ? "candidates" : "page";
}

/**
 * @param {Context} context @param {{name: string, n?: number}} meaning @param {Element} target
 * @returns {boolean} whether it did something
 */
function act(context, { name, n = 0 }, target) {
  const { state } = context;
  switch (name) {
    case "next": return step(context, 1);
    case "previous": return step(context, -1);
    case "next_candidate": return stepCandidate(target, 1);
    case "previous_candidate": return stepCandidate(target, -1);
    case "candidates": return focus("[data-candidates] [data-act=assign]:not(:disabled)");
    case "choose": return choose(context, n);
    case "confirm": return confirm(context);
    case "search": return focus("#search");
    case "leave_search": return leaveSearch(context);
    case "queue": return showTab(context, "queue"), true;
    case "back": return back(context);
    case "intake": case "keys": return context.open(name), true;
    default: return state.selected === null ? false : (begin(context, name), true);
  }
}

/** The place of the selected row when it was last in the list: where the walk goes on once it left. */
let place = 0;

/** @param {Context} context @param {number} by */
function step(context, by) {
  const rows = rowsOf(context);
  if (rows.length === 0) return false;
  const at = rows.findIndex(({ id }) => id === context.state.selected);
  const to = at >= 0 ? at + by : by > 0 ? place : place - 1;
  place = Math.max(0, Math.min(rows.length - 1, context.state.selected === null ? 0 : to));
  context.select(rows[place].id);
  requestAnimationFrame(() => requestAnimationFrame(() => focus(`.order-row[data-order="${rows[place].id}"] .row-main`)));
  return true;
}

/** @param {string} selector */
function focus(selector) {
  const element = /** @type {HTMLElement | null} */ (document.querySelector(selector));
  element?.focus();
  element?.scrollIntoView({ block: "nearest" });
  return element !== null;
}

/** @param {Element} target @param {number} by */
function stepCandidate(target, by) {
  const all = [...document.querySelectorAll("[data-candidates] [data-act=assign]:not(:disabled)")];
  const next = /** @type {HTMLElement | undefined} */ (all[all.indexOf(target) + by]);
  next?.focus();
  return next !== undefined;
}

/** @param {Context} context @param {number} n from 1 */
function choose(context, n) {
  const { state } = context;
  const order = state.selected === null ? undefined : context.order(state.selected);
  const candidate = state.detail?.candidates?.[n - 1];
  if (!order || !candidate || !actionsOf(order).assign) return false;
  state.chosen = candidate.agent_id;
  context.update();
  return true;
}

/** @param {Context} context */
function confirm(context) {
  const candidate = chosen(context);
  const order = context.state.selected === null ? undefined : context.order(context.state.selected);
  if (!candidate || !order) return false;
  assign(context, order, candidate);
  return true;
}

/** @param {Context} context */
function leaveSearch(context) {
  if (context.state.search !== "") context.state.search = "";
  else /** @type {HTMLElement} */ (document.activeElement).blur();
  context.update();
  return true;
}

/** One step back: the choice, the selection, the search. @param {Context} context */
function back(context) {
  const { state } = context;
  if (state.chosen !== null) state.chosen = null;
  else if (state.selected !== null) context.select(null);
  else if (state.search !== "") state.search = "";
  else return false;
  context.update();
  return true;
}

/** @param {Context} context */
export function keysDialog(context) {
  if (context.state.dialog?.name !== "keys") return null;
  const body = html`<dl class="facts keys">${SHOWN.map(([key, name]) => html`<dt><kbd>${key}</kbd></dt><dd>${t(`desk.key.${name}`)}</dd>`)}</dl>`;
  return dialog({ title: t("desk.open.keys"), body, close: context.close });
}
