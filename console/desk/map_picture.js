// What the map shows: orders and agents as spots, by the dispatcher's filters; and how many there are of each.
//
// Pure. Knows neither Leaflet nor the page. The order of spots is that of drawing: agents, then orders, the most
// urgent on top.

import { MARKS, agentMark, counted, orderMark } from "./marks.js";

/** @typedef {import("./map_feed.js").Spot} Order */
/** @typedef {import("./map_feed.js").Agent} Agent */

const RANKS = new Map(Object.keys(MARKS).map((mark, i) => [mark, i]));

/**
 * @param {{ orders: Order[], agents: Agent[] }} feed
 * @param {{ region: string, kind: string }} filters  '' is all
 */
export function chosen({ orders, agents }, { region, kind }) {
  const ours = (each) => region === "" || each.region === region;
  return { orders: orders.filter((order) => ours(order) && (kind === "" || order.kind === kind)), agents: agents.filter(ours) };
}

/**
 * @param {{ orders: Order[], agents: Agent[] }} shown
 * @param {{ hidden: Set<string>, lay: (place: { lat: number, lon: number }) => { lat: number, lon: number } }} how
 */
export function spotsOf({ orders, agents }, { hidden, lay }) {
  const spots = [];
  const add = (key, mark, each) => MARKS[mark] && !hidden.has(mark) && spots.push({ key, mark, ...lay(each) });
  for (const agent of agents) add(`agent ${agent.id}`, agentMark(agent), agent);
  for (const order of orders) add(`order ${order.id}`, orderMark(order), order);
  return spots.sort((one, other) => RANKS.get(one.mark) - RANKS.get(other.mark));
}

/** @param {{ orders: Order[], agents: Agent[] }} shown @returns {Map<string, number>} */
export function countsOf({ orders, agents }) {
  return counted([...orders.map(orderMark), ...agents.map(agentMark)]);
}

/** @param {string} key @returns {{ sort: string, id: string }} of a spot */
export function named(key) {
  const [sort, id] = key.split(" ");
  return { sort, id };
}

/**
 * From the selected order to whoever holds it, else to those that could have it.
 * @param {string | null} selected
 * @param {{ orders: Order[], agents: Agent[], holder: string | null, candidates: string[] }} known
 */
export function linesOf(selected, { orders, agents, holder, candidates }) {
  const order = orders.find(({ id }) => id === selected);
  if (!order) return [];
  const ends = new Set(holder ? [holder] : candidates);
  return agents.filter(({ id }) => ends.has(id)).map((agent) => [order, agent]);
}
