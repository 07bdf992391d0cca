// The desk's forms and keys: what is proposed, what a form means, what is sent, what a key does where.

import assert from "node:assert/strict";
import { test } from "node:test";

import { changesOf, formOf } from "../../console/desk/edits.js";
import { keyMeans } from "../../console/desk/key_map.js";
import { proposal, reopening } from "../../console/desk/widening.js";

const ROUNDS = [{ radius_m: 3000, limit: 20, seconds: 15, bonus_fen: 0 }, { radius_m: 6000, limit: 5, seconds: 0.5, bonus_fen: 800 }];

test("proposed are wider rounds to more agents, and a bonus above what nobody took it for", () => {
  const { bonus, rounds } = proposal({ bonus_fen: 300 }, ROUNDS);
  assert.equal(bonus, "13");
  assert.deepEqual(rounds, [{ radius: "6", limit: "30", seconds: "15" }, { radius: "12", limit: "8", seconds: "1" }]);
  assert.equal(proposal({ bonus_fen: 2000 }, ROUNDS).bonus, "25");
});

test("a proposal never leaves the server's bounds", () => {
  const [round] = proposal({ bonus_fen: 0 }, [{ radius_m: 20_000_000, limit: 9000, seconds: 60 }]).rounds;
  assert.deepEqual(round, { radius: "20040", limit: "10000", seconds: "60" });
});

test("a form is sent in the wire's units", () => {
  const form = { bonus: "12.5", own: true, rounds: [{ radius: "0.5", limit: "8", seconds: "20.5" }] };
  assert.deepEqual(reopening(form), { body: { bonus_fen: 1250, rounds: [{ radius_m: 500, limit: 8, seconds: 20.5, bonus_fen: 0 }] }, faults: {} });
});

test("without rounds of its own the policy's are used; no bonus is none", () => {
  assert.deepEqual(reopening({ bonus: " ", own: false, rounds: [{ radius: "x", limit: "", seconds: "" }] }), { body: { bonus_fen: 0 }, faults: {} });
});

test("each faulty field is named", () => {
  const { faults } = reopening({ bonus: "much", own: true, rounds: [{ radius: "0", limit: "1.5", seconds: "0.5" }, { radius: "1", limit: "1", seconds: "1" }] });
  assert.deepEqual(Object.keys(faults), ["bonus", "rounds.0.radius", "rounds.0.limit", "rounds.0.seconds"]);
});

const ORDER = {
  customer: { id: "c-1", name: "Li", phone: "+86138" }, place: { lat: 31.23041234, lon: 121.4737, address: "Road 1" },
  destination: { lat: 31.5, lon: 121.5, address: null }, details: { plate: "A1", days: 3, parts: ["x"], vehicle: { year: 2020 } },
  price_fen: 18000, bonus_fen: 0, scheduled_at: null,
};
const edited = (change) => changesOf(ORDER, { ...formOf(ORDER), ...change });

test("what nobody touched is not sent", () => {
  assert.deepEqual(edited({}), { body: {}, faults: {} });
});

test("each part is sent alone", () => {
  assert.deepEqual(edited({ customer_name: " Wang " }).body, { customer: { name: "Wang", phone: "+86138" } });
  assert.deepEqual(edited({ customer_phone: "" }).body, { customer: { name: "Li", phone: null } });
  assert.deepEqual(edited({ price: "" }).body, { price_fen: null });
  assert.deepEqual(edited({ bonus: "5" }).body, { bonus_fen: 500 });
  assert.deepEqual(edited({ bonus: "" }).body, { bonus_fen: 0 });
});

test("a new address keeps every digit of the place, a new place is as it was typed", () => {
  assert.deepEqual(edited({ address: "Road 2" }).body.place, { lat: 31.23041234, lon: 121.4737, address: "Road 2" });
  assert.deepEqual(edited({ point: "31.1, 121.2" }).body.place, { lat: 31.1, lon: 121.2, address: "Road 1" });
  assert.deepEqual(edited({ point: "somewhere" }).faults, { point: "desk.fault.point" });
});

test("a destination can be moved, and removed", () => {
  assert.deepEqual(edited({ to_address: "Works" }).body.destination, { lat: 31.5, lon: 121.5, address: "Works" });
  assert.deepEqual(edited({ to_point: "", to_address: "" }).body, { destination: null });
  const { faults } = changesOf({ ...ORDER, destination: null }, { ...formOf({ ...ORDER, destination: null }), to_address: "Works" });
  assert.deepEqual(faults, { to_point: "desk.fault.point" });
});

test("details are replaced whole: numbers stay numbers, what is no text stays, an entry without a name is none", () => {
  const details = [{ name: "plate", value: "B2" }, { name: "days", value: "4" }, { name: "", value: "lost" }, { name: "note", value: "hi" }];
  assert.deepEqual(edited({ details }).body, { details: { parts: ["x"], vehicle: { year: 2020 }, plate: "B2", days: 4, note: "hi" } });
});

test("money that is none is a fault", () => {
  assert.deepEqual(edited({ price: "a lot", bonus: "-1" }).faults, { price: "desk.fault.money", bonus: "desk.fault.money" });
});

test("keys act on the page, not where somebody types or a dialog is open", () => {
  assert.deepEqual(keyMeans({ key: "j" }, "page"), { name: "next" });
  assert.deepEqual(keyMeans({ key: "J" }, "page"), { name: "next" });
  assert.deepEqual(keyMeans({ key: "3" }, "page"), { name: "choose", n: 3 });
  for (const place of ["typing", "dialog", "search"]) assert.equal(keyMeans({ key: "j" }, place), null, place);
  for (const key of ["0", "z", "Tab", "F1"]) assert.equal(keyMeans({ key }, "page"), null, key);
});

test("keys of the browser stay the browser's, and a letter under composition is nobody's", () => {
  for (const held of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }, { isComposing: true }]) assert.equal(keyMeans({ key: "r", ...held }, "page"), null);
});

test("a key that is held down assigns nothing again", () => {
  assert.equal(keyMeans({ key: "Enter", repeat: true }, "page"), null);
  assert.deepEqual(keyMeans({ key: "j", repeat: true }, "page"), { name: "next" });
});

test("arrows walk where the focus is", () => {
  assert.deepEqual(keyMeans({ key: "ArrowDown" }, "page"), { name: "next" });
  assert.deepEqual(keyMeans({ key: "ArrowDown" }, "candidates"), { name: "next_candidate" });
  assert.equal(keyMeans({ key: "ArrowDown" }, "map"), null);
  assert.deepEqual(keyMeans({ key: "Escape" }, "search"), { name: "leave_search" });
});
