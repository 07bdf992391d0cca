// The pure parts of the agents' pages: the day's sums, steps, distances, what is told of the line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { distanceBetween } from "../../console/agent/distance.js";
import { RENEW_MS, tidings } from "../../console/agent/endings.js";
import { reached, stepsAfter } from "../../console/agent/steps.js";
import { midnight, newestFirst, sumUp, worth } from "../../console/agent/sums.js";

const NOW = 1_790_000_000_000;

test("an order brings its price and its bonus; one without a price is counted and adds its bonus", () => {
  const orders = [{ price_fen: 18_000, bonus_fen: 500 }, { price_fen: null, bonus_fen: 0 }, { price_fen: 99, bonus_fen: 0 }];
  assert.equal(worth(orders[0]), 18_500);
  assert.deepEqual(sumUp(orders), { orders: 3, fen: 18_599, unpriced: 1 });
  assert.deepEqual(sumUp([]), { orders: 0, fen: 0, unpriced: 0 });
});

test("the day begins at this device's midnight", () => {
  const begin = new Date(midnight(NOW));
  assert.deepEqual([begin.getHours(), begin.getMinutes(), begin.getSeconds(), begin.getMilliseconds()], [0, 0, 0, 0]);
  assert.equal(begin.toDateString(), new Date(NOW).toDateString());
});

test("the day's orders are shown newest first, and the list given is left as it was", () => {
  const orders = [{ id: "a", assignment: { at: 1 } }, { id: "b", assignment: null, created_at: 3 }, { id: "c", assignment: { at: 2 } }];
  assert.deepEqual(newestFirst(orders).map(({ id }) => id), ["b", "c", "a"]);
  assert.equal(orders[0].id, "a");
});

test("a step that is still to be sent counts, one that is behind the server's status does not", () => {
  assert.equal(reached({ status: "assigned" }, []), "assigned");
  assert.equal(reached({ status: "assigned" }, [{ step: "en_route" }, { step: "arrived" }]), "arrived");
  assert.equal(reached({ status: "working" }, [{ step: "en_route" }]), "working");
});

test("only steps forward are offered, the next one first", () => {
  assert.deepEqual(stepsAfter("assigned"), ["en_route", "arrived", "working", "completed"]);
  assert.deepEqual(stepsAfter("arrived"), ["working", "completed"]);
  assert.deepEqual(stepsAfter("completed"), []);
  assert.deepEqual(stepsAfter("cancelled"), []);
});

test("the Bund is some 4.4 km from Jing'an; of a place that is not known nothing is said", () => {
  const metres = distanceBetween({ lat: 31.2397, lon: 121.4905 }, { lat: 31.2231, lon: 121.4482 });
  assert.ok(Math.abs(metres - 4427) < 20, String(metres));
  assert.equal(distanceBetween(null, { lat: 1, lon: 1 }), null);
  assert.equal(distanceBetween({ lat: 1, lon: 1 }, { lat: 1, lon: 1 }), 0);
});

const line = (changes) => tidings({ state: "open", end: null, expiresAt: NOW + 3_600_000, now: NOW, seen: true, ...changes });

test("of a line that stands nothing is told", () => {
  assert.equal(line({}), null);
  assert.equal(line({ state: "connecting", seen: false }), null);
});

test("a lost line comes back by itself, and may be told to hurry", () => {
  assert.deepEqual(line({ state: "waiting", end: { code: 1006 } }), { kind: "offline", act: "retry" });
  assert.deepEqual(line({ state: "connecting" }), { kind: "offline", act: "retry" });
});

for (const [code, kind, act] of [
  [4500, "expired", "log_in"], [4501, "expired", "log_in"], [4502, "forbidden", "log_in"], [4503, "suspended", "return"],
  [4504, "replaced", "resume"], [4505, "kicked", "return"],
  [4507, "misunderstood", "reload"], [4509, "misunderstood", "reload"],
]) {
  test(`the close code ${code} says ${kind}`, () => assert.deepEqual(line({ state: "over", end: { code } }), { kind, act }));
}

test("who stopped by himself is told nothing", () => assert.equal(line({ state: "over", end: null }), null));

test("a token is asked for anew some minutes before its end, and then insistently", () => {
  assert.equal(line({ expiresAt: NOW + RENEW_MS + 1 }), null);
  assert.equal(line({ expiresAt: NOW + RENEW_MS }).kind, "expiring");
  assert.equal(line({ expiresAt: NOW }).kind, "expired");
  assert.equal(line({ expiresAt: NOW, state: "waiting" }).kind, "expired");
});
