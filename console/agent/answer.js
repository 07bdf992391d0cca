// A spoken answer to the customer: recorded, listened to, sent.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { countdown } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { record, sendRecording } from "./acts.js";
import { canRecord } from "./recorder.js";

/** @param {any} app @param {any} order */
export function answer(app, order) {
  if (!canRecord()) return nothing;
  const { recorder } = app;
  const mine = recorder.orderId === order.id;
  const state = mine ? recorder.state : "idle";
  return html`<div class="answer row tight wrap" data-recording=${state} role="group" aria-label=${t("agent.record.group")}>${FORMS[state](app, order)}</div>`;
}

const button = (act, sign, words, press, { look = "", disabled = false } = {}) => html`
  <button class="button ${look}" type="button" data-act=${act} ?disabled=${disabled} @click=${press}>${icon(sign)}${words}</button>`;

const FORMS = {
  idle: (app, order) => button("record", "mic", t("agent.record.start"), () => record(app, order.id), {
    disabled: app.recorder.state !== "idle",
  }),
  asking: () => button("record", "mic", t("agent.record.asking"), () => {}, { disabled: true }),
  recording: (app) => [
    button("record_stop", "stop", t("agent.record.stop"), () => app.recorder.stop(), { look: "danger" }),
    html`<span class="number live" role="timer">${countdown(app.recorder.lengthMs)}</span>`,
  ],
  ready: (app) => made(app, false),
  sending: (app) => made(app, true),
};

function made(app, sending) {
  return [
    html`<audio controls src=${app.recorder.url} aria-label=${t("agent.record.own")}></audio>`,
    button("record_discard", "cross", t("agent.record.discard"), () => app.recorder.discard(), { look: "quiet", disabled: sending }),
    button("record_send", "send", t(sending ? "agent.record.sending" : "agent.record.send"), () => sendRecording(app), {
      look: "primary", disabled: sending,
    }),
  ];
}
