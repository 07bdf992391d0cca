// @ts-check
// What happened to the selected order, in words: when, what, by whom; newest first.
//
// Owns writing values out (metres, fen, times, names). What is said of an event is `chronicle`'s.

import { clock, day, distance, money } from "../kit/format.js";
import { has, language, t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { condensed, sentenceOf } from "./chronicle.js";

const DAY_MS = 86_400_000;
const NAMED = 3;

/** @param {import("./app.js").Context} context @param {any} detail */
export function timelinePanel(context, detail) {
  const { timeline } = detail;
  return html`<section class="detail-part" aria-label=${t("desk.timeline")}>
    <h3>${t("desk.timeline")}</h3>
    ${timeline === null
      ? html`<p class="muted small">${t("desk.list.loading")}</p>`
      : guard([timeline, detail.candidates, language()], () => list(context, detail))}
  </section>`;
}

/** @param {import("./app.js").Context} context @param {any} detail */
function list(context, detail) {
  const name = namer(context, detail);
  const events = condensed(detail.timeline).toReversed();
  return html`<ol class="timeline">${repeat(events, (event) => event.version, (event) => entry(event, name, context.now()))}</ol>`;
}

/**
 * Events know agents by id; who is near by is known by name.
 * @param {import("./app.js").Context} context @param {any} detail
 */
export function namer(context, detail) {
  const names = new Map((detail.candidates ?? []).map((/** @type {any} */ each) => [each.agent_id, each.name]));
  const agent = context.order(detail.id)?.agent;
  if (agent) names.set(agent.id, agent.name);
  return (/** @type {string} */ id) => names.get(id) ?? id;
}

/** @param {import("./chronicle.js").Event} event @param {(id: string) => string} name @param {number} now */
function entry(event, name, now) {
  const { key, values, tone } = sentenceOf(event, name);
  const at = now - event.at > DAY_MS ? day(event.at) : clock(event.at, true);
  return html`<li class="event ${tone}" data-event=${event.type}>
    <time class="small muted">${at}</time>
    <span>${t(key, written(values))} ${event.type === "taken_up" ? null : by(event.actor)}</span>
  </li>`;
}

/** Passing time acts by itself, and needs no name. @param {{role: string, id: string | null}} actor */
function by({ role, id }) {
  if (id === null) return null;
  return html`<span class="muted small">${has(`kit.role.${role}`) ? t(`kit.role.${role}`) : role} ${id}</span>`;
}

/** @param {Record<string, any>} values */
function written(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, write(name, value)]));
}

/** The wire's units stand in the names. @param {string} name @param {any} value */
function write(name, value) {
  if (name.endsWith("_m")) return distance(value ?? 0);
  if (name.endsWith("_fen")) return money(value ?? 0);
  if (name.endsWith("_at")) return clock(value, true);
  if (name === "step" || name === "from") return t(`kit.status.${value}`);
  if (name === "side") return t(`desk.side.${value}`);
  if (name === "parts") return joined(value.map((/** @type {string} */ part) => t(`desk.part.${part}`)));
  if (name === "agents") return joined(value.slice(0, NAMED)) + (value.length > NAMED ? "…" : "");
  return value;
}

/** @param {string[]} list */
function joined(list) {
  return new Intl.ListFormat(language(), { type: "unit", style: "short" }).format(list);
}
