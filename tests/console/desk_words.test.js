// What the desk says of events, candidates and refusals: each has a text, in both languages, for all the server knows.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { condensed, sentenceOf } from "../../console/desk/chronicle.js";
import { conflictOf, isForcible } from "../../console/desk/conflicts.js";
import { fitnessOf, ownReasons } from "../../console/desk/fitness.js";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const texts = Object.fromEntries(["zh-CN", "en"].map((code) => [code, JSON.parse(read(`console/text/${code}/desk.json`))]));
const kit = JSON.parse(read("console/text/en/kit.json"));
const name = (id) => `<${id}>`;

function assertText(key) {
  for (const [code, table] of Object.entries(texts)) assert.ok(key in table || key in kit, `${key} (${code})`);
}

/** Every `{name}` of the text has a value. */
function assertFilled({ key, values }) {
  for (const table of Object.values(texts)) {
    const forms = typeof table[key] === "string" ? [table[key]] : Object.values(table[key]);
    for (const [, wanted] of forms.join(" ").matchAll(/\{(\w+)\}/g)) assert.ok(values[wanted] !== undefined, `${key}: ${wanted}`);
  }
}

const ROUND = { round: 2, radius_m: 6000, bonus_fen: 500, agents: ["v-1", "v-2"] };
const EVENTS = [
  ["placed", {}, "placed"], ["opened", ROUND, "opened"], ["widened", ROUND, "widened"], ["reopened", ROUND, "reopened"],
  ["offered", { round: 1, agents: ["v-1"] }, "offered"], ["offered", { round: 1, agents: ["v-1"], hall: true }, "offered.hall"],
  ["declined", { agent_id: "v-1" }, "declined"], ["declined", { agent_id: "v-1", reason: "far" }, "declined.reason"],
  ["assigned", { agent_id: "v-1", by: "grab" }, "assigned.grab"],
  ["assigned", { agent_id: "v-1", by: "desk", previous: "", force: false }, "assigned.desk"],
  ["assigned", { agent_id: "v-1", by: "desk", previous: "", force: true }, "assigned.force"],
  ["assigned", { agent_id: "v-1", by: "desk", previous: "v-2", force: true }, "assigned.again"],
  ["progressed", { agent_id: "v-1", step: "arrived" }, "progressed"], ["completed", { agent_id: "v-1", step: "completed" }, "completed"],
  ["released", { agent_id: "v-1", reason: "ill", from: "assigned", ...ROUND }, "released.open"],
  ["released", { agent_id: "v-1", reason: "ill", from: "working", lat: 1, lon: 2 }, "released.desk"],
  ["stalled", {}, "stalled"], ["escalated", {}, "escalated"], ["expired", {}, "expired"],
  ["taken_up", { dispatcher_id: "d-1", until_at: 9 }, "taken_up"], ["edited", { changed: ["place"] }, "edited"],
  ["noted", { note_id: "n", seconds: 3.4, by: "customer" }, "noted"], ["heard", { note_id: "n" }, "heard"],
  ["closed", { outcome: "by phone" }, "closed"], ["cancelled", { reason: "no need", from: "open" }, "cancelled"],
  ["of_a_newer_server", { anything: 1 }, "other"],
];

for (const [type, data, key] of EVENTS) {
  test(`the event ${type} is told as ${key}, with all its values`, () => {
    const sentence = sentenceOf({ version: 1, type, at: 0, actor: { role: "engine", id: null }, data }, name);
    assert.equal(sentence.key, `desk.event.${key}`);
    assertText(sentence.key);
    assertFilled(sentence);
  });
}

test("every event type of the server is among those that are told", () => {
  const types = read("dispatch/events.py").split("class Type")[1].split("_KNOWN")[0].matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm);
  const untold = new Set(["replaced", "kicked", "suspended", "moved", "tracked", "noticed", "reconciled", "corrected", "adopted"]);
  const told = new Set(EVENTS.map(([type]) => type));
  const known = [...types].map(([, type]) => type).filter((type) => !untold.has(type));
  assert.ok(known.length > 15);
  assert.deepEqual(known.filter((type) => !told.has(type)), []);
});

test("agents are told by name, what a release did is told with it", () => {
  const event = { version: 1, type: "released", at: 0, actor: {}, data: { agent_id: "v-1", reason: "ill", from: "assigned", ...ROUND } };
  assert.deepEqual(sentenceOf(event, name).values, { agent: "<v-1>", reason: "ill", from: "assigned", round: 2, radius_m: 6000, n: 2 });
});

test("renewals of one hand are one line, another's is not swallowed", () => {
  const up = (version, who) => ({ version, type: "taken_up", at: 0, actor: {}, data: { dispatcher_id: who } });
  const list = [up(1, "a"), up(2, "a"), up(3, "b"), { version: 4, type: "edited", data: {} }, up(5, "b")];
  assert.deepEqual(condensed(list).map(({ version }) => version), [2, 3, 4, 5]);
});

// --- refusals ------------------------------------------------------------------------------------------------

/** The server's own phrases, with something in their gaps. */
function phrases() {
  const table = read("dispatch/transitions.py").split("_CONFLICTS = {")[1].split("}\n")[0];
  const fill = (key) => (key === "taken_up" ? "d-2" : "completed");
  return [...table.matchAll(/^ {4}"(\w+)": "(.+)",$/gm)].map(([, key, phrase]) => [key, phrase.replace("{}", fill(key))]);
}

test("each refusal of the server is told in words of its own", () => {
  const found = phrases();
  assert.ok(found.length > 8);
  for (const [key, phrase] of found.filter(([each]) => each !== "too_many")) {
    const { key: text, values } = conflictOf(phrase);
    assert.ok(text.startsWith("desk.conflict."), `${key}: ${phrase}`);
    assertText(text);
    assertFilled({ key: text, values });
  }
  assert.deepEqual(conflictOf("the agent is of region sh, the order of bj"), { key: "desk.conflict.region", values: { region: "sh", other: "bj" } });
  assert.deepEqual(conflictOf("the order is in the hands of d-2; force overrides an assignment").values, { who: "d-2" });
  assert.deepEqual(conflictOf("the order is completed").values, { status: "completed" });
});

test("a refusal that nobody foresaw is told as a conflict", () => {
  assert.deepEqual(conflictOf("something else entirely"), { key: "kit.problem.conflict", values: {} });
});

test("what force overrides is known from the server's own words", () => {
  const forcible = phrases().filter(([, phrase]) => isForcible(phrase)).map(([key]) => key);
  assert.deepEqual(forcible.sort(), ["at_capacity", "paused", "taken_up", "unreachable"]);
});

// --- candidates ------------------------------------------------------------------------------------------------

const FIT = { agent_id: "v-1", status: "available", load: 0, capacity: 1, declined: false, why_not: null };
const WAITS = { status: "escalated", taken_up: null, assignment: null };
const fitness = (candidate = {}, order = {}) => fitnessOf({ ...FIT, ...candidate }, { ...WAITS, ...order }, "d-1", 100);

test("nothing against him: one press assigns", () => {
  assert.deepEqual(fitness(), { reasons: [], final: false, force: false, ask: false });
});

test("every reason of the server has a short word and a sentence", () => {
  const reasons = [...read("dispatch/eligibility.py").matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm)].map(([, reason]) => reason);
  assert.equal(reasons.length, 8);
  for (const reason of reasons) {
    assertText(`desk.why.${reason}`);
    assertText(`desk.why.long.${reason}`);
    const found = fitness({ why_not: reason });
    assert.ok(found.reasons.includes(reason) && found.ask);
  }
});

test("force is for presence, capacity and another's hand; a reason of taste is only asked about", () => {
  for (const candidate of [{ status: "offline" }, { status: "paused" }, { load: 1 }]) assert.equal(fitness(candidate).force, true);
  assert.equal(fitness({}, { taken_up: { dispatcher_id: "d-2", until_at: 101 } }).force, true);
  for (const why_not of ["role", "skill", "declined", "released"]) assert.deepEqual([fitness({ why_not }).force, fitness({ why_not }).ask], [false, true]);
});

test("the reason behind the server's first one is known as well", () => {
  const found = fitness({ why_not: "skill", status: "offline", load: 1 });
  assert.deepEqual(found.reasons, ["skill", "unreachable", "at_capacity"]);
  assert.equal(found.force, true);
});

test("my own hand, and one whose time is over, are nothing against it", () => {
  assert.equal(fitness({}, { taken_up: { dispatcher_id: "d-1", until_at: 200 } }).ask, false);
  assert.equal(fitness({}, { taken_up: { dispatcher_id: "d-2", until_at: 100 } }).ask, false);
});

test("nobody overrides a suspension, nor gives a holder what he holds", () => {
  assert.equal(fitness({ why_not: "suspended" }).final, true);
  const held = { status: "assigned", assignment: { agent_id: "v-1" } };
  assert.equal(fitness({}, held).final, true);
  assert.deepEqual(ownReasons(fitness({ load: 1 }, held)), []);
});

test("to take an order from its holder is asked about, once it is no longer his nothing is", () => {
  const other = { assignment: { agent_id: "v-2" } };
  assert.deepEqual(fitness({}, { status: "assigned", ...other }).reasons, ["held"]);
  assert.deepEqual(fitness({}, { status: "escalated", ...other }).reasons, []);
  assert.deepEqual(ownReasons(fitness({}, { status: "assigned", ...other })), []);
});
