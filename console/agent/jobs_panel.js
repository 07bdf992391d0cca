// The orders that this agent holds, and those that were taken from him.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { clock } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { kindName, t, tOr } from "../kit/text.js";
import { dismissLost } from "./acts.js";
import { jobCard } from "./job.js";

/** More jobs than this are folded, but for those that one opens. */
const MOST_UNFOLDED = 2;

/** @param {any} app */
export function jobsPanel(app) {
  const jobs = [...app.view.jobs.values()].sort((a, b) => (b.assignment?.at ?? 0) - (a.assignment?.at ?? 0));
  const capacity = app.view.agent?.capacity;
  return html`
    <section class="panel jobs" aria-label=${t("agent.tab.jobs")}>
      <div class="row between">
        <h2>${t("agent.tab.jobs")}</h2>
        ${capacity ? html`<span class="badge primary number">${t("agent.job.load", { n: jobs.length, capacity })}</span>` : nothing}
      </div>
      ${repeat(app.lost, (each) => each.id, (each) => lostCard(app, each))}
      ${jobs.length === 0 && app.lost.length === 0
        ? html`<div class="empty">${icon("car")}<p>${t("agent.job.none")}</p></div>`
        : html`<ul class="stack">${repeat(jobs, (job) => job.id, (job) => html`<li>${jobCard(app, job, isOpen(app, job.id, jobs.length))}</li>`)}</ul>`}
    </section>`;
}

function isOpen(app, id, count) {
  return app.unfolded.get(id) ?? count <= MOST_UNFOLDED;
}

function lostCard(app, { id, kind, reason, at }) {
  return html`
    <article class="card banner bad lost-job" data-order=${id} data-state="away" role="status">
      ${icon("warning")}
      <div class="grow"><strong>${kindName(kind)}</strong> <time>${clock(at)}</time>
        <p>${tOr(`agent.lost.${reason}`, "agent.lost.away")}</p></div>
      <button class="button" type="button" data-act="dismiss" @click=${() => dismissLost(app, id)}>${t("agent.understood")}</button>
    </article>`;
}
