// The hall: open orders around, for those who look for work by themselves.
//
// Owns the list, its radius and when it is asked for. What is listed counts as offered, so each order comes on the
// stream as an offer, too: `listed` tells which offers are the hall's own doing and need no alarm.

export const RADII_M = [1000, 3000, 5000, 10_000, null];
const FRESH_MS = 15_000;
const MOST = 100;

export class Hall {
  /** @type {number | null} null: as far as each kind allows */ radiusM = null;
  /** @type {any[]} nearest first */ orders = [];
  /** @type {Set<string>} */ listed = new Set();
  busy = false;
  /** @type {unknown} */ fault = null;
  /** @type {number | null} when it was answered last, local ms */ at = null;
  #api;
  #changed;

  /** @param {import("../api.js").Api} api @param {() => void} changed */
  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  /** @param {number | null} radiusM */
  async look(radiusM) {
    this.radiusM = radiusM;
    this.at = null;
    await this.load();
  }

  /** Whether the list has become old. */
  get isStale() {
    return !this.busy && (this.at === null || Date.now() - this.at >= FRESH_MS);
  }

  async load() {
    if (this.busy) return;
    const asked = this.radiusM;
    this.busy = true;
    this.#changed();
    try {
      const query = { limit: MOST, ...(asked !== null && { radius_m: asked }) };
      const { items } = await this.#api.get("/v1/hall", query);
      this.orders = items;
      for (const { id } of items) this.listed.add(id);
      this.fault = null;
    } catch (error) {
      this.fault = error;
    }
    this.at = Date.now();
    this.busy = false;
    this.#changed();
    if (asked !== this.radiusM) await this.load(); // changed meanwhile
  }

  /** No longer to be had. @param {string} id */
  drop(id) {
    this.orders = this.orders.filter((order) => order.id !== id);
    this.listed.delete(id);
  }
}
