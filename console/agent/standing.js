// What no message tells an agent of himself: what a shop's other devices have chosen, and how much he may hold now.
//
// Owns asking how he stands: a shop now and then, and whenever the connection comes back, for the `hello` of a device
// that was away would bring back what was so when it left. Invariant: what somebody chose here meanwhile stands.

import { Offline, Problem } from "../api.js";
import { Disconnected } from "../client.js";
import { tellFault } from "../kit/faults.js";

const PACE_MS = 30_000;
const WAIT_MS = 1500;

/** How the server has it; null: offline by its word, or no answer in time. @param {any} app */
export async function ownStatus(app) {
  const card = await ownCard(app);
  return card === null || card.status === "offline" ? null : card.status;
}

async function ownCard(app) {
  const giveUp = AbortSignal.timeout(WAIT_MS);
  try {
    return await app.api.get(`/v1/agents/${encodeURIComponent(app.who.sub)}`, {}, { signal: giveUp });
  } catch (error) {
    const unanswered = error instanceof Problem || error instanceof Offline || error.name === "TimeoutError";
    if (unanswered) return null; // the stream will tell why
    throw error;
  }
}

/** @param {any} app */
export function shareStatus(app) {
  app.client.on("state", (state) => state === "connecting" && learn(app, (status) => restore(app, status)));
  setInterval(() => {
    if (!document.hidden && app.client.state === "open") learn(app, (status) => adopt(app, status));
  }, PACE_MS);
}

/**
 * An offer to one who seems to be full: he may hold more than this page was told when it connected.
 * @param {any} app
 */
export async function learnCapacity(app) {
  const { agent, jobs } = app.view;
  if (jobs.size < agent.capacity) return;
  const found = await ownCard(app);
  if (found === null || app.view.agent === null) return;
  app.view.agent = { ...app.view.agent, capacity: found.capacity };
  app.update();
}

async function learn(app, use) {
  const { wish } = app;
  const status = await ownStatus(app);
  if (status !== null && status !== wish && app.wish === wish) use(status);
}

function adopt(app, status) {
  app.wish = status;
  if (app.view.agent) app.view.agent = { ...app.view.agent, status };
  app.update();
}

/** Our `hello` may have been quicker than the answer: then it is taken back. */
async function restore(app, status) {
  adopt(app, status);
  if (app.client.state !== "open") return;
  try {
    await app.client.ask({ type: "status", status });
  } catch (error) {
    if (!(error instanceof Disconnected)) tellFault(error); // the next connection asks again
  }
}
