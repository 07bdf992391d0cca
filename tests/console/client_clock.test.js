// How a session knows the server's time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../../console/client.js";
import { AHEAD_MS, World } from "./world.js";

function begun() {
  const world = new World();
  const client = new Client({ url: "ws://host/v1/stream", token: () => "secret", ...world.options });
  client.start();
  /** A round trip: the server reads its clock, `skew` ms off, somewhere on the way. */
  const ping = (thereMs, backMs, skewMs = 0) => {
    client.ask({ type: "ping" });
    world.sleep(thereMs);
    const server_at = world.now + AHEAD_MS + skewMs;
    world.sleep(backMs);
    world.socket.say({ type: "pong", ref: world.socket.said("ping").at(-1).ref, server_at });
  };
  /** How far its clock is off. */
  const off = () => client.now() - (world.now + AHEAD_MS);
  return { world, client, ping, off };
}

test("without any word of the server it is the device's own", () => {
  const { world, client } = begun();
  assert.equal(client.now(), world.now);
});

test("the welcome sets it, with half the round trip from hello", () => {
  const { world, off } = begun();
  world.sleep(5_000); // the upgrade tells nothing
  world.socket.open();
  world.sleep(300);
  world.socket.say({ type: "welcome", heartbeat_seconds: 20, server_at: world.now - 150 + AHEAD_MS });
  assert.equal(off(), 0);
});

test("it is a whole number, as a step's time has to be", () => {
  const { world, client } = begun();
  world.now += 0.4;
  world.socket.welcome();
  assert.ok(Number.isInteger(client.now()));
});

test("the narrowest sample is kept", () => {
  const { world, ping, off } = begun();
  world.socket.welcome();
  ping(0, 900);
  assert.equal(off(), 0);
});

test("a narrower sample makes it better", () => {
  const { world, ping, off } = begun();
  world.socket.open();
  world.sleep(1_000); // all of it on the way back
  world.socket.say({ type: "welcome", heartbeat_seconds: 20, server_at: world.now - 1_000 + AHEAD_MS });
  assert.equal(Math.abs(off()), 500);
  ping(20, 10);
  assert.equal(Math.abs(off()), 5);
});

test("an old sample grows wide: clocks drift", () => {
  const { world, ping, off } = begun();
  world.socket.welcome();
  world.sleep(3_600_000);
  ping(50, 50, 40); // the device ran 40 ms slow in an hour: a narrower sample of then is worth less than this
  assert.equal(off(), 40);
});

test("a sample that can not agree replaces a narrower one: the device slept, or a clock was set", () => {
  const { world, ping, off } = begun();
  world.socket.welcome();
  ping(300, 300, 90_000);
  assert.equal(off(), 90_000);
  ping(300, 300, -5_000);
  assert.equal(off(), -5_000);
});

test("it outlives the connection", async () => {
  const { world, off } = begun();
  world.socket.welcome();
  world.socket.end(1006);
  await world.advance(60_000);
  assert.equal(off(), 0);
});

test("the wall clock has no part in it", async (t) => {
  const client = new Client({ url: "ws://host", token: () => null, WebSocket: class { close() {} }, page: {} });
  const before = client.now();
  t.mock.method(Date, "now", () => 0);
  assert.ok(Math.abs(client.now() - before) < 1_000);
});
