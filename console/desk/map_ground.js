// A Leaflet map with its ground: the deployment's tiles, or without them the regions' outlines on a calm ground.
//
// Owns the map's coordinates: everybody else speaks WGS-84; what is drawn on GCJ-02 tiles is converted here, and what
// is clicked is converted back. Used by the desk's map and by the small one of the telephone form. Leaflet's element
// is Leaflet's: nothing else renders into it.

import { fromGcj02, toGcj02 } from "../crs.js";
import { t } from "../kit/text.js";
import { canvas, control, divIcon, geoJSON, layerGroup, map as makeMap, marker, tileLayer } from "../vendor/leaflet/leaflet-src.esm.js";
import { boundsOf, corners, outlined } from "./regions.js";

const MOST_ZOOM = 19;
const FIT_ZOOM = 16;
const MARGIN = 44;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @typedef {{ lat: number, lon: number }} Place */

export class Ground {
  #tiles;
  #outlines = null;
  #names = layerGroup();
  #features = [];
  #controls = [];
  #recolour = () => this.#draw();
  #resized;

  /**
   * @param {HTMLElement} element  with a size
   * @param {{ url: string, attribution: string, crs: string } | null} tiles
   * @param {() => void} [resized]  told of each new size; a hidden element has none
   */
  constructor(element, tiles, resized = () => {}) {
    this.#tiles = tiles;
    this.map = makeMap(element, {
      attributionControl: false, zoomControl: false, maxZoom: MOST_ZOOM, minZoom: 2, zoomSnap: 0.5,
      preferCanvas: true, worldCopyJump: false, maxBoundsViscosity: 1,
    });
    this.map.setView([30, 110], 4);
    this.#label();
    if (tiles) tileLayer(tiles.url, { maxZoom: MOST_ZOOM }).addTo(this.map);
    else this.#names.addTo(this.map);
    dark.addEventListener("change", this.#recolour);
    this.#resized = new ResizeObserver(() => {
      this.map.invalidateSize({ animate: false, pan: false });
      resized();
    });
    this.#resized.observe(element);
  }

  remove() {
    dark.removeEventListener("change", this.#recolour);
    this.#resized.disconnect();
    this.map.remove();
  }

  get isVisible() {
    const { x, y } = this.map.getSize();
    return x > 0 && y > 0;
  }

  /** @param {Place} place @returns {Place} as it lies on the tiles */
  laid(place) {
    return this.#tiles?.crs === "gcj02" ? toGcj02(place) : place;
  }

  /** @param {{ lat: number, lng: number }} latLng @returns {Place} WGS-84 */
  placeAt({ lat, lng }) {
    const place = { lat, lon: ((lng + 540) % 360) - 180 };
    return this.#tiles?.crs === "gcj02" ? fromGcj02(place) : place;
  }

  /** @param {any[]} features  GeoJSON of the regions */
  outline(features) {
    if (features === this.#features) return false;
    this.#features = features;
    this.#draw();
    return true;
  }

  /**
   * Show all of these places, above what covers the map's lower edge.
   * @param {Iterable<Place>} places @param {{ animate?: boolean, covered?: number }} [how] @returns {boolean} whether there are any
   */
  fit(places, { animate = true, covered = 0 } = {}) {
    const bounds = boundsOf(places);
    if (!bounds) return false;
    const [low, high] = bounds.map((place) => this.laid(place)).map(({ lat, lon }) => [lat, lon]);
    this.map.fitBounds([low, high], { paddingTopLeft: [MARGIN, MARGIN], paddingBottomRight: [MARGIN, MARGIN + covered], maxZoom: FIT_ZOOM, animate });
    return true;
  }

  fitRegions() {
    return this.fit(outlined(this.#features).flatMap(corners), { animate: false });
  }

  /** In the language of the page; again when that changes. */
  label() {
    for (const each of this.#controls) each.remove();
    this.#label();
  }

  #label() {
    const zoom = control.zoom({ position: "topright", zoomInTitle: t("work.map.zoom_in"), zoomOutTitle: t("work.map.zoom_out") });
    this.#controls = [control.scale({ imperial: false, position: "bottomleft" }), zoom];
    if (this.#tiles?.attribution) {
      const attribution = control.attribution({ prefix: false, position: "bottomright" });
      this.#controls.push(attribution.addAttribution(escaped(this.#tiles.attribution)));
    }
    for (const each of this.#controls) each.addTo(this.map);
  }

  #draw() {
    this.#outlines?.remove();
    const style = getComputedStyle(this.map.getContainer());
    const [edge, surface] = ["--edge", "--surface"].map((name) => style.getPropertyValue(name));
    this.#outlines = geoJSON(outlined(this.#features), {
      interactive: false,
      renderer: canvas({ padding: 0.35, pane: "tilePane" }),
      coordsToLatLng: ([lon, lat]) => Object.values(this.laid({ lat, lon })),
      style: { color: edge, weight: 1.5, fillColor: surface, fill: !this.#tiles, fillOpacity: 1 },
    }).addTo(this.map);
    this.#names.clearLayers();
    for (const feature of outlined(this.#features)) this.#names.addLayer(nameOf(feature));
  }
}

/** A quiet word under the upper edge of its outline; tiles have names of their own. @param {any} feature */
function nameOf(feature) {
  const { lat, lon } = corners(feature).reduce((most, corner) => (corner.lat > most.lat ? corner : most));
  const word = document.createElement("span");
  word.textContent = feature.properties?.name ?? feature.id;
  const icon = divIcon({ html: word, className: "region-name", iconSize: [120, 20], iconAnchor: [60, -4] });
  return marker([lat, lon], { icon, interactive: false, keyboard: false, pane: "tilePane" });
}

/** Leaflet takes an attribution as HTML. @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
