// Chimes made on the spot by the browser: an offer, won, lost, an order that landed on the desk.
//
// Owns the one audio context and whether sound is wanted. A browser lets a page sound only after somebody touched
// it: until then `isBlocked()` is true, and the page shows a button that calls `unlock`.

const KEPT = "sound";
/** Frequencies in Hz, one after the other. */
const TUNES = {
  offer: [660, 880, 1320],
  won: [523, 659, 784, 1047],
  lost: [392, 311],
  escalated: [880, 0, 880, 0, 1175],
  job: [587, 880],
};
const NOTE_SECONDS = 0.16;
const LOUDNESS = 0.25;

/** @type {AudioContext | null} */
let context = null;

export function isOn() {
  return localStorage.getItem(KEPT) !== "off";
}

/** @param {boolean} on */
export function setOn(on) {
  localStorage.setItem(KEPT, on ? "on" : "off");
  if (on) unlock();
}

/** From a touch or a key: lets later chimes sound. */
export function unlock() {
  context ??= new AudioContext();
  return context.state === "suspended" ? context.resume() : Promise.resolve();
}

export function isBlocked() {
  return isOn() && (context === null ? !navigator.userActivation?.hasBeenActive : context.state !== "running");
}

/** @param {keyof typeof TUNES} name */
export function chime(name) {
  if (!isOn()) return;
  unlock();
  const begin = context.currentTime + 0.01;
  TUNES[name].forEach((frequency, i) => frequency > 0 && sound(frequency, begin + i * NOTE_SECONDS));
}

function sound(frequency, at) {
  const tone = new OscillatorNode(context, { type: "triangle", frequency });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(LOUDNESS, at + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.001, at + NOTE_SECONDS * 1.6);
  tone.connect(gain).connect(context.destination);
  tone.start(at);
  tone.stop(at + NOTE_SECONDS * 1.7);
}
