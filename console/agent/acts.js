// What the person at the page does, each as one function of the page's state.
//
// Owns the order of things around each question to the server: what is shown at once, what after the answer, what when
// there is none. Invariants: a grab is asked once however often it is pressed; a step is kept before it is sent.

import { Disconnected } from "../client.js";
import { drawKey } from "../api.js";
import { enter, leave as forgetToken } from "../kit/identity.js";
import { unlock } from "../kit/sound.js";
import { t, tOr } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { entitle, signal } from "./alarm.js";
import { tellFault } from "../kit/faults.js";
import { forget, keep } from "./kept.js";
import { settleHall } from "./session.js";
import { keepAwake } from "./wakefulness.js";

// --- the page ---------------------------------------------------------------------------------------------

/** @param {any} app @param {string} tab */
export function show(app, tab) {
  app.tab = tab;
  window.scrollTo(0, 0);
  lookAfter(app);
  app.update();
}

/** Asks for what is looked at and has become old. @param {any} app */
export function lookAfter(app) {
  if (document.hidden || app.client.state !== "open") return;
  if (app.tab === "hall" && app.hall.isStale) loadHall(app);
  if (app.tab === "history" && app.history.isStale) app.history.load();
}

/** @param {any} app @param {object | null} sheet */
export function open(app, sheet) {
  if (sheet !== null) app.settling.pause(); // it comes up where a second tap may fall
  app.sheet = sheet;
  app.update();
}

/** What has been over for long enough goes. @param {any} app */
export function sweep(app) {
  const now = app.client.now();
  if (!app.pressing) for (const id of app.cards.sweep(now)) app.hall.drop(id); // nothing goes from under a finger
}

/** @param {any} app @param {string} id */
export function dismissCard(app, id) {
  app.cards.dismiss(id);
  app.update();
}

// --- duty -------------------------------------------------------------------------------------------------

/** @param {any} app @param {"available" | "paused"} status */
export async function setDuty(app, status) {
  unlock();
  app.wish = status; // without a connection it is said with the next hello
  app.update();
  if (app.client.state !== "open") return;
  try {
    await app.client.ask({ type: "status", status });
  } catch (error) {
    if (!(error instanceof Disconnected)) app.wish = app.view.agent.status;
    tellFault(error);
  }
  stayAwake(app);
  app.update();
}

/** The screen stays on while there is something to wait for. @param {any} app */
export function stayAwake(app) {
  return keepAwake(app.wish === "available" || app.view.jobs.size > 0);
}

// --- offers -----------------------------------------------------------------------------------------------

/** @param {any} app @param {string} id */
export async function grab(app, id) {
  if (!app.cards.ask(id, app.client.now())) return;
  if (app.client.state === "over") return app.cards.refuse(id, "offline", app.client.now());
  app.update();
  try {
    judge(app, id, await app.client.grab(id, () => pend(app, id)));
  } catch (error) {
    if (error instanceof Disconnected) app.cards.forsake(id, app.client.now());
    else app.cards.refuse(id, error.code, app.client.now());
    tellFault(error);
  }
  entitle(app.role, app.cards.waiting);
  app.update();
}

function pend(app, id) {
  app.cards.pend(id, app.client.now());
  say(app, t("agent.verdict.pending"));
}

function judge(app, id, verdict) {
  app.cards.judge(id, verdict, app.client.now());
  const card = app.cards.find(id);
  if (verdict.outcome === "won") return win(app, id);
  signal("lost");
  say(app, verdictWords(card));
}

function win(app, id) {
  signal("won");
  say(app, t("agent.verdict.won"));
  app.won = id;
  app.unfolded.set(id, true);
  const deciding = app.cards.all.some((card) => card.state === "asking" || card.state === "pending");
  if (deciding) return;
  app.settling.pause();
  show(app, "jobs");
}

/** What is read aloud at once. @param {any} app @param {string} words */
function say(app, words) {
  app.said = words;
  app.update();
}

/** How a card stands, in words. @param {import("./cards.js").Card} card */
export function verdictWords({ state, reason }) {
  if (state === "lost") return reason === "taken" ? t("agent.verdict.taken") : tOr(`agent.gone.${reason}`, "agent.gone.gone");
  if (state !== "refused") return t(`agent.verdict.${state}`);
  return tOr(`agent.refused.${reason}`, "agent.refused.fault");
}

/** @param {any} app @param {string} id @param {string} reason */
export async function decline(app, id, reason) {
  open(app, null);
  try {
    await app.client.ask({ type: "decline", order_id: id, ...(reason && { reason }) });
  } catch (error) {
    tellFault(error);
  }
}

/** @param {any} app @param {number | null} [radiusM] */
export async function loadHall(app, radiusM = app.hall.radiusM) {
  await (radiusM === app.hall.radiusM ? app.hall.load() : app.hall.look(radiusM));
  settleHall(app);
}

/** An order of the hall is grabbed as one of a round is. @param {any} app @param {any} order */
export function grabFromHall(app, order) {
  if (!app.cards.find(order.id)) app.cards.offer(order, app.client.now(), "hall");
  return grab(app, order.id);
}

// --- jobs -------------------------------------------------------------------------------------------------

/** @param {any} app @param {any} order @param {string} step */
export function take(app, order, step) {
  app.settling.pause(); // a second tap is not the next step
  open(app, null);
  const stored = app.outbox.add({ order_id: order.id, fence: order.assignment.fence, step });
  if (!stored) toast(t("agent.step.unstored"), "bad");
  say(app, t(`kit.status.${step}`));
}

/** @param {any} app @param {any} order @param {string} reason */
export async function release(app, order, reason) {
  open(app, null);
  app.released.add(order.id);
  try {
    await app.client.ask({ type: "release", order_id: order.id, fence: order.assignment.fence, reason });
  } catch (error) {
    // Without an answer it may have been carried out: the next list tells.
    if (!(error instanceof Disconnected)) app.released.delete(order.id);
    tellFault(error);
  }
}

/** @param {any} app @param {string} id */
export function dismissLost(app, id) {
  app.lost = app.lost.filter((each) => each.id !== id);
  app.update();
}

/** @param {any} app @param {any} order */
export function noteUses(app, order) {
  return (note) => ({
    renew: async () => {
      const { voice_notes: notes } = await app.api.get(`/v1/orders/${order.id}`);
      return notes.find((each) => each.id === note.id);
    },
    heard: () => sayHeard(app, order.id, note.id),
  });
}

/** Listened to offline, or of an order that went meanwhile: nobody needs to know any more. */
async function sayHeard(app, orderId, noteId) {
  if (app.client.state !== "open") return;
  try {
    await app.client.ask({ type: "heard", order_id: orderId, note_id: noteId });
  } catch (error) {
    if (!(error instanceof Disconnected) && !["not_found", "conflict"].includes(error.code)) tellFault(error);
  }
}

/** @param {any} app @param {string} orderId */
export async function record(app, orderId) {
  try {
    await app.recorder.start(orderId);
  } catch (fault) {
    toast(t(fault.name === "NotAllowedError" ? "agent.record.denied" : "agent.record.fault"), "bad");
  }
}

/** @param {any} app */
export async function sendRecording(app) {
  try {
    await app.recorder.send(app.api, drawKey);
    toast(t("agent.record.sent"), "good");
  } catch (error) {
    tellFault(error);
  }
}

// --- who is here ------------------------------------------------------------------------------------------

/** With a new token, in place. The same agent goes on; another finds a page that knows nothing of the former.
 * @param {any} app @param {string} text  Throws TokenFault. */
export function logIn(app, text) {
  const who = enter(text);
  if (who.sub !== app.who.sub || who.role !== app.role) return location.reload();
  app.who = who;
  app.refusedToken = null;
  open(app, null);
  resume(app);
}

/** Connects (again), as this device. @param {any} app */
export function resume(app) {
  app.client.stop();
  app.client.start();
  app.update();
}

/** @param {any} app */
export function logOut(app) {
  app.client.stop();
  forgetToken();
  forget();
  location.replace("/console/login"); // "back" does not lead here again
}

/** @param {any} app @param {string} id */
export function readNotice(app, id) {
  app.kept = { ...app.kept, read: [...app.kept.read, id].slice(-200) };
  keep(app.kept);
  app.update();
}
