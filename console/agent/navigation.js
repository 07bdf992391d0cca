// @ts-check
// Links that open a map application on the way to a place, each in the coordinate system that it understands.
//
// Owns the forms of the makers' addresses. Pure; the names of the applications are texts of the page. Invariant: the
// place comes in WGS-84, as the server says it to a session that named no other `crs`, and no link is off by the
// 500 m that lie between the systems:
// - Amap (lbs.amap.com, "URI API") reads GCJ-02, `coordinate=gaode`.
// - Baidu (lbsyun.baidu.com, "URI API", web) reads what `coord_type` says: `bd09ll`. `origin` and `src` are required.
// - Apple and Google draw GCJ-02 maps of the mainland and take numbers in links as positions on what they draw;
//   elsewhere, Hong Kong, Macau and Taiwan included, both are WGS-84. Neither has a parameter for it.
// - `geo:` is WGS-84 by RFC 5870; `q=` with a label is what Android's applications read.

import { toBd09, toGcj02 } from "../crs.js";
import { inMainland } from "./mainland.js";

/** @typedef {import("../crs.js").Point} Point */

const SOURCE = "webapp.valet-dispatch.console";
/** 我的位置: not a text of ours but the word by which Baidu knows where the device is. */
const BAIDU_HERE = "%E6%88%91%E7%9A%84%E4%BD%8D%E7%BD%AE";

/**
 * @param {object} way
 * @param {Point} way.place  where to, WGS-84
 * @param {string | null} [way.address]  shown as the name of the place
 * @param {Point | null} [way.from]  where one is, WGS-84, where known
 * @returns {{ app: "amap" | "baidu" | "apple" | "google" | "geo", url: string }[]}
 */
export function links({ place, address, from = null }) {
  const name = (address ?? "").trim();
  return [
    { app: "amap", url: amap(place, name) },
    { app: "baidu", url: baidu(place, name, from) },
    { app: "apple", url: `https://maps.apple.com/?daddr=${latLon(asDrawn(place))}&dirflg=d` },
    { app: "google", url: google(place) },
    { app: "geo", url: geo(place, name) },
  ];
}

/** @param {Point} place @param {string} name */
function amap(place, name) {
  const { lat, lon } = toGcj02(place);
  const to = [degrees(lon), degrees(lat), ...(name ? [encoded(name)] : [])].join(",");
  return `https://uri.amap.com/navigation?to=${to}&mode=car&coordinate=gaode&src=${SOURCE}&callnative=1`;
}

/** @param {Point} place @param {string} name @param {Point | null} from */
function baidu(place, name, from) {
  const label = name.replaceAll("|", " "); // what parts the fields there
  const to = encoded(`latlng:${latLon(toBd09(place))}${label && `|name:${label}`}`);
  const origin = from ? encoded(`latlng:${latLon(toBd09(from))}`) : BAIDU_HERE;
  const where = `origin=${origin}&destination=${to}&coord_type=bd09ll`;
  return `https://api.map.baidu.com/direction?${where}&mode=driving&output=html&src=${SOURCE}`;
}

/** @param {Point} place */
function google(place) {
  const to = encoded(latLon(asDrawn(place)));
  return `https://www.google.com/maps/dir/?api=1&destination=${to}&travelmode=driving`;
}

/** @param {Point} place @param {string} name */
function geo(place, name) {
  const at = latLon(place);
  return `geo:${at}?q=${at}${name && `(${encoded(name)})`}`;
}

/** @param {Point} place */
function asDrawn(place) {
  return inMainland(place) ? toGcj02(place) : place;
}

/** @param {Point} point */
function latLon({ lat, lon }) {
  return `${degrees(lat)},${degrees(lon)}`;
}

/** A tenth of a metre, and never in the notation with an exponent. @param {number} value */
function degrees(value) {
  return value.toFixed(6);
}

/** With the brackets, too: they end the label of a `geo:`. @param {string} text */
function encoded(text) {
  return encodeURIComponent(text).replaceAll("(", "%28").replaceAll(")", "%29");
}
