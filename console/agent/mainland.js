// @ts-check
// Whether a place is in mainland China, where the law has maps shifted (GCJ-02), also those of foreign makers.
//
// Owns a rough outline, some 50 km true along the land borders where few people live; Hong Kong and Macau are cut out
// street by street, for Shenzhen and Zhuhai begin there. Pure. What it is not for: nobody's border is drawn by it.

/** @typedef {import("../crs.js").Point} Point */

/** Longitude, latitude; clockwise from the Pamirs, well out at sea along the coast. */
const MAINLAND = [
  [73.4, 39.4], [74.8, 40.5], [80.2, 42.1], [80.2, 45.0], [82.4, 45.3], [83.0, 47.2], [85.5, 47.1], [85.7, 48.4],
  [87.8, 49.2], [90.9, 46.9], [91.0, 45.2], [95.4, 44.2], [96.4, 42.7], [101.8, 42.5], [105.0, 41.6], [110.0, 42.6],
  [111.9, 43.7], [111.5, 45.0], [114.5, 45.4], [116.0, 46.6], [119.7, 46.7], [118.5, 48.0], [115.6, 47.9],
  [116.7, 49.9], [119.2, 50.2], [121.4, 53.4], [123.6, 53.6], [126.0, 52.8], [127.6, 50.25], [130.6, 48.9],
  [131.0, 47.7], [134.7, 48.4], [133.1, 45.1], [131.0, 44.9], [131.3, 43.5], [130.6, 42.4], [129.7, 42.45],
  [128.0, 42.0], [126.9, 41.75], [124.42, 40.13], [124.0, 39.5], [123.5, 37.0], [123.0, 32.0], [123.5, 30.0],
  [122.0, 27.0], [119.95, 25.2], [118.6, 24.0], [117.0, 22.8], [111.5, 17.9], [108.3, 17.9], [107.95, 21.55],
  [106.7, 21.97], [106.6, 22.9], [105.3, 23.3], [103.98, 22.5], [102.2, 22.4], [101.7, 21.2], [100.2, 21.5],
  [99.2, 22.1], [98.9, 23.2], [97.6, 23.9], [97.7, 25.0], [98.7, 26.0], [98.5, 27.6], [97.2, 28.3], [94.2, 29.2],
  [91.7, 27.9], [89.6, 28.2], [89.0, 27.3], [88.7, 28.0], [86.0, 28.1], [81.2, 30.1], [78.8, 31.3], [79.2, 32.6],
  [77.8, 35.5], [74.6, 37.2],
];
const HONG_KONG = [
  [113.82, 22.14], [113.82, 22.42], [113.95, 22.44], [114.03, 22.505], [114.1, 22.53], [114.16, 22.555],
  [114.24, 22.56], [114.45, 22.57], [114.45, 22.14],
];
const MACAU = [
  [113.553, 22.1], [113.553, 22.17], [113.528, 22.18], [113.528, 22.214], [113.565, 22.216], [113.61, 22.17],
  [113.61, 22.1],
];

/** @param {Point} point WGS-84 */
export function inMainland(point) {
  return isWithin(point, MAINLAND) && !isWithin(point, HONG_KONG) && !isWithin(point, MACAU);
}

/** Whether a ray to the east crosses the ring an odd number of times. @param {Point} point @param {number[][]} ring */
function isWithin({ lat, lon }, ring) {
  let within = false;
  ring.forEach(([toLon, toLat], index) => {
    const [fromLon, fromLat] = ring.at(index - 1) ?? [];
    const crosses = fromLat > lat !== toLat > lat;
    if (crosses && lon < fromLon + ((toLon - fromLon) * (lat - fromLat)) / (toLat - fromLat)) within = !within;
  });
  return within;
}
