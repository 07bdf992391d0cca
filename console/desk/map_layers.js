// Thousands of marks on one canvas over a Leaflet map.
//
// Owns the canvas, the marks' stamps (drawn once for each size and colour scheme) and finding the mark at a point.
// A place is projected once, when it is told; panning moves the canvas, and draws anew only where it ends. Knows
// marks by name (marks.js), nothing of orders or agents. Leaflet's `Renderer` keeps the canvas in place while zooming.

import { DomUtil, Renderer, Util } from "../vendor/leaflet/leaflet-src.esm.js";
import { MARKS } from "./marks.js";

/** @typedef {{ key: string, mark: string, lat: number, lon: number, pale?: boolean, x?: number, y?: number }} Spot */

const LINE_WIDTH = 1.5;
const CROWD = 800;
const PALE = 0.45;
/** Which point of a mark stands on its place, as shares of its size. */
const MIDDLE = [0.5, 0.5];
const FOOTS = { pin_place: [0.5, 0.95], pin_destination: [0.27, 0.95] };

export const MarksLayer = Renderer.extend({
  options: { padding: 0.35, pane: "overlayPane" },

  initialize(options) {
    Renderer.prototype.initialize.call(this, options);
    this._spots = [];
    this._lines = [];
    this._selected = null;
    this._stamps = new Map();
  },

  /** @param {Spot[]} spots  the last is on top @param {{ selected: string | null, lines?: [Spot, Spot][] }} more */
  show(spots, { selected, lines = [] }) {
    for (const spot of spots) this._project(spot);
    for (const spot of lines.flat()) this._project(spot);
    this._spots = spots;
    this._lines = lines;
    this._selected = selected;
    if (this._map && !this._map._animatingZoom) this._ask();
  },

  /** The colour scheme changed. */
  recolour() {
    this._stamps.clear();
    this._ask();
  },

  /** The topmost spot at a point of the map's element. @param {{ x: number, y: number }} point */
  at(point, within = 14) {
    const { x, y } = this._map.containerPointToLayerPoint(point);
    const { scale, origin } = this._frame();
    let [best, least] = [null, within * within];
    for (let i = this._spots.length - 1; i >= 0; i--) {
      const spot = this._spots[i];
      const [dx, dy] = [spot.x * scale - origin.x - x, spot.y * scale - origin.y - y];
      const far = dx * dx + dy * dy;
      if (far < least) [best, least] = [spot, far];
    }
    return best;
  },

  getEvents() {
    return { ...Renderer.prototype.getEvents.call(this), move: this._moved };
  },

  onRemove() {
    Util.cancelAnimFrame(this._asked);
    this._asked = null;
    Renderer.prototype.onRemove.call(this);
  },

  _initContainer() {
    this._container = document.createElement("canvas");
    this._container.setAttribute("aria-hidden", "true");
    this._context = this._container.getContext("2d");
  },

  _destroyContainer() {
    this._container.remove();
    delete this._container;
  },

  _project(spot) {
    if (spot.x !== undefined) return;
    const { x, y } = this._map.project([spot.lat, spot.lon], 0);
    [spot.x, spot.y] = [x, y];
  },

  _frame() {
    return { scale: this._map.getZoomScale(this._map.getZoom(), 0), origin: this._map.getPixelOrigin() };
  },

  _ask() {
    this._asked ??= Util.requestAnimFrame(() => {
      this._asked = null;
      this._update();
    });
  },

  /** While somebody drags beyond what was drawn. */
  _moved() {
    const seen = this._map.getSize();
    const corner = this._map.containerPointToLayerPoint([0, 0]);
    const { min, max } = this._bounds;
    const within = corner.x >= min.x && corner.y >= min.y && corner.x + seen.x <= max.x && corner.y + seen.y <= max.y;
    if (!within && !this._map._animatingZoom) this._ask();
  },

  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    Renderer.prototype._update.call(this);
    const size = this._bounds.getSize();
    const sharpness = devicePixelRatio;
    DomUtil.setPosition(this._container, this._bounds.min);
    this._resize(Math.round(size.x * sharpness), Math.round(size.y * sharpness), size);
    this._context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
    this._context.clearRect(0, 0, size.x, size.y);
    this._draw(size);
  },

  _resize(width, height, size) {
    if (this._container.width !== width || this._container.height !== height) {
      [this._container.width, this._container.height] = [width, height];
    }
    this._container.style.width = `${size.x}px`;
    this._container.style.height = `${size.y}px`;
  },

  _draw(size) {
    const { scale, origin } = this._frame();
    const left = origin.x + this._bounds.min.x;
    const top = origin.y + this._bounds.min.y;
    const onto = (spot) => [spot.x * scale - left, spot.y * scale - top];
    this._drawLines(onto);
    let selected = null;
    for (const spot of this._spots) {
      const [x, y] = onto(spot);
      if (x < -40 || y < -40 || x > size.x + 40 || y > size.y + 40) continue;
      this._context.globalAlpha = spot.pale ? PALE : 1;
      this._stampAt(spot.mark, x, y);
      if (spot.key === this._selected) selected = [spot, x, y];
    }
    this._context.globalAlpha = 1;
    if (selected) this._drawSelected(...selected);
  },

  _stampAt(mark, x, y, times = 1) {
    const stamp = this._stamp(mark, Math.round(this._size(mark) * times));
    const [across, down] = FOOTS[mark] ?? MIDDLE;
    this._context.drawImage(stamp.image, x - stamp.size * across, y - stamp.size * down, stamp.size, stamp.size);
  },

  _size(mark) {
    return markSize(mark, this._map.getZoom(), Math.min(1, this._spots.length / CROWD));
  },

  _drawLines(onto) {
    const context = this._context;
    context.strokeStyle = this._colour("--primary");
    context.lineWidth = LINE_WIDTH;
    context.setLineDash([5, 4]);
    context.beginPath();
    for (const [from, to] of this._lines) {
      context.moveTo(...onto(from));
      context.lineTo(...onto(to));
    }
    context.stroke();
    context.setLineDash([]);
  },

  _drawSelected(spot, x, y) {
    const context = this._context;
    for (const [width, name] of [[7, "--surface"], [3.5, "--primary"]]) {
      context.strokeStyle = this._colour(name);
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, this._size(spot.mark) * 0.62 + 7, 0, 2 * Math.PI);
      context.stroke();
    }
    this._stampAt(spot.mark, x, y, 1.25);
  },

  _colour(name) {
    return getComputedStyle(this._container).getPropertyValue(name);
  },

  _stamp(mark, size) {
    const key = `${mark} ${size} ${devicePixelRatio}`;
    if (!this._stamps.has(key)) this._stamps.set(key, { size: size + 4, image: this._engrave(mark, size) });
    return this._stamps.get(key);
  },

  _engrave(mark, size) {
    const image = document.createElement("canvas");
    image.width = image.height = Math.ceil((size + 4) * devicePixelRatio);
    const context = image.getContext("2d");
    context.scale(devicePixelRatio, devicePixelRatio);
    context.translate(2, 2);
    context.scale(size / 24, size / 24);
    [context.lineJoin, context.lineCap] = ["round", "round"];
    for (const part of MARKS[mark]) this._drawPart(context, part);
    return image;
  },

  _drawPart(context, { d, fill, edge, width, scale = 1 }) {
    const path = new Path2D(d);
    context.save();
    context.translate(12, 12);
    context.scale(scale, scale);
    context.translate(-12, -12);
    if (fill) [context.fillStyle] = [this._colour(fill)];
    if (fill) context.fill(path);
    if (edge) [context.strokeStyle, context.lineWidth] = [this._colour(edge), width];
    if (edge) context.stroke(path);
    context.restore();
  },
});

/** Pixels. Many agents from afar are small, so that orders stand out. @param {string} mark @param {number} zoom @param {number} crowd 0…1 */
function markSize(mark, zoom, crowd) {
  if (mark in FOOTS) return 30;
  const near = Math.min(1, Math.max(0, (zoom - 10) / 5));
  if (mark.startsWith("valet_") || mark.startsWith("shop_")) return 15 - crowd * 5 + near * (5 + crowd * 3);
  return mark === "escalated" || mark === "stalled" ? 17 + near * 9 : 13 + near * 9;
}
