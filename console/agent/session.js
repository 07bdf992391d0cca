// One agent's session: what the server tells, taken into the page's state, and the signals that it calls for.
//
// Owns the wiring of client, view, cards, outbox and position. Draws nothing. Invariants: the view is told first; an
// offer sounds once, when it is offered anew, and never for what the hall's own question brought.

import { Api } from "../api.js";
import { Client, Disconnected } from "../client.js";
import { View } from "../view.js";
import { givenPlace, token } from "../kit/identity.js";
import { kindName, t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { entitle, signal } from "./alarm.js";
import { Cards } from "./cards.js";
import { changes } from "./changes.js";
import { learnCapacity } from "./standing.js";
import { tellFault, wordsFor } from "../kit/faults.js";
import { Hall } from "./hall.js";
import { History } from "./history.js";
import { keep } from "./kept.js";
import { Outbox } from "./outbox.js";
import { Whereabouts } from "./position.js";
import { Recorder } from "./recorder.js";
import { Sight } from "./sight.js";

/** Gives `app` its parts. @param {any} app @param {string} url the stream's */
export function assemble(app, url) {
  app.client = new Client({ url, token, hello: () => hello(app) });
  app.api = new Api({ token, onUnauthenticated: () => refuseToken(app) });
  app.view = new View();
  app.cards = new Cards();
  app.sight = new Sight((message) => app.client.tell(message));
  app.hall = new Hall(app.api, app.update);
  app.history = new History(app.api, app.update);
  app.recorder = new Recorder(app.update);
  app.whereabouts = new Whereabouts({
    tell: (message) => app.client.tell(message), now: () => app.client.now(), changed: app.update,
    given: givenPlace(),
  });
  app.outbox = new Outbox({
    agent: app.who.sub, ask: (message) => app.client.ask(message), now: () => app.client.now(),
    onRefused: (steps, error) => tellRefused(app, steps, error), onChange: app.update,
  });
  for (const order of app.kept.jobs) app.view.jobs.set(order.id, order);
  app.client.on("message", (message, asked) => hear(app, message, asked));
  app.client.on("state", () => app.update());
}

function hello(app) {
  const position = app.whereabouts.point;
  app.greeted = app.wish;
  return { status: app.wish, ...(position && { position }) };
}

function refuseToken(app) {
  app.refusedToken = token();
  app.update();
}

function tellRefused(app, steps, error) {
  for (const { order_id: id } of steps) if (app.finishing.has(id)) lose(app, app.finishing.get(id), "away");
  for (const { order_id: id } of steps) app.finishing.delete(id);
  const names = steps.map(({ step }) => t(`kit.status.${step}`)).join(t("agent.and"));
  toast(t("agent.step.refused", { steps: names, why: wordsFor(error) }), "bad");
}

// --- what is heard ----------------------------------------------------------------------------------------

const HEARERS = { welcome, snapshot: replace, offer, retract, job, unjob, notice, ok };

/** @param {any} app @param {any} message @param {any} asked */
function hear(app, message, asked) {
  const before = new Map(app.view.jobs);
  app.view.hear(message, asked);
  HEARERS[message.type]?.(app, message, asked, before);
  if (app.seen) keepJobs(app);
  entitle(app.role, app.cards.waiting);
  app.update();
}

function welcome(app, message, _, before) {
  const first = !app.seen;
  app.seen = true;
  if (app.wish === app.greeted) app.wish = message.agent.status;
  else sayStatus(app); // somebody chose while the answer was on its way
  replace(app, message, _, before);
  app.released.clear(); // what was asked for on another connection is answered by the list
  if (first && app.view.jobs.size > 0 && app.cards.waiting === 0) app.tab = "jobs";
  app.sight.renew(app.view.offers.keys());
  app.outbox.send();
}

async function sayStatus(app) {
  try {
    await app.client.ask({ type: "status", status: app.wish });
  } catch (error) {
    if (error instanceof Disconnected) return; // the next hello says it
    app.wish = app.view.agent.status;
    tellFault(error);
  }
}

function replace(app, _, __, before) {
  const anew = app.cards.replace(app.view.offers.values(), app.view.jobs, app.client.now());
  for (const id of anew) if (app.hall.listed.has(id)) app.cards.find(id).from = "hall";
  ring(app, anew.filter((id) => app.cards.find(id).from === "round"));
  const own = { steps: app.outbox.steps(), released: app.released, card: (id) => app.cards.find(id) };
  const { lost, finished, released, won, gained } = changes(before, app.view.jobs, own);
  for (const order of lost) lose(app, order, "away");
  for (const order of finished) app.finishing.set(order.id, order); // the step is sent again, and answered
  if (released.length > 0) toast(t("agent.job.released"), "good");
  for (const { id } of released) app.released.delete(id);
  for (const { id } of won) win(app, id);
  if (app.welcomed) for (const order of gained) gain(app, order);
  app.welcomed = true;
}

/** The list was quicker than the verdict, which nobody waits for any more. */
function win(app, id) {
  app.unfolded.set(id, true);
  app.won = id;
  signal("won");
}

function offer(app, { order }) {
  const from = app.hall.listed.has(order.id) ? "hall" : app.hall.busy ? "unsure" : "round";
  const anew = app.cards.offer(order, app.client.now(), from);
  if (anew && app.cards.find(order.id).from === "round") ring(app, [order.id]);
}

/** The hall has answered: what came meanwhile, and was not its doing, sounds now. @param {any} app */
export function settleHall(app) {
  ring(app, app.cards.settle(app.hall.listed));
  entitle(app.role, app.cards.waiting);
  app.update();
}

function retract(app, { order_id: id, reason }) {
  app.cards.end(id, reason, app.client.now());
  app.sight.forget(id);
}

function job(app, { order }, _, before) {
  if (order.status === "completed") return finish(app);
  app.cards.end(order.id, "held", app.client.now());
  if (!before.has(order.id)) gain(app, order);
}

/** An order that he did not grab on this page: the desk's doing, or that of another device. */
function gain(app, order) {
  app.unfolded.set(order.id, true);
  signal("job");
  const kind = kindName(order.kind);
  if (order.assignment.by === "desk") return toast(t("agent.job.by_desk", { kind }), "good");
  app.elsewhere.add(order.id);
  toast(t("agent.job.by_colleague", { kind }), "good");
}

function finish(app) {
  app.history.age();
  signal("won");
  toast(t("agent.job.done"), "good");
}

function unjob(app, { order_id: id, reason }, _, before) {
  const order = before.get(id);
  if (reason === "released" && app.released.delete(id)) return toast(t("agent.job.released"), "good");
  if (order) lose(app, order, reason);
}

function lose(app, order, reason) {
  app.lost = [{ id: order.id, kind: order.kind, reason, at: app.client.now() }, ...app.lost];
  signal("lost");
}

function notice(app, { level }) {
  if (level === "urgent") signal("job");
}

function ok(app, _, asked) {
  if (asked?.type === "decline") app.cards.end(asked.order_id, "declined", app.client.now());
  if (asked?.type === "status") app.wish = asked.status;
  // To a session that never held it the server tells no last `job`.
  if (asked?.type === "progress" && asked.step === "completed" && app.finishing.delete(asked.order_id)) finish(app);
}

function ring(app, ids) {
  if (ids.length === 0) return;
  const newest = app.view.offers.get(ids.at(-1));
  learnCapacity(app);
  signal("offer", newest?.say);
  if (app.tab !== "offers") app.settling.pause(); // something comes over the page
}

function keepJobs(app) {
  const jobs = [...app.view.jobs.values()];
  const { kept } = app;
  const same = kept.status === app.wish && jobs.length === kept.jobs.length && jobs.every((order, i) => order === kept.jobs[i]);
  if (same) return;
  app.kept = { ...kept, status: app.wish, jobs };
  keep(app.kept);
}
