// An order in one short line, where there is room for no more: kind, status, address.

import { kindName, t } from "../kit/text.js";
import { placeText } from "./typed.js";

/** @param {any} order full */
export function inWords({ kind, status, place }) {
  return t("work.order", { kind: kindName(kind), status: t(`kit.status.${status}`), place: place.address || placeText(place) });
}
