// Voice notes: a play button, the waveform as far as it was heard, the time.
//
// Owns the page's one audio element, so that only one note sounds at a time. A note's address is signed and short
// lived: when it no longer plays, `renew` is asked for the note anew, once. A browser that can not play a note's
// form asks the server for MP3.

import { html, svg } from "../vendor/lit-html/lit-html.js";
import { countdown } from "./format.js";
import { icon } from "./icons.js";
import { t } from "./text.js";
import { toast } from "./toast.js";

/** @typedef {{id: string, mime: string, seconds: number, waveform: number[], url?: string, expired?: boolean}} Note */
/** @typedef {{renew: () => Promise<Note | undefined>, heard?: () => void}} Uses */

const HEARD_SHARE = 0.9;
const audio = new Audio();
audio.preload = "none";
/** @type {{note: Note, uses: Uses, heard: boolean, renewed: boolean} | null} */
let current = null;
let changed = () => {};

/** @param {() => void} update */
export function onPlaying(update) {
  changed = update;
}

for (const event of ["play", "pause", "ended", "timeupdate", "error"]) audio.addEventListener(event, () => changed());
audio.addEventListener("timeupdate", () => {
  if (current && !current.heard && audio.currentTime >= current.note.seconds * HEARD_SHARE) sayHeard();
});
audio.addEventListener("ended", () => current && !current.heard && sayHeard());

function sayHeard() {
  current.heard = true;
  current.uses.heard?.();
}

/** @param {Note} note @param {Uses} uses */
async function toggle(note, uses) {
  if (current?.note.id === note.id && !audio.paused) return audio.pause();
  if (current?.note.id !== note.id || audio.error || audio.ended) {
    current = { note, uses, heard: false, renewed: false };
    audio.src = address(note);
  }
  await play();
}

async function play() {
  try {
    await audio.play();
  } catch (fault) {
    if (fault.name === "AbortError") return; // another note was begun meanwhile
    await playRenewed();
  }
}

async function playRenewed() {
  const renewed = current.renewed ? undefined : await current.uses.renew().catch(() => undefined);
  if (!renewed?.url) return toast(t("kit.note.fault"), "bad");
  current.renewed = true;
  current.note = renewed;
  audio.src = address(renewed);
  await play();
}

function address(note) {
  return audio.canPlayType(note.mime) === "" ? `${note.url}&format=mp3` : note.url;
}

export function stop() {
  audio.pause();
}

/**
 * @param {Note} note
 * @param {Uses} uses  `renew`: the note with a fresh address; `heard`: called once it was listened to
 */
export function player(note, uses) {
  const mine = current?.note.id === note.id;
  const playing = mine && !audio.paused && !audio.ended;
  const share = mine && note.seconds > 0 ? audio.currentTime / note.seconds : 0;
  const label = playing ? t("kit.note.pause") : t("kit.note.play", { seconds: Math.round(note.seconds) });
  const button = html`<button class="button icon-only" type="button" aria-label=${label} @click=${() => toggle(note, uses)}>
    ${icon(playing ? "pause" : "play")}</button>`;
  return html`
    <div class="note-player" role="group" aria-label=${t("kit.note.label")}>
      ${note.expired || !note.url ? html`<span class="muted">${icon("voice")}</span>` : button}
      ${waveform(note.waveform, share)}
      <span class="number small">${countdown(playing ? (note.seconds - audio.currentTime) * 1000 : note.seconds * 1000)}</span>
      ${note.expired ? html`<span class="badge">${t("kit.note.expired")}</span>` : null}
      ${!note.expired && !note.url ? html`<span class="badge">${t("kit.note.later")}</span>` : null}
    </div>
  `;
}

function waveform(peaks, share) {
  const width = 4;
  const bars = peaks.map((peak, i) => {
    const height = Math.max(2, (peak / 255) * 32);
    const played = i < share * peaks.length ? "played" : "";
    return svg`<rect class=${played} x=${i * width} y=${16 - height / 2} width="3" height=${height} rx="1" />`;
  });
  return html`<svg class="waveform" viewBox="0 0 ${peaks.length * width} 32" preserveAspectRatio="none" aria-hidden="true">${bars}</svg>`;
}
