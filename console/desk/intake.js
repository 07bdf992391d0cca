// The telephone form: an order taken from somebody who rings.
//
// Owns the draft, which stays when the dialog is closed by accident, and its key: whatever happens to the answer,
// one form becomes one order. Looks up whether the number has an unfinished order already, and says so; it forbids
// nothing. What is typed becomes a body in intake_form.js.

import { Offline, drawKey } from "../api.js";
import { dialog } from "../kit/dialog.js";
import { t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { focusSoon } from "./form_fields.js";
import { bodyOf, emptyForm, faultsOf, fieldOf, isPhone, positionOf } from "./intake_form.js";
import { intakeFields } from "./intake_fields.js";
import { IntakeMap } from "./intake_map.js";
import { inWords } from "./order_words.js";
import { placeText } from "./typed.js";

const LOOKUP_MS = 400;

/** @typedef {import("./app.js").Context} Context */

/** @param {Context} context */
export function intakeDialog(context) {
  if (context.state.dialog?.name !== "intake") return null;
  const intake = (context.state.work.intake ??= new Intake(context));
  return dialog({ title: t("work.intake.title"), body: intake.view(), close: context.close, wide: true });
}

export class Intake {
  form = emptyForm();
  /** @type {Record<string, string>} field → key of what is wrong */ faults = {};
  /** What the server said of a field, in its own words. @type {Record<string, string>} */ refusals = {};
  /** Unfinished orders of this number. @type {any[]} */ found = [];
  /** Which of the two places a click on the map sets. */ picking = "place";
  map;
  #context;
  #key = drawKey();
  #customerId = `tel.${drawKey()}`;
  #unsure = false;
  #looking = null;
  #looked = "";

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.map = new IntakeMap(context, this);
  }

  get regions() {
    return this.#context.regions;
  }

  get policies() {
    return this.#context.policies;
  }

  /** @param {string} field @param {(form: import("./intake_form.js").Form) => void} change */
  change(field, change) {
    change(this.form);
    delete this.faults[field];
    delete this.refusals[field];
    if (field === "phone") this.#lookSoon();
    this.#context.update();
  }

  /** @param {"place" | "destination"} name */
  pick(name) {
    this.picking = name;
    this.#context.update();
  }

  /** @param {{ lat: number, lon: number }} place where the map was clicked */
  picked(place) {
    const name = this.picking;
    this.change(name, (form) => {
      if (name === "destination") form.withDestination = true;
      Object.assign(form[name], { position: placeText(place), crs: "wgs84" });
    });
  }

  /** @returns {{ lat: number, lon: number } | null} */
  placed(name) {
    return name === "destination" && !this.form.withDestination ? null : positionOf(this.form[name]);
  }

  #lookSoon() {
    clearTimeout(this.#looking);
    this.#looking = setTimeout(() => this.#look(), LOOKUP_MS);
  }

  async #look() {
    const phone = this.form.phone.trim();
    if (phone === this.#looked) return;
    this.#looked = phone;
    const items = isPhone(phone) ? await this.#context.act(`lookup ${phone}`, () => this.#lookup(phone)) : [];
    if (phone !== this.#looked) return; // another number was typed meanwhile
    if (items === undefined) this.#looked = ""; // not answered: asked again with the next key
    this.found = items ?? [];
    if (this.form.name === "") this.form.name = this.found[0]?.customer?.name ?? "";
    this.#context.update();
  }

  async #lookup(phone) {
    const { items } = await this.#context.api.post("/v1/orders/lookup", { phone }, { key: undefined });
    return items;
  }

  submit = (event) => {
    event.preventDefault();
    this.faults = faultsOf(this.form, this.#context.now());
    this.refusals = {};
    if (Object.keys(this.faults).length > 0) this.#showFault();
    else this.#send();
    this.#context.update();
  };

  #showFault() {
    focusSoon(".intake [aria-invalid=true]");
  }

  async #send() {
    const { act, api, take, state, close, select } = this.#context;
    const customerId = this.found[0]?.customer?.id ?? this.#customerId; // whose number it is is known
    const order = await act("intake", () => this.#post(api, bodyOf(this.form, customerId)), (problem) => this.#refused(problem));
    if (!order) return;
    state.work.intake = null;
    this.map.close();
    take(order);
    state.work.map?.hear(order);
    close();
    select(order.id);
    toast(t("work.intake.done"), "good");
  }

  async #post(api, body) {
    try {
      return await api.post("/v1/orders", body, { key: this.#key });
    } catch (fault) {
      this.#unsure = fault instanceof Offline;
      throw fault;
    }
  }

  /** A refused key is used up; one that may have passed unseen is not, unless the form was changed since. */
  #refused(problem) {
    if (problem.code === "conflict") return this.#maybeDone();
    if (!problem.retryable) this.#key = drawKey();
    if (problem.code !== "invalid") return false;
    for (const { path, message } of problem.errors) this.#refuse(fieldOf(path) ?? "form", message);
    this.#showFault();
    return true;
  }

  #refuse(field, message) {
    this.faults[field] = field === "place" ? "no_region" : "refused";
    if (field !== "place") this.refusals[field] = message;
  }

  /** The form was sent before, its answer was lost, and it was changed since: let people look before they repeat. */
  #maybeDone() {
    this.#key = drawKey();
    this.faults.form = "maybe_done";
    this.#looked = "";
    this.#look();
    return true;
  }

  clear = () => {
    this.map.close();
    this.#context.state.work.intake = null;
    this.#context.update();
  };

  view() {
    queueMicrotask(() => this.map.follow()); // once the element is there
    const sending = this.#context.isBusy("intake");
    return html`
      <form class="intake" novalidate @submit=${this.submit} aria-label=${t("work.intake.title")}>
        ${this.#known()}
        ${intakeFields(this)}
        <footer class="row between wrap">
          <span role="alert" class="fault">${this.faults.form ? t(`work.fault.${this.faults.form}`) : nothing}
            ${this.refusals.form ? html`<span lang="en">${this.refusals.form}</span>` : nothing}
            ${this.#unsure && !this.faults.form ? t("work.intake.unsure") : nothing}</span>
          <span class="row tight">
            <button class="button" type="button" ?disabled=${sending} @click=${this.clear}>${t("work.intake.clear")}</button>
            <button class="button primary" type="submit" data-act="submit_intake" ?disabled=${sending}>
              ${sending ? t("work.sending") : t("work.intake.submit")}</button>
          </span>
        </footer>
      </form>
    `;
  }

  /** Says that the number has an order already; a press shows it, and the draft stays. */
  #known() {
    const show = (order) => {
      this.#context.take(order);
      this.#context.close();
      this.#context.select(order.id);
    };
    const rows = this.found.map((order) => html`<li data-order=${order.id}>
      <button class="button small" type="button" @click=${() => show(order)}>${inWords(order)}</button></li>`);
    return html`<div role="status">${this.found.length === 0 ? nothing : html`
      <div class="banner warn wrap"><strong>${t("work.intake.known", { n: this.found.length })}</strong><ul class="row tight wrap">${rows}</ul></div>`}</div>`;
  }
}
