// The fields of the telephone form, in the order of the talk: who rings, where from, what for, on which terms.
//
// Templates only; what is typed is told to the form's owner by `change`.

import { icon } from "../kit/icons.js";
import { detailName, kindName, t } from "../kit/text.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { areaField, choiceField, textField } from "./form_fields.js";
import { SYSTEMS, detailKeys, telephoneKinds } from "./intake_form.js";
import { regionOf } from "./regions.js";

/** @typedef {import("./intake.js").Intake} Intake */

/** @param {Intake} intake */
export function intakeFields(intake) {
  return html`
    <div class="intake-columns">
      <div class="stack">
        <fieldset class="stack tight"><legend>${t("work.intake.who")}</legend>${who(intake)}</fieldset>
        <fieldset class="stack tight"><legend>${t("work.intake.what")}</legend>${what(intake)}</fieldset>
        <fieldset class="stack tight"><legend>${t("work.intake.terms")}</legend>${terms(intake)}</fieldset>
      </div>
      <div class="stack">
        ${place(intake, "place")}
        <div class="intake-map" role="application" aria-label=${t("work.intake.map")} ${ref(intake.map.mount)}></div>
        ${destination(intake)}
      </div>
    </div>
  `;
}

/** A field that is one of the form's own. */
function own(intake, name, more = {}) {
  return {
    id: `intake-${name}`, label: t(`work.intake.${name}`), value: intake.form[name],
    fault: intake.faults[name], refusal: intake.refusals[name],
    change: (value) => intake.change(name, (form) => (form[name] = value)), ...more,
  };
}

function who(intake) {
  return html`<div class="pair">
    ${textField(own(intake, "phone", { type: "tel", mode: "tel", required: true, longest: 32, first: true }))}
    ${textField(own(intake, "name", { longest: 200 }))}
  </div>`;
}

function what(intake) {
  const kinds = telephoneKinds(intake.policies.keys());
  const options = [{ value: "", label: t("work.intake.choose") }, ...kinds.map((kind) => ({ value: kind, label: kindName(kind) }))];
  return html`
    ${choiceField(own(intake, "kind", { options, required: true }))}
    <div class="pair details">${detailKeys(intake.form.kind).map((key) => detail(intake, key))}</div>
    ${intake.faults.details ? html`<span class="fault">${t(`work.fault.${intake.faults.details}`)} <span lang="en">${intake.refusals.details}</span></span>` : nothing}
  `;
}

function detail(intake, key) {
  const change = (value) => intake.change("details", (form) => (form.details[key] = value));
  const field = { id: `intake-details-${key}`, label: detailName(key), value: intake.form.details[key] ?? "", change, longest: 500 };
  return key === "note" ? areaField(field) : textField(field);
}

function terms(intake) {
  return html`<div class="pair three">
    ${textField(own(intake, "price", { mode: "decimal" }))}
    ${textField(own(intake, "bonus", { mode: "decimal" }))}
    ${textField(own(intake, "scheduled", { type: "datetime-local" }))}
  </div>`;
}

function destination(intake) {
  const { withDestination } = intake.form;
  const toggle = (event) => {
    intake.change("destination", (form) => (form.withDestination = event.target.checked));
    intake.pick(event.target.checked ? "destination" : "place");
  };
  return html`
    <label class="row tight"><input type="checkbox" .checked=${live(withDestination)} @change=${toggle}>${t("work.intake.with_destination")}</label>
    ${withDestination ? place(intake, "destination") : nothing}
  `;
}

/** @param {Intake} intake @param {"place" | "destination"} name */
function place(intake, name) {
  const fields = intake.form[name];
  const set = (field, part) => (value) => intake.change(field, (form) => (form[name][part] = value));
  const systems = SYSTEMS.map((value) => ({ value, label: t(`work.crs.${value}`) }));
  const [fault, refusal] = [intake.faults[name], intake.refusals[name]];
  return html`
    <fieldset class="stack tight">
      <legend class="row tight between"><span>${t(`work.intake.${name}`)}</span>${picker(intake, name)}</legend>
      ${textField({
        id: `intake-${name}-address`, label: t("work.intake.address"), value: fields.address, change: set(`${name}_address`, "address"),
        fault: intake.faults[`${name}_address`], refusal: intake.refusals[`${name}_address`], longest: 500,
      })}
      <div class="pair position">
        ${textField({
          id: `intake-${name}`, label: t("work.intake.position"), value: fields.position, change: set(name, "position"),
          fault, refusal, required: true, hint: regionHint(intake, name),
        })}
        ${choiceField({ id: `intake-${name}-crs`, label: t("work.intake.crs"), value: fields.crs, change: set(name, "crs"), options: systems })}
      </div>
    </fieldset>
  `;
}

function picker(intake, name) {
  return html`<button class="button small" type="button" aria-pressed=${intake.picking === name} @click=${() => intake.pick(name)}>
    ${icon("pin")}${t("work.intake.pick")}</button>`;
}

/** The region decides who is offered the order. */
function regionHint(intake, name) {
  const placed = intake.placed(name);
  if (!placed) return t("work.intake.position_hint");
  if (name === "destination") return nothing;
  const id = regionOf(intake.regions, placed);
  if (id === null) return html`<strong class="fault">${t("work.fault.no_region")}</strong>`;
  return t("work.intake.region", { region: intake.regions.find((each) => each.id === id).properties?.name ?? id });
}
