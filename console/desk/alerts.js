// @ts-check
// Telling the dispatcher that something came to the desk: a chime, the title, a sentence for screen readers.
//
// Owns when. An order is told of once for each time that it comes, and those of one burst together; filters
// hide rows, never an alarm. The title counts what nobody has in hand, also while the tab is hidden, when
// nothing else is drawn.

import { chime } from "../kit/sound.js";
import { kindName, t } from "../kit/text.js";
import { Arrivals } from "./arrivals.js";
import { unattended } from "./book.js";

const ANNOUNCED_MOST = 3;
/** What comes sooner after an alarm waits for the next one: forty chimes at once say no more than one. */
const BURST_MS = 2_000;

export class Alerts {
  #arrivals = new Arrivals();
  #context;
  /** @type {import("../view.js").Order[]} */ #untold = [];
  /** @type {any} */ #quiet = null;

  /** @param {import("./app.js").Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** A message of the desk. @param {import("../view.js").Order} order */
  heard(order) {
    if (this.#arrivals.hear(order)) this.#came([order]);
    this.title();
  }

  /** The desk's whole list, after a connection. @param {Iterable<import("../view.js").Order>} orders */
  replaced(orders) {
    this.#came(this.#arrivals.replace(orders));
    this.title();
  }

  title() {
    const count = unattended(this.#context.view.desk.values(), this.#context.now());
    const title = count > 0 ? `(${count}) ${t("desk.title")}` : t("desk.title");
    if (document.title !== title) document.title = title;
  }

  /** @param {import("../view.js").Order[]} orders */
  #came(orders) {
    this.#untold.push(...orders);
    if (this.#quiet === null && this.#untold.length > 0) this.#tell(this.#untold.splice(0));
  }

  /** @param {import("../view.js").Order[]} orders */
  #tell(orders) {
    this.#quiet = setTimeout(() => {
      this.#quiet = null;
      this.#came([]);
    }, BURST_MS);
    chime("escalated");
    const named = orders.slice(0, ANNOUNCED_MOST).map(sentence);
    const more = orders.length - named.length;
    if (more > 0) named.push(t("desk.arrived.more", { n: more }));
    this.#context.state.announcement = named.join(" ");
    this.#context.update();
  }
}

/** @param {import("../view.js").Order} order */
function sentence(order) {
  const key = order.stalled ? "desk.arrived.stalled" : "desk.arrived.escalated";
  return t(key, { kind: kindName(order.kind), address: order.place.address ?? order.region });
}
