// @ts-check
// The shell of the desk: header, banners, three columns, and the one dialog that is open.
//
// Owns where things stand, nothing of what they are. A narrow window shows the list and one of the other
// panes, a phone one pane at a time; `data-pane` says which, the style sheet does the rest. Each column
// scrolls by itself.

import { languageButton, leaveButton, linkState, soundButton } from "../kit/header.js";
import { icon } from "../kit/icons.js";
import { leave } from "../kit/identity.js";
import { kindName, t } from "../kit/text.js";
import { toasts } from "../kit/toast.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { actionDialog } from "./actions.js";
import { banners } from "./banners.js";
import { bulkBar } from "./bulk.js";
import { detailPanel } from "./detail.js";
import { figuresPanel } from "./figures.js";
import { intakeDialog } from "./intake.js";
import { keysDialog } from "./keys.js";
import { loginDialog } from "./login.js";
import { mapPanel } from "./map.js";
import { noticesDialog } from "./notices.js";
import { queuePanel } from "./queue.js";
import { sessionsDialog } from "./sessions.js";

const PANES = ["queue", "detail", "map", "figures"];
const PANE_ICONS = { queue: "list", detail: "desk", map: "map", figures: "chart" };

/** @param {import("./app.js").Context} context */
export function layout(context) {
  const { state } = context;
  return html`
    <div class="desk" data-pane=${state.pane}>
      ${header(context)} ${banners(context)}
      <main class="columns">
        ${paneTabs(context)}
        <div class="column list">${queuePanel(context)} ${bulkBar(context)}</div>
        <div class="column overview">
          <div class="pane map">${mapPanel(context)}</div>
          <div class="pane figures">${figuresPanel(context)}</div>
        </div>
        <div class="column work">${detailPanel(context)}</div>
      </main>
      ${dialogs(context)} ${toasts()}
      <div class="visually-hidden" aria-live="polite" data-announcement>${state.announcement}</div>
    </div>
  `;
}

/** Each answers with nothing unless `state.dialog` names it. @param {import("./app.js").Context} context */
function dialogs(context) {
  const all = [actionDialog, intakeDialog, sessionsDialog, noticesDialog, keysDialog, loginDialog];
  return all.map((each) => each(context));
}

/** @param {import("./app.js").Context} context */
function header(context) {
  const { client, state, update } = context;
  return html`
    <header class="bar desk-bar" data-connection=${client.state}>
      <h1>${icon("desk")} ${t("desk.title")}</h1>
      ${regionFilter(context)} ${kindFilter(context)}
      <span class="grow"></span>
      ${opener(context, "intake", "phone")} ${opener(context, "notices", "bell")} ${opener(context, "sessions", "people")}
      <span class="who">${linkState(client)}<span class="muted small cut">${state.who.sub}</span></span>
      ${opener(context, "keys", "info", true)} ${soundButton(update)} ${languageButton(update)}
      ${leaveButton(() => goAway(context))}
    </header>
  `;
}

/** @param {import("./app.js").Context} context */
function goAway({ client }) {
  client.stop();
  leave();
  location.replace("/console/login"); // "back" does not lead here again
}

/**
 * @param {import("./app.js").Context} context @param {string} name @param {string} picture
 * @param {boolean} [short]
 */
function opener(context, name, picture, short = false) {
  const label = t(`desk.open.${name}`);
  return html`<button class="button ${short ? "quiet icon-only" : ""}" type="button" data-open=${name}
    aria-label=${label} title=${label}
    @click=${() => context.open(name)}>${icon(picture)}${short ? null : html`<span
      class="wide-only">${label}</span>`}</button>`;
}

/** A region is called as its properties say, else by its id. @param {any} feature */
export function regionName({ id, properties }) {
  return properties?.name ?? id;
}

/** @param {import("./app.js").Context} context */
function regionFilter(context) {
  const options = context.regions.map((each) => ({ value: each.id, label: regionName(each) }));
  return filter(context, "region", options);
}

/** @param {import("./app.js").Context} context */
function kindFilter(context) {
  const options = [...context.policies.keys()].map((kind) => ({ value: kind, label: kindName(kind) }));
  return filter(context, "kind", options);
}

/**
 * @param {import("./app.js").Context} context @param {"region" | "kind"} name
 * @param {{value: string, label: string}[]} options
 */
function filter(context, name, options) {
  const change = (/** @type {any} */ event) => context.filter({ [name]: event.target.value });
  const current = context.filters[name];
  return html`<select class="plain filter" aria-label=${t(`desk.filter.${name}`)} .value=${live(current)}
    @change=${change}>
    <option value="" ?selected=${current === ""}>${t(`desk.filter.${name}.all`)}</option>
    ${options.map(({ value, label }) => html`<option value=${value}
      ?selected=${value === current}>${label}</option>`)}
  </select>`;
}

/** Seen in narrow windows only. @param {import("./app.js").Context} context */
function paneTabs({ state, update }) {
  const show = (/** @type {string} */ pane) => {
    state.pane = pane;
    update();
  };
  return html`<nav class="pane-tabs" aria-label=${t("desk.panes")}>
    ${PANES.map((pane) => html`<button class="button quiet" type="button" data-pane-tab=${pane}
      aria-pressed=${state.pane === pane} @click=${() => show(pane)}>${icon(PANE_ICONS[pane])}${t(`desk.pane.${pane}`)}</button>`)}
  </nav>`;
}
