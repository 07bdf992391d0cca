// What a session knows after what it heard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { View } from "../../console/view.js";

const order = (id, version, more = {}) => ({ id, version, status: "open", ...more });
const held = (id, version, more = {}) => order(id, version, { status: "assigned", stalled: false, ...more });
const waiting = (id, version, more = {}) => order(id, version, { status: "escalated", stalled: false, ...more });

function view(...messages) {
  const made = new View();
  for (const message of messages) made.hear(message);
  return made;
}

const welcome = (lists) => ({ type: "welcome", session_id: "s", features: ["say"], more: [], ...lists });
const offer = (id, version, more) => ({ type: "offer", order: order(id, version, more) });
const verdict = (id, outcome, more = {}) => ({ type: "verdict", ref: "1", order_id: id, outcome, ...more });
const shown = (list) => [...list.values()].map(({ id, version }) => `${id}@${version}`);

test("a welcome brings the lists, the card and what the server knows", () => {
  const agent = { id: "v-1", status: "available" };
  const known = view(welcome({ agent, offers: [order("a", 2)], jobs: [held("b", 3)], more: ["offers"] }));
  assert.deepEqual(known.agent, agent);
  assert.equal(known.sessionId, "s");
  assert.deepEqual(known.features, ["say"]);
  assert.deepEqual([shown(known.offers), shown(known.jobs)], [["a@2"], ["b@3"]]);
  assert.deepEqual([...known.more], ["offers"]);
});

for (const type of ["welcome", "snapshot"]) {
  test(`a ${type} replaces all that was known, also by what is older`, () => {
    const known = view(
      offer("e", 9),
      welcome({ offers: [order("a", 9)], jobs: [held("b", 9)], desk: [waiting("c", 9)], orders: [order("d", 9)] }),
    );
    known.hear({ type, offers: [order("a", 2)], more: ["offers"] });
    assert.deepEqual([shown(known.offers), known.jobs.size, known.desk.size, known.orders.size], [["a@2"], 0, 0, 0]);
    known.hear(offer("a", 3));
    assert.deepEqual(shown(known.offers), ["a@3"]);
    assert.deepEqual([...known.more], ["offers"]);
    known.hear(offer("e", 3));
    assert.deepEqual(shown(known.offers), ["a@3", "e@3"]);
  });
}

test("what the lists hold is not set back", () => {
  const known = view(welcome({ offers: [order("a", 5)], desk: [waiting("b", 5)] }));
  known.hear(offer("a", 4));
  known.hear({ type: "desk", event: "assigned", order: held("b", 4) });
  assert.deepEqual([shown(known.offers), shown(known.desk)], [["a@5"], ["b@5"]]);
});

test("whoever is offered an order holds it no more", () => {
  const known = view({ type: "job", order: held("a", 3) }, offer("a", 5));
  assert.deepEqual([shown(known.offers), known.jobs.size], [["a@5"], 0]);
});

test("a snapshot leaves the card and the notices", () => {
  const known = view(welcome({ agent: { id: "v-1" } }), { type: "notice", id: "n-1", title: "Snow" });
  known.hear({ type: "snapshot", more: [] });
  assert.equal(known.agent.id, "v-1");
  assert.deepEqual([...known.notices.keys()], ["n-1"]);
});

test("an offer bears its sentence, as those of a list do", () => {
  const known = view({ ...offer("a", 2), say: { en: "Towing" } });
  assert.deepEqual(known.offers.get("a").say, { en: "Towing" });
});

test("an offer is told again when it changes", () => {
  assert.deepEqual(shown(view(offer("a", 2), offer("a", 3)).offers), ["a@3"]);
});

test("a retract ends an offer", () => {
  const known = view(offer("a", 2), offer("b", 2), { type: "retract", order_id: "a", reason: "taken" });
  assert.deepEqual(shown(known.offers), ["b@2"]);
});

test("won makes an offer a job", () => {
  const known = view(offer("a", 2), verdict("a", "won", { fence: 1, job: held("a", 3) }));
  assert.deepEqual([shown(known.offers), shown(known.jobs)], [[], ["a@3"]]);
});

for (const [outcome, reason, stays] of [
  ["taken", undefined, false],
  ["gone", "escalated", false],
  ["refused", "declined", false],
  ["refused", "suspended", false],
  ["refused", "not_offered", true],
  ["refused", "at_capacity", true],
  ["refused", "paused", true],
  ["refused", "unavailable", true],
  ["pending", undefined, true],
]) {
  test(`after ${outcome} ${reason ?? ""} the offer ${stays ? "stays" : "is gone"}`, () => {
    const known = view(offer("a", 2), verdict("a", outcome, { reason }));
    assert.equal(known.offers.has("a"), stays);
  });
}

test("the same won again does not set a job back", () => {
  const known = view({ type: "job", order: held("a", 5, { status: "en_route" }) });
  known.hear(verdict("a", "won", { fence: 1, job: held("a", 3) }));
  assert.deepEqual(shown(known.jobs), ["a@5"]);
});

test("ok to a decline ends the offer, and of other questions it does not", () => {
  const known = view(offer("a", 2), offer("b", 2));
  known.hear({ type: "ok", ref: "1" }, { type: "decline", order_id: "a" });
  known.hear({ type: "ok", ref: "2" }, { type: "heard", order_id: "b", note_id: "n" });
  known.hear({ type: "ok", ref: "3" });
  assert.deepEqual(shown(known.offers), ["b@2"]);
});

test("ok to a status makes it the card's", () => {
  const known = view(welcome({ agent: { id: "v-1", status: "available" } }));
  const before = known.agent;
  known.hear({ type: "ok", ref: "1" }, { type: "status", status: "paused" });
  assert.equal(known.agent.status, "paused");
  assert.equal(before.status, "available");
});

test("a job goes its way, and completed is the last of it", () => {
  const known = view({ type: "job", order: held("a", 3) }, { type: "job", order: held("a", 4, { status: "working" }) });
  assert.deepEqual(shown(known.jobs), ["a@4"]);
  known.hear({ type: "job", order: held("a", 5, { status: "completed" }) });
  assert.equal(known.jobs.size, 0);
  assert.equal(known.done.version, 5);
});

test("a step that was confirmed shows at once, forward only, of this assignment only", () => {
  const told = Object.freeze(held("a", 3, { assignment: { fence: 2 } }));
  const known = view({ type: "job", order: told });
  const confirm = (step, fence = 2) => known.hear({ type: "ok" }, { type: "progress", order_id: "a", fence, step });
  const status = () => known.jobs.get("a")?.status;
  confirm("arrived", 1);
  assert.equal(known.jobs.get("a"), told);
  confirm("arrived");
  assert.equal(status(), "arrived");
  confirm("en_route");
  assert.equal(status(), "arrived");
  known.hear({ type: "job", order: { ...told, version: 4, status: "arrived" } });
  assert.deepEqual(shown(known.jobs), ["a@4"]);
  confirm("completed");
  assert.equal(known.jobs.size, 0);
  known.hear({ type: "job", order: { ...told, version: 5, status: "completed" } });
  assert.equal(known.done.version, 5);
  confirm("working");
  assert.equal(known.jobs.size, 0);
});

test("a job given by the desk ends the offer of it", () => {
  assert.equal(view(offer("a", 2), { type: "job", order: held("a", 3) }).offers.size, 0);
});

test("an unjob takes it away", () => {
  const known = view({ type: "job", order: held("a", 3) }, { type: "unjob", order_id: "a", reason: "reassigned" });
  assert.equal(known.jobs.size, 0);
});

test("what HTTP answered is not set back by what the stream says later of before", () => {
  const known = view({ type: "job", order: held("a", 3) });
  known.hear({ type: "job", order: held("a", 6, { status: "completed" }) }); // as HTTP said
  known.hear({ type: "job", order: held("a", 5, { status: "working" }) });
  assert.equal(known.jobs.size, 0);
});

for (const [event, told, stays] of [
  ["escalated", waiting("a", 5), true],
  ["taken_up", waiting("a", 5, { taken_up: { dispatcher_id: "d", until_at: 1 } }), true],
  ["changed", waiting("a", 5), true],
  ["stalled", held("a", 5, { stalled: true }), true],
  ["taken_up", held("a", 5, { stalled: true }), true],
  ["changed", held("a", 5, { status: "en_route" }), false],
  ["assigned", held("a", 5), false],
  ["reopened", order("a", 5, { stalled: false }), false],
  ["closed", order("a", 5, { status: "completed", stalled: false }), false],
  ["cancelled", order("a", 5, { status: "cancelled", stalled: true }), false],
  ["expired", order("a", 5, { status: "expired", stalled: false }), false],
]) {
  test(`${event} to ${told.status}${told.stalled ? ", stalled" : ""}: ${stays ? "at" : "off"} the desk`, () => {
    assert.equal(view(welcome({ desk: [waiting("a", 4)] }), { type: "desk", event, order: told }).desk.has("a"), stays);
    assert.equal(view({ type: "desk", event, order: told }).desk.has("a"), stays);
  });
}

test("the desk keeps its order; who comes back comes last", () => {
  const known = view(welcome({ desk: [waiting("a", 4), waiting("b", 4)] }));
  known.hear({ type: "desk", event: "taken_up", order: waiting("a", 5) });
  assert.deepEqual([...known.desk.keys()], ["a", "b"]);
  known.hear({ type: "desk", event: "reopened", order: order("a", 6) });
  known.hear({ type: "desk", event: "escalated", order: waiting("a", 7) });
  assert.deepEqual([...known.desk.keys()], ["b", "a"]);
});

test("a customer's orders end with them, and so does where their agent is", () => {
  const known = view({ type: "order", order: held("a", 3) }, { type: "track", order_id: "a", lat: 1, lon: 2, at: 3 });
  assert.equal(known.tracks.get("a").lat, 1);
  known.hear({ type: "order", order: order("a", 4, { status: "cancelled" }) });
  assert.deepEqual([known.orders.size, known.tracks.size], [0, 0]);
});

test("a snapshot without an order forgets where its agent is", () => {
  const known = view({ type: "order", order: held("a", 3) }, { type: "track", order_id: "a", lat: 1, lon: 2, at: 3 });
  known.hear({ type: "snapshot", orders: [], more: [] });
  assert.equal(known.tracks.size, 0);
});

test("a notice is kept once", () => {
  const notice = { type: "notice", id: "n-1", title: "Snow", body: "", level: "info", at: 1 };
  assert.deepEqual([...view(notice, notice).notices.values()], [notice]);
});

test("unknown messages change nothing", () => {
  const known = view(offer("a", 2), { type: "weather", order: order("a", 9) }, { type: "pong" });
  assert.deepEqual(shown(known.offers), ["a@2"]);
});

test("what is shown is what came, unchanged", () => {
  const message = Object.freeze({ type: "job", order: Object.freeze(held("a", 3)) });
  assert.equal(view(message).jobs.get("a"), message.order);
});

// --- whatever comes, in whatever order

/** Numbers from 0 to 1, the same each time. */
function chance(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) % 4294967296;
    return seed / 4294967296;
  };
}

test("of any messages in any order, the newest of each order stands", () => {
  for (let seed = 0; seed < 300; seed++) {
    const draw = chance(seed);
    const known = new View();
    const newest = new Map();
    for (let step = 0; step < 60; step++) {
      const id = "abcde"[Math.floor(draw() * 5)];
      const version = 1 + Math.floor(draw() * 30);
      const status = ["escalated", "open", "assigned", "completed"][Math.floor(draw() * 4)];
      const told = order(id, version, { status, stalled: draw() < 0.3 });
      known.hear({ type: "desk", event: "changed", order: told });
      if (version >= (newest.get(id)?.version ?? 0)) newest.set(id, told);
    }
    const onDesk = ({ status, stalled }) => status === "escalated" || (status === "assigned" && stalled);
    const wanted = [...newest.values()].filter(onDesk);
    assert.deepEqual(new Set(known.desk.values()), new Set(wanted), `seed ${seed}`);
  }
});

test("of a long life only the latest versions are remembered", () => {
  const known = view(offer("first", 9));
  for (let number = 0; number < 6_000; number++) {
    known.hear(offer(`o-${number}`, 2));
    known.hear({ type: "retract", order_id: `o-${number}`, reason: "taken" });
    if (number % 1_000 === 0 && number < 5_000) known.hear(offer("often", 9));
  }
  known.hear(offer("first", 3));
  known.hear(offer("often", 3));
  assert.deepEqual(shown(known.offers), ["first@3", "often@9"]);
});
