// How orders and agents look on the map and in its legend: one shape for each state, so that colour only helps.
//
// Pure data: paths in a box of 24 × 24 around (12, 12), colours by the names of the style's tokens. What is drawn
// on the canvas and what the legend shows are the same paths. Orders are coloured, agents calm: orders are what a
// dispatcher looks for. Knows neither a canvas nor a page.

/** `scale` is about the middle. @typedef {{ d: string, fill?: string, edge?: string, width?: number, scale?: number }} Part */

const DISC = "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Z";
const BOX = "M3.5 3.5h17v17h-17Z";
const TRIANGLE = "M12 1.5 23 21.5H1Z";
const DIAMOND = "M12 .5 23.5 12 12 23.5.5 12Z";
const SHOUT = { d: "M12 7.5v6.5m0 3v.6", edge: "--on-bad", width: 2.6 };
const PERSON = "M12 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM3.5 21.5c0-4.8 3.8-8 8.5-8s8.5 3.2 8.5 8Z";
const HOUSE = "M12 2 22.5 11H19v10.5H5V11H1.5Z";
const PIN = "M12 23.5S3.5 15 3.5 9a8.5 8.5 0 0 1 17 0c0 6-8.5 14.5-8.5 14.5Z";
const FLAG = "M5 23V1.5h15l-4 5.5 4 5.5H8V23Z";
const CROSSED = { d: "M3 3 21 21", edge: "--edge", width: 2.4 };

/** A held order fills up on its way: a quarter when taken, whole when worked on. @param {number} share */
function filled(share) {
  const height = 17 * share;
  return [
    { d: BOX, fill: "--surface", edge: "--good", width: 2.6 },
    { d: `M3.5 ${20.5 - height}h17v${height}h-17Z`, fill: "--good" },
  ];
}

/** @param {string} shape */
function agents(shape) {
  return {
    available: [{ d: shape, fill: "--muted", edge: "--surface", width: 1.6 }],
    busy: [{ d: DISC, fill: "--muted", edge: "--surface", width: 1.6 }, { d: shape, fill: "--surface", scale: 0.55 }],
    paused: [{ d: shape, fill: "--surface", edge: "--muted", width: 2.2 }],
    offline: [{ d: shape, fill: "--ground", edge: "--edge", width: 1.6 }, CROSSED],
  };
}

/** @type {Record<string, Part[]>} by name; in the order of drawing, the most urgent last */
export const MARKS = {
  ...named("valet", agents(PERSON)),
  ...named("shop", agents(HOUSE)),
  scheduled: [{ d: DISC, fill: "--surface", edge: "--primary", width: 2.6 }, { d: "M12 7v5.5l3.5 2", edge: "--primary", width: 2.2 }],
  assigned: filled(0.25),
  en_route: filled(0.5),
  arrived: filled(0.75),
  working: filled(1),
  open: [{ d: DISC, fill: "--primary", edge: "--surface", width: 2 }],
  stalled: [{ d: DIAMOND, fill: "--warn", edge: "--surface", width: 2 }, { ...SHOUT, edge: "--on-warn" }],
  escalated: [{ d: TRIANGLE, fill: "--bad", edge: "--surface", width: 2 }, { ...SHOUT, d: "M12 9v5.5m0 3v.6" }],
  pin_place: [{ d: PIN, fill: "--primary", edge: "--surface", width: 1.6 }, { d: "M12 6a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z", fill: "--on-primary" }],
  pin_destination: [{ d: FLAG, fill: "--good", edge: "--surface", width: 1.6 }],
};

function named(role, states) {
  return Object.fromEntries(Object.entries(states).map(([state, parts]) => [`${role}_${state}`, parts]));
}

export const ORDER_MARKS = ["escalated", "stalled", "open", "assigned", "en_route", "arrived", "working", "scheduled"];
export const VALET_MARKS = ["valet_available", "valet_busy", "valet_paused", "valet_offline"];
export const SHOP_MARKS = ["shop_available", "shop_busy", "shop_paused", "shop_offline"];

const HELD = new Set(["assigned", "en_route", "arrived", "working"]);

/** @param {{ status: string, stalled?: boolean }} order @returns {string} */
export function orderMark({ status, stalled }) {
  return stalled && HELD.has(status) ? "stalled" : status;
}

/** @param {{ role: string, status: string, load: number, capacity: number }} agent */
export function agentMark(agent) {
  return `${agent.role}_${agentState(agent)}`;
}

/** Reachable, but with its hands full: `busy`. @param {{ status: string, load: number, capacity: number }} agent */
export function agentState({ status, load, capacity }) {
  return status === "available" && load >= capacity ? "busy" : status;
}

/** How many there are of each mark. @param {Iterable<string>} marks @returns {Map<string, number>} */
export function counted(marks) {
  const counts = new Map();
  for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1);
  return counts;
}
