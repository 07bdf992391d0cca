// The desk's orders: which are known, in what order they wait, what answers to a search, what is told as new.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Arrivals } from "../../console/desk/arrivals.js";
import { actionsOf, answersTo, Book, ended, inHand, queued, unattended, unfinished, waitsSince } from "../../console/desk/book.js";

const ALL = { region: "", kind: "" };
const POLICIES = new Map([["towing", { desk_seconds: 900 }]]);
let ids = 0;

function order(fields = {}) {
  ids += 1;
  return {
    id: `01J${String(ids).padStart(4, "0")}`, kind: "towing", region: "sh", status: "escalated", version: 1,
    customer: { id: "c-1", name: "Li", phone: "+86 138-0000 1111" }, place: { lat: 31, lon: 121, address: "Yan'an Road 12" },
    destination: null, details: { plate: "A12345" }, price_fen: 100, bonus_fen: 0, offered: 3, created_at: 1000, expires_at: null,
    desk_at: 5000, stalled: false, taken_up: null, assignment: null, agent: null, ...fields,
  };
}

test("an older version overwrites nothing, an equal one brings fresh addresses", () => {
  const book = new Book();
  const first = order({ version: 4 });
  assert.equal(book.take(first, 1), true);
  assert.equal(book.take({ ...first, version: 3 }, 2), false);
  assert.equal(book.get(first.id), first);
  const fresh = { ...first };
  assert.equal(book.take(fresh, 3), true);
  assert.equal(book.get(first.id), fresh);
});

test("the revision moves with each change, and not without one", () => {
  const book = new Book();
  const one = order({ version: 2 });
  book.take(one, 1);
  const before = book.revision;
  book.take({ ...one, version: 1 }, 2);
  assert.equal(book.revision, before);
  book.take({ ...one, version: 3 }, 2);
  assert.notEqual(book.revision, before);
});

test("who is not among the unfinished that were read is gone; who was heard of meanwhile, ended, or looked at stays", () => {
  const book = new Book();
  const [gone, heard, done, looked, listed] = [order(), order(), order({ status: "completed" }), order(), order()];
  for (const each of [gone, done, looked, listed]) book.take(each, 10);
  book.take(heard, 30);
  book.replaceUnfinished([listed], 20, [looked.id]);
  assert.deepEqual([gone, heard, done, looked, listed].map(({ id }) => book.get(id) !== undefined), [false, true, true, true, true]);
});

test("waiting counts from the server's word, else from what the policy says, else from the assignment", () => {
  assert.equal(waitsSince(order(), POLICIES), 5000);
  assert.equal(waitsSince(order({ desk_at: undefined, expires_at: 1_000_000 }), POLICIES), 100_000);
  const stalled = order({ desk_at: undefined, status: "assigned", stalled: true, assignment: { at: 4000 } });
  assert.equal(waitsSince(stalled, POLICIES), 4000);
  assert.equal(waitsSince(order({ desk_at: undefined, kind: "unknown", expires_at: 9 }), POLICIES), 1000);
});

test("the queue has what waits at the desk, longest first, equal ones by id", () => {
  const late = order({ desk_at: 9000 });
  const early = order({ desk_at: 2000 });
  const same = order({ desk_at: 2000 });
  const stalled = order({ desk_at: 1000, status: "en_route", stalled: true });
  const held = order({ status: "assigned" });
  const rows = queued([late, same, early, stalled, held], ALL, POLICIES);
  assert.deepEqual(rows, [stalled, early, same, late]);
});

test("filters are by region and by kind, together", () => {
  const [here, there, other] = [order(), order({ region: "bj" }), order({ kind: "beauty" })];
  assert.deepEqual(queued([here, there, other], { region: "sh", kind: "" }, POLICIES), [here, other]);
  assert.deepEqual(queued([here, there, other], { region: "sh", kind: "towing" }, POLICIES), [here]);
});

test("unfinished and ended divide the book, newest first", () => {
  const [a, b, c, d] = [order({ status: "open" }), order({ status: "completed" }), order({ status: "working" }), order({ status: "cancelled" })];
  assert.deepEqual(unfinished([a, b, c, d], ALL), [c, a]);
  assert.deepEqual(ended([a, b, c, d], ALL), [d, b]);
});

test("a hand holds until its time is over; the title counts what nobody has in hand", () => {
  const taken = order({ taken_up: { dispatcher_id: "d-2", until_at: 100 } });
  assert.equal(inHand(taken, 99), taken.taken_up);
  assert.equal(inHand(taken, 100), null);
  const list = [taken, order(), order({ status: "open" })];
  assert.equal(unattended(list, 99), 1);
  assert.equal(unattended(list, 100), 2);
});

test("a search finds id, address, names, plate, and the digits of a phone number however they are spaced", () => {
  const one = order({ agent: { id: "v-1", name: "Wang", phone: "+8613900002222" } });
  for (const text of ["", "  ", one.id.slice(-4), "yan'an", "li", "a123", "wang", "13800001111", "0000 1111", "+86 139", "00002222"]) {
    assert.equal(answersTo(one, text), true, text);
  }
  for (const text of ["13800002222", "nowhere", "99"]) assert.equal(answersTo(one, text), false, text);
});

test("what can be done follows the status", () => {
  const can = (fields) => Object.entries(actionsOf(order(fields))).filter(([, is]) => is).map(([name]) => name);
  assert.deepEqual(can({}), ["takeUp", "assign", "reopen", "close", "edit", "cancel"]);
  assert.deepEqual(can({ status: "open" }), ["assign", "edit", "cancel"]);
  assert.deepEqual(can({ status: "working" }), ["assign", "edit", "cancel"]);
  assert.deepEqual(can({ status: "working", stalled: true }), ["takeUp", "assign", "edit", "cancel"]);
  assert.deepEqual(can({ status: "scheduled" }), ["edit", "cancel"]);
  for (const status of ["completed", "cancelled", "expired"]) assert.deepEqual(can({ status }), []);
});

test("an order is news once while it stays, and again when it comes back", () => {
  const arrivals = new Arrivals();
  const one = order();
  assert.equal(arrivals.hear(one), true);
  assert.equal(arrivals.hear({ ...one, version: 2 }), false);
  assert.equal(arrivals.hear({ ...one, status: "assigned" }), false);
  assert.equal(arrivals.hear({ ...one, version: 3 }), true);
});

test("what was there at the beginning is no news, what came while the line was down is", () => {
  const arrivals = new Arrivals();
  const [old, heard, missed] = [order(), order(), order()];
  assert.deepEqual(arrivals.replace([old]), []);
  assert.equal(arrivals.hear(heard), true);
  assert.deepEqual(arrivals.replace([old, heard, missed]), [missed]);
  assert.equal(arrivals.hear(missed), false);
});

test("what is heard before the first list makes no news of the list", () => {
  const arrivals = new Arrivals();
  const [first, other] = [order(), order()];
  assert.equal(arrivals.hear(first), true);
  assert.deepEqual(arrivals.replace([first, other]), []);
});
