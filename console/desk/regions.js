// Which region a place falls in, and how far regions reach: over GeoJSON Features as GET /v1/regions has them.
//
// Pure. As the server: an order belongs to the smallest region that contains its place. Good for showing; the
// server's word holds.

/** @typedef {{ id: string, geometry: { type: string, coordinates: any[] } }} Feature */
/** @typedef {{ lat: number, lon: number }} Place */

/** A region so wide is no city: its outline tells nothing, and nobody wants to see all of it. */
const WIDE_DEGREES = 60;

/** @param {Feature} feature @returns {number[][][][]} polygons of rings of [lon, lat] */
function polygons({ geometry }) {
  return geometry.type === "MultiPolygon" ? geometry.coordinates : [geometry.coordinates];
}

/** @param {number[][]} ring @param {Place} place */
function surrounds(ring, { lat, lon }) {
  let inside = false;
  for (let i = 0, before = ring.length - 1; i < ring.length; before = i++) {
    const [x, y] = ring[i];
    const [px, py] = ring[before];
    if (y > lat !== py > lat && lon < ((px - x) * (lat - y)) / (py - y) + x) inside = !inside;
  }
  return inside;
}

/** @param {Feature} feature @param {Place} place */
export function contains(feature, place) {
  return polygons(feature).some(([outer, ...holes]) => surrounds(outer, place) && !holes.some((hole) => surrounds(hole, place)));
}

/** Only good for comparing. @param {Feature} feature */
function area(feature) {
  let sum = 0;
  for (const rings of polygons(feature)) rings.forEach((ring, i) => (sum += (i === 0 ? 1 : -1) * ringArea(ring)));
  return sum;
}

function ringArea(ring) {
  let sum = 0;
  const narrowing = Math.cos((ring[0][1] * Math.PI) / 180);
  for (let i = 1; i < ring.length; i++) sum += ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
  return Math.abs(sum / 2) * narrowing;
}

/** @param {Feature[]} features @param {Place} place @returns {string | null} */
export function regionOf(features, place) {
  const around = features.filter((feature) => contains(feature, place));
  return around.sort((one, other) => area(one) - area(other))[0]?.id ?? null;
}

/** Corners south-west and north-east, of places or of outlines. @param {Iterable<Place>} places @returns {[Place, Place] | null} */
export function boundsOf(places) {
  let [south, west, north, east] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { lat, lon } of places) {
    [south, north] = [Math.min(south, lat), Math.max(north, lat)];
    [west, east] = [Math.min(west, lon), Math.max(east, lon)];
  }
  return south === Infinity ? null : [{ lat: south, lon: west }, { lat: north, lon: east }];
}

/** @param {Feature} feature @returns {Place[]} */
export function corners(feature) {
  return polygons(feature).flatMap((rings) => rings[0].map(([lon, lat]) => ({ lat, lon })));
}

/** Those whose outline says something, not the whole world; a region within another comes after it. @param {Feature[]} features */
export function outlined(features) {
  const told = features.filter((feature) => {
    const [low, high] = boundsOf(corners(feature));
    return high.lat - low.lat < WIDE_DEGREES && high.lon - low.lon < WIDE_DEGREES;
  });
  return told.sort((one, other) => area(other) - area(one));
}
