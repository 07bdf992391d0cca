// Speaks an offer's `say` by the browser's own voice, in the language of the page.
//
// The newest sentence is the one to hear: it stops the one before. A browser without a voice stays silent; the
// chime has sounded by then.

import { isOn } from "./sound.js";
import { language } from "./text.js";

/** @param {Record<string, string> | undefined} say  sentences by language */
export function speak(say) {
  if (!say || !isOn() || !("speechSynthesis" in globalThis)) return;
  const spoken = language() in say ? language() : Object.keys(say)[0];
  if (spoken === undefined) return;
  const sentence = new SpeechSynthesisUtterance(say[spoken]);
  sentence.lang = spoken;
  speechSynthesis.cancel();
  speechSynthesis.speak(sentence);
}

export function hush() {
  globalThis.speechSynthesis?.cancel();
}
