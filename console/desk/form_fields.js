// A field of a form: its label, its control, what is wrong with it; tied together for screen readers.

import { t } from "../kit/text.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";

/** Puts the focus where something was just drawn: the drawing is one frame away. @param {string} selector */
export function focusSoon(selector) {
  requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(selector)?.focus()));
}

/**
 * @typedef {object} Field
 * @property {string} id  unique on the page
 * @property {string} label
 * @property {string} value
 * @property {(value: string) => void} change
 * @property {string} [fault]  the last part of the key of a text
 * @property {string} [refusal]  the server's own words
 * @property {unknown} [hint]
 * @property {string} [type] @property {string} [mode] @property {boolean} [required] @property {number} [longest]
 * @property {boolean} [first]  a dialog begins here
 */

/** @param {Field} field */
export function textField(field) {
  const { id, value, change, type = "text", mode, required = false, longest, fault, first = false } = field;
  return framed(field, html`<input id=${id} type=${type} autocomplete="off" inputmode=${mode ?? nothing} maxlength=${longest ?? nothing}
    .value=${live(value)} aria-required=${required} aria-invalid=${Boolean(fault)} aria-describedby=${describedBy(field)}
    ?autofocus=${first} @input=${(event) => change(event.target.value)}>`);
}

/** @param {Field} field */
export function areaField(field) {
  const { id, value, change, longest, required = false, fault } = field;
  return framed(field, html`<textarea id=${id} rows="3" maxlength=${longest ?? nothing} .value=${live(value)} aria-required=${required}
    aria-invalid=${Boolean(fault)} aria-describedby=${describedBy(field)} @input=${(event) => change(event.target.value)}></textarea>`);
}

/** @param {Field & { options: { value: string, label: string }[] }} field */
export function choiceField(field) {
  const { id, value, change, options, required = false, fault } = field;
  return framed(field, html`<select id=${id} .value=${live(value)} aria-required=${required} aria-invalid=${Boolean(fault)}
    aria-describedby=${describedBy(field)} @change=${(event) => change(event.target.value)}>
    ${options.map((each) => html`<option value=${each.value} ?selected=${each.value === value}>${each.label}</option>`)}</select>`);
}

/** @param {Field} field */
function describedBy({ id, fault, hint }) {
  return [fault && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ") || nothing;
}

/** @param {Field} field @param {unknown} control */
function framed({ id, label, required, fault, refusal, hint }, control) {
  return html`
    <div class="field">
      <label class=${required ? "must" : ""} for=${id}>${label}</label>
      ${control}
      ${fault ? html`<span class="fault" id="${id}-fault">${t(`work.fault.${fault}`)} ${refusal ? html`<span lang="en">${refusal}</span>` : nothing}</span>` : nothing}
      ${hint ? html`<span class="hint" id="${id}-hint">${hint}</span>` : nothing}
    </div>
  `;
}
