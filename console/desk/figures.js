// Today's figures: how many orders, how fast they were grabbed, what was left over; since midnight here.
//
// Owns asking GET /v1/figures each 30 s while somebody looks. The region and the kind are the page's filters. Each
// plot tells its numbers in words too, and the table beneath has them all.

import { ref } from "../vendor/lit-html/directives/ref.js";
import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { Offline, Problem } from "../api.js";
import { clock, number, percent } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { bars, dots, line, roundUp, ticks } from "./plot.js";
import { midnight } from "./typed.js";

const PAUSE_MS = 30_000;
const FAULT_PAUSE_MS = 60_000;
const WIDTH = 320;
const HEIGHT = 72;
const LABELS = 5;

/** @typedef {import("./app.js").Context} Context */

/** @param {Context} context */
export function figuresPanel(context) {
  const panel = (context.state.work.figures ??= new FiguresPanel(context));
  return panel.view();
}

class FiguresPanel {
  /** @type {any} */ #figures = null;
  #context;
  #timer = null;
  #asked = 0;
  #failed = false;
  #wanted = "";
  #mounted = false;
  #seen = () => document.hidden || this.#ask();

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  #mount = (element) => {
    this.#mounted = Boolean(element);
    if (element) document.addEventListener("visibilitychange", this.#seen);
    else document.removeEventListener("visibilitychange", this.#seen);
    if (!element) return clearTimeout(this.#timer);
    this.#wanted = this.#filter();
    this.#ask();
  };

  #filter() {
    const { region, kind } = this.#context.filters;
    return `${region} ${kind}`;
  }

  async #ask() {
    clearTimeout(this.#timer);
    if (!this.#mounted || document.hidden) return;
    const mine = ++this.#asked;
    const { region, kind } = this.#context.filters;
    const query = { region: region || undefined, kind: kind || undefined, since: midnight(this.#context.now()) };
    const answer = await this.#read(query);
    if (mine !== this.#asked) return;
    this.#failed = answer === null;
    this.#figures = answer ?? this.#figures;
    this.#timer = setTimeout(() => this.#ask(), answer ? PAUSE_MS : FAULT_PAUSE_MS);
    this.#context.update();
  }

  /** @returns {Promise<any>} null: no answer now; the panel says so, and asks again */
  async #read(query) {
    try {
      return await this.#context.api.get("/v1/figures", query);
    } catch (fault) {
      if (fault instanceof Problem || fault instanceof Offline) return null;
      throw fault;
    }
  }

  #followFilter() {
    if (!this.#mounted || this.#wanted === this.#filter()) return;
    this.#wanted = this.#filter();
    this.#figures = null;
    this.#ask();
  }

  view() {
    this.#followFilter();
    const figures = this.#figures;
    return html`
      <section class="work-figures" aria-label=${t("work.figures.title")} ${ref(this.#mount)}>
        <header class="row between tight">
          <h2>${t("work.figures.title")}</h2>
          ${this.#failed ? html`<span class="badge warn">${icon("warning")}${t("work.figures.fault")}</span>` : nothing}
          ${figures ? html`<span class="muted small">${t("work.figures.at", { at: clock(figures.at, true) })}</span>` : nothing}
        </header>
        ${figures ? shown(figures) : html`<p class="empty">${t("work.figures.loading")}</p>`}
      </section>
    `;
  }
}

function shown(figures) {
  return html`
    <dl class="figures">${tiles(figures).map(([name, value]) => html`<div><dt>${t(`work.figures.${name}`)}</dt><dd class="number">${value}</dd></div>`)}</dl>
    <div class="plots">
      ${ordersPlot(figures)}
      ${grabPlot(figures)}
    </div>
    <details class="small"><summary>${t("work.figures.table")}</summary>${table(figures)}</details>
  `;
}

function tiles(figures) {
  const { orders, grabbed, escalated, expired, completed, cancelled, assigned_by_desk: byDesk, time_to_grab_ms: times } = figures;
  return [
    ["orders", number(orders)],
    ["grabbed", orders > 0 ? percent(grabbed / orders) : "–"],
    ["p50", times ? seconds(times.p50) : "–"],
    ["p95", times ? seconds(times.p95) : "–"],
    ["by_desk", number(byDesk)],
    ["escalated", number(escalated)],
    ["expired", number(expired)],
    ["completed", number(completed)],
    ["cancelled", number(cancelled)],
  ];
}

/** Times to grab are seconds to minutes. @param {number} ms */
function seconds(ms) {
  return t("work.figures.seconds", { n: ms < 10_000 ? number(Math.round(ms / 100) / 10) : number(Math.round(ms / 1000)) });
}

function ordersPlot({ buckets, orders, grabbed, escalated }) {
  const rest = buckets.map((bucket) => Math.max(0, bucket.orders - bucket.grabbed));
  const most = roundUp(Math.max(...buckets.map((bucket) => bucket.orders)));
  const box = { width: WIDTH, height: HEIGHT, most };
  const drawn = svg`
    <g class="grabbed">${rectangles(bars(buckets.map((bucket) => bucket.grabbed), box))}</g>
    <g class="rest">${rectangles(bars(rest, { ...box, below: buckets.map((bucket) => bucket.grabbed) }))}</g>`;
  const key = html`<span class="key grabbed">${t("work.figures.key.grabbed")}</span><span class="key rest">${t("work.figures.key.rest")}</span>`;
  const words = t("work.figures.orders_words", { orders, grabbed, escalated });
  return plot({ title: t("work.figures.orders_plot"), words, key, drawn, most: number(most), buckets });
}

function grabPlot({ buckets, time_to_grab_ms: times }) {
  const values = buckets.map((bucket) => bucket.p50_ms);
  const most = Math.max(1000, roundUp(Math.max(0, ...values.filter((value) => value !== null)) / 1000) * 1000);
  const box = { width: WIDTH, height: HEIGHT, most };
  const drawn = svg`<path class="line" d=${line(values, box)} /><path class="dots" d=${dots(values, box)} />`;
  const words = times ? t("work.figures.grab_words", { p50: seconds(times.p50), p95: seconds(times.p95) }) : t("work.figures.no_grab");
  return plot({ title: t("work.figures.grab_plot"), words, key: nothing, drawn, most: seconds(most), buckets });
}

/** @param {{ title: string, words: string, key: unknown, drawn: unknown, most: string, buckets: any[] }} what */
function plot({ title, words, key, drawn, most, buckets }) {
  const labels = ticks(buckets.length, LABELS);
  return html`
    <figure>
      <figcaption class="row tight small"><strong class="cut">${title}</strong>${key}</figcaption>
      <span class="most number">${most}</span>
      <svg class="plot" viewBox="0 -1 ${WIDTH} ${HEIGHT + 2}" preserveAspectRatio="none" role="img" aria-label="${title} ${words}">
        <path class="ground" d="M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}" />${drawn}
      </svg>
      <svg class="ticks" aria-hidden="true">
        ${labels.map((i) => svg`<text x="${(i / buckets.length) * 100}%" y="11">${clock(buckets[i].at)}</text>`)}
      </svg>
    </figure>
  `;
}

function rectangles(shapes) {
  return shapes.filter(({ height }) => height > 0)
    .map(({ x, y, width, height }) => svg`<rect x=${x} y=${y} width=${width} height=${height} />`);
}

const COLUMNS = ["orders", "grabbed", "escalated", "expired"];

function table({ buckets }) {
  const heads = COLUMNS.map((name) => html`<th scope="col">${t(`work.figures.column.${name}`)}</th>`);
  const rows = buckets.filter((bucket) => bucket.orders > 0).map((bucket) => html`
    <tr><th scope="row">${clock(bucket.at)}</th>${COLUMNS.map((name) => html`<td class="number">${number(bucket[name])}</td>`)}
      <td class="number">${bucket.p50_ms === null ? "–" : seconds(bucket.p50_ms)}</td></tr>`);
  return html`<table class="plain"><thead><tr><th scope="col">${t("work.figures.column.from")}</th>${heads}
    <th scope="col">${t("work.figures.column.p50")}</th></tr></thead><tbody>${rows}</tbody></table>`;
}
