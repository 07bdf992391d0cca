// What is heard, felt and read in the tab's title when something comes: also while nobody looks at the page.
//
// Owns which signal means what. Knows no orders. A browser lets a page vibrate and speak only after somebody touched
// it: before that only the title tells.

import { chime } from "../kit/sound.js";
import { hush, speak } from "../kit/speech.js";
import { t } from "../kit/text.js";

const SHAKES = { offer: [200, 100, 200, 100, 400], won: [80, 60, 80], lost: [300], job: [200, 100, 200] };

/** @param {keyof typeof SHAKES} what @param {Record<string, string>} [say] sentences by language, to be spoken */
export function signal(what, say) {
  chime(what);
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(SHAKES[what]);
  if (what === "offer") speak(say);
  else hush();
}

/** @param {string} role @param {number} waiting  offers that wait for a decision */
export function entitle(role, waiting) {
  const name = t(`kit.role.${role}`);
  document.title = waiting > 0 ? t("agent.title.waiting", { n: waiting, name }) : name;
}
