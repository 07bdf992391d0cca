// @ts-check
// An order's timeline as sentences: each event becomes the key of a text and the values that stand in it.
//
// Pure. Values keep the wire's units in their names (`radius_m`, `bonus_fen`, `until_at`), so that whoever
// writes them out knows how. An event of a newer server is told by its type.

/**
 * @typedef {{version: number, type: string, at: number, actor: {role: string, id: string | null}, data:
 *   any}} Event
 */
/** @typedef {{key: string, values: Record<string, any>, tone: "" | "good" | "warn" | "bad"}} Sentence */

const TONES = {
  assigned: "good", completed: "good", closed: "good", declined: "warn", released: "warn",
  stalled: "bad", escalated: "bad", expired: "bad", cancelled: "bad",
};
const ROUNDS = new Set(["opened", "widened", "reopened"]);
const PLAIN = new Set(["placed", "stalled", "escalated", "expired", "completed"]);

/** @param {Event} event @param {(agentId: string) => string} name @returns {Sentence} */
export function sentenceOf(event, name) {
  const { key, values } = worded(event, name);
  return { key: `desk.event.${key}`, values, tone: TONES[event.type] ?? "" };
}

/**
 * @param {Event} event @param {(agentId: string) => string} name
 * @returns {{key: string, values: Record<string, any>}}
 */
function worded({ type, data }, name) {
  const d = data ?? {};
  if (PLAIN.has(type)) return { key: type, values: {} };
  if (ROUNDS.has(type)) return { key: type, values: { ...round(d), bonus_fen: d.bonus_fen } };
  switch (type) {
    case "offered": return { key: d.hall ? "offered.hall" : "offered", values: { agents: names(d.agents, name) } };
    case "declined": return declined(d, name);
    case "assigned": return assigned(d, name);
    case "progressed": return { key: "progressed", values: { agent: name(d.agent_id), step: d.step } };
    case "released": return released(d, name);
    case "taken_up": return { key: "taken_up", values: { who: d.dispatcher_id, until_at: d.until_at } };
    case "edited": return { key: "edited", values: { parts: d.changed ?? [] } };
    case "noted": return { key: "noted", values: { side: d.by, seconds: Math.round(d.seconds) } };
    case "heard": return { key: "heard", values: {} };
    case "closed": return { key: "closed", values: { reason: d.outcome } };
    case "cancelled": return { key: "cancelled", values: { reason: d.reason ?? "", from: d.from } };
    default: return { key: "other", values: { type } };
  }
}

/** @param {any} d @param {(agentId: string) => string} name */
function assigned(d, name) {
  const values = { agent: name(d.agent_id), previous: d.previous ? name(d.previous) : "" };
  if (d.by === "grab") return { key: "assigned.grab", values };
  return { key: d.previous ? "assigned.again" : d.force ? "assigned.force" : "assigned.desk", values };
}

/**
 * From the hands of whom, and where it went: out again by a round, or to the desk.
 * @param {any} d @param {(agentId: string) => string} name
 */
function released(d, name) {
  const values = { agent: name(d.agent_id), reason: d.reason ?? "", from: d.from, ...round(d) };
  return { key: d.round ? "released.open" : "released.desk", values };
}

/** @param {any} d @param {(agentId: string) => string} name */
function declined(d, name) {
  return { key: d.reason ? "declined.reason" : "declined", values: { agent: name(d.agent_id), reason: d.reason } };
}

/** @param {any} d */
function round({ round: nth, radius_m, agents }) {
  return { round: nth, radius_m, n: count(agents) };
}

/** @param {unknown} agents */
function count(agents) {
  return Array.isArray(agents) ? agents.length : 0;
}

/** @param {unknown} agents @param {(agentId: string) => string} name */
function names(agents, name) {
  return Array.isArray(agents) ? agents.map(name) : [];
}

/** Take-ups that follow each other by the same hand are one line, the last. @param {Event[]} events */
export function condensed(events) {
  return events.filter((event, i) => !isRenewal(event, events[i + 1]));
}

/** @param {Event} event @param {Event | undefined} next */
function isRenewal(event, next) {
  if (event.type !== "taken_up" || next?.type !== "taken_up") return false;
  return event.data.dispatcher_id === next.data.dispatcher_id;
}
