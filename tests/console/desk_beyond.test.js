// A desk of more orders than a `welcome` can hold: what it shows until the rest was read, and when that fails.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Offline } from "../../console/api.js";
import { Beyond } from "../../console/desk/beyond.js";
import { Book } from "../../console/desk/book.js";
import { Reading } from "../../console/desk/reading.js";
import { View } from "../../console/view.js";

const order = (id, version = 1, status = "escalated") => ({ id, version, status, stalled: false });
const welcome = (orders, more = ["desk"]) => ({ type: "welcome", session_id: "s", desk: orders, more });

let now;

beforeEach(() => {
  now = 1_000_000;
  globalThis.document = { hidden: false };
  Date.now = () => now;
});

function desk() {
  const view = new View();
  const book = new Book();
  const told = { read: 0, asked: 0, answer: [] };
  const context = {
    view, book, now: () => now, beyond: new Beyond(), client: { state: "open" }, update: () => {}, deskRead: () => (told.read += 1),
    state: { selected: null, dialog: null, checked: new Set(), lists: { all: {} }, tab: "queue", policies: new Map([["towing", {}]]), detail: null }, order: (id) => book.get(id),
    api: { get: async () => {
      told.asked += 1;
      if (told.answer instanceof Error) throw told.answer;
      return { items: await told.answer, next: null };
    } },
    take(each) {
      book.take(each, now);
      view.hear({ type: "desk", event: "changed", order: each });
    },
  };
  const reading = new Reading(context);
  const hear = (message) => {
    const before = view.desk;
    view.hear(message);
    context.beyond.carry(before, view);
  };
  return { context, view, told, reading, hear, shown: () => [...view.desk.keys()].sort().join("") };
}

async function read({ reading }) {
  await reading.quietly(reading.restOfDesk());
}

test("after a return the queue keeps what the welcome had no room for, until the rest was read", async () => {
  const one = desk();
  one.hear(welcome(["a", "b", "c"].map((id) => order(id)), []));
  one.hear(welcome([order("a", 2)]));
  assert.equal(one.shown(), "abc");
  assert.equal(one.view.desk.get("a").version, 2);
  one.told.answer = [order("a", 2), order("c", 3), order("d")];
  await read(one);
  assert.equal(one.shown(), "acd");
  assert.equal(one.view.desk.get("c").version, 3);
  assert.equal(one.told.read, 1);
});

test("a list that was not cut replaces all", () => {
  const one = desk();
  one.hear(welcome([order("a"), order("b")], []));
  one.hear(welcome([order("b")], []));
  assert.equal(one.shown(), "b");
});

test("what was heard of an order while the rest was read holds", async () => {
  const one = desk();
  one.hear(welcome([order("a"), order("b"), order("c")], []));
  one.hear(welcome([order("a")]));
  let answer;
  one.told.answer = new Promise((resolve) => (answer = resolve));
  const reading = read(one);
  one.view.hear({ type: "desk", event: "changed", order: order("b", 2) });
  one.view.hear({ type: "desk", event: "assigned", order: order("c", 2, "assigned") });
  answer([order("a"), order("c", 1)]);
  await reading;
  assert.equal(one.shown(), "ab");
});

test("a rest that could not be read is read again, and only then is it known what is new", async () => {
  const one = desk();
  one.hear(welcome([order("a")]));
  one.told.answer = new Offline(new Error("cut"));
  await read(one);
  assert.deepEqual([one.told.asked, one.told.read], [1, 0]);
  one.reading.tick();
  assert.equal(one.told.asked, 1);
  now += 5_000;
  one.told.answer = [order("a"), order("b")];
  one.reading.tick();
  await new Promise(setImmediate);
  assert.deepEqual([one.told.asked, one.told.read, one.shown()], [2, 1, "ab"]);
  now += 60_000;
  one.reading.tick();
  assert.equal(one.told.asked, 2);
});

test("a rest that takes long is not asked for twice; after another welcome the older answer is no longer wanted", async () => {
  const one = desk();
  one.hear(welcome([order("a")]));
  const answers = [];
  const ask = () => (one.told.answer = new Promise((resolve) => answers.push(resolve)));
  ask();
  const first = read(one);
  now += 60_000;
  one.reading.tick();
  assert.equal(one.told.asked, 1);
  one.hear(welcome([order("a")]));
  ask();
  const second = read(one);
  answers[0]([order("old")]);
  await first;
  assert.deepEqual([one.told.read, one.shown()], [0, "a"]);
  answers[1]([order("a"), order("new")]);
  await second;
  assert.deepEqual([one.told.read, one.shown()], [1, "anew"]);
});

test("what a dialog is about stays known while it is open, whatever became of it", async () => {
  const one = desk();
  for (const id of ["asked", "selected", "other"]) one.context.take(order(id, 1, "open"));
  Object.assign(one.context.state, { selected: "selected", dialog: { name: "force", order_id: "asked" } });
  now += 1_000;
  one.told.answer = [];
  await one.reading.list("all");
  assert.deepEqual(one.context.book.all().map(({ id }) => id), ["asked", "selected"]);
});
