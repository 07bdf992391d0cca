// @ts-check
// The selected order, whole: who asks for what and where, what can be done now, who could take it, what
// happened.
//
// Owns the arrangement. Invariant: what is shown is the newest that is known of the order, by stream or by
// HTTP, whatever list it came from.

import { day, money } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { player } from "../kit/player.js";
import { detailName, kindName, t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { keyed } from "../vendor/lit-html/directives/keyed.js";
import { HELD, isOnDesk } from "../view.js";
import { actionBar } from "./actions.js";
import { inHand, waitsSince } from "./book.js";
import { candidatesPanel } from "./candidates.js";
import { elapsed, left, statusBadges } from "./rows.js";
import { namer, timelinePanel } from "./timeline.js";

/** @typedef {import("./app.js").Context} Context */
/** @typedef {import("../view.js").Order} Order */

/** @param {Context} context */
export function detailPanel(context) {
  const { selected, detail } = context.state;
  const order = selected === null ? undefined : context.order(selected);
  return html`<section class="panel detail" aria-label=${t("desk.pane.detail")}
    data-selected=${selected ?? ""}>
    ${order && detail ? keyed(order.id, whole(context, order, detail)) : nothingChosen(context)}
  </section>`;
}

/** @param {Context} context */
function nothingChosen({ state }) {
  if (state.selected === null) return html`<div
    class="empty">${icon("desk")}<p>${t("desk.detail.none")}</p></div>`;
  return html`<p class="empty">${t(state.detail?.gone ? "desk.detail.gone" : "desk.list.loading")}</p>`;
}

/** @param {Context} context @param {Order} order @param {any} detail */
function whole(context, order, detail) {
  return html`
    <header class="detail-head">
      ${title(context, order)} ${hand(context, order)} ${actionBar(context, order)}
    </header>
    <div class="scroll" tabindex="0" role="group"
      aria-label=${t("desk.detail.order", { kind: kindName(order.kind) })} data-order=${order.id}
      data-status=${order.status}>
      ${facts(order)} ${notes(context, order)} ${holder(order, namer(context, detail))}
      ${candidatesPanel(context, order, detail)} ${timelinePanel(context, detail)}
    </div>
  `;
}

/** @param {Context} context @param {Order} order */
function title(context, order) {
  const since = isOnDesk(order) ? elapsed(context.now() - waitsSince(order, context.policies)) : null;
  return html`<div class="row tight wrap">
    <h2>${icon(order.kind)} ${kindName(order.kind)}</h2> ${statusBadges(order)}
    <span class="grow"></span>
    <span class="small number">
      ${since === null ? null : html`${t("desk.row.waits")} <time class="waits">${since}</time>`} ${left(context, order)}
    </span>
    <button type="button" class="button quiet icon-only narrow-only" aria-label=${t("kit.close")}
      @click=${() => context.select(null)}>${icon("cross")}</button>
  </div>`;
}

/**
 * Two dispatchers do not do one order: whoever looks sees at once that another has it.
 * @param {Context} context @param {Order} order
 */
function hand(context, order) {
  const taken = isOnDesk(order) ? inHand(order, context.now()) : null;
  if (taken === null) return null;
  const mine = taken.dispatcher_id === context.state.who.sub;
  const n = Math.ceil((taken.until_at - context.now()) / 1000);
  const words = mine ? t("desk.hand.mine.long", { n }) : t("desk.hand.other.long", { who: taken.dispatcher_id, n });
  return html`<div class="banner hand ${mine ? "" : "warn"}"
    data-hand=${mine ? "mine" : "other"}>${icon("desk")}<span class="number">${words}</span></div>`;
}

/** @param {Order} order */
function facts(order) {
  const { customer, place, destination, price_fen: price, bonus_fen: bonus, details } = order;
  const said = Object.entries(details ?? {}).map(([name, value]) => [detailName(name), plain(value)]);
  return html`<section class="detail-part" aria-label=${t("desk.facts")}><dl class="facts">
    <dt>${t("desk.fact.customer")}</dt>
    <dd>${customer.name ?? customer.id} ${call(customer.phone, customer.name ?? customer.id)}</dd>
    <dt>${t("desk.fact.place")}</dt><dd>${spot(place)}</dd>
    ${destination ? html`<dt>${t("desk.fact.destination")}</dt><dd>${spot(destination)}</dd>` : null}
    ${said.map(([name, value]) => html`<dt>${name}</dt><dd class="said">${value}</dd>`)}
    <dt>${t("desk.fact.price")}</dt>
    <dd class="number">
      ${price === null ? t("desk.row.no_price") : money(price)}
      ${bonus > 0 ? html`<b>+${money(bonus)} ${t("desk.fact.bonus")}</b>` : null}
    </dd>
    <dt>${t("desk.fact.offered")}</dt>
    <dd>
      ${t("desk.fact.offered.value", { round: order.round, n: order.offered })}
      ${order.declined > 0 ? html`<span class="declined">${t("desk.row.declined", { n: order.declined })}</span>` : null}
    </dd>
    <dt>${t("desk.fact.created")}</dt>
    <dd>
      ${day(order.created_at)}
      ${order.scheduled_at ? html`<b>${t("desk.fact.scheduled", { at: day(order.scheduled_at) })}</b>` : null}
    </dd>
    ${order.reason ? html`<dt>${t("desk.fact.reason")}</dt><dd class="said">${order.reason}</dd>` : null}
    <dt>${t("desk.fact.id")}</dt><dd class="muted small code">${order.id} · ${order.region}</dd>
  </dl></section>`;
}

/** @param {unknown} value */
function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {string | null} phone @param {string} name */
function call(phone, name) {
  return phone ? html`<a class="call" href="tel:${phone}"
    aria-label=${t("desk.call", { name, phone })}>${icon("phone")}<span>${phone}</span></a>` : null;
}

/** @param {{lat: number, lon: number, address: string | null}} place */
function spot({ lat, lon, address }) {
  const point = `${lat.toFixed(4)}, ${lon.toFixed(4)}`;
  return html`${address ?? ""} <span class="muted small number">${point}</span>`;
}

/** @param {Context} context @param {Order} order */
function notes(context, order) {
  if (order.voice_notes.length === 0) return null;
  return html`<section class="detail-part" aria-label=${t("desk.voice")}><h3>${t("desk.voice")}</h3>
    ${order.voice_notes.map((/** @type {any} */ note) => html`<div class="note-line"><span
      class="small muted">${t(`desk.side.${note.by}`)}</span>${player(note, uses(context, order.id, note.id))}</div>`)}
  </section>`;
}

/**
 * A signed address lives five minutes: the order is asked for anew.
 * @param {Context} context @param {string} orderId @param {string} noteId
 */
function uses(context, orderId, noteId) {
  return {
    renew: async () => {
      const order = await context.api.get(`/v1/orders/${orderId}`);
      context.take(order);
      return order.voice_notes.find((/** @type {any} */ note) => note.id === noteId);
    },
    heard: () => context.client.ask({ type: "heard", order_id: orderId, note_id: noteId }).catch(forgiven),
  };
}

/**
 * Whether it was noted that somebody listened is worth no message: the note was heard.
 * @param {Error} error
 */
function forgiven(error) {
  if (!["Disconnected", "ServerError"].includes(error.name)) throw error;
}

/**
 * Who has it, or had it last: then the card is gone, but his name may be known.
 * @param {Order} order @param {(id: string) => string} name
 */
function holder(order, name) {
  const { assignment, agent, status } = order;
  if (!assignment) return null;
  const picture = icon(assignment.role === "shop" ? "shop" : "person");
  const who = agent
    ? html`<strong>${picture} ${agent.name}</strong> ${call(agent.phone, agent.name)}`
    : html`<span>${picture} ${name(assignment.agent_id)}</span>`;
  const by = assignment.by === "grab" ? t("desk.holder.grab") : t("desk.holder.desk", { who: assignment.dispatcher_id ?? "" });
  return html`<section class="detail-part" aria-label=${t("desk.holder")} data-holder=${agent?.id ?? ""}>
    <h3>${t(HELD.has(status) ? "desk.holder" : "desk.holder.last")}</h3>
    <div class="row tight wrap">${who} <span
      class="muted small">${t(`kit.role.${assignment.role}`)} · ${by} · ${day(assignment.at)}</span></div>
  </section>`;
}
