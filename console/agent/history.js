// The day's orders: those that this agent completed since midnight.
//
// Owns the list and when it is asked for.

import { midnight, newestFirst } from "./sums.js";

const MOST = 200;

export class History {
  /** @type {any[] | null} newest first; null: not known yet */ orders = null;
  /** @type {unknown} */ fault = null;
  busy = false;
  #api;
  #changed;
  #stale = true;

  /** @param {import("../api.js").Api} api @param {() => void} changed */
  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  /** Something was completed: the list is asked for anew when it is looked at. */
  age() {
    this.#stale = true;
  }

  get isStale() {
    return this.#stale && !this.busy;
  }

  async load() {
    if (this.busy) return;
    this.busy = true;
    this.#stale = false;
    this.#changed();
    try {
      this.orders = newestFirst(await this.#all());
      this.fault = null;
    } catch (error) {
      this.fault = error;
    }
    this.busy = false;
    this.#changed();
  }

  async #all() {
    const query = { ended_after: midnight(Date.now()), status: "completed", limit: MOST };
    const found = [];
    for (let cursor = undefined; ; ) {
      const { items, next } = await this.#api.get("/v1/orders", { ...query, cursor });
      found.push(...items);
      if (next === null) return found;
      cursor = next;
    }
  }
}
