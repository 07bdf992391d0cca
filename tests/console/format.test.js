// Numbers as people read them, and words that only a later server says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

globalThis.localStorage = { getItem: () => null, setItem: () => {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
globalThis.document = { documentElement: {} };
globalThis.fetch = async (url) => new Response(readFileSync(url));
const { countdown, distance, money, span } = await import("../../console/kit/format.js");
const { loadTexts, tOr } = await import("../../console/kit/text.js");
await loadTexts("kit");

test("what is left is told by the clock's parts, and never less than nothing", () => {
  const told = { 0: "0:00", 1: "0:01", 65_000: "1:05", 3_599_001: "1:00:00", 4_842_000: "1:20:42", "-5": "0:00" };
  for (const [ms, text] of Object.entries(told)) assert.equal(countdown(Number(ms)), text);
});

test("money has no decimals but where there are fen", () => {
  assert.deepEqual([money(18_000), money(18_050), money(0)], ["¥180", "¥180.50", "¥0"]);
});

test("distances are as exact as a receiver is", () => {
  assert.deepEqual([distance(87), distance(994), distance(996), distance(1_249)], ["90 m", "990 m", "1 km", "1.2 km"]);
});

test("spans grow from seconds to hours", () => {
  assert.deepEqual([span(59_000), span(61_000), span(3_660_000)], ["59 s", "1 min 1 s", "1 h 1 min"]);
});

test("a word that only a later server says is told by another", () => {
  assert.equal(tOr("kit.problem.conflict", "kit.problem.internal"), "Things have changed; look at the present state");
  assert.equal(tOr("kit.problem.of_tomorrow", "kit.problem.internal"), "The server made a mistake");
});
