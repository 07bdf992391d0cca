// The day: what was completed, and what it brought.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { clock, money } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { kindName, t } from "../kit/text.js";
import { pay } from "./facts.js";
import { wordsFor } from "../kit/faults.js";
import { sumUp } from "./sums.js";

/** @param {any} app */
export function historyPanel(app) {
  const { orders, fault, busy } = app.history;
  return html`
    <section class="panel" aria-label=${t("agent.tab.history")}>
      <div class="row between">
        <h2>${t("agent.tab.history")}</h2>
        <button class="button quiet icon-only" type="button" aria-label=${t("agent.history.refresh")} title=${t("agent.history.refresh")}
          ?disabled=${busy} @click=${() => app.history.load()}>${icon("refresh")}</button>
      </div>
      ${fault ? html`<p class="banner bad">${wordsFor(fault)}</p>` : nothing}
      ${orders === null ? html`<div class="empty">${busy ? t("agent.history.asking") : nothing}</div>` : day(orders)}
    </section>`;
}

function day(orders) {
  const { orders: count, fen, unpriced } = sumUp(orders);
  return html`
    <dl class="sums">
      <div class="card"><dt>${t("agent.history.orders")}</dt><dd class="number">${count}</dd></div>
      <div class="card"><dt>${t("agent.history.sum")}</dt><dd class="number">${money(fen)}</dd></div>
    </dl>
    ${unpriced > 0 ? html`<p class="small muted">${t("agent.history.unpriced", { n: unpriced })}</p>` : nothing}
    ${count === 0 ? html`<div class="empty">${icon("history")}<p>${t("agent.history.none")}</p></div>` : html`
      <ul class="rows stack tight">${orders.map((order) => html`<li>${row(order)}</li>`)}</ul>`}`;
}

function row(order) {
  return html`
    <article class="card row" data-order=${order.id} data-status=${order.status} aria-label=${kindName(order.kind)}>
      <span class="kind-sign" aria-hidden="true">${icon(order.kind)}</span>
      <div class="grow"><h3>${kindName(order.kind)}</h3>
        <p class="small muted"><time>${t("agent.history.got", { time: clock(order.assignment.at) })}</time>${order.place.address ? html` · ${order.place.address}` : nothing}</p></div>
      ${pay(order)}
    </article>`;
}
