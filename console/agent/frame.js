// The page around its parts: who is here and how the line stands, duty, tabs, what is open on top of it.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { languageButton, leaveButton, linkState, soundButton } from "../kit/header.js";
import { icon } from "../kit/icons.js";
import { pageOf } from "../kit/identity.js";
import { t } from "../kit/text.js";
import { toasts } from "../kit/toast.js";
import { logOut, open, setDuty, show } from "./acts.js";
import { bars } from "./bars.js";
import { hallPanel } from "./hall_panel.js";
import { historyPanel } from "./history_panel.js";
import { jobsPanel } from "./jobs_panel.js";
import { unread } from "./notices.js";
import { offersPanel, peek } from "./offers.js";
import { sheet } from "./sheets.js";

const TABS = { offers: "grab", hall: "list", jobs: "car", history: "history" };
const PANELS = { offers: offersPanel, hall: hallPanel, jobs: jobsPanel, history: historyPanel };

/** @param {any} app */
export function frame(app) {
  const main = app.wide && app.tab === "jobs" ? "offers" : app.tab;
  return html`
    <div class=${`agent ${app.role} ${app.wide ? "wide" : ""}`}>
      ${head(app)} ${bars(app)} ${duty(app)}
      <main class="panels">
        ${PANELS[main](app)} ${app.wide ? jobsPanel(app) : nothing}
      </main>
      ${peek(app)} ${tabs(app, main)}
      <p class="visually-hidden" role="alert" aria-live="assertive">${app.said}</p>
      ${sheet(app)} ${toasts()}
    </div>`;
}

function head(app) {
  const count = unread(app).length;
  const bell = count > 0 ? t("agent.notices.unread", { n: count }) : t("agent.notices.heading");
  return html`
    <header class="bar">
      <h1 class="visually-hidden">${t(`kit.role.${app.role}`)}</h1>
      <div class="grow stack whoami">
        <strong class="cut">${app.view.agent?.name ?? app.who.sub}</strong>
        ${linkState(app.client)}
      </div>
      <button class="button quiet icon-only bell" type="button" aria-label=${bell} title=${bell} @click=${() => open(app, { what: "notices" })}>
        ${icon("bell")}${count > 0 ? html`<span class="count" aria-hidden="true">${count}</span>` : nothing}</button>
      ${soundButton(app.update)}
      ${app.wide ? [languageButton(app.update), leaveButton(() => logOut(app))] : menuButton(app)}
    </header>`;
}

function menuButton(app) {
  return html`<button class="button quiet icon-only" type="button" aria-label=${t("agent.menu")} title=${t("agent.menu")}
    @click=${() => open(app, { what: "menu" })}>${icon("menu")}</button>`;
}

function duty(app) {
  const open = app.client.state === "open";
  const present = open ? app.view.agent.status : app.wish;
  const choice = (status, mark) => html`
    <button class="button ${status}" type="button" data-act=${status} aria-pressed=${present === status}
      aria-busy=${open && app.wish === status && present !== status} @click=${() => setDuty(app, status)}>
      ${icon(mark)}${t(`agent.duty.${status}`)}</button>`;
  return html`
    <section class="duty ${open ? "" : "cut-off"}" aria-label=${t("agent.duty.label")}>
      <div class="switch" role="group" aria-label=${t("agent.duty.label")}>${choice("available", "check")}${choice("paused", "pause")}</div>
      <p class="small muted">${dutyWords(app, open)}</p>
    </section>`;
}

function dutyWords(app, open) {
  if (app.client.state === "over") return t("agent.duty.ended");
  if (!open) return t(app.seen ? "agent.duty.cut_off" : "agent.duty.not_yet");
  const { capacity } = app.view.agent;
  const load = app.view.jobs.size;
  const how = app.view.agent.status === "available" && load >= capacity ? "full" : app.view.agent.status;
  return t(`agent.duty.words.${how}`, { n: load, capacity });
}

function tabs(app, current) {
  const names = Object.keys(TABS).filter((name) => !(app.wide && name === "jobs"));
  const counts = { offers: app.cards.waiting, jobs: app.view.jobs.size };
  return html`
    <nav class="tabs" aria-label=${t("agent.tabs")}>
      ${names.map((name) => html`
        <button type="button" data-tab=${name} aria-current=${name === current ? "page" : "false"} @click=${() => show(app, name)}>
          ${icon(TABS[name])}<span>${t(`agent.tab.${name}`)}</span>
          ${counts[name] ? html`<span class="count">${counts[name]}</span>` : nothing}
        </button>`)}
    </nav>`;
}

/** Somebody of another role. @param {import("../kit/identity.js").Identity} who @param {string} role this page's */
export function stranger(who, role) {
  const page = pageOf(who.role);
  const theirs = t(`kit.role.${who.role}`);
  return html`
    <main class="alone stack" data-banner="role">
      <h1>${t("agent.stranger.heading", { role: t(`kit.role.${role}`) })}</h1>
      <p>${t("agent.stranger.words", { sub: who.sub, role: theirs })}</p>
      ${page ? html`<a class="button primary big" href=${page}>${t("agent.stranger.page", { role: theirs })}</a>` : nothing}
      <a class="button big" href="/console/login">${t("agent.log_in.page")}</a>
    </main>`;
}

/** Neither the server nor anything kept of it. */
export function unreachable() {
  return html`
    <main class="alone stack" data-banner="offline">
      <h1>${t("agent.bar.offline")}</h1>
      <p>${t("agent.unreachable")}</p>
      <button class="button primary big" type="button" @click=${() => location.reload()}>${t("agent.act.retry")}</button>
    </main>`;
}
