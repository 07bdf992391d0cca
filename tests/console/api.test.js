// How a page speaks HTTP: problems, keys, and what is sent again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Api, drawKey, Offline, Problem } from "../../console/api.js";
import { settled, World } from "./world.js";

const problem = (status, code, more = {}) =>
  new Response(JSON.stringify({ type: "urn:x", title: "T", status, detail: "why", code, retryable: false, ...more }), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });
const json = (body, status = 200) => new Response(JSON.stringify(body), { status });
const lost = () => Promise.reject(new TypeError("network"));
/** A server that never answers; it notices when it is given up. */
const silent = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** An Api whose server answers by these, one after another; `sent` lists the requests. */
function served(...answers) {
  const world = new World();
  const sent = [];
  const unauthenticated = [];
  const fetch = async (url, init) => {
    sent.push({ url, ...init });
    const answer = answers.shift();
    return typeof answer === "function" ? answer(url, init) : answer;
  };
  const api = new Api({
    token: () => "secret",
    fetch,
    onUnauthenticated: (fault) => unauthenticated.push(fault.status),
    ...world.time,
  });
  return { api, sent, world, unauthenticated };
}

/** Lets all pauses pass. */
async function through(world, promise) {
  let over = false;
  promise.then(() => (over = true), () => (over = true));
  while (!over) await world.advance(1_000);
  return promise;
}

test("a question and its answer", async () => {
  const { api, sent, world } = served(json({ items: [1] }));
  const query = { region: "nyc", status: ["open", "escalated"], kind: undefined, limit: 5, cursor: null };
  assert.deepEqual(await api.get("/v1/orders", query), { items: [1] });
  assert.equal(sent[0].url, "/v1/orders?region=nyc&status=open&status=escalated&limit=5");
  assert.equal(sent[0].headers.Authorization, "Bearer secret");
  assert.equal(sent[0].headers["Idempotency-Key"], undefined);
  assert.equal(sent[0].body, undefined);
  assert.equal(world.timers, 0);
});

test("no content is null", async () => {
  const { api } = served(new Response(null, { status: 204 }));
  assert.equal(await api.delete("/v1/sessions/s"), null);
});

test("a command bears a key of its own, another each time, and one that is given", async () => {
  const { api, sent } = served(json({}, 201), json({}, 201), json({}, 201));
  await api.post("/v1/orders", { kind: "towing" });
  await api.post("/v1/orders", { kind: "towing" });
  await api.post("/v1/orders", { kind: "towing" }, { key: "form-1" });
  const keys = sent.map(({ headers }) => headers["Idempotency-Key"]);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], "form-1");
  assert.match(drawKey(), /^[0-9a-f]{32}$/);
  assert.equal(sent[0].body, '{"kind":"towing"}');
  assert.equal(sent[0].headers["Content-Type"], "application/json");
});

test("a refusal is a problem, and is not sent again", async () => {
  const errors = [{ path: "place", message: "in no region" }];
  const { api, sent } = served(problem(422, "invalid", { errors }));
  await assert.rejects(api.post("/v1/orders", {}), (error) => {
    assert.ok(error instanceof Problem);
    const { status, code, detail, retryable } = error;
    assert.deepEqual([status, code, detail, retryable, error.errors], [422, "invalid", "why", false, errors]);
    return true;
  });
  assert.equal(sent.length, 1);
});

test("what may be repeated is, with the same key", async () => {
  const retryable = { retryable: true };
  const { api, sent, world } = served(
    problem(503, "unavailable", retryable), lost, problem(409, "conflict", retryable), json({ id: "o-1" }, 201),
  );
  assert.deepEqual(await through(world, api.post("/v1/orders", {})), { id: "o-1" });
  assert.equal(sent.length, 4);
  assert.equal(new Set(sent.map(({ headers }) => headers["Idempotency-Key"])).size, 1);
});

test("pauses before it double, by full jitter", async () => {
  const { api, sent, world } = served(lost, lost, json({}));
  const asked = api.get("/v1/jobs");
  await world.advance(399);
  assert.equal(sent.length, 1);
  await world.advance(1);
  assert.equal(sent.length, 2);
  await world.advance(799);
  assert.equal(sent.length, 2);
  await world.advance(1);
  await asked;
});

test("not without end: then the last refusal stands", async () => {
  const away = () => problem(503, "unavailable", { retryable: true });
  const { api, sent, world } = served(away, away, away, away, away);
  await assert.rejects(through(world, api.get("/v1/jobs")), (error) => error.code === "unavailable");
  assert.equal(sent.length, 4);
});

test("nor where nobody answers", async () => {
  const { api, sent, world } = served(lost, lost, lost, lost, lost);
  await assert.rejects(through(world, api.post("/v1/orders", {})), Offline);
  assert.equal(sent.length, 4);
});

test("a server that is silent is given up and asked again", async () => {
  const { api, sent, world } = served(silent, json({ ok: 1 }));
  assert.deepEqual(await through(world, api.get("/v1/jobs")), { ok: 1 });
  assert.equal(sent.length, 2);
});

test("an answer that breaks off is none", async () => {
  const cut = new Response(new ReadableStream({ start: (body) => body.error(new TypeError("reset")) }));
  const { api, world } = served(cut, new Response('{"items": ['), json({ items: [] }));
  assert.deepEqual(await through(world, api.get("/v1/orders")), { items: [] });
});

test("a proxy's words in the server's place are a problem, too", async () => {
  const html = () => new Response("<h1>Bad Gateway</h1>", { status: 502 });
  const { api, sent, world } = served(html, json({ a: 1 }), new Response("<h1>no</h1>", { status: 500 }));
  assert.deepEqual(await through(world, api.get("/v1/orders")), { a: 1 });
  await assert.rejects(api.get("/v1/orders"), (error) => error.status === 500 && error.code === "internal");
  assert.equal(sent.length, 3);
});

test("who is not known any more is told so, once, and sent no second time", async () => {
  const { api, sent, unauthenticated } = served(problem(401, "unauthenticated"));
  await assert.rejects(api.get("/v1/jobs"), (error) => error.code === "unauthenticated");
  assert.deepEqual(unauthenticated, [401]);
  assert.equal(sent.length, 1);
});

test("without a token there is no header of it", async () => {
  const sent = [];
  const fetch = async (_, init) => (sent.push(init), json({}));
  await new Api({ token: () => null, fetch }).get("/healthz");
  assert.equal("Authorization" in sent[0].headers, false);
});

test("given up by the page it ends at once: before, during, and between two tries", async () => {
  const early = served();
  await assert.rejects(early.api.get("/x", {}, { signal: AbortSignal.abort(new Error("left")) }), /left/);
  assert.equal(early.sent.length, 0);
  const during = served(silent);
  const leaving = new AbortController();
  const asked = assert.rejects(during.api.get("/x", {}, { signal: leaving.signal }), /left/);
  await settled();
  leaving.abort(new Error("left"));
  await asked;
  const between = served(lost, json({}));
  const going = new AbortController();
  const waiting = assert.rejects(between.api.get("/x", {}, { signal: going.signal }), /left/);
  await settled();
  going.abort(new Error("left"));
  await waiting;
  assert.equal(between.world.timers, 0);
  await between.world.advance(60_000);
  assert.equal(between.sent.length, 1);
});

test("a form is sent as it is, with a key, and is given longer", async () => {
  const { api, sent, world } = served(silent, json({ id: "o" }, 201));
  const form = new FormData();
  form.set("order", "{}");
  const asked = api.upload("/v1/voice-notes", form);
  await world.advance(59_000);
  assert.equal(sent.length, 1);
  await through(world, asked);
  assert.equal(sent[1].body, form);
  assert.equal("Content-Type" in sent[1].headers, false);
  assert.equal(sent[0].headers["Idempotency-Key"], sent[1].headers["Idempotency-Key"]);
});

test("a deletion whose answer was lost has happened when there is nothing left to delete", async () => {
  const { api, world } = served(lost, problem(404, "not_found"), problem(404, "not_found"));
  assert.equal(await through(world, api.delete("/v1/sessions/s")), null);
  await assert.rejects(api.delete("/v1/sessions/s"), (error) => error.code === "not_found");
});

test("edits are sent as such", async () => {
  const { api, sent } = served(json({}), json({}));
  await api.patch("/v1/orders/o", { price_fen: 1 });
  await api.put("/v1/policies/towing", { kind: "towing" });
  assert.deepEqual(sent.map(({ method }) => method), ["PATCH", "PUT"]);
});
