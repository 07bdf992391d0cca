// The fields of a new notice: what, how urgent, to whom, where, how long. Templates only.

import { kindName, t } from "../kit/text.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { areaField, choiceField, textField } from "./form_fields.js";
import { HOURS, LEVELS, ROLES } from "./notice_form.js";
import { placeText } from "./typed.js";

/**
 * @param {{ draft: any, faults: Record<string, string>, change: (field: string, value: unknown) => void }} notices
 * @param {import("./app.js").Context} context
 */
export function noticeFields(notices, context) {
  const { draft, faults, change } = notices;
  const own = (name, more = {}) => ({
    id: `notice-${name}`, label: t(`work.notices.${name}`), value: draft[name], fault: faults[name],
    change: (value) => notices.change(name, value), ...more,
  });
  const named = context.regions.map(({ id, properties }) => ({ value: id, label: properties?.name ?? id }));
  const everywhere = { value: "", label: t("work.notices.everywhere") };
  const regions = context.state.who.regions === null ? [everywhere, ...named] : named;
  const hours = HOURS.map((n) => ({ value: String(n), label: t("work.notices.hours_n", { n }) }));
  const until = own("hours", { value: String(draft.hours), options: hours, change: (value) => notices.change("hours", Number(value)) });
  return html`
    ${textField(own("title", { required: true, longest: 200 }))}
    ${areaField(own("body", { longest: 2000 }))}
    ${levels(notices)} ${roles(notices)}
    <div class="pair">${choiceField(own("region", { options: regions }))} ${choiceField(until)}</div>
    ${near(notices, context, own)}
  `;
}

function levels(notices) {
  return html`<fieldset><legend>${t("work.notices.level")}</legend><div class="row wrap">
    ${LEVELS.map((level) => html`<label class="row tight"><input type="radio" name="notice-level" value=${level} .checked=${notices.draft.level === level}
      @change=${() => notices.change("level", level)}>${t(`work.level.${level}`)}</label>`)}</div></fieldset>`;
}

function roles(notices) {
  const { draft, faults } = notices;
  const toggle = (role) => notices.change("roles", draft.roles.includes(role) ? draft.roles.filter((each) => each !== role) : [...draft.roles, role]);
  return html`<fieldset><legend>${t("work.notices.roles")}</legend><div class="row wrap">
    ${ROLES.map((role) => html`<label class="row tight"><input type="checkbox" .checked=${draft.roles.includes(role)}
      aria-invalid=${Boolean(faults.roles)} @change=${() => toggle(role)}>${t(`kit.role.${role}`)}</label>`)}</div>
    ${faults.roles ? html`<span class="fault" role="alert">${t(`work.fault.${faults.roles}`)}</span>` : nothing}</fieldset>`;
}

/** Around the selected order, or the middle of the map; or everywhere. */
function near(notices, context, own) {
  const { draft } = notices;
  const order = context.state.selected ? context.order(context.state.selected) : undefined;
  const middle = context.state.work.map?.middle();
  const places = [
    { label: t("work.notices.near_none"), place: null },
    ...(order ? [{ label: t("work.notices.near_order", { kind: kindName(order.kind) }), place: { lat: order.place.lat, lon: order.place.lon } }] : []),
    ...(middle ? [{ label: t("work.notices.near_map"), place: middle }] : []),
  ];
  return html`<fieldset class="stack tight"><legend>${t("work.notices.near")}</legend>
    <div class="row tight wrap">${places.map(({ label, place }) => html`<button class="button small" type="button"
      aria-pressed=${place === null ? draft.near === null : isAt(draft.near, place)} @click=${() => notices.change("near", place)}>${label}</button>`)}</div>
    ${draft.near ? html`<div class="pair">${textField(own("radius", { mode: "decimal" }))}<p class="muted small number">${placeText(draft.near)}</p></div>` : nothing}
  </fieldset>`;
}

function isAt(near, place) {
  return near !== null && placeText(near) === placeText(place);
}
