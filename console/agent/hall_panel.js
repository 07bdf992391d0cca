// The hall as a list: nearest first, grabbed from there.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { clock, distance } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { kindName, t } from "../kit/text.js";
import { grabFromHall, loadHall, verdictWords } from "./acts.js";
import { facts, pay } from "./facts.js";
import { wordsFor } from "../kit/faults.js";
import { RADII_M } from "./hall.js";
import { pullToRefresh } from "./pull.js";

const pull = pullToRefresh();

/** @param {any} app */
export function hallPanel(app) {
  pull.does(() => loadHall(app));
  return html`
    <section class="panel" aria-label=${t("agent.tab.hall")} ${ref(pull.ref)}>
      <div class="row between">
        <h2>${t("agent.tab.hall")}</h2>
        <p class="small muted" role="status">${when(app.hall)}</p>
        <button class="button quiet icon-only" type="button" aria-label=${t("agent.hall.refresh")} title=${t("agent.hall.refresh")}
          ?disabled=${app.hall.busy || app.client.state !== "open"} @click=${() => loadHall(app)}>${icon("refresh")}</button>
      </div>
      ${radii(app)}
      ${app.hall.fault ? html`<p class="banner bad">${wordsFor(app.hall.fault)}</p>` : nothing}
      ${rows(app).length > 0 ? list(app) : empty(app)}
    </section>`;
}

function when({ busy, at }) {
  if (busy && at === null) return t("agent.hall.asking");
  return at === null ? "" : t("agent.hall.at", { time: clock(at, true) });
}

function radii(app) {
  const { radiusM } = app.hall;
  return html`<div class="row tight wrap" role="group" aria-label=${t("agent.hall.radius")}>
    ${RADII_M.map((each) => html`<button class="button small" type="button" aria-pressed=${each === radiusM} @click=${() => loadHall(app, each)}>
      ${each === null ? t("agent.hall.all") : distance(each)}</button>`)}
  </div>`;
}

/** What the server listed, and what was grabbed from here and is not forgotten yet. */
function rows(app) {
  const { orders } = app.hall;
  const ids = new Set(orders.map((order) => order.id));
  const decided = app.cards.all.filter((card) => card.from === "hall" && !ids.has(card.id) && card.state !== "offered");
  return [...decided.map((card) => card.order), ...orders];
}

function list(app) {
  return html`<ul class="stack tight rows">${repeat(rows(app), (order) => order.id, (order) => html`<li>${row(app, order)}</li>`)}</ul>`;
}

function empty(app) {
  if (app.hall.busy || app.hall.fault) return nothing;
  return html`<div class="empty">${icon("list")}<p>${t("agent.hall.none")}</p><p class="small">${t("agent.hall.why")}</p></div>`;
}

function row(app, order) {
  const card = app.cards.find(order.id);
  const state = card?.state ?? "offered";
  const asks = state !== "offered" && state !== "refused";
  return html`
    <article class="card row-card ${state}" data-order=${order.id} data-state=${state} aria-label=${kindName(order.kind)}>
      <div class="row">
        <span class="kind-sign" aria-hidden="true">${icon(order.kind)}</span>
        <div class="grow">
          <h3>${kindName(order.kind)}</h3>
          <p class="where">${icon("pin")}${t("agent.offer.away", { distance: distance(order.distance_m ?? 0) })}</p>
        </div>
        <div class="row brings">
          ${pay(order)}
          ${state === "lost" || state === "won" ? html`<p class="verdict ${state}">${verdictWords(card)}</p>` : html`
            <button class="button good" type="button" data-act="grab" ?disabled=${asks || app.client.state === "over"}
              @click=${() => grabFromHall(app, order)}>${asks ? verdictWords(card) : t("agent.grab")}</button>`}
        </div>
      </div>
      ${facts(order.details)}
      ${state === "refused" ? html`<p class="verdict refused">${verdictWords(card)}</p>` : nothing}
    </article>`;
}
