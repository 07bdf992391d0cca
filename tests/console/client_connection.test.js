// How a session begins, ends and comes back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, Disconnected } from "../../console/client.js";
import { settled, World } from "./world.js";

const STREAM = "ws://host:8001/v1/stream";

function begun(more = {}) {
  const world = new World();
  const client = new Client({ url: STREAM, token: () => "secret", ...world.options, ...more });
  client.start();
  return { world, client };
}

function opened(more = {}) {
  const { world, client } = begun(more);
  world.socket.welcome();
  return { world, client };
}

test("hello comes first, with the token and what the page has to say", () => {
  const { world, client } = begun({ hello: () => ({ status: "paused", position: { lat: 1, lon: 2 } }) });
  assert.equal(client.state, "connecting");
  assert.equal(world.socket.url, STREAM);
  assert.equal(world.socket.protocol, "dispatch.v1.json");
  assert.deepEqual(world.socket.sent, []);
  world.socket.open();
  const hello = { type: "hello", token: "secret", status: "paused", position: { lat: 1, lon: 2 } };
  assert.deepEqual(world.socket.sent, [hello]);
  assert.equal(client.state, "connecting");
});

test("a token that the upgrade bears is not said again", () => {
  const { world } = begun({ token: () => null });
  world.socket.open();
  assert.deepEqual(world.socket.sent, [{ type: "hello" }]);
});

test("it is open with the welcome, which its listeners hear before the state", () => {
  const { world, client } = begun();
  const heard = [];
  client.on("state", (state) => heard.push(state));
  client.on("welcome", () => heard.push(`welcome while ${client.state}`));
  client.on("message", ({ type }) => heard.push(`message ${type}`));
  world.socket.welcome();
  assert.deepEqual(heard, ["message welcome", "welcome while open", "open"]);
});

test("to start what runs does nothing", () => {
  const { world, client } = opened();
  client.start();
  assert.equal(world.sockets.length, 1);
});

for (const code of [1000, 1001, 1006, 1011, 4000, 4001, 4002, 4003, 4004, 4499, 5000]) {
  test(`after ${code} it comes back`, async () => {
    const { world, client } = opened();
    world.socket.end(code, "why");
    assert.equal(client.state, "waiting");
    assert.deepEqual(client.end, { code, reason: "why" });
    await world.advance(500);
    assert.equal(world.sockets.length, 2);
  });
}

for (const code of [4500, 4501, 4502, 4503, 4504, 4505, 4507, 4509, 4999]) {
  test(`after ${code} it is over until it is started again`, async () => {
    const { world, client } = opened();
    world.socket.end(code, "why");
    assert.equal(client.state, "over");
    assert.deepEqual(client.end, { code, reason: "why" });
    assert.equal(client.retryAt, null);
    world.page.dispatchEvent(new Event("online"));
    client.retryNow();
    await world.advance(3_600_000);
    assert.equal(world.sockets.length, 1);
    client.start();
    world.socket.welcome();
    assert.equal(client.state, "open");
  });
}

test("a page that slept over its hello comes back: 4506 is of its lateness, not of who it is", async () => {
  const { world, client } = begun();
  world.socket.end(4506, "no hello in time");
  assert.equal(client.state, "waiting");
  await world.advance(500);
  world.socket.welcome();
  assert.equal(client.state, "open");
});

test("one whose hello is late each time comes back ever more slowly", async () => {
  const { world, client } = begun();
  world.chance = 0.999;
  for (let attempt = 0; attempt < 8; attempt++) {
    world.socket.end(4506, "no hello in time");
    await world.advance(client.retryAt - Date.now() + 5);
  }
  world.socket.end(4506, "no hello in time");
  assert.ok(client.retryAt - Date.now() > 19_000);
});

test("pauses are a draw from a ceiling that doubles from 0.5 s to 20 s", async () => {
  const { world } = begun();
  world.chance = 0.999;
  const pauses = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    const at = world.now;
    const count = world.sockets.length;
    world.socket.end(1006);
    while (world.sockets.length === count) await world.advance(1);
    pauses.push(world.now - at);
  }
  assert.deepEqual(pauses, [500, 999, 1998, 3996, 7992, 15984, 19980, 19980]);
});

test("the draw is full jitter: it may be next to nothing", async () => {
  const { world } = begun();
  world.chance = 0.001;
  for (let attempt = 0; attempt < 7; attempt++) {
    world.socket.end(1006);
    await world.advance(20);
  }
  assert.equal(world.sockets.length, 8);
});

test("only a connection that lasted begins the pauses anew", async () => {
  const { world, client } = begun();
  world.chance = 0.999;
  const pause = () => {
    world.socket.end(1006);
    const ms = Math.round(client.retryAt - Date.now());
    return world.advance(ms + 5).then(() => ms);
  };
  const closeTo = (ms, wanted) => assert.ok(Math.abs(ms - wanted) < 50, `${ms}, not ${wanted}`);
  closeTo(await pause(), 500);
  closeTo(await pause(), 1000);
  world.socket.welcome();
  await world.advance(4_000);
  closeTo(await pause(), 2000);
  world.socket.welcome();
  await world.advance(5_000);
  closeTo(await pause(), 500);
});

test("started again after it was over, its pauses begin anew", async () => {
  const { world, client } = begun();
  for (let attempt = 0; attempt < 6; attempt++) {
    world.socket.end(1006);
    client.retryNow();
  }
  world.socket.end(4501);
  client.start();
  world.socket.end(1006);
  await world.advance(250);
  assert.equal(client.state, "connecting");
});

test("bye ends it at once, and it comes back exactly when the server says", async () => {
  const { world, client } = opened();
  const { socket } = world;
  socket.say({ type: "bye", code: 4000, reason: "going down", reconnect_after_ms: 1850 });
  assert.equal(client.state, "waiting");
  assert.deepEqual(client.end, { code: 4000, reason: "going down" });
  assert.ok(socket.closed);
  socket.end(1006); // what becomes of the old socket concerns nobody
  world.page.dispatchEvent(new Event("online")); // nor is it a reason to crowd in
  await world.advance(1849);
  assert.equal(world.sockets.length, 1);
  await world.advance(1);
  assert.equal(world.sockets.length, 2);
});

test("once it came back as bidden, it may hurry again", async () => {
  const { world } = opened();
  world.socket.say({ type: "bye", code: 4000, reason: "", reconnect_after_ms: 100 });
  await world.advance(100);
  world.page.dispatchEvent(new Event("online"));
  assert.equal(world.sockets.length, 3);
});

test("a bye that names a final code is the end", () => {
  const { world, client } = opened();
  world.socket.say({ type: "bye", code: 4504, reason: "replaced by a newer session", reconnect_after_ms: null });
  assert.equal(client.state, "over");
  assert.deepEqual(client.end, { code: 4504, reason: "replaced by a newer session" });
});

test("bye before the welcome counts, too", async () => {
  const { world, client } = begun();
  world.socket.open();
  world.socket.say({ type: "bye", code: 4003, reason: "full", reconnect_after_ms: 700 });
  assert.equal(client.state, "waiting");
  await world.advance(700);
  assert.equal(world.sockets.length, 2);
});

for (const frame of ["{", "null", "[]", '"welcome"', '{"type": 1}']) {
  test(`a frame that is no message (${frame}) closes, and it comes back`, async () => {
    const { world, client } = opened();
    world.socket.say(frame);
    assert.equal(client.state, "waiting");
    assert.equal(client.end.code, 1002);
    assert.ok(world.socket.closed);
    await world.advance(500);
    assert.equal(world.sockets.length, 2);
  });
}

test("what comes before the welcome is another protocol's", () => {
  const { world, client } = begun();
  world.socket.open();
  world.socket.say({ type: "offer", order: {} });
  assert.equal(client.state, "waiting");
});

test("a connection that does not come about is given up", async () => {
  const { world, client } = begun();
  await world.advance(9_999);
  assert.equal(client.state, "connecting");
  await world.advance(1);
  assert.equal(client.state, "waiting");
  assert.ok(world.socket.closed);
});

test("retryNow cuts the pause short, once", async () => {
  const { world, client } = opened();
  world.socket.end(1006);
  client.retryNow();
  assert.equal(client.state, "connecting");
  await world.advance(1_000);
  assert.equal(world.sockets.length, 2);
});

test("an attempt that hangs is begun anew when the page is seen again, a young one is left alone", async () => {
  const { world } = begun();
  const [first] = world.sockets;
  await world.advance(1_400);
  world.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(world.sockets.length, 1);
  await world.advance(100);
  world.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(world.sockets.length, 2);
  assert.ok(first.closed);
  first.welcome(); // too late
  assert.deepEqual(first.sent, []);
});

test("when the network is back, what was begun without it is begun anew", async () => {
  const { world, client } = begun();
  await world.advance(10);
  world.page.dispatchEvent(new Event("online"));
  assert.equal(world.sockets.length, 2);
  assert.equal(client.state, "connecting");
});

test("a page that is seen again comes back at once", () => {
  const { world, client } = opened();
  world.socket.end(1006);
  world.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(client.state, "connecting");
});

test("retryAt is by the device's clock", () => {
  const { world, client } = opened();
  assert.equal(client.retryAt, null);
  world.socket.say({ type: "bye", code: 4000, reason: "", reconnect_after_ms: 60_000 });
  assert.ok(Math.abs(client.retryAt - Date.now() - 60_000) < 1_000);
});

test("stop ends it, and nothing of it lives on", async () => {
  const { world, client } = opened();
  const asked = assert.rejects(client.ask({ type: "ping" }), Disconnected);
  client.stop();
  await asked;
  assert.equal(client.state, "over");
  assert.equal(client.end, null);
  assert.ok(world.socket.closed);
  world.page.dispatchEvent(new Event("online"));
  await world.advance(3_600_000);
  assert.equal(world.sockets.length, 1);
});

test("stopped it listens to the page no more", () => {
  const listeners = new Set();
  const page = {
    addEventListener: (type) => listeners.add(type),
    removeEventListener: (type) => listeners.delete(type),
  };
  const { client } = opened({ page });
  assert.deepEqual([...listeners], ["online", "offline", "visibilitychange"]);
  client.stop();
  assert.equal(listeners.size, 0);
});

test("a listener may stop it whenever it hears something", async () => {
  for (const when of ["connecting", "open", "waiting"]) {
    const world = new World();
    const client = new Client({ url: STREAM, token: () => "secret", ...world.options });
    client.on("state", (state) => state === when && client.stop());
    client.start();
    world.socket.welcome();
    world.socket.end(1006);
    await world.advance(60_000);
    assert.equal(client.state, "over", when);
    assert.equal(world.sockets.length, 1, when);
    assert.ok(world.socket.closed || when === "waiting", when);
  }
});

test("stopped by who hears the welcome, it does not open", () => {
  const { world, client } = begun();
  client.on("welcome", () => client.stop());
  world.socket.welcome();
  assert.equal(client.state, "over");
});

// --- heartbeat

test("after a silence it asks for itself, and an answer is enough", async () => {
  const { world, client } = opened();
  await world.advance(19_999);
  assert.equal(world.socket.said("ping").length, 0);
  await world.advance(1);
  const [ping] = world.socket.said("ping");
  world.socket.say({ type: "pong", ref: ping.ref });
  await world.advance(19_000);
  assert.equal(client.state, "open");
  assert.equal(world.sockets.length, 1);
});

test("whoever is told things need not ask", async () => {
  const { world } = opened();
  for (let heard = 0; heard < 10; heard++) {
    await world.advance(15_000);
    world.socket.say({ type: "notice", id: "n" });
  }
  assert.equal(world.socket.said("ping").length, 0);
});

test("without an answer the connection is lost, whatever the socket says", async () => {
  const { world, client } = opened();
  const { socket } = world;
  await world.advance(24_999);
  assert.equal(client.state, "open");
  await world.advance(1);
  assert.equal(client.state, "waiting");
  assert.equal(client.end.code, 1006);
  assert.ok(socket.closed);
});

test("check finds a dead connection in 1.5 s; asking often does not put that off", async () => {
  const { world, client } = opened();
  world.page.dispatchEvent(new Event("visibilitychange"));
  for (let asked = 0; asked < 14; asked++) {
    await world.advance(100);
    world.page.dispatchEvent(new Event("online"));
  }
  assert.equal(client.state, "open");
  assert.equal(world.socket.said("ping").length, 1);
  await world.advance(100);
  assert.equal(client.state, "waiting");
});

test("check finds a living connection alive", async () => {
  const { world, client } = opened();
  client.check();
  world.socket.say({ type: "pong", ref: world.socket.said("ping")[0].ref });
  await world.advance(10_000);
  assert.equal(client.state, "open");
});

test("a timer that comes late, for the page slept, is no proof; a second one is", async () => {
  const { world, client } = opened();
  await world.advance(20_000);
  world.sleep(60_000);
  await world.advance(0);
  assert.equal(client.state, "open");
  assert.equal(world.socket.said("ping").length, 2);
  world.sleep(60_000);
  await world.advance(0);
  assert.equal(client.state, "waiting");
});

test("nothing is ever logged", async (t) => {
  const logs = ["log", "info", "warn", "error", "debug"].map((name) => t.mock.method(console, name));
  const { world, client } = opened();
  world.socket.say("{");
  await world.advance(1_000);
  world.socket.welcome();
  client.ask({ type: "ping" }).catch(() => {});
  world.socket.end(4501, "the token has expired");
  await settled();
  assert.deepEqual(logs.map(({ mock }) => mock.callCount()), [0, 0, 0, 0, 0]);
});
