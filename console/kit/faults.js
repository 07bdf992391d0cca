// What went wrong, in words: of an answer over the stream or HTTP that was not the one hoped for.

import { Offline, Problem } from "../api.js";
import { Disconnected, ServerError } from "../client.js";
import { t, tOr } from "./text.js";
import { toast } from "./toast.js";

/** @param {unknown} error @returns {string} Throws what is no answer of the server but a fault of ours. */
export function wordsFor(error) {
  if (error instanceof Offline || error instanceof Disconnected) return t("kit.problem.offline");
  if (!(error instanceof Problem || error instanceof ServerError)) throw error;
  return tOr(`kit.problem.${error.code}`, "kit.problem.internal");
}

/** @param {unknown} error */
export function tellFault(error) {
  toast(wordsFor(error), "bad");
}
