// Small plots: bars that stand on one another, and a line with gaps, as SVG that follows the text's colours.
//
// `bars`, `line` and `ticks` are pure: numbers → shapes in a box of the caller's size. A plot has a title that tells
// what it shows; who wants the numbers themselves finds them in the table beside it. Knows no figures' names.

/** @typedef {{ x: number, y: number, width: number, height: number }} Bar */

/** The least round number that is not below: 1, 2, 5, 10, 20, 50 … @param {number} most */
export function roundUp(most) {
  if (most <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].find((step) => step * power >= most) * power;
}

/**
 * A bar for each value, `below` having been stacked under it already.
 * @param {number[]} values @param {{ width: number, height: number, most: number, below?: number[] }} box @returns {Bar[]}
 */
export function bars(values, { width, height, most, below = [] }) {
  const step = width / Math.max(1, values.length);
  const gap = Math.min(2, step * 0.2);
  return values.map((value, i) => {
    const tall = (value / most) * height;
    const under = ((below[i] ?? 0) / most) * height;
    return { x: i * step + gap / 2, y: height - under - tall, width: step - gap, height: tall };
  });
}

/** @typedef {{ width: number, height: number, most: number }} Box */

/**
 * A path through the middles of the buckets; where there is no value the line ends.
 * @param {(number | null)[]} values @param {Box} box @returns {string}
 */
export function line(values, box) {
  const drawn = values.map((value, i) => (value === null ? "" : `${(values[i - 1] ?? null) === null ? "M" : "L"}${point(values, i, box)}`));
  return drawn.join("");
}

/** A dot for each value: a path of strokes without length. @param {(number | null)[]} values @param {Box} box @returns {string} */
export function dots(values, box) {
  return values.map((value, i) => (value === null ? "" : `M${point(values, i, box)}h.01`)).join("");
}

/** @param {(number | null)[]} values @param {number} i @param {Box} box */
function point(values, i, { width, height, most }) {
  return `${round(((i + 0.5) * width) / values.length)} ${round(height - (values[i] / most) * height)}`;
}

/** Which buckets get a label, so that there are `most` at most and the last has room to its right. @param {number} count @param {number} most @returns {number[]} */
export function ticks(count, most) {
  const every = Math.max(1, Math.ceil(count / most));
  return Array.from({ length: count }, (_, i) => i).filter((i) => i % every === 0 && (i === 0 || count - i >= every * 0.8));
}

/** @param {number} number */
function round(number) {
  return Math.round(number * 100) / 100;
}
