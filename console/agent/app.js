// A page of an agent, from its first drawing on: who is here, what state the page has, when it is drawn.
//
// Owns the page's one state object and the start. Knows no message and no act: `session.js` takes in what is told,
// `acts.js` does what is pressed, the other modules draw. Invariant: whoever is not of this page's role is told which
// page is his, and nothing is asked of the server in his name.

import { identity, watchPage } from "../kit/identity.js";
import { onPlaying } from "../kit/player.js";
import { start } from "../kit/page.js";
import { settings } from "../kit/settings.js";
import { unlock } from "../kit/sound.js";
import { loadTexts } from "../kit/text.js";
import { onToast } from "../kit/toast.js";
import { dismissCard, grab, lookAfter, stayAwake, sweep } from "./acts.js";
import { entitle } from "./alarm.js";
import { ownStatus, shareStatus } from "./standing.js";
import { frame, stranger, unreachable } from "./frame.js";
import { recall } from "./kept.js";
import { assemble } from "./session.js";
import { Settling } from "./settling.js";
import { install } from "./shell.js";

const WIDE = "(min-width: 860px)";

/** @param {{role: "valet" | "shop", moves: boolean}} page */
export async function begin({ role, moves }) {
  const who = identity(); // first: until then the token stands in the address
  watchPage();
  await loadTexts("kit", "agent");
  if (who === null) return location.replace("/console/login");
  const root = document.getElementById("page");
  entitle(role, 0);
  if (who.role !== role) return start(root, () => stranger(who, role));
  const told = await settings().catch(() => null);
  if (told === null) return start(root, unreachable);
  const app = made(role, moves, who);
  assemble(app, told.stream);
  draw(app, root);
  listen(app);
  if (moves) app.whereabouts.start();
  else shareStatus(app);
  install(role, told.version, (takeOver) => {
    app.takeOver = takeOver;
    app.update();
  });
  // `hello` sets the status, so a page that was loaded anew asks first how it stands.
  app.wish = (await ownStatus(app)) ?? app.kept.status ?? "available";
  app.client.start();
}

/** The page's state, but for what `assemble` adds. */
function made(role, moves, who) {
  const kept = recall(who.sub);
  return {
    role, moves, who, kept, update: () => {},
    tab: kept.jobs.length > 0 ? "jobs" : "offers", sheet: null, said: "", won: null, lost: [], wish: "available",
    greeted: "", seen: false, welcomed: false, refusedToken: null, takeOver: null, dismissedBars: new Set(),
    settling: null, pressing: false, unfolded: new Map(), released: new Set(), finishing: new Map(), elsewhere: new Set(),
    wide: matchMedia(WIDE).matches,
  };
}

function draw(app, root) {
  app.settling = new Settling(root);
  const update = start(root, () => {
    sweep(app);
    lookAfter(app);
    queueMicrotask(() => drawn(app));
    return frame(app);
  });
  app.update = update;
  onToast(update);
  onPlaying(update);
}

function drawn(app) {
  if (app.seen) document.documentElement.dataset.ready = "";
  app.settling.look();
}

function listen(app) {
  app.client.on("state", () => stayAwake(app));
  document.addEventListener("visibilitychange", () => stayAwake(app));
  document.addEventListener("pointerdown", unlock, { once: true });
  for (const name of ["pointerdown", "pointerup", "pointercancel"]) {
    document.addEventListener(name, () => (app.pressing = name === "pointerdown"), true);
  }
  document.addEventListener("keydown", (event) => onKey(app, event));
  matchMedia(WIDE).addEventListener("change", ({ matches }) => {
    app.wide = matches;
    app.update();
  });
}

/** G grabs the first card, when that is what one looks at. */
function onKey(app, event) {
  const typing = /** @type {Element} */ (event.target).closest("input, textarea, select, dialog") !== null;
  const plain = !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!plain || typing || app.sheet || app.settling.active || app.tab !== "offers") return;
  const card = app.cards.top;
  if (event.key.toLowerCase() === "g" && card) grab(app, card.id);
  if (event.key === "Escape") for (const { id } of app.cards.all) dismissCard(app, id);
}
