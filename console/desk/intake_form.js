// An order taken by telephone: what is typed, and the body of POST /v1/orders that it makes.
//
// Pure: no page, no network; now is passed in. A field's fault is the last part of the key of a text. Positions are
// typed in the system of the map that they were copied from, and leave here as WGS-84.

import { fromBd09, fromGcj02 } from "../crs.js";
import { fenOf, placeOf, whenOf } from "./typed.js";

/** @typedef {{ address: string, position: string, crs: string }} PlaceFields */
/** @typedef {ReturnType<typeof emptyForm>} Form */

export const SYSTEMS = ["wgs84", "gcj02", "bd09"];

/** What is asked for beside the note, by kind; a deployment's own kinds have the first. */
const DETAILS = {
  other: ["plate", "car"],
  maintenance: ["plate", "car", "wish"],
  beauty: ["plate", "car", "wish"],
  insurance: ["plate", "car", "insurer"],
  parts: ["car", "part"],
  rental: ["car", "days"],
  used_car: ["car", "year"],
  towing: ["plate", "car", "damage"],
  chauffeur: ["plate", "car"],
};
const NOTE = "note";
const FEWEST_DIGITS = 5;
const LONGEST = { name: 200, phone: 32, address: 500 };

/** @param {string} kind @returns {string[]} */
export function detailKeys(kind) {
  return [...(DETAILS[kind] ?? DETAILS.other), NOTE];
}

/** What people order by voice is no form. @param {Iterable<string>} kinds */
export function telephoneKinds(kinds) {
  return [...kinds].filter((kind) => kind !== "voice");
}

/** @param {string} [kind] */
export function emptyForm(kind = "") {
  return {
    kind, phone: "", name: "", place: emptyPlace(), destination: emptyPlace(), withDestination: false,
    /** @type {Record<string, string>} */ details: {}, price: "", bonus: "", scheduled: "",
  };
}

/** @returns {PlaceFields} */
function emptyPlace() {
  return { address: "", position: "", crs: SYSTEMS[0] };
}

/** Where it is, in WGS-84; null while it can not be read. @param {PlaceFields} fields */
export function positionOf({ position, crs }) {
  const place = placeOf(position);
  if (!place) return null;
  if (crs === "gcj02") return fromGcj02(place);
  return crs === "bd09" ? fromBd09(place) : place;
}

/** Enough of a number to look for. @param {string} phone */
export function isPhone(phone) {
  const digits = phone.replace(/\D/g, "");
  return digits.length >= FEWEST_DIGITS && /^[+(\d][\d\s()-]*$/.test(phone.trim()) && phone.trim().length <= LONGEST.phone;
}

/** @param {Form} form @param {number} now @returns {Record<string, string>} field → what is wrong with it */
export function faultsOf(form, now) {
  const faults = { ...placeFaults("place", form.place), ...(form.withDestination && placeFaults("destination", form.destination)) };
  if (form.kind === "") faults.kind = "missing";
  if (form.phone.trim() === "") faults.phone = "missing";
  else if (!isPhone(form.phone)) faults.phone = "phone";
  if (form.name.length > LONGEST.name) faults.name = "long";
  for (const name of ["price", "bonus"]) if (form[name].trim() !== "" && fenOf(form[name]) === null) faults[name] = "money";
  return { ...faults, ...scheduleFault(form.scheduled, now) };
}

function placeFaults(name, { position, address }) {
  const faults = {};
  if (position.trim() === "") faults[name] = "missing";
  else if (!placeOf(position)) faults[name] = "position";
  if (address.length > LONGEST.address) faults[`${name}_address`] = "long";
  return faults;
}

function scheduleFault(scheduled, now) {
  if (scheduled === "") return {};
  const at = whenOf(scheduled);
  if (at === null) return { scheduled: "time" };
  return at <= now ? { scheduled: "past" } : {};
}

/**
 * Only of a form without faults.
 * @param {Form} form @param {string} customerId
 */
export function bodyOf(form, customerId) {
  const body = {
    kind: form.kind,
    customer: { id: customerId, name: form.name.trim() || null, phone: form.phone.trim() },
    place: placeBody(form.place),
    details: Object.fromEntries(detailKeys(form.kind).map((key) => [key, form.details[key]?.trim()]).filter(([, text]) => text)),
    ...(form.withDestination && { destination: placeBody(form.destination) }),
    ...(form.price.trim() && { price_fen: fenOf(form.price) }),
    ...(form.bonus.trim() && { bonus_fen: fenOf(form.bonus) }),
  };
  const at = whenOf(form.scheduled);
  return at === null ? body : { ...body, scheduled_at: at };
}

function placeBody(fields) {
  const { lat, lon } = positionOf(fields);
  return { lat, lon, address: fields.address.trim() || null };
}

const FIELDS = [
  ["place.address", "place_address"], ["place", "place"], ["region", "place"], ["destination.address", "destination_address"],
  ["destination", "destination"], ["customer.phone", "phone"], ["customer.name", "name"], ["customer", "phone"], ["kind", "kind"],
  ["price_fen", "price"], ["bonus_fen", "bonus"], ["scheduled_at", "scheduled"], ["details", "details"],
];

/** Of which field the server speaks; null: of none. @param {string} path */
export function fieldOf(path) {
  return FIELDS.find(([begin]) => path === begin || path.startsWith(`${begin}.`) || path.startsWith(`${begin}[`))?.[1] ?? null;
}
