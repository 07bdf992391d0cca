// @ts-check
// Which orders are new on the desk, so that each is told of once.
//
// Pure. An order that left the desk and comes back is new again; what was there when the page began is not,
// and what came while the connection was lost is.

import { isOnDesk } from "../view.js";

/** @typedef {import("../view.js").Order} Order */

export class Arrivals {
  /** @type {Set<string>} */ #told = new Set();
  #hasBegun = false;

  /** @param {Order} order @returns {boolean} whether it has just come to the desk */
  hear(order) {
    if (!isOnDesk(order)) {
      this.#told.delete(order.id);
      return false;
    }
    const isNew = !this.#told.has(order.id);
    this.#told.add(order.id);
    return isNew;
  }

  /**
   * The desk as a whole, after each connection.
   * @param {Iterable<Order>} orders @returns {Order[]} the new ones
   */
  replace(orders) {
    const list = [...orders];
    const fresh = this.#hasBegun ? list.filter(({ id }) => !this.#told.has(id)) : [];
    this.#told = new Set(list.map(({ id }) => id));
    this.#hasBegun = true;
    return fresh;
  }
}
