// The desk's map: unfinished orders and agents where they are, by status, told apart by shape.
//
// Owns its own reading, what is hidden, and Leaflet's life inside the one element that it is given. Everything else
// is the context's: the selection, the filters, the regions. Invariant: lit renders around Leaflet's element and never
// into it; the picture is drawn anew only when something in it changed. What it shows, the lists have in words.

import { ref } from "../vendor/lit-html/directives/ref.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { tooltip } from "../vendor/leaflet/leaflet-src.esm.js";
import { span } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { kindName, language, t } from "../kit/text.js";
import { MapFeed } from "./map_feed.js";
import { Ground } from "./map_ground.js";
import { MarksLayer } from "./map_layers.js";
import { agentCard, legend, markName, staleness } from "./map_legend.js";
import { chosen, countsOf, linesOf, named, spotsOf } from "./map_picture.js";
import { agentMark, orderMark } from "./marks.js";
import { corners, outlined } from "./regions.js";

/** @typedef {import("./app.js").Context} Context */

/** Candidates to whom a line is drawn, the nearest. */
const MOST_LINES = 3;
const [LEGEND_HEIGHT, LEGEND_FOLDED] = [220, 56];
const TOUCHES = ["pointerdown", "wheel", "keydown"];
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @param {Context} context */
export function mapPanel(context) {
  const panel = (context.state.work.map ??= new MapPanel(context));
  return panel.view();
}

class MapPanel {
  /** @type {Set<string>} marks that are not shown */ hidden = new Set();
  legendOpen = false;
  /** @type {string | null} the agent whose card is open */ agent = null;
  #context;
  #feed;
  #element;
  /** @type {Ground | null} */ #ground = null;
  #layer = null;
  #tooltip = tooltip({ direction: "top", offset: [0, -10], opacity: 1 });
  #counts = new Map();
  #shown = { orders: [], agents: [] };
  /** Agents at the ends of the lines. @type {any[]} */ #ends = [];
  /** What the picture was made of. @type {unknown[]} */ #drawn = [];
  #revision = 0;
  #fitted = false;
  /** Whether somebody has chosen what it shows; until then it shows all, also in another size. */ #chosen = false;
  #visible = false;
  #language = "";
  #region = "";
  #listened = () => {};
  #seen = () => document.hidden || this.#feed.askNow();
  #scheme = () => this.#layer.recolour();

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.#feed = new MapFeed({
      ask: () => context.api.get("/v1/map", { region: context.filters.region || undefined }),
      changed: () => this.#changed(),
      now: context.now,
      isSeen: () => !document.hidden && Boolean(this.#ground?.isVisible),
    });
  }

  /** The same function each time: lit calls it when the element comes, before it is in the page, and when it goes. */
  mount = (element) => {
    this.#element = element;
    if (element) queueMicrotask(() => element === this.#element && this.#open(element));
    else this.#close();
  };

  #open(element) {
    this.#ground = new Ground(element, this.#context.settings.tiles, () => this.#resized());
    this.#layer = new MarksLayer().addTo(this.#ground.map);
    this.#drawn = [];
    this.#fitted = this.#chosen = false;
    for (const touch of TOUCHES) element.addEventListener(touch, () => (this.#chosen = true), { passive: true });
    this.#visible = this.#ground.isVisible;
    this.#language = language();
    this.#ground.map.on("click", (event) => this.#pressed(event));
    this.#ground.map.on("mousemove", (event) => this.#pointed(event));
    this.#ground.map.on("mouseout movestart", () => this.#point(null));
    this.#listened = this.#context.client.on("desk", ({ order }) => this.#feed.hear(order));
    document.addEventListener("visibilitychange", this.#seen);
    dark.addEventListener("change", this.#scheme);
    this.#feed.start();
    this.#draw();
  }

  #close() {
    if (!this.#ground) return;
    this.#feed.stop();
    this.#listened();
    document.removeEventListener("visibilitychange", this.#seen);
    dark.removeEventListener("change", this.#scheme);
    this.#ground.remove();
    this.#ground = this.#layer = null;
  }

  /** A narrow window hides the map, and shows it again; what comes beneath it takes of its height. */
  #resized() {
    if (this.#ground.isVisible && this.#fitted && !this.#chosen) this.#fitRegion(false);
    if (this.#ground.isVisible === this.#visible) return;
    this.#visible = this.#ground.isVisible;
    this.#feed.askNow();
    if (this.#visible) this.#follow();
  }

  #changed() {
    this.#revision += 1;
    this.#context.update();
  }

  /** Another of the page's parts learned something of an order. @param {any} order full */
  hear(order) {
    this.#feed.hear(order);
  }

  // --- the picture ---------------------------------------------------------------------------------------

  #draw() {
    if (!this.#ground) return;
    const { state, filters, regions } = this.#context;
    if (language() !== this.#language) this.#relabel();
    this.#ground.outline(regions);
    const candidates = state.detail?.id === state.selected ? state.detail?.candidates : null;
    const made = [this.#revision, filters.region, filters.kind, this.hidden, this.hidden.size, state.selected, candidates];
    if (made.every((part, i) => part === this.#drawn[i]) && made.length === this.#drawn.length) return;
    this.#drawn = made;
    this.#picture(candidates ?? []);
    this.#follow();
  }

  #picture(candidates) {
    const { state, filters, order } = this.#context;
    this.#shown = chosen(this.#feed, filters);
    this.#counts = countsOf(this.#shown);
    const lay = (place) => this.#ground.laid(place);
    const spots = spotsOf(this.#shown, { hidden: this.hidden, lay });
    const holder = (state.selected && order(state.selected)?.agent?.id) ?? null;
    const able = candidates.filter(({ eligible }) => eligible).map((each) => each.agent_id).slice(0, MOST_LINES);
    const lines = linesOf(state.selected, { ...this.#shown, holder, candidates: able });
    this.#ends = lines.map(([, agent]) => agent);
    const selected = state.selected && `order ${state.selected}`;
    this.#layer.show(spots, { selected, lines: lines.map((ends) => ends.map(lay)) });
  }

  /** The first picture, and that of another region, is shown whole. */
  #follow() {
    if (!this.#ground.isVisible) return;
    const { filters } = this.#context;
    if (filters.region !== this.#region) {
      this.#region = filters.region;
      this.#fitted = this.#fitRegion();
      this.#feed.askNow();
    }
    if (!this.#fitted && this.#feed.at !== null) this.#fitted = this.fitAll(false);
  }

  #fitRegion(animate = true) {
    const region = outlined(this.#context.regions.filter(({ id }) => id === this.#region));
    return region.length > 0 ? this.#fit(region.flatMap(corners), animate) : this.fitAll(animate);
  }

  fitAll(animate = true) {
    const { orders, agents } = this.#shown;
    const there = agents.filter(({ status }) => status !== "offline");
    return this.#fit([...orders, ...there], animate) || this.#fit(agents, animate) || this.#ground.fitRegions();
  }

  #fit(places, animate = true) {
    const high = this.#ground.map.getSize().y > 2 * LEGEND_HEIGHT;
    return this.#ground.fit(places, { animate, covered: this.legendOpen && high ? LEGEND_HEIGHT : LEGEND_FOLDED });
  }

  /** With those that the lines lead to. */
  fitSelected() {
    const { state, order } = this.#context;
    const place = this.#shown.orders.find(({ id }) => id === state.selected) ?? order(state.selected)?.place;
    if (!place) return;
    this.#chosen = true;
    this.#fit([place, ...this.#ends]);
  }

  /** Where it looks now, for another map to begin there. */
  outlook() {
    return this.#ground && this.#fitted ? { center: this.#ground.map.getCenter(), zoom: this.#ground.map.getZoom() } : null;
  }

  /** Unfinished orders, for another map to show. */
  get orders() {
    return this.#shown.orders;
  }

  /** @param {string} id @returns {string | undefined} */
  nameOf(id) {
    return this.#feed.agents.find((agent) => agent.id === id)?.name;
  }

  /** @returns {{ lat: number, lon: number } | null} WGS-84 */
  middle() {
    return this.#ground && this.#fitted ? this.#ground.placeAt(this.#ground.map.getCenter()) : null;
  }

  #relabel() {
    this.#language = language();
    this.#ground.label();
  }

  // --- the pointer ---------------------------------------------------------------------------------------

  #pressed({ containerPoint }) {
    const spot = this.#layer.at(containerPoint);
    const { sort, id } = spot ? named(spot.key) : { sort: "", id: null };
    this.agent = sort === "agent" ? id : null;
    if (sort === "order") this.#context.select(id);
    else this.#context.update();
  }

  #pointed({ containerPoint }) {
    this.#point(this.#layer.at(containerPoint));
  }

  #point(spot) {
    const { map } = this.#ground;
    map.getContainer().classList.toggle("on-mark", spot !== null);
    if (spot === null) return void this.#tooltip.remove();
    this.#tooltip.setLatLng([spot.lat, spot.lon]).setContent(said(this.#words(spot)));
    if (!this.#tooltip.isOpen()) map.openTooltip(this.#tooltip);
  }

  #words({ key }) {
    const { sort, id } = named(key);
    if (sort === "agent") return this.#agentWords(this.#feed.agents.find((agent) => agent.id === id));
    const order = this.#feed.orders.find((each) => each.id === id);
    if (!order) return "";
    const waited = span(this.#context.now() - order.since_at);
    return t("work.map.order", { kind: kindName(order.kind), status: markName(orderMark(order)), waited });
  }

  #agentWords(agent) {
    if (!agent) return "";
    return t("work.map.agent", { name: agent.name, status: markName(agentMark(agent)), load: agent.load, capacity: agent.capacity });
  }

  // --- around it -----------------------------------------------------------------------------------------

  openLegend(open) {
    if (open === this.legendOpen) return;
    this.legendOpen = open;
    this.#context.update();
  }

  toggle(marks) {
    const shown = marks.some((mark) => !this.hidden.has(mark));
    this.hidden = new Set(this.hidden);
    for (const mark of marks) shown ? this.hidden.add(mark) : this.hidden.delete(mark);
    this.#context.update();
  }

  view() {
    this.#draw();
    const { state } = this.#context;
    const agent = this.#feed.agents.find(({ id }) => id === this.agent);
    return html`
      <section class="work-map ${this.#context.settings.tiles ? "tiled" : ""}" aria-label=${t("work.map.title")}>
        <div class="ground" role="application" aria-label=${t("work.map.label")} ${ref(this.mount)}></div>
        <div class="map-tools row tight">
          <button class="button small" type="button" @click=${() => this.fitAll()}>${icon("map")}${t("work.map.fit_all")}</button>
          <button class="button small" type="button" ?disabled=${state.selected === null} @click=${() => this.fitSelected()}>
            ${icon("pin")}${t("work.map.fit_selected")}</button>
          ${staleness(this.#feed, this.#context)}
        </div>
        ${legend(this, this.#counts)}
        ${agent ? agentCard(agent, this.#context, () => this.#forget()) : nothing}
      </section>
    `;
  }

  #forget() {
    this.agent = null;
    this.#context.update();
  }
}

/** Text, never HTML: names are what people typed. @param {string} text */
function said(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}
