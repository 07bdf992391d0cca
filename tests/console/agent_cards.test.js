// The life of cards: their places, one grab at a time, what a list says of those that were there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cards, READ_AFTER_MS, SHOWN_AFTER_MS } from "../../console/agent/cards.js";

const NOW = 1_790_000_000_000;
const order = (id, more = {}) => ({ id, created_at: NOW, expires_at: NOW + 15_000, ...more });
const ids = (cards) => cards.offered.map((card) => card.id);
const state = (cards, id) => [cards.find(id).state, cards.find(id).reason];

function dealt(...names) {
  const cards = new Cards();
  for (const name of names) cards.offer(order(name), NOW);
  return cards;
}

test("a new card comes after all others, and none ever changes its place", () => {
  const cards = dealt("a", "b");
  cards.end("a", "taken", NOW);
  assert.equal(cards.offer(order("c", { expires_at: NOW + 1 }), NOW), true);
  assert.equal(cards.offer(order("b", { bonus_fen: 500 }), NOW), false);
  assert.deepEqual(ids(cards), ["a", "b", "c"]);
  assert.equal(cards.find("b").order.bonus_fen, 500);
});

test("a card that is over stays in its place for a while", () => {
  const cards = dealt("a", "b");
  cards.end("a", "cancelled", NOW);
  assert.deepEqual(state(cards, "a"), ["lost", "cancelled"]);
  assert.deepEqual(cards.sweep(NOW + SHOWN_AFTER_MS - 1), []);
  assert.deepEqual(cards.sweep(NOW + SHOWN_AFTER_MS), ["a"]);
  assert.deepEqual(ids(cards), ["b"]);
});

test("a new card takes the place of the first that is over and was read", () => {
  const cards = dealt("a", "b", "c", "d");
  cards.end("c", "taken", NOW);
  cards.end("b", "taken", NOW + 1);
  assert.equal(cards.offer(order("early"), NOW + READ_AFTER_MS - 1), true);
  assert.deepEqual(ids(cards), ["a", "b", "c", "d", "early"]);
  cards.offer(order("e"), NOW + READ_AFTER_MS);
  assert.deepEqual(ids(cards), ["a", "b", "e", "d", "early"]);
  cards.offer(order("f"), NOW + READ_AFTER_MS + 1);
  assert.deepEqual(ids(cards), ["a", "f", "e", "d", "early"]);
});

test("no grab that is under way loses its place to a new card, however long it takes", () => {
  const cards = dealt("a", "b", "c");
  cards.ask("a", NOW);
  cards.ask("b", NOW);
  cards.pend("b", NOW);
  cards.ask("c", NOW);
  cards.forsake("c", NOW);
  cards.offer(order("d"), NOW + 3_600_000);
  assert.deepEqual(ids(cards), ["a", "b", "c", "d"]);
});

test("who has read it sends it away at once, but no card that is alive", () => {
  const cards = dealt("a", "b");
  cards.end("a", "taken", NOW);
  cards.dismiss("a");
  cards.dismiss("b");
  assert.deepEqual(ids(cards), ["b"]);
});

test("an order is asked for once", () => {
  const cards = dealt("a");
  assert.equal(cards.ask("a", NOW), true);
  assert.equal(cards.ask("a", NOW), false);
  cards.pend("a", NOW);
  assert.equal(cards.ask("a", NOW), false);
  assert.equal(cards.ask("unheard-of", NOW), false);
});

for (const [verdict, expected] of [
  [{ outcome: "won" }, ["won", null]],
  [{ outcome: "taken" }, ["lost", "taken"]],
  [{ outcome: "gone", reason: "escalated" }, ["lost", "escalated"]],
  [{ outcome: "refused", reason: "at_capacity" }, ["refused", "at_capacity"]],
  [{ outcome: "refused", reason: "paused" }, ["refused", "paused"]],
  [{ outcome: "refused", reason: "declined" }, ["lost", "declined"]],
  [{ outcome: "refused", reason: "suspended" }, ["lost", "suspended"]],
  [{ outcome: "refused", reason: "not_offered" }, ["lost", "not_offered"]],
]) {
  test(`the verdict ${verdict.outcome} ${verdict.reason ?? ""} is final for the card`, () => {
    const cards = dealt("a");
    cards.ask("a", NOW);
    cards.judge("a", verdict, NOW);
    assert.deepEqual(state(cards, "a"), expected);
    assert.equal(cards.ask("a", NOW), expected[0] === "refused");
  });
}

test("after pending the verdict still comes", () => {
  const cards = dealt("a");
  cards.ask("a", NOW);
  cards.pend("a", NOW);
  assert.deepEqual(state(cards, "a"), ["pending", null]);
  cards.judge("a", { outcome: "won" }, NOW);
  assert.deepEqual(state(cards, "a"), ["won", null]);
});

test("a list ends what it does not name, leaves grabs under way, and says what is new", () => {
  const cards = dealt("stays", "went", "held", "asking");
  cards.ask("asking", NOW);
  const anew = cards.replace([order("new"), order("stays")], new Map([["held", {}]]), NOW);
  assert.deepEqual(anew, ["new"]);
  assert.deepEqual(state(cards, "went"), ["lost", "gone"]);
  assert.deepEqual(state(cards, "held"), ["won", null]);
  assert.deepEqual(state(cards, "asking"), ["asking", null]);
  assert.deepEqual(state(cards, "stays"), ["offered", null]);
});

test("of several that are new those come first that end first", () => {
  const cards = new Cards();
  cards.replace([order("late", { expires_at: NOW + 9 }), order("soon", { expires_at: NOW + 1 })], new Map(), NOW);
  assert.deepEqual(ids(cards), ["soon", "late"]);
});

test("a grab that nobody waits for is told by the next list", () => {
  for (const [offers, jobs, expected] of [
    [[], new Map([["a", {}]]), "won"],
    [[order("a")], new Map(), "offered"],
    [[], new Map(), "lost"],
  ]) {
    const cards = dealt("a");
    cards.ask("a", NOW);
    cards.forsake("a", NOW);
    assert.deepEqual(state(cards, "a"), ["unknown", null]);
    assert.deepEqual(cards.replace(offers, jobs, NOW), []);
    assert.equal(cards.find("a").state, expected);
  }
});

test("a retract that comes after the verdict changes nothing", () => {
  const cards = dealt("a");
  cards.ask("a", NOW);
  cards.judge("a", { outcome: "won" }, NOW);
  cards.end("a", "held", NOW);
  assert.deepEqual(state(cards, "a"), ["won", null]);
});

test("what is offered again after it was lost is alive again, in its place", () => {
  const cards = dealt("a", "b");
  cards.end("a", "escalated", NOW);
  assert.equal(cards.offer(order("a"), NOW), true);
  assert.deepEqual(ids(cards), ["a", "b"]);
  assert.equal(cards.waiting, 2);
});

test("what only the hall made is no card of the list, and no alarm", () => {
  const cards = new Cards();
  cards.offer(order("hall"), NOW, "unsure");
  cards.offer(order("round"), NOW, "unsure");
  assert.deepEqual(ids(cards), []);
  assert.deepEqual(cards.settle(new Set(["hall"])), ["round"]);
  assert.deepEqual(ids(cards), ["round"]);
  assert.equal(cards.ask("hall", NOW), true);
});

test("the key means the first card that can be grabbed", () => {
  const cards = dealt("a", "b", "c");
  cards.ask("a", NOW);
  cards.end("b", "taken", NOW);
  assert.equal(cards.top.id, "c");
  cards.end("c", "taken", NOW);
  assert.equal(cards.top, undefined);
});

test("the ring begins anew with each end that is told", () => {
  const cards = dealt("a");
  assert.equal(cards.find("a").spanMs, 15_000);
  cards.offer(order("a", { expires_at: NOW + 35_000 }), NOW + 15_000);
  assert.equal(cards.find("a").spanMs, 20_000);
  cards.offer(order("a", { expires_at: NOW + 35_000, bonus_fen: 1 }), NOW + 20_000);
  assert.equal(cards.find("a").spanMs, 20_000);
});
