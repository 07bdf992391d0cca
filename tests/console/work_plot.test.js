// Small plots: bars, lines with gaps, labels.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bars, dots, line, roundUp, ticks } from "../../console/desk/plot.js";

const BOX = { width: 100, height: 50, most: 10 };

test("an axis ends at a round number", () => {
  const said = { 0: 1, 1: 1, 3: 5, 5: 5, 6: 10, 11: 20, 49: 50, 50: 50, 51: 100, 1234: 2000 };
  for (const [most, end] of Object.entries(said)) assert.equal(roundUp(Number(most)), end, most);
});

test("bars stand on the ground, as high as they count", () => {
  const [low, high] = bars([5, 10], BOX);
  assert.deepEqual([low.y, low.height, high.y, high.height], [25, 25, 0, 50]);
  assert.ok(low.x >= 0 && low.x + low.width <= 50 && high.x >= 50 && high.x + high.width <= 100);
});

test("a bar stands on the one below it", () => {
  const [bar] = bars([2], { ...BOX, below: [5] });
  assert.deepEqual([bar.y, bar.height], [15, 10]);
});

test("a line goes through the middles, and stops where there is nothing", () => {
  assert.equal(line([0, 10, null, 5], BOX), "M12.5 50L37.5 0M87.5 25");
  assert.equal(line([null, null], BOX), "");
});

test("each value has a dot, also one that stands alone", () => {
  assert.equal(dots([0, null, 5, null], BOX), "M12.5 50h.01M62.5 25h.01");
});

test("labels are no more than there is room for", () => {
  assert.deepEqual(ticks(24, 6), [0, 4, 8, 12, 16, 20]);
  assert.deepEqual(ticks(3, 6), [0, 1, 2]);
});
