// @ts-check
// Fields of the desk's dialogs: a label, what is typed, and what was wrong with it.
//
// Owns how a fault is tied to its field (the server names fields by path). What is typed lives in the
// dialog's own state, so that a drawing never loses a letter.

import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { wordsOf } from "./app.js";

/**
 * @typedef {object} Field
 * @property {string} name  of the value in `dialog`, and of the input
 * @property {string} label
 * @property {string} [type]  of the input; "textarea" too
 * @property {string} [hint]
 * @property {string} [path]  the server's name of it, where it is another
 * @property {number} [most]  characters
 * @property {boolean} [required]
 * @property {boolean} [first]  has the focus when the dialog opens
 * @property {Record<string, string>} [attributes]
 */

/** @param {import("./app.js").Context} context @param {Field} field */
export function field(context, given) {
  const { name, label, type = "text", hint = "" } = given;
  const fault = faultOf(context.state.dialog, given.path ?? name);
  const told = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(" ");
  return html`<div class="field">
    <label for=${name}>${label}</label>
    ${type === "textarea" ? area(context, given, fault, told) : input(context, given, fault, told)}
    ${hint ? html`<span class="hint" id="${name}-hint">${hint}</span>` : null}
    ${fault ? html`<span class="fault" id="${name}-fault">${fault}</span>` : null}
  </div>`;
}

/**
 * @param {import("./app.js").Context} context @param {Field} field @param {string} fault
 * @param {string} told
 */
function input(context, { name, path = name, type = "text", most = 500, required = false, first = false }, fault, told) {
  const typed = type === "number" || type === "decimal" ? "text" : type;
  return html`<input id=${name} name=${name} type=${typed}
    inputmode=${type === "number" ? "numeric" : type === "decimal" ? "decimal" : "text"}
    maxlength=${most} autocomplete="off" ?autofocus=${first} ?required=${required} aria-invalid=${fault ? "true" : "false"} aria-describedby=${told}
    .value=${live(context.state.dialog[name] ?? "")} @input=${keeper(context, name, path)}>`;
}

/**
 * @param {import("./app.js").Context} context @param {Field} field @param {string} fault
 * @param {string} told
 */
function area(context, { name, path = name, most = 500, required = false, first = false }, fault, told) {
  return html`<textarea id=${name} name=${name} maxlength=${most} ?autofocus=${first} ?required=${required}
    aria-invalid=${fault ? "true" : "false"}
    aria-describedby=${told} .value=${live(context.state.dialog[name] ?? "")} @input=${keeper(context, name, path)}></textarea>`;
}

/**
 * What is typed anew is no longer what was wrong.
 * @param {import("./app.js").Context} context @param {string} name @param {string} path
 */
function keeper({ state, update }, name, path) {
  return (/** @type {any} */ event) => {
    const { dialog } = state;
    dialog[name] = event.target.value;
    if (dialog.faults) delete dialog.faults[path];
    if (dialog.problem?.errors) dialog.problem.errors = dialog.problem.errors.filter((error) => !concerns(error, path));
    update();
  };
}

/** @param {{path: string}} error @param {string} path */
function concerns(error, path) {
  return error.path === path || error.path.startsWith(`${path}.`);
}

/** What the page or the server found wrong with a field. @param {any} dialog @param {string} path */
export function faultOf(dialog, path) {
  const ours = dialog.faults?.[path];
  if (ours) return ours;
  const theirs = dialog.problem?.errors?.find((/** @type {any} */ error) => concerns(error, path));
  return theirs ? t("desk.fault.server", { message: theirs.message }) : "";
}

/** What went wrong with none of the fields shown. @param {any} dialog @param {string[]} paths */
export function otherFaults({ problem }, paths) {
  if (!problem) return null;
  const others = (problem.errors ?? []).filter((/** @type {any} */ error) => !paths.some((path) => concerns(error, path)));
  if (problem.code === "invalid" && others.length === 0) return null;
  return html`<div class="banner bad" role="alert">${icon("warning")}<div>
    <p>${wordsOf(problem)}</p>${others.map((/** @type {any} */ { path, message }) => html`<p
      class="small">${path}: ${message}</p>`)}
  </div></div>`;
}

/**
 * @param {import("./app.js").Context} context
 * @param {{label: string, busy: boolean, danger?: boolean, act: string, first?: boolean}} what
 */
export function buttons(context, { label, busy, danger = false, act, first = false }) {
  return html`<div class="row dialog-buttons">
    <span class="grow"></span>
    <button type="button" class="button" @click=${context.close}>${t("desk.dialog.back")}</button>
    <button type="submit" class="button primary ${danger ? "danger" : ""}" data-submit=${act}
      ?autofocus=${first} ?disabled=${busy}>${label}</button>
  </div>`;
}

/** @param {() => void} send */
export function submitter(send) {
  return (/** @type {Event} */ event) => {
    event.preventDefault();
    send();
  };
}
