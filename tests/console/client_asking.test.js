// What is asked, told and heard in a session.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, Disconnected, ServerError } from "../../console/client.js";
import { settled, World } from "./world.js";

function opened() {
  const world = new World();
  const client = new Client({ url: "ws://host/v1/stream", token: () => "secret", ...world.options });
  client.start();
  world.socket.welcome();
  return { world, client };
}

/** Answers the newest question of the type. */
function answer(world, type, message) {
  world.socket.say({ ...message, ref: world.socket.said(type).at(-1).ref });
}

const verdict = (outcome, more = {}) => ({ type: "verdict", order_id: "o-1", outcome, ...more });

test("each question has a ref of its own, and gets the answer that bears it", async () => {
  const { world, client } = opened();
  const first = client.ask({ type: "decline", order_id: "o-1" });
  const second = client.ask({ type: "decline", order_id: "o-2" });
  const [a, b] = world.socket.said("decline");
  assert.notEqual(a.ref, b.ref);
  world.socket.say({ type: "ok", ref: b.ref });
  world.socket.say({ type: "ok", ref: a.ref });
  assert.equal((await first).ref, a.ref);
  assert.equal((await second).ref, b.ref);
});

test("refs are never used again, not even on the next connection", async () => {
  const { world, client } = opened();
  client.ask({ type: "ping" }).catch(() => {});
  const [{ ref }] = world.socket.said("ping");
  world.socket.end(1006);
  await world.advance(500);
  world.socket.welcome();
  client.ask({ type: "ping" }).catch(() => {});
  assert.notEqual(world.socket.said("ping")[0].ref, ref);
});

test("an error rejects with its code", async () => {
  const { world, client } = opened();
  const asked = client.ask({ type: "progress", order_id: "o-1", fence: 1, step: "arrived" });
  answer(world, "progress", { type: "error", code: "stale_fence", message: "anew", retryable: false });
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof ServerError);
    assert.deepEqual([error.code, error.message, error.retryable], ["stale_fence", "anew", false]);
    return true;
  });
});

test("a question ends with its connection", async () => {
  const { world, client } = opened();
  const asked = client.ask({ type: "ping" });
  world.socket.end(4001, "slow consumer");
  await assert.rejects(asked, (error) => error instanceof Disconnected && error.code === 4001);
});

test("an answer answers once, and not what an earlier connection was asked", async () => {
  const { world, client } = opened();
  const heard = [];
  client.on("ok", (_, asked) => heard.push(asked?.type));
  client.ask({ type: "status", status: "paused" });
  const [{ ref }] = world.socket.said("status");
  world.socket.say({ type: "ok", ref });
  world.socket.say({ type: "ok", ref });
  assert.deepEqual(heard, ["status", undefined]);
  client.ask({ type: "decline", order_id: "o-1" }).catch(() => {});
  const lost = world.socket.said("decline")[0].ref;
  world.socket.end(1006);
  await world.advance(500);
  world.socket.welcome();
  world.socket.say({ type: "ok", ref: lost });
  assert.deepEqual(heard, ["status", undefined, undefined]);
});

test("neither an answer nor a loss leaves a timer behind", async () => {
  const { world, client } = opened();
  assert.equal(world.timers, 1); // the heartbeat
  const asked = client.ask({ type: "status", status: "paused" });
  answer(world, "status", { type: "ok" });
  await asked;
  assert.equal(world.timers, 1);
  client.ask({ type: "ping" }).catch(() => {});
  client.stop();
  assert.equal(world.timers, 0);
});

test("the answer that came with the last breath counts", async () => {
  const { world, client } = opened();
  const asked = client.ask({ type: "decline", order_id: "o-1" });
  answer(world, "decline", { type: "ok" });
  world.socket.end(1006);
  assert.equal((await asked).type, "ok");
});

test("without a connection it is refused at once, and nothing is kept for later", async () => {
  const { world, client } = opened();
  world.socket.end(1006);
  await assert.rejects(client.ask({ type: "ping" }), Disconnected);
  await world.advance(500);
  world.socket.welcome();
  assert.equal(world.socket.said("ping").length, 0);
});

test("before the welcome nothing but hello is said", async () => {
  const { world, client } = opened();
  world.socket.end(1006);
  await world.advance(500);
  world.socket.open();
  await assert.rejects(client.ask({ type: "ping" }), Disconnected);
  assert.equal(client.tell({ type: "seen", order_ids: [] }), false);
  assert.deepEqual(world.socket.sent.map(({ type }) => type), ["hello"]);
});

test("a question that is not answered in 30 s is given up, and its late answer is nobody's", async () => {
  const { world, client } = opened();
  const asked = assert.rejects(client.ask({ type: "decline", order_id: "o-1" }), Disconnected);
  await world.advance(15_000);
  world.socket.say({ type: "notice", id: "n" });
  await world.advance(15_000);
  await asked;
  assert.equal(client.state, "open");
  answer(world, "decline", { type: "ok" });
  assert.equal(client.state, "open");
});

test("tell says it, unless there is no connection or much is unsent", () => {
  const { world, client } = opened();
  const position = { type: "position", lat: 1, lon: 2 };
  assert.equal(client.tell(position), true);
  assert.deepEqual(world.socket.said("position"), [position]);
  world.socket.bufferedAmount = 100_000;
  assert.equal(client.tell(position), false);
  world.socket.bufferedAmount = 0;
  world.socket.end(1006);
  assert.equal(client.tell(position), false);
  assert.equal(world.socket.said("position").length, 1);
});

// --- listeners

test("whoever listens hears the message, and what of ours it answers", () => {
  const { world, client } = opened();
  const heard = [];
  client.on("message", (message, asked) => heard.push([message.type, asked?.order_id]));
  client.on("ok", (message, asked) => heard.push([`${message.type} itself`, asked?.order_id]));
  client.ask({ type: "decline", order_id: "o-1" }).catch(() => {});
  answer(world, "decline", { type: "ok" });
  world.socket.say({ type: "retract", order_id: "o-2", reason: "taken" });
  assert.deepEqual(heard, [["ok", "o-1"], ["ok itself", "o-1"], ["retract", undefined]]);
});

test("messages of unknown types are told and do no harm", () => {
  const { world, client } = opened();
  const heard = [];
  client.on("message", ({ type }) => heard.push(type));
  client.on("weather", ({ rain }) => heard.push(rain));
  world.socket.say({ type: "weather", rain: true });
  assert.deepEqual(heard, ["weather", true]);
  assert.equal(client.state, "open");
});

test("who unsubscribed hears nothing more", () => {
  const { world, client } = opened();
  const heard = [];
  const off = client.on("offer", () => (heard.push("offer"), off()));
  world.socket.say({ type: "offer" });
  world.socket.say({ type: "offer" });
  assert.deepEqual(heard, ["offer"]);
});

test("a listener that throws is reported, and harms neither the others nor the connection", async () => {
  const { world, client } = opened();
  const faults = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (fault) => faults.push(fault.message));
  try {
    const heard = [];
    client.on("message", () => { throw new Error("the first"); });
    client.on("offer", () => heard.push("offer"));
    const asked = client.ask({ type: "ping" });
    world.socket.say({ type: "offer" });
    answer(world, "ping", { type: "pong" });
    assert.equal((await asked).type, "pong");
    await settled();
    assert.deepEqual(heard, ["offer"]);
    assert.deepEqual(faults, ["the first", "the first"]);
    assert.equal(client.state, "open");
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  }
});

// --- grabs

test("a grab resolves with the verdict", async () => {
  const { world, client } = opened();
  const grabbed = client.grab("o-1");
  await settled();
  answer(world, "grab", verdict("taken"));
  assert.equal((await grabbed).outcome, "taken");
});

test("pending is told, and waited out without end", async () => {
  const { world, client } = opened();
  let pending = 0;
  const grabbed = client.grab("o-1", () => pending++);
  await settled();
  answer(world, "grab", verdict("pending"));
  assert.equal(pending, 1);
  for (let heard = 0; heard < 20; heard++) {
    await world.advance(15_000);
    world.socket.say({ type: "notice", id: "n" });
  }
  answer(world, "grab", verdict("won", { fence: 1 }));
  assert.equal((await grabbed).outcome, "won");
  assert.equal(world.socket.said("grab").length, 1);
});

test("while a grab is under way, another of the order is the same", async () => {
  const { world, client } = opened();
  const first = client.grab("o-1");
  assert.equal(client.grab("o-1"), first);
  assert.notEqual(client.grab("o-2"), first);
  await settled();
  assert.equal(world.socket.said("grab").length, 2);
  world.socket.say({ ...verdict("refused", { reason: "paused" }), ref: world.socket.said("grab")[0].ref });
  await first;
  client.grab("o-1").catch(() => {});
  await settled();
  assert.equal(world.socket.said("grab").length, 3);
});

test("a grab survives the connection: it is asked again with a new ref", async () => {
  const { world, client } = opened();
  const grabbed = client.grab("o-1");
  await settled();
  const [{ ref }] = world.socket.said("grab");
  world.socket.end(1006);
  await world.advance(500);
  world.socket.end(1006);
  await world.advance(500);
  world.socket.welcome({ jobs: [{ id: "o-1", version: 4 }] });
  await settled();
  const asked = world.socket.said("grab");
  assert.equal(asked.length, 1);
  assert.notEqual(asked[0].ref, ref);
  answer(world, "grab", verdict("won", { fence: 1 }));
  assert.equal((await grabbed).outcome, "won");
});

test("a grab that is met by silence finds out within 5 s that the line is dead, and is asked again", async () => {
  const { world, client } = opened();
  const grabbed = client.grab("o-1");
  await world.advance(5_000);
  assert.equal(world.sockets.length, 2);
  world.socket.welcome();
  await settled();
  assert.equal(world.socket.said("grab").length, 1);
  answer(world, "grab", verdict("won", { fence: 1 }));
  assert.equal((await grabbed).outcome, "won");
  await world.advance(4_000);
  assert.equal(client.state, "open");
});

test("a grab without a connection waits for one, and sends nothing meanwhile", async () => {
  const { world, client } = opened();
  world.socket.end(1006);
  const grabbed = client.grab("o-1");
  await world.advance(500);
  world.socket.open();
  await settled();
  assert.equal(world.socket.said("grab").length, 0);
  world.socket.welcome();
  await settled();
  answer(world, "grab", verdict("won"));
  assert.equal((await grabbed).outcome, "won");
});

test("unavailable, and what else may be repeated, is asked again after a pause", async () => {
  const { world, client } = opened();
  const grabbed = client.grab("o-1");
  await settled();
  answer(world, "grab", verdict("refused", { reason: "unavailable" }));
  await world.advance(249);
  assert.equal(world.socket.said("grab").length, 1);
  await world.advance(1);
  assert.equal(world.socket.said("grab").length, 2);
  answer(world, "grab", { type: "error", code: "rate_limited", message: "slower", retryable: true });
  await world.advance(500);
  assert.equal(world.socket.said("grab").length, 3);
  answer(world, "grab", verdict("gone", { reason: "escalated" }));
  assert.equal((await grabbed).outcome, "gone");
});

test("a grab with a fault in it is not asked again", async () => {
  const { world, client } = opened();
  const grabbed = client.grab("o-1");
  await settled();
  answer(world, "grab", { type: "error", code: "forbidden", message: "no agent", retryable: false });
  await assert.rejects(grabbed, ServerError);
});

test("a grab ends when there is no coming back", async () => {
  for (const how of [(world) => world.socket.end(4501, "expired"), (_, client) => client.stop()]) {
    const { world, client } = opened();
    const under = assert.rejects(client.grab("o-1"), Disconnected);
    await settled();
    how(world, client);
    await under;
    await assert.rejects(client.grab("o-2"), Disconnected);
  }
});

test("a grab that waits for the return ends when that is refused for good", async () => {
  const { world, client } = opened();
  world.socket.end(1006);
  const waiting = assert.rejects(client.grab("o-1"), (error) => error.code === 4504);
  await world.advance(500);
  world.socket.end(4504, "replaced");
  await waiting;
});
