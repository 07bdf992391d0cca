// What the map shows: marks, counts, lines, regions, and what was read and heard of orders.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MapFeed, merged, spotOf } from "../../console/desk/map_feed.js";
import { chosen, countsOf, linesOf, named, spotsOf } from "../../console/desk/map_picture.js";
import { MARKS, ORDER_MARKS, SHOP_MARKS, VALET_MARKS, agentMark, orderMark } from "../../console/desk/marks.js";
import { boundsOf, contains, outlined, regionOf } from "../../console/desk/regions.js";

const spot = (id, status, more = {}) => ({ id, kind: "towing", region: "sh", status, stalled: false, lat: 31, lon: 121, since_at: 5, ...more });
const agent = (id, more = {}) => ({ id, role: "valet", region: "sh", name: id, status: "available", load: 0, capacity: 2, lat: 31, lon: 121, ...more });
const full = (id, status, more = {}) => ({ id, kind: "towing", region: "sh", status, stalled: false, place: { lat: 31.5, lon: 121.5 }, created_at: 7, assignment: null, ...more });

test("each mark of the legend is drawn, and no two look alike", () => {
  const shapes = new Set();
  for (const mark of [...ORDER_MARKS, ...VALET_MARKS, ...SHOP_MARKS]) shapes.add(JSON.stringify(MARKS[mark].map(({ d, scale, fill }) => [d, scale, Boolean(fill), fill === "--surface" || fill === "--ground"])));
  assert.equal(shapes.size, ORDER_MARKS.length + VALET_MARKS.length + SHOP_MARKS.length);
});

test("an order stalls only in somebody's hands", () => {
  assert.equal(orderMark({ status: "assigned", stalled: true }), "stalled");
  assert.equal(orderMark({ status: "assigned", stalled: false }), "assigned");
  assert.equal(orderMark({ status: "escalated", stalled: true }), "escalated");
});

test("an agent with his hands full is busy, unless he is away", () => {
  assert.equal(agentMark(agent("a", { load: 2 })), "valet_busy");
  assert.equal(agentMark(agent("a", { load: 1 })), "valet_available");
  assert.equal(agentMark(agent("a", { load: 2, status: "offline", role: "shop" })), "shop_offline");
});

test("the picture has what is not hidden, the most urgent on top", () => {
  const shown = { orders: [spot("o1", "escalated"), spot("o2", "open"), spot("o3", "scheduled")], agents: [agent("v1")] };
  const spots = spotsOf(shown, { hidden: new Set(["open"]), lay: ({ lat, lon }) => ({ lat, lon }) });
  assert.deepEqual(spots.map(({ key }) => key), ["agent v1", "order o3", "order o1"]);
  assert.deepEqual(named(spots[0].key), { sort: "agent", id: "v1" });
});

test("a status that the map has no mark for is not drawn", () => {
  assert.deepEqual(spotsOf({ orders: [spot("o1", "unheard_of")], agents: [] }, { hidden: new Set(), lay: (place) => place }), []);
});

test("region and kind choose the orders; agents have no kind", () => {
  const feed = { orders: [spot("o1", "open"), spot("o2", "open", { kind: "parts" }), spot("o3", "open", { region: "bj" })], agents: [agent("v1"), agent("v2", { region: "bj" })] };
  const { orders, agents } = chosen(feed, { region: "sh", kind: "towing" });
  assert.deepEqual([orders.map(({ id }) => id), agents.map(({ id }) => id)], [["o1"], ["v1"]]);
  assert.equal(countsOf({ orders: feed.orders, agents }).get("open"), 3);
});

test("lines lead to the holder, and without one to the candidates", () => {
  const known = { orders: [spot("o1", "open")], agents: [agent("v1"), agent("v2"), agent("v3")] };
  const ends = (lines) => lines.map(([, to]) => to.id);
  assert.deepEqual(ends(linesOf("o1", { ...known, holder: "v3", candidates: ["v1"] })), ["v3"]);
  assert.deepEqual(ends(linesOf("o1", { ...known, holder: null, candidates: ["v1", "v2", "v9"] })), ["v1", "v2"]);
  assert.deepEqual(linesOf("o9", { ...known, holder: null, candidates: ["v1"] }), []);
});

const ring = (west, south, size) => [[west, south], [west + size, south], [west + size, south + size], [west, south + size], [west, south]];
const region = (id, ...rings) => ({ id, geometry: { type: "Polygon", coordinates: rings } });

test("a place is in the smallest region that contains it, holes excepted", () => {
  const world = region("world", [[-180, -85], [180, -85], [180, 85], [-180, 85], [-180, -85]]);
  const city = region("city", ring(121, 31, 1), ring(121.8, 31.8, 0.1));
  const isles = { id: "isles", geometry: { type: "MultiPolygon", coordinates: [[ring(10, 10, 0.1)], [ring(121.2, 31.2, 0.2)]] } };
  const all = [world, city, isles];
  assert.equal(regionOf(all, { lat: 31.3, lon: 121.3 }), "isles");
  assert.equal(regionOf(all, { lat: 31.6, lon: 121.6 }), "city");
  assert.equal(regionOf(all, { lat: 31.85, lon: 121.85 }), "world");
  assert.equal(regionOf([city], { lat: 0, lon: 0 }), null);
  assert.equal(contains(isles, { lat: 10.05, lon: 10.05 }), true);
  assert.deepEqual(outlined(all).map(({ id }) => id), ["city"], "isles reach over 100 degrees");
});

test("bounds are of all places, or none", () => {
  assert.deepEqual(boundsOf([{ lat: 1, lon: 5 }, { lat: 3, lon: 2 }]), [{ lat: 1, lon: 2 }, { lat: 3, lon: 5 }]);
  assert.equal(boundsOf([]), null);
});

test("what was heard since the answer holds: changed, new and ended", () => {
  const heard = [full("o1", "assigned"), full("o2", "completed"), full("o3", "escalated")].map((order) => ({ spot: spotOf(order) }));
  const orders = merged([spot("o1", "open"), spot("o2", "working"), spot("o4", "open")], heard);
  assert.deepEqual(orders.map(({ id, status }) => `${id} ${status}`), ["o1 assigned", "o4 open", "o3 escalated"]);
});

/** A feed in a world of its own. */
function feedOf(answers) {
  const world = { now: 100_000, timers: [], asked: 0, seen: true, changed: 0 };
  const feed = new MapFeed({
    ask: async () => {
      world.asked += 1;
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    changed: () => (world.changed += 1), now: () => world.now, isSeen: () => world.seen, random: () => 0,
    setTimer: (fn, ms) => world.timers.push({ fn, ms }), clearTimer: () => {},
  });
  return { world, feed };
}

const answer = (at, orders) => ({ at, orders, agents: [agent("v1")], more: [] });

test("it is asked again 5 s after each answer", async () => {
  const { world, feed } = feedOf([answer(99_000, [spot("o1", "open")]), answer(104_000, [])]);
  await feed.start();
  assert.deepEqual([feed.orders.length, feed.agents.length, feed.at], [1, 1, 99_000]);
  assert.equal(world.timers.at(-1).ms, 5_000);
  await world.timers.at(-1).fn();
  assert.deepEqual([feed.orders.length, world.asked], [0, 2]);
});

test("after faults it waits longer, keeps what it had, and recovers", async () => {
  const fault = new Error("away");
  const { world, feed } = feedOf([answer(99_000, [spot("o1", "open")]), fault, fault, fault, fault, fault, answer(130_000, [])]);
  await feed.start();
  const pauses = [];
  for (let i = 0; i < 5; i++) {
    await world.timers.at(-1).fn();
    pauses.push(world.timers.at(-1).ms);
  }
  assert.deepEqual(pauses, [5_000, 10_000, 20_000, 30_000, 30_000], "half of it, at random 0");
  assert.deepEqual([feed.fault, feed.orders.length], [fault, 1]);
  await world.timers.at(-1).fn();
  assert.deepEqual([feed.fault, world.timers.at(-1).ms], [null, 5_000]);
});

test("nobody looks: nothing is asked, until somebody does", async () => {
  const { world, feed } = feedOf([answer(1, [])]);
  world.seen = false;
  await feed.start();
  assert.deepEqual([world.asked, world.timers.length], [0, 0]);
  world.seen = true;
  await feed.askNow();
  assert.equal(world.asked, 1);
});

test("an answer that was made before something was heard does not undo it; a later one does", async () => {
  const { feed } = feedOf([answer(100_500, [spot("o1", "open")]), answer(102_000, [spot("o1", "working")])]);
  feed.hear(full("o1", "escalated"));
  await feed.start();
  assert.equal(feed.orders[0].status, "escalated");
  await feed.askNow();
  assert.equal(feed.orders[0].status, "working");
});

test("an answer that comes after it was stopped changes nothing", async () => {
  let answered;
  const feed = new MapFeed({
    ask: () => new Promise((resolve) => (answered = resolve)), changed: () => assert.fail("told"), now: () => 0, isSeen: () => true,
    setTimer: () => assert.fail("set a timer"), clearTimer: () => {},
  });
  const asked = feed.start();
  feed.stop();
  answered(answer(1, [spot("o1", "open")]));
  await asked;
  assert.deepEqual(feed.orders, []);
});
