// @ts-check
// Coordinate systems of Chinese maps: WGS-84, GCJ-02 (Amap, Tencent), BD-09 (Baidu).
//
// The server's `geo/crs.py` line by line, where the formulas' sources are named; a test compares the two. Pure.
// Invariant: both systems map the plane onto itself continuously and one to one (the shift fades out over the last
// half degree of a box around China), so every position survives the round trip; outside the box they are WGS-84.

/** @typedef {{ lat: number, lon: number }} Point  degrees */
/** @typedef {[number, number]} Pair  degrees north and east */
/** @typedef {(lat: number, lon: number) => Pair} Shift */

const WEST = 72.004;
const EAST = 137.8347;
const SOUTH = 0.8293;
const NORTH = 55.8271;
const RIM_DEGREES = 0.5;

// Krasovsky's ellipsoid of 1940, which the formula uses to turn metres into degrees.
const SEMI_MAJOR_M = 6378245.0;
const ECCENTRICITY_SQUARED = 0.00669342162296594323;

const PRECISION_DEGREES = 1e-10;
const MOST_STEPS = 16;

/** @param {Point} point WGS-84 @returns {Point} for Amap and Tencent */
export function toGcj02({ lat, lon }) {
  return weight(lat, lon) ? point(shifted(lat, lon, gcj02Shift)) : { lat, lon };
}

/** @param {Point} point WGS-84 @returns {Point} for Baidu */
export function toBd09({ lat, lon }) {
  return weight(lat, lon) ? point(shifted(...shifted(lat, lon, gcj02Shift), bd09Shift)) : { lat, lon };
}

/** @param {Point} point GCJ-02 @returns {Point} WGS-84 */
export function fromGcj02({ lat, lon }) {
  return weight(lat, lon) ? point(unshifted(lat, lon, gcj02Shift)) : { lat, lon };
}

/** @param {Point} point BD-09 @returns {Point} WGS-84 */
export function fromBd09({ lat, lon }) {
  return weight(lat, lon) ? point(unshifted(...unshifted(lat, lon, bd09Shift), gcj02Shift)) : { lat, lon };
}

/** @param {Pair} pair @returns {Point} */
function point([lat, lon]) {
  return { lat, lon };
}

/**
 * How much of the shift applies: 1 in China, 0 outside the box, between them in the rim.
 * @param {number} lat @param {number} lon
 */
function weight(lat, lon) {
  const inward = Math.min(lat - SOUTH, NORTH - lat, lon - WEST, EAST - lon);
  return Math.min(1, Math.max(0, inward / RIM_DEGREES));
}

/** @param {number} lat @param {number} lon @param {Shift} shift @returns {Pair} */
function shifted(lat, lon, shift) {
  const part = weight(lat, lon);
  const [north, east] = shift(lat, lon);
  return [lat + part * north, lon + part * east];
}

/**
 * The position whose `shifted` is lat, lon: a fixed-point iteration.
 * @param {number} lat @param {number} lon @param {Shift} shift @returns {Pair}
 */
function unshifted(lat, lon, shift) {
  let [atLat, atLon] = [lat, lon];
  for (let step = 0; step < MOST_STEPS; step++) {
    const [reachedLat, reachedLon] = shifted(atLat, atLon, shift);
    const [stepLat, stepLon] = [lat - reachedLat, lon - reachedLon];
    atLat += stepLat;
    atLon += stepLon;
    if (Math.abs(stepLat) < PRECISION_DEGREES && Math.abs(stepLon) < PRECISION_DEGREES) break;
  }
  return [atLat, atLon];
}

/** By how much GCJ-02 moves a WGS-84 position in China. @type {Shift} */
function gcj02Shift(lat, lon) {
  const [northM, eastM] = gcj02OffsetM(lon - 105, lat - 35);
  const phi = (lat * Math.PI) / 180;
  const w = Math.sqrt(1 - ECCENTRICITY_SQUARED * Math.sin(phi) ** 2);
  const meridianRadiusM = (SEMI_MAJOR_M * (1 - ECCENTRICITY_SQUARED)) / w ** 3;
  const parallelRadiusM = (SEMI_MAJOR_M / w) * Math.cos(phi);
  return [(northM / meridianRadiusM) * (180 / Math.PI), (eastM / parallelRadiusM) * (180 / Math.PI)];
}

/** Metres north and east; x, y are degrees from 105° E, 35° N. @param {number} x @param {number} y @returns {Pair} */
function gcj02OffsetM(x, y) {
  const both = waves(x, [20, 6], [20, 2]);
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x));
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x));
  return [
    north + both + waves(y, [20, 1], [40, 1 / 3], [160, 1 / 12], [320, 1 / 30]),
    east + both + waves(x, [20, 1], [40, 1 / 3], [150, 1 / 12], [300, 1 / 30]),
  ];
}

/**
 * Two thirds of the sum of sines, each given by amplitude in metres and half-turns a degree.
 * @param {number} degrees @param {...[number, number]} of
 */
function waves(degrees, ...of) {
  return (of.reduce((sum, [amplitude, turns]) => sum + amplitude * Math.sin(turns * degrees * Math.PI), 0) * 2) / 3;
}

/** By how much BD-09 moves a GCJ-02 position. @type {Shift} */
function bd09Shift(lat, lon) {
  const wave = (Math.PI * 3000) / 180;
  const radius = Math.hypot(lon, lat) + 0.00002 * Math.sin(lat * wave);
  const angle = Math.atan2(lat, lon) + 0.000003 * Math.cos(lon * wave);
  return [radius * Math.sin(angle) + 0.006 - lat, radius * Math.cos(angle) + 0.0065 - lon];
}
