// A notice as it is typed, and the body of POST /v1/notices that it makes; and circles around several orders.
//
// Pure. `near` addresses agents only, as the server has it.

export const LEVELS = ["info", "warning", "urgent"];
export const ROLES = ["valet", "shop", "customer", "dispatcher"];
const AGENTS = new Set(["valet", "shop"]);
export const HOURS = [0.5, 1, 2, 4, 8, 24];
const LONGEST = { title: 200, body: 2000 };
const MOST_RADIUS_M = 500_000;
const EARTH_M = 6_371_008.8;

/** @param {object} [given] */
export function emptyNotice(given = {}) {
  return {
    title: "", body: "", level: LEVELS[0], /** @type {string[]} */ roles: ["valet", "shop"], region: "",
    /** @type {{ lat: number, lon: number } | null} */ near: null, radius: "5", hours: HOURS[1], ...given,
  };
}

/** @param {ReturnType<typeof emptyNotice>} notice @returns {Record<string, string>} field → what is wrong */
export function noticeFaults({ title, body, roles, near, radius }) {
  const faults = {};
  if (title.trim() === "") faults.title = "missing";
  if (title.length > LONGEST.title) faults.title = "long";
  if (body.length > LONGEST.body) faults.body = "long";
  if (roles.length === 0) faults.roles = "missing";
  if (near && !roles.every((role) => AGENTS.has(role))) faults.roles = "agents_only";
  if (near && metresOf(radius) === null) faults.radius = "radius";
  return faults;
}

/** Kilometres as typed. @param {string} radius @returns {number | null} */
export function metresOf(radius) {
  const km = /^\d{1,4}(\.\d{1,3})?$/.test(radius.trim()) ? Number(radius) : 0;
  const metres = Math.round(km * 1000);
  return metres > 0 && metres <= MOST_RADIUS_M ? metres : null;
}

/** Only of a notice without faults. @param {ReturnType<typeof emptyNotice>} notice @param {number} now */
export function noticeBody({ title, body, level, roles, region, near, radius, hours }, now) {
  return {
    title: title.trim(), body: body.trim(), level, roles, until_at: now + hours * 3_600_000,
    ...(region && { region }),
    ...(near && { near: { lat: near.lat, lon: near.lon }, radius_m: metresOf(radius) }),
  };
}

/** Great-circle. @param {{ lat: number, lon: number }} one @param {{ lat: number, lon: number }} other */
export function metresBetween(one, other) {
  const rad = Math.PI / 180;
  const half = (angle) => Math.sin((angle * rad) / 2) ** 2;
  const share = half(other.lat - one.lat) + Math.cos(one.lat * rad) * Math.cos(other.lat * rad) * half(other.lon - one.lon);
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(share)));
}

/**
 * Circles that hold everybody within `radius` of one of the orders: orders that are close share one, so that
 * nobody is told the same ten times. Each order is in one.
 * @param {{ id: string, region: string, place: { lat: number, lon: number } }[]} orders @param {number} radius
 */
export function circles(orders, radius) {
  const found = [];
  for (const order of orders) {
    const near = found.find((circle) => circle.region === order.region && metresBetween(circle.near, order.place) <= radius);
    if (!near) found.push({ region: order.region, near: order.place, radius_m: radius, orders: [order] });
    else Object.assign(near, { radius_m: Math.max(near.radius_m, radius + Math.ceil(metresBetween(near.near, order.place))), orders: [...near.orders, order] });
  }
  return found;
}
