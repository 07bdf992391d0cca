// What people type: money, places, times.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fenOf, midnight, placeOf, placeText, whenOf, whenText, yuanText } from "../../console/desk/typed.js";

test("money is yuan with two decimals at most, in fen", () => {
  const said = { "180": 18000, "180.5": 18050, "0.07": 7, "1,280.50": 128050, "\u00a5 20": 2000, "20\u5143": 2000, "\uff11\uff12\uff0e\uff15": 1250, " 5. ": 500 };
  for (const [text, fen] of Object.entries(said)) assert.equal(fenOf(text), fen, text);
});

test("what is no amount is null, not a guess", () => {
  for (const text of ["", "abc", "-5", "1.234", "1,2,3", "12 34", "1e3", "99999999999"]) assert.equal(fenOf(text), null, text);
});

test("an amount is typed back as it was", () => {
  for (const fen of [0, 7, 50, 18000, 18050]) assert.equal(fenOf(yuanText(fen)), fen);
  assert.equal(yuanText(null), "");
});

test("a place is two numbers, latitude first", () => {
  const place = { lat: 31.2304, lon: 121.4737 };
  for (const text of ["31.2304, 121.4737", "31.2304 121.4737", "(31.2304,121.4737)", "31.2304\uff0c121.4737", "31.2304\u00b0, 121.4737\u00b0"]) {
    assert.deepEqual(placeOf(text), place, text);
  }
  assert.deepEqual(placeOf("-33.9, 18.4"), { lat: -33.9, lon: 18.4 });
});

test("a first number that can be no latitude is the longitude", () => {
  assert.deepEqual(placeOf("121.4737,31.2304"), { lat: 31.2304, lon: 121.4737 });
});

test("what is no place is null", () => {
  for (const text of ["", "31.23", "31.23,", "91, 95", "31.2, 181", "31.2.3, 121", "a,b", "31,121,5"]) assert.equal(placeOf(text), null, text);
});

test("a place is typed back to the metre", () => {
  assert.deepEqual(placeOf(placeText({ lat: 31.230416, lon: 121.473701 })), { lat: 31.23042, lon: 121.4737 });
});

test("a local time goes there and back", () => {
  const at = new Date(2026, 10, 22, 19, 5).getTime();
  assert.equal(whenText(at), "2026-11-22T19:05");
  assert.equal(whenOf(whenText(at)), at);
  for (const text of ["", "tomorrow", "2026-11-22", "2026-13-40T00:00"]) assert.equal(whenOf(text), null, text);
});

test("today began at midnight here", () => {
  assert.equal(midnight(new Date(2026, 10, 22, 19, 5, 7, 9).getTime()), new Date(2026, 10, 22).getTime());
});
