// Around the map: the legend, which is also what shows and hides, the card of an agent, and how fresh the picture is.
//
// Templates only. The shapes are those of the canvas. What is hidden is the panel's to keep.

import { clock } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { assign } from "./actions.js";
import { actionsOf } from "./book.js";
import { MARKS, ORDER_MARKS, SHOP_MARKS, VALET_MARKS, agentMark, agentState } from "./marks.js";

const STALE_MS = 20_000;
const BRIEF_MARKS = ["escalated", "stalled", "open"];
const HELD_MARKS = ["assigned", "en_route", "arrived", "working"];
const GROUPS = [["orders", ORDER_MARKS], ["valets", VALET_MARKS], ["shops", SHOP_MARKS]];

/** @param {string} mark */
export function markName(mark) {
  if (mark === "stalled") return t("kit.stalled");
  const state = /^(?:valet|shop)_(\w+)$/.exec(mark)?.[1];
  return state ? t(`work.agent.${state}`) : t(`kit.status.${mark}`);
}

/** @param {string} mark */
export function markIcon(mark) {
  const parts = MARKS[mark].map(({ d, fill, edge, width, scale }) => {
    const moved = scale ? `translate(12 12) scale(${scale}) translate(-12 -12)` : nothing;
    const names = `${fill ? `fill${fill}` : ""} ${edge ? `edge${edge}` : ""}`;
    return svg`<path class=${names} d=${d} stroke-width=${width ?? 0} transform=${moved} />`;
  });
  return html`<svg class="mark" viewBox="-1 -1 26 26" aria-hidden="true" stroke-linejoin="round" stroke-linecap="round">${parts}</svg>`;
}

/**
 * @param {{ hidden: Set<string>, legendOpen: boolean, openLegend: (open: boolean) => void, toggle: (marks: string[]) => void }} panel
 * @param {Map<string, number>} counts
 */
export function legend(panel, counts) {
  const opened = (event) => panel.openLegend(event.target.open);
  return html`
    <details class="map-legend" ?open=${panel.legendOpen} @toggle=${opened}>
      <summary>${icon(panel.legendOpen ? "down" : "up")}${t("work.map.legend")} ${brief(panel, counts)}</summary>
      <div class="groups">${GROUPS.map(([name, marks]) => group(name, marks, panel, counts))}</div>
    </details>
  `;
}

/** While it is closed: how many orders there are of each. */
function brief({ legendOpen }, counts) {
  if (legendOpen) return nothing;
  const held = HELD_MARKS.reduce((sum, mark) => sum + (counts.get(mark) ?? 0), 0);
  const told = BRIEF_MARKS.map((mark) => [mark, markName(mark), counts.get(mark) ?? 0]);
  return [...told, ["en_route", t("work.map.held"), held]].map(([mark, name, count]) => html`
    <span class="brief">${markIcon(mark)}${name} <strong class="number">${count}</strong></span>`);
}

function group(name, marks, panel, counts) {
  const total = marks.reduce((sum, mark) => sum + (counts.get(mark) ?? 0), 0);
  const label = t(`work.map.${name}`);
  return html`
    <div class=${name} role="group" aria-label=${label}>
      ${toggle(panel, marks, html`<strong class="grow">${label}</strong>`, total)}
      ${marks.map((mark) => toggle(panel, [mark], html`${markIcon(mark)}<span class="grow">${markName(mark)}</span>`, counts.get(mark) ?? 0))}
    </div>
  `;
}

function toggle(panel, marks, label, count) {
  const shown = marks.some((mark) => !panel.hidden.has(mark));
  return html`<button class="legend-row" type="button" aria-pressed=${shown} data-marks=${marks.join(" ")}
    @click=${() => panel.toggle(marks)}>${label}<span class="number">${count}</span></button>`;
}

/** Only when there is something to say. @param {any} feed @param {import("./app.js").Context} context */
export function staleness(feed, context) {
  const old = feed.at !== null && context.now() - feed.at > STALE_MS;
  const cut = feed.more.map((name) => html`<span class="badge warn">${t(`work.map.more.${name}`)}</span>`);
  if (feed.at === null && feed.fault) return html`<span class="badge bad" role="status">${icon("warning")}${t("work.map.none")}</span>`;
  return html`${cut}${old ? html`<span class="badge warn" role="status">${icon("clock")}${t("work.map.stale", { at: clock(feed.at, true) })}</span>` : nothing}`;
}

/**
 * @param {import("./map_feed.js").Agent} agent @param {import("./app.js").Context} context @param {() => void} close
 */
export function agentCard(agent, context, close) {
  const order = context.state.selected ? context.order(context.state.selected) : undefined;
  const press = () => assign(context, order, candidateOf(agent, context));
  return html`
    <aside class="map-agent card" aria-label=${t("work.map.agent_card")} data-agent=${agent.id}>
      <div class="row tight between">
        <h3 class="row tight">${markIcon(agentMark(agent))}${agent.name}</h3>
        <button class="button quiet icon-only small" type="button" aria-label=${t("kit.close")} @click=${close}>${icon("cross")}</button>
      </div>
      <p class="muted small">${t(`kit.role.${agent.role}`)} · ${t(`work.agent.${agentState(agent)}`)} ·
        ${t("work.map.load", { load: agent.load, capacity: agent.capacity })}</p>
      <div class="row tight wrap">
        ${order && actionsOf(order).assign ? html`<button class="button small primary" type="button" data-act="assign"
          ?disabled=${context.isBusy(`assign ${order.id}`)} @click=${press}>${icon("check")}${t("work.map.assign")}</button>` : nothing}
        <button class="button small" type="button" @click=${() => context.open("sessions", { agentId: agent.id })}>${t("work.map.sessions")}</button>
      </div>
    </aside>
  `;
}

/** As the list of candidates has him, if it does; it knows more than the map. */
function candidateOf({ id, name, status, load, capacity }, { state }) {
  const listed = state.detail?.id === state.selected ? state.detail.candidates?.find((each) => each.agent_id === id) : undefined;
  return listed ?? { agent_id: id, name, status, load, capacity, declined: false, why_not: null };
}
