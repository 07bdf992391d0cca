// How far it is from here to there, as the crow flies.

const EARTH_M = 6_371_008.8;

const radians = (degrees) => (degrees * Math.PI) / 180;

/**
 * @param {{lat: number, lon: number} | null | undefined} a @param {{lat: number, lon: number} | null | undefined} b
 * @returns {number | null} metres; null where one of them is not known
 */
export function distanceBetween(a, b) {
  if (!a || !b) return null;
  const north = Math.sin(radians(b.lat - a.lat) / 2) ** 2;
  const east = Math.sin(radians(b.lon - a.lon) / 2) ** 2;
  const h = north + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * east;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}
