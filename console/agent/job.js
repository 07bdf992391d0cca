// A held order: whom to call, where to go, what to do next.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { clock, day, distance } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { player } from "../kit/player.js";
import { kindName, t } from "../kit/text.js";
import { noteUses, open, take } from "./acts.js";
import { answer } from "./answer.js";
import { distanceBetween } from "./distance.js";
import { facts, pay } from "./facts.js";
import { whereIAm } from "./offers.js";
import { reached, stepsAfter } from "./steps.js";

const STEP_SIGNS = { en_route: "navigate", arrived: "pin", working: "maintenance", completed: "check" };

/** @param {any} app @param {any} order @param {boolean} unfolded */
export function jobCard(app, order, unfolded) {
  const unsent = app.outbox.steps(order.id).filter(({ fence }) => fence === order.assignment.fence);
  const status = reached(order, unsent);
  const won = app.won === order.id && status === "assigned";
  return html`
    <article class="card job" data-order=${order.id} data-status=${status} data-state=${won ? "won" : "held"} aria-label=${kindName(order.kind)}>
      ${won ? html`<p class="verdict won">${icon("check")}${t("agent.verdict.won")}</p>` : nothing}
      ${heading(app, order, status, unfolded)}
      ${unfolded ? body(app, order, status, unsent) : nothing}
    </article>`;
}

function heading(app, order, status, unfolded) {
  const toggle = () => {
    app.unfolded.set(order.id, !unfolded);
    app.update();
  };
  return html`
    <div class="row top">
      <span class="kind-sign" aria-hidden="true">${icon(order.kind)}</span>
      <div class="grow">
        <h3>${kindName(order.kind)}${order.customer.name ? html` · ${order.customer.name}` : nothing}</h3>
        <p class="row tight wrap"><span class="badge primary">${t(`kit.status.${status}`)}</span>
          ${order.stalled ? html`<span class="badge warn">${t("agent.job.stalled")}</span>` : nothing}
          <time class="small muted">${clock(order.assignment.at)}</time>
          ${whence(app, order)}</p>
      </div>
      <div class="row brings">
        ${pay(order)}
        <button class="button quiet icon-only" type="button" aria-expanded=${unfolded}
          aria-label=${t(unfolded ? "agent.job.fold" : "agent.job.unfold")} @click=${toggle}>${icon(unfolded ? "up" : "down")}</button>
      </div>
    </div>`;
}

/** Not grabbed at this device: its holder should know how it came. */
function whence(app, { id, assignment }) {
  if (assignment.by === "desk") return html`<span class="small muted">${t("agent.job.desk")}</span>`;
  return app.elsewhere.has(id) ? html`<span class="small muted">${t("agent.job.elsewhere")}</span>` : nothing;
}

function body(app, order, status, unsent) {
  return html`
    ${appointment(order)}
    ${call(order.customer)}
    ${place(app, order.place, t("agent.job.place"))}
    ${order.destination ? place(app, order.destination, t("agent.job.destination")) : nothing}
    ${unsent.length > 0 ? unsentSteps(unsent) : nothing}
    ${steps(app, order, status)}
    ${facts(order.details)}
    ${order.voice_notes.map((note) => html`<div class="said"><span class="small muted">${t(`agent.said.${note.by}`)} ${clock(note.at)}</span>
      ${player(note, noteUses(app, order)(note))}</div>`)}
    ${answer(app, order)}
    <button class="button quiet danger" type="button" data-act="release" ?disabled=${app.client.state !== "open"}
      @click=${() => open(app, { what: "release", order })}>${t("agent.release")}</button>`;
}

/** Booked for a time: being there earlier helps nobody. */
function appointment({ scheduled_at: at }) {
  if (!at) return nothing;
  return html`<p class="booked">${icon("clock")}${t("agent.job.booked", { time: day(at) })}</p>`;
}

/** A mobile number as people read it aloud. @param {string} phone */
function spaced(phone) {
  return phone.replace(/^(\+86)?(1\d{2})(\d{4})(\d{4})$/, (_, ...groups) => groups.slice(0, 4).filter(Boolean).join(" "));
}

function call({ phone }) {
  if (!phone) return nothing;
  return html`<a class="button big call" href=${`tel:${phone.replace(/[^+\d]/g, "")}`} data-act="call">
    ${icon("phone")}<span class="visually-hidden">${t("agent.job.call")}</span><span class="number">${spaced(phone)}</span></a>`;
}

function place(app, spot, name) {
  const metres = distanceBetween(whereIAm(app), spot);
  return html`
    <div class="row spot">
      <div class="grow"><p class="small muted">${name}${metres === null ? nothing : html` · ${distance(metres)}`}</p>
        <p class="address">${spot.address || t("agent.job.no_address")}</p></div>
      <button class="button" type="button" data-act="navigate" @click=${() => open(app, { what: "navigate", spot })}>
        ${icon("navigate")}${t("agent.navigate")}</button>
    </div>`;
}

function unsentSteps(unsent) {
  return html`<ul class="unsent stack tight" aria-label=${t("agent.step.unsent")}>
    ${unsent.map(({ step, at }) => html`<li class="row tight small" data-unsent=${step}>${icon("clock")}
      ${t("agent.step.unsent_at", { step: t(`kit.status.${step}`), time: clock(at, true) })}</li>`)}
  </ul>`;
}

/** Each step has a button of its own: one that became the next step's under a finger would be pressed for it. */
function steps(app, order, status) {
  const left = stepsAfter(status);
  if (left.length === 0) return nothing;
  const press = (event, step) => {
    if (step === "completed") return open(app, { what: "complete", order });
    event.currentTarget.parentElement.focus(); // the button goes: from here the next one is a Tab away
    take(app, order, step);
  };
  const button = (step, i) => html`
    <button class="button ${i === 0 ? "primary big" : ""}" type="button" data-act=${step} @click=${(event) => press(event, step)}>
      ${i === 0 ? icon(STEP_SIGNS[step]) : nothing}${t(`agent.step.${step}`)}</button>`;
  return html`
    <div class="steps" role="group" tabindex="-1" aria-label=${t("agent.step.group")}>${repeat(left, (step) => step, button)}</div>`;
}
