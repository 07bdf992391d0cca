// @ts-check
// What the server's refusals of a command on an order mean for a dispatcher, as keys of texts.
//
// Pure. The server says it in English in `detail`; a test holds these patterns against the server's own
// phrases.

/** @type {[RegExp, string, string[]][]} pattern, key, names of its groups */
const PATTERNS = [
  [/in the hands of (\S+?);/, "desk.conflict.taken_up", ["who"]],
  [/^the agent is at capacity/, "desk.conflict.at_capacity", []],
  [/^the agent is not reachable/, "desk.conflict.unreachable", []],
  [/^the agent is paused/, "desk.conflict.paused", []],
  [/^the agent is suspended/, "desk.conflict.suspended", []],
  [/^the agent holds the order already/, "desk.conflict.holds", []],
  [/^the agent is of region (\S+), the order of (\S+)/, "desk.conflict.region", ["region", "other"]],
  [/^nobody holds the order: it is (\w+)/, "desk.conflict.status", ["status"]],
  [/^(?:scheduled_at: )?the order is (?:already )?(\w+)(?: already)?$/, "desk.conflict.status", ["status"]],
];

/** @param {string} detail @returns {{key: string, values: Record<string, string>}} */
export function conflictOf(detail) {
  for (const [pattern, key, names] of PATTERNS) {
    const found = pattern.exec(detail);
    if (found) return { key, values: Object.fromEntries(names.map((name, i) => [name, found[i + 1]])) };
  }
  return { key: "kit.problem.conflict", values: {} };
}

/** Whether the same command would pass with `force`. @param {string} detail */
export function isForcible(detail) {
  return detail.includes("force overrides");
}
