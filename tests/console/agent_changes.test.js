// What an agent is told of his jobs when a whole list replaces what was known.

import assert from "node:assert/strict";
import { test } from "node:test";

import { changes } from "../../console/agent/changes.js";

const job = (id, fence = 1) => ({ id, assignment: { fence } });
const list = (...jobs) => new Map(jobs.map((each) => [each.id, each]));
const ids = (found) => Object.fromEntries(Object.entries(found).map(([name, jobs]) => [name, jobs.map(({ id }) => id).join("")]).filter(([, all]) => all));
const none = { steps: [], released: new Set(), card: () => undefined };

test("what went is lost, what came is gained, what stayed is no news", () => {
  assert.deepEqual(ids(changes(list(job("a"), job("b")), list(job("b"), job("c")), none)), { lost: "a", gained: "c" });
});

test("an order that was completed here is not lost when only the answer was", () => {
  const steps = [{ order_id: "a", fence: 1, step: "working" }, { order_id: "a", fence: 1, step: "completed" }];
  assert.deepEqual(ids(changes(list(job("a")), list(), { ...none, steps })), { finished: "a" });
});

test("a step short of the last, or of an older assignment, finishes nothing", () => {
  const steps = [{ order_id: "a", fence: 1, step: "working" }, { order_id: "b", fence: 1, step: "completed" }];
  assert.deepEqual(ids(changes(list(job("a"), job("b", 2)), list(), { ...none, steps })), { lost: "ab" });
});

test("an order that was given back here is not lost", () => {
  assert.deepEqual(ids(changes(list(job("a")), list(), { ...none, released: new Set(["a"]) })), { released: "a" });
});

test("an order that is being grabbed here is no colleague's", () => {
  const card = (id) => ({ a: { state: "asking" }, b: { state: "pending" }, c: { state: "won" }, d: { state: "lost" } })[id];
  assert.deepEqual(ids(changes(list(), list(job("a"), job("b"), job("c"), job("d"), job("e")), { ...none, card })), { won: "c", gained: "de" });
});
