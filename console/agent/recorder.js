// A voice answer for a held order: recorded by the browser, listened to if wanted, sent.
//
// Owns the microphone while it records. Invariants: it records one answer at a time, for one order, and stops by
// itself after two minutes; the microphone is let go of when the recording ends; what was recorded is kept until it
// was sent or thrown away.

export const MOST_MS = 120_000;
/** What the server takes; the first that the browser can make. */
const FORMS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

const form = () => FORMS.find((mime) => globalThis.MediaRecorder?.isTypeSupported(mime));

export function canRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia && form());
}

export class Recorder {
  /** @type {"idle" | "asking" | "recording" | "ready" | "sending"} */ state = "idle";
  /** @type {string | null} */ orderId = null;
  /** @type {string | null} an address of the sound, to listen to it */ url = null;
  #startedAt = 0;
  #lengthMs = 0;
  /** @type {Blob | null} */ #sound = null;
  /** @type {MediaRecorder | null} */ #machine = null;
  #timer = null;
  #key = "";
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  get lengthMs() {
    return this.state === "recording" ? Math.min(MOST_MS, performance.now() - this.#startedAt) : this.#lengthMs;
  }

  /** @param {string} orderId  Throws the browser's fault: no microphone, or it may not be used. */
  async start(orderId) {
    if (this.state !== "idle") return;
    this.orderId = orderId;
    this.#become("asking");
    try {
      this.#record(await navigator.mediaDevices.getUserMedia({ audio: true }));
    } catch (fault) {
      this.discard();
      throw fault;
    }
  }

  #record(stream) {
    const chunks = [];
    this.#machine = new MediaRecorder(stream, { mimeType: form(), audioBitsPerSecond: 24_000 });
    this.#machine.ondataavailable = ({ data }) => chunks.push(data);
    this.#machine.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      if (this.state === "recording") this.#finish(new Blob(chunks, { type: this.#machine.mimeType }));
    };
    this.#machine.start();
    this.#startedAt = performance.now();
    this.#timer = setTimeout(() => this.stop(), MOST_MS);
    this.#become("recording");
  }

  stop() {
    clearTimeout(this.#timer);
    if (this.#machine?.state === "recording") this.#machine.stop();
  }

  #finish(sound) {
    this.#lengthMs = this.lengthMs;
    this.#sound = sound;
    this.#key = "";
    this.url = URL.createObjectURL(sound);
    this.#become("ready");
  }

  /** @param {import("../api.js").Api} api @param {() => string} drawKey  one for all tries. Throws Problem, Offline. */
  async send(api, drawKey) {
    if (this.state !== "ready") return;
    this.#key ||= drawKey();
    this.#become("sending");
    const body = new FormData();
    body.append("audio", this.#sound, "answer");
    try {
      await api.upload(`/v1/orders/${this.orderId}/voice-notes`, body, { key: this.#key });
    } catch (error) {
      this.#become("ready");
      throw error;
    }
    this.discard();
  }

  discard() {
    const machine = this.#machine;
    this.#become("idle");
    this.#machine = this.#sound = this.orderId = null;
    clearTimeout(this.#timer);
    if (machine?.state === "recording") machine.stop();
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.#changed();
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }
}
