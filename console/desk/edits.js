// @ts-check
// An order as a form to edit, and what of it was changed: PATCH takes only that.
//
// Pure. Details are texts and numbers here; others (lists, objects) are kept as they are. Invariant: what
// nobody touched is not sent, so that two people who edit different parts both have their way.

import { fenOf, placeOf, placeText, whenOf, whenText, yuanText } from "./typed.js";

/** @typedef {import("../view.js").Order} Order */
/** @typedef {{name: string, value: string}} Row */

/** @param {Order} order */
export function formOf(order) {
  const { customer, place, destination, details } = order;
  return {
    customer_name: customer.name ?? "", customer_phone: customer.phone ?? "",
    address: place.address ?? "", point: placeText(place),
    to_address: destination?.address ?? "", to_point: destination ? placeText(destination) : "",
    price: yuanText(order.price_fen), bonus: yuanText(order.bonus_fen),
    scheduled: order.scheduled_at ? whenText(order.scheduled_at) : "",
    /** @type {Row[]} */ details: Object.entries(details ?? {})
      .filter(([, value]) => isTyped(value))
      .map(([name, value]) => ({ name, value: String(value) })),
  };
}

/** @typedef {ReturnType<typeof formOf>} Form */

/** @param {unknown} value */
function isTyped(value) {
  return typeof value === "string" || typeof value === "number";
}

/**
 * @param {Order} order as it was when the form was opened @param {Form} form
 * @returns {{body: Record<string, any>, faults: Record<string, string>}} faults: field → key of a text
 */
export function changesOf(order, form) {
  const before = formOf(order);
  /** @type {Record<string, any>} */ const body = {};
  /** @type {Record<string, string>} */ const faults = {};
  const touched = (/** @type {(keyof Form)[]} */ ...names) => names.some((name) => form[name] !== before[name]);
  if (touched("customer_name", "customer_phone")) {
    body.customer = { name: orNull(form.customer_name), phone: orNull(form.customer_phone) };
  }
  const kept = touched("point") ? null : order.place;
  if (touched("address", "point")) body.place = spot(form.address, form.point, kept, "point", faults);
  if (touched("to_address", "to_point")) body.destination = destination(order, form, touched("to_point"), faults);
  if (touched("price")) body.price_fen = form.price.trim() === "" ? null : money(form.price, "price", faults);
  if (touched("bonus")) body.bonus_fen = form.bonus.trim() === "" ? 0 : money(form.bonus, "bonus", faults);
  if (touched("scheduled")) body.scheduled_at = form.scheduled === "" ? null : whenOf(form.scheduled);
  if (JSON.stringify(rows(form)) !== JSON.stringify(rows(before))) body.details = detailsOf(order, rows(form));
  return { body, faults };
}

/** @param {string} text */
function orNull(text) {
  return text.trim() === "" ? null : text.trim();
}

/** @param {Form} form */
function rows({ details }) {
  return details.filter(({ name }) => name.trim() !== "").map(({ name, value }) => [name.trim(), value.trim()]);
}

/**
 * A point that nobody touched keeps all its digits.
 * @param {string} address @param {string} text @param {any} kept @param {string} name
 * @param {Record<string, string>} faults
 */
function spot(address, text, kept, name, faults) {
  const point = kept ?? placeOf(text);
  if (point === null) faults[name] = "desk.fault.point";
  return { lat: point?.lat, lon: point?.lon, address: orNull(address) };
}

/** @param {Order} order @param {Form} form @param {boolean} moved @param {Record<string, string>} faults */
function destination(order, form, moved, faults) {
  if (form.to_point.trim() === "" && form.to_address.trim() === "") return null;
  return spot(form.to_address, form.to_point, moved ? null : order.destination, "to_point", faults);
}

/** @param {string} text @param {string} name @param {Record<string, string>} faults */
function money(text, name, faults) {
  const fen = fenOf(text);
  if (fen === null) faults[name] = "desk.fault.money";
  return fen;
}

/** A number stays one. @param {Order} order @param {string[][]} typed */
function detailsOf(order, typed) {
  const kept = Object.entries(order.details ?? {}).filter(([, value]) => !isTyped(value));
  const said = typed.map(([name, value]) => {
    const isNumber = typeof order.details?.[name] === "number" && value !== "" && Number.isFinite(Number(value));
    return [name, isNumber ? Number(value) : value];
  });
  return Object.fromEntries([...kept, ...said]);
}
