// @ts-check
// Where the desk begins: who is here, the texts, the stream, the first drawing.
//
// Owns the wiring and the clock of the page; everything else is the modules'. Invariant: the view hears each
// message before anybody else does.

import { identity, pageOf, watchPage } from "../kit/identity.js";
import { icon } from "../kit/icons.js";
import { start } from "../kit/page.js";
import { onPlaying } from "../kit/player.js";
import { settings } from "../kit/settings.js";
import { loadTexts, t } from "../kit/text.js";
import { onToast } from "../kit/toast.js";
import { html, render } from "../vendor/lit-html/lit-html.js";
import { Alerts } from "./alerts.js";
import { makeContext } from "./app.js";
import { endOf } from "./banners.js";
import { keepInHand, watchHands } from "./hand.js";
import { listen } from "./keys.js";
import { layout } from "./layout.js";

const ROLE = "dispatcher";
const TICK_MS = 1000;
const root = /** @type {HTMLElement} */ (document.getElementById("page"));

/** @param {ReturnType<typeof makeContext>} context */
function wire(context) {
  const { client, view, book, reading, state } = context;
  const alerts = new Alerts(context);
  context.deskRead = () => alerts.replaced(view.desk.values());
  client.on("message", (message, asked) => {
    const before = view.desk;
    view.hear(message, asked);
    if (view.desk !== before) context.beyond.carry(before, view);
    context.update();
  });
  for (const type of ["welcome", "snapshot"]) client.on(type, () => hearAll(context));
  client.on("desk", ({ order }) => {
    book.take(order, context.now());
    alerts.heard(order);
    reading.changed(order.id);
  });
  client.on("state", () => {
    if (client.state === "open") context.wasOpen = true;
    if (client.state === "over" && endOf(client.end) === "expired") context.askLogin();
    context.update();
  });
  setInterval(() => {
    alerts.title();
    keepInHand(context);
    reading.tick();
  }, TICK_MS);
  document.addEventListener("visibilitychange", () => {
    if (state.selected !== null && !document.hidden) reading.changed(state.selected);
  });
}

/**
 * After each connection: the lists are whole but for what they had no room for.
 * @param {ReturnType<typeof makeContext>} context
 */
async function hearAll(context) {
  const { view, book, reading, state } = context;
  for (const order of view.desk.values()) book.take(order, context.now());
  book.revision += 1;
  const more = view.more.has("desk");
  if (!more) context.deskRead();
  if (state.selected !== null) reading.detail(state.selected);
  reading.quietly(reading.terms());
  if (state.tab !== "queue") reading.list(/** @type {any} */ (state.tab));
  if (more) reading.quietly(reading.restOfDesk()); // at once: a hidden page draws nothing, but sounds
  await ready(context);
}

/** Says, once, that the first lists were drawn. @param {ReturnType<typeof makeContext>} context */
async function ready(context) {
  context.update();
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  document.documentElement.dataset.ready = "";
}

/** Somebody of another role: this page has nothing for him. @param {string} role */
function refuse(role) {
  document.title = t("desk.title");
  const page = pageOf(role);
  const leads = page && page !== location.pathname ? page : "/console/login";
  render(html`<main class="empty stack" data-banner="forbidden">${icon("desk")}<h1>${t("desk.title")}</h1>
    <p>${t("desk.refused", { role })}</p><p><a class="button"
      href=${leads}>${t("desk.refused.go")}</a></p></main>`, root);
  document.documentElement.dataset.ready = "";
}

async function begin() {
  const who = identity();
  watchPage();
  if (who === null) return location.replace("/console/login");
  const [deployment] = await Promise.all([settings(), loadTexts("kit", "desk", "work")]);
  if (who.role !== ROLE) return refuse(who.role);
  const context = makeContext(who, deployment);
  wire(context);
  context.update = start(root, () => layout(context));
  onToast(context.update);
  onPlaying(context.update);
  listen(context);
  watchHands();
  context.client.start();
}

begin();
