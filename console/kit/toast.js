// Short messages that go by themselves, read aloud by screen readers.
//
// Owns what is shown now. A page puts `toasts()` into its view, and hands its `update` to `onToast`.

import { html } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { icon } from "./icons.js";

const SHOWN_MS = 6000;
const ICONS = { good: "check", bad: "warning", info: "info" };
/** @type {{id: number, text: string, kind: string}[]} */
let shown = [];
let count = 0;
let changed = () => {};

/** @param {() => void} update */
export function onToast(update) {
  changed = update;
}

/** @param {string} text @param {"good" | "bad" | "info"} [kind] */
export function toast(text, kind = "info") {
  const id = ++count;
  shown = [...shown.filter((each) => each.text !== text), { id, text, kind }];
  setTimeout(() => {
    shown = shown.filter((each) => each.id !== id);
    changed();
  }, SHOWN_MS);
  changed();
}

export function toasts() {
  return html`
    <div class="toasts" role="status" aria-live="polite">
      ${repeat(shown, (each) => each.id, (each) => html`<div class="toast ${each.kind}">${icon(ICONS[each.kind])}<span>${each.text}</span></div>`)}
    </div>
  `;
}
