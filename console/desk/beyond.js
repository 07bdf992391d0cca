// @ts-check
// The desk's orders beyond the hundred that a `welcome` or `snapshot` can hold, until the rest was read by HTTP.
//
// Pure. Owns what is shown on the word of the last connection. Invariants: a queue does not shrink because it is
// read anew; what is known no more when all was read goes, unless it was heard of meanwhile.

/** @typedef {import("../view.js").Order} Order */
/** @typedef {import("../view.js").View} View */

export class Beyond {
  /** @type {Map<string, Order>} */ #kept = new Map();

  /**
   * The view's list was replaced. What was in it before, and does not fit into a list that was cut, stays.
   * @param {Map<string, Order>} before @param {View} view
   */
  carry(before, view) {
    this.#kept.clear();
    if (!view.more.has("desk")) return;
    for (const [id, order] of before) {
      if (view.desk.has(id)) continue;
      this.#kept.set(id, order);
      view.hear({ type: "desk", event: "changed", order });
    }
  }

  /** The whole list was read. @param {Set<string>} read ids @param {View} view */
  settle(read, view) {
    for (const [id, order] of this.#kept) if (!read.has(id) && view.desk.get(id) === order) view.desk.delete(id);
    this.#kept.clear();
  }
}
