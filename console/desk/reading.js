// @ts-check
// What the desk reads by HTTP: regions and policies, the rest of a long queue, one order in full, the lists.
//
// Owns when each is read anew. Decides nothing about orders: what it reads goes to the book. Invariants: an
// answer that comes after something else was selected is not shown; a page that nobody looks at reads
// nothing.

import { Offline, Problem } from "../api.js";
import { HELD, TERMINAL, isOnDesk } from "../view.js";

/** @typedef {import("./app.js").Context} Context */
/**
 * @typedef {object} Detail
 * @property {string} id
 * @property {any[] | null} timeline  null until it was read
 * @property {any[] | null} candidates
 * @property {string | null} next  where the following candidates begin
 * @property {number} asked  how many candidates were asked for
 * @property {number} drawn  how many of them are shown
 * @property {boolean} gone  there is no such order, or it is not ours to see
 */

const UNFINISHED = ["scheduled", "open", "escalated", ...HELD];
const ENDED = [...TERMINAL];
const PAGE = 200;
const MOST_PAGES = 5;
const ENDED_SHOWN = 100;
const CANDIDATES = 50;
const FIRST_DRAWN = 12;
/** After a change is heard: what follows at once is read together with it. */
const SETTLE_MS = 150;
const ORDER_MS = 3_000;
const CANDIDATES_MS = 10_000;
const LISTS_MS = 20_000;
const TERMS_MS = 5_000;
const REST_MS = 5_000;

export class Reading {
  #context;
  /** @type {any} */ #settling = null;
  #orderAt = 0;
  #candidatesAt = 0;
  #listsAt = { all: 0, ended: 0 };
  #termsAt = 0;
  /** The reading of the queue's rest that is under way. @type {symbol | null} */ #rest = null;
  #restAt = 0;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** Regions and policies: what does not change while people work, but for an operator's hand. */
  async terms() {
    const { state } = this.#context;
    this.#termsAt = Date.now();
    const [regions, policies] = await Promise.all([this.#all("/v1/regions"), this.#all("/v1/policies")]);
    state.regions = regions.items;
    state.policies = new Map(policies.items.map((/** @type {any} */ policy) => [policy.kind, policy]));
    this.#context.update();
  }

  /** The queue beyond what `welcome` could hold; when that fails, `tick` reads it again. */
  async restOfDesk() {
    const mine = (this.#rest = Symbol());
    try {
      const { items, more } = await this.#all("/v1/desk", {}, MOST_PAGES * 2);
      if (this.#rest === mine) this.#showRest(items, more); // else another welcome came meanwhile
    } finally {
      if (this.#rest === mine) this.#rest = null;
      this.#restAt = Date.now();
    }
  }

  /** @param {any[]} items @param {boolean} more */
  #showRest(items, more) {
    const { beyond, book, deskRead, take, update, view } = this.#context;
    for (const order of items) take(order);
    if (!more) beyond.settle(new Set(items.map(({ id }) => id)), view);
    view.more.delete("desk");
    book.revision += 1;
    deskRead();
    update();
  }

  /** @param {string} path @param {object} [query] @param {number} [most] pages */
  async #all(path, query = {}, most = MOST_PAGES) {
    const items = [];
    /** @type {string | null} */ let cursor = null;
    for (let page = 0; page < most; page++) {
      const answer = await this.#context.api.get(path, { ...query, limit: PAGE, cursor });
      items.push(...answer.items);
      cursor = answer.next;
      if (cursor === null) break;
    }
    return { items, more: cursor !== null };
  }

  // --- the order that is looked at -----------------------------------------------------------------------

  /** Begins to show another order. @param {string | null} id */
  detail(id) {
    const { state } = this.#context;
    if (id === null) return void (state.detail = null);
    if (state.detail?.id !== id) {
      state.detail = { id, timeline: null, candidates: null, next: null, asked: CANDIDATES, drawn: FIRST_DRAWN, gone: false };
    }
    this.#whole(id);
  }

  /** Something of it changed: all is read anew, once for changes that come together. @param {string} id */
  changed(id) {
    if (id !== this.#context.state.selected || this.#settling !== null) return;
    this.#settling = setTimeout(() => {
      this.#settling = null;
      const { selected } = this.#context.state;
      if (selected !== null) this.#whole(selected);
    }, SETTLE_MS);
  }

  /** More of those that were read, and more of them when these are all. */
  async moreCandidates() {
    const { detail } = this.#context.state;
    detail.drawn += CANDIDATES;
    if (detail.next === null || detail.drawn <= detail.candidates.length) return;
    detail.asked = Math.min(PAGE, detail.asked + CANDIDATES);
    await this.#candidates(detail.id);
  }

  /** @param {string} id */
  async #whole(id) {
    this.#orderAt = Date.now();
    const reads = [this.#order(id), this.#timeline(id), this.#candidates(id)];
    await this.quietly(Promise.all(reads));
  }

  /** @param {string} id */
  async #order(id) {
    const order = await this.#context.api.get(`/v1/orders/${id}`);
    this.#context.take(order);
    return order;
  }

  /** @param {string} id */
  async #timeline(id) {
    const { items } = await this.#all(`/v1/orders/${id}/timeline`);
    this.#show(id, { timeline: items });
  }

  /** Nearest first; as many as were asked for, whole pages of the server. @param {string} id */
  async #candidates(id) {
    this.#candidatesAt = Date.now();
    const { api, state } = this.#context;
    const limit = state.detail?.asked ?? CANDIDATES;
    const { items, next } = await api.get(`/v1/orders/${id}/candidates`, { limit });
    this.#show(id, { candidates: items, next });
  }

  /** @param {string} id @param {Partial<Detail>} read */
  #show(id, read) {
    const { state, update } = this.#context;
    if (state.detail?.id !== id) return;
    Object.assign(state.detail, read);
    update();
  }

  /**
   * What reads by itself does not shout: a lost network has its banner, the next reading mends the rest.
   * @param {Promise<unknown>} reading
   */
  async quietly(reading) {
    try {
      await reading;
    } catch (error) {
      const { state, update } = this.#context;
      if (error instanceof Problem && error.code === "not_found" && state.detail) state.detail.gone = true;
      else if (!(error instanceof Offline || error instanceof Problem)) throw error;
      update();
    }
  }

  // --- the lists -----------------------------------------------------------------------------------------

  /** @param {"all" | "ended"} name */
  async list(name) {
    const { state, update } = this.#context;
    const list = state.lists[name];
    this.#listsAt[name] = Date.now();
    list.loading = true;
    update();
    await this.quietly(name === "all" ? this.#unfinished(list) : this.#ended(list));
    list.loading = false;
    update();
  }

  /** @param {any} list */
  async #unfinished(list) {
    const { book, state, now } = this.#context;
    const begun = now();
    const pages = await Promise.all(UNFINISHED.map((status) => this.#all("/v1/orders", { status })));
    const used = [state.selected, state.dialog?.order_id];
    book.replaceUnfinished(pages.flatMap(({ items }) => items), begun, used);
    list.more = pages.some(({ more }) => more);
    list.read = true;
  }

  /** @param {any} list */
  async #ended(list) {
    const { api, book, now } = this.#context;
    const begun = now();
    const query = { limit: ENDED_SHOWN };
    const pages = await Promise.all(ENDED.map((status) => api.get("/v1/orders", { ...query, status })));
    for (const order of pages.flatMap(({ items }) => items)) book.take(order, begun);
    list.read = true;
  }

  // --- by the clock --------------------------------------------------------------------------------------

  /** Called each second: reads what is looked at and may have moved without a word on the stream. */
  tick() {
    const { client, state, view } = this.#context;
    if (document.hidden || client.state !== "open") return;
    const at = Date.now();
    this.#followSelected(at);
    if (state.policies.size === 0 && at - this.#termsAt >= TERMS_MS) this.quietly(this.terms());
    if (view.more.has("desk") && this.#rest === null && at - this.#restAt >= REST_MS) this.quietly(this.restOfDesk());
    const name = state.tab;
    if ((name === "all" || name === "ended") && at - this.#listsAt[name] >= LISTS_MS) this.list(name);
  }

  /** The stream tells of the desk's orders only; others are asked after. @param {number} at */
  #followSelected(at) {
    const { state } = this.#context;
    const order = state.selected === null ? undefined : this.#context.order(state.selected);
    if (!order || TERMINAL.has(order.status)) return;
    if (!isOnDesk(order) && at - this.#orderAt >= ORDER_MS) this.quietly(this.#follow(order));
    if (at - this.#candidatesAt >= CANDIDATES_MS) this.quietly(this.#candidates(order.id));
  }

  /** @param {import("../view.js").Order} order */
  async #follow({ id, version }) {
    this.#orderAt = Date.now();
    const { version: newer } = await this.#order(id);
    if (newer > version) this.changed(id);
  }
}
