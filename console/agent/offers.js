// The orders that are offered, as cards: what one needs to decide, and one big button.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { countdown, distance } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { player } from "../kit/player.js";
import { kindName, t } from "../kit/text.js";
import { dismissCard, grab, noteUses, open, show, verdictWords } from "./acts.js";
import { distanceBetween } from "./distance.js";
import { facts, pay } from "./facts.js";
import { ring } from "./ring.js";

const SIGNS = { won: "check", lost: "cross", refused: "warning", asking: "clock", pending: "clock", unknown: "offline" };

/** @param {any} app */
export function offersPanel(app) {
  const cards = app.cards.offered;
  const first = app.cards.top?.id;
  return html`
    <section class="panel" aria-label=${t("agent.tab.offers")}>
      <h2 class="visually-hidden">${t("agent.tab.offers")}</h2>
      ${cards.length === 0 ? idle(app) : html`
        <ul class="cards stack">
          ${repeat(cards, (card) => card.id, (card) => html`<li>${offerCard(app, card, card.id === first)}</li>`)}
        </ul>`}
    </section>`;
}

function idle(app) {
  const how = app.client.state !== "open" ? "cut_off" : app.wish;
  return html`<div class="empty idle ${how}">${icon(how === "available" ? "clock" : how === "paused" ? "pause" : "offline")}
    <p>${t(`agent.offers.none.${how}`)}</p></div>`;
}

/** An offer while one looks at something else: over the page, so that nothing in it moves. @param {any} app */
export function peek(app) {
  const card = app.cards.top;
  const isFull = app.view.jobs.size >= (app.view.agent?.capacity ?? Infinity);
  if (card === undefined || isFull || app.tab === "offers" || (app.wide && app.tab === "jobs")) return nothing;
  const { order } = card;
  const left = order.expires_at ? countdown(order.expires_at - app.client.now()) : "";
  return html`
    <button class="peek" type="button" data-act="look" @click=${() => show(app, "offers")}>
      <span class="kind-sign" aria-hidden="true">${icon(order.kind)}</span>
      <span class="grow"><strong>${t("agent.offer.new", { n: app.cards.waiting })}</strong> <span>${kindName(order.kind)}</span></span>
      ${pay(order)} <span class="row tight"><span class="number">${left}</span>${icon("right")}</span>
    </button>`;
}

/** Where this agent is: a shop at its home. @param {any} app */
export function whereIAm(app) {
  return app.moves ? app.whereabouts.point : (app.view.agent?.home ?? null);
}

function offerCard(app, card, isFirst) {
  const { order, state } = card;
  const over = state === "lost" || state === "won";
  return html`
    <article class="card offer ${state}" data-order=${order.id} data-state=${state} ${ref(app.sight.ref(order.id))}
      aria-label=${kindName(order.kind)}>
      ${top(app, card)}
      ${facts(order.details)}
      ${order.voice_notes.map((note) => player(note, noteUses(app, order)(note)))}
      ${over ? verdict(app, card) : buttons(app, card, isFirst)}
    </article>`;
}

function top(app, { order, spanMs }) {
  const metres = order.distance_m ?? distanceBetween(whereIAm(app), order.area);
  const way = distanceBetween(order.area, order.destination_area);
  return html`
    <div class="row top">
      <span class="kind-sign" aria-hidden="true">${icon(order.kind)}</span>
      <div class="grow">
        <h3>${kindName(order.kind)}</h3>
        <p class="where">${icon("pin")}${metres === null ? t("agent.offer.somewhere") : t("agent.offer.away", { distance: distance(metres) })}
          ${way === null ? nothing : html`<span class="muted">${t("agent.offer.way", { distance: distance(way) })}</span>`}</p>
      </div>
      <div class="row brings">
        ${pay(order)} ${order.expires_at ? ring(order.expires_at - app.client.now(), spanMs) : nothing}
      </div>
    </div>`;
}

function buttons(app, card, isFirst) {
  const free = (card.state === "offered" || card.state === "refused") && app.client.state !== "over";
  const asks = card.state !== "offered" && card.state !== "refused";
  return html`
    <div class="row acts">
      <button class="button quiet decline" type="button" data-act="decline" ?disabled=${!free}
        @click=${() => open(app, { what: "decline", order: card.order })}>${t("agent.decline")}</button>
      <button class="button good big grab" type="button" data-act="grab" ?disabled=${!free}
        aria-keyshortcuts=${isFirst ? "g" : nothing} @click=${() => grab(app, card.id)}>
        ${icon(asks ? SIGNS[card.state] : "grab")}<span>${asks ? verdictWords(card) : t("agent.grab")}</span></button>
    </div>
    ${card.state === "refused" ? html`<p class="verdict refused">${icon("warning")}${verdictWords(card)}</p>` : nothing}`;
}

/** In the place of the buttons and as high as they are: what stands beneath stays where it is. */
function verdict(app, card) {
  return html`
    <div class="row acts">
      <p class="verdict grow ${card.state}">${icon(card.reason === "held" ? "check" : SIGNS[card.state])}${verdictWords(card)}</p>
      <button class="button quiet" type="button" data-act="dismiss" @click=${() => dismissCard(app, card.id)}>${t("agent.understood")}</button>
    </div>`;
}
