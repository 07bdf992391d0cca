// The small map of the telephone form: a click says where.
//
// Owns Leaflet's life in the element that the form gives it. Begins where the desk's map looks. Knows the form only
// by what is placed, what a click sets, and the regions.

import { Ground } from "./map_ground.js";
import { MarksLayer } from "./map_layers.js";
import { MARKS, orderMark } from "./marks.js";

const NEAR_ZOOM = 15;

export class IntakeMap {
  #context;
  #intake;
  #element;
  #ground = null;
  #layer = null;
  #drawn = "";

  /** @param {import("./app.js").Context} context @param {import("./intake.js").Intake} intake */
  constructor(context, intake) {
    this.#context = context;
    this.#intake = intake;
  }

  /** The same function each time: lit calls it when the element comes, before it is in the page, and when it goes. */
  mount = (element) => {
    this.close();
    this.#element = element;
    if (element) queueMicrotask(() => element === this.#element && this.#open(element));
  };

  #open(element) {
    const { settings, state } = this.#context;
    this.#ground = new Ground(element, settings.tiles);
    this.#layer = new MarksLayer().addTo(this.#ground.map);
    this.#ground.outline(this.#intake.regions);
    const outlook = state.work.map?.outlook();
    if (outlook) this.#ground.map.setView(outlook.center, outlook.zoom, { animate: false });
    else this.#ground.fitRegions();
    this.#ground.map.on("click", ({ latlng }) => this.#intake.picked(this.#ground.placeAt(latlng)));
    this.follow();
  }

  /** After each drawing of the form: the pins stand where its fields say. */
  follow() {
    if (!this.#ground) return;
    const pins = [...this.#others(), ...this.#pins()];
    const drawn = JSON.stringify(pins);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#ground.outline(this.#intake.regions);
    this.#layer.show(pins, { selected: null });
    const { map } = this.#ground;
    const unseen = this.#pins().find(({ lat, lon }) => !map.getBounds().contains([lat, lon]));
    if (unseen) map.setView([unseen.lat, unseen.lon], Math.max(map.getZoom(), NEAR_ZOOM));
  }

  /** Where others wait already. */
  #others() {
    const orders = this.#context.state.work.map?.orders ?? [];
    return orders.map((order) => ({ key: `order ${order.id}`, mark: orderMark(order), pale: true, ...this.#ground.laid(order) }))
      .filter(({ mark }) => mark in MARKS);
  }

  #pins() {
    return ["destination", "place"].flatMap((name) => {
      const placed = this.#intake.placed(name);
      return placed ? [{ key: `pin ${name}`, mark: `pin_${name}`, ...this.#ground.laid(placed) }] : [];
    });
  }

  close() {
    this.#ground?.remove();
    this.#ground = this.#layer = null;
    this.#drawn = "";
  }
}
