// Steps taken without a network: kept, sent in order, refused, and shared by two tabs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../console/agent/outbox.js";
import { Disconnected, ServerError } from "../../console/client.js";
import { settled, World } from "./world.js";

class Store {
  #items = new Map();

  get length() {
    return this.#items.size;
  }

  key = (index) => [...this.#items.keys()][index] ?? null;
  getItem = (key) => this.#items.get(key) ?? null;
  setItem = (key, value) => void this.#items.set(key, String(value));
  removeItem = (key) => void this.#items.delete(key);
}

const STEP = { order_id: "o-1", fence: 1, step: "en_route" };
const refusal = (code, retryable = false) => new ServerError({ code, message: code, retryable });

/** An outbox, its world and its server: `asked` are open questions, each answered by hand. */
function made({ storage = new Store(), world = new World(), agent = "v-1", ...more } = {}) {
  const asked = [];
  const refused = [];
  let changes = 0;
  const ask = (message) => new Promise((resolve, reject) => asked.push({ message, resolve, reject }));
  const outbox = new Outbox({
    ...{ agent, storage, ask, now: () => world.now, ...world.time },
    onRefused: (steps, error) => refused.push([steps.map(({ step }) => step), error.code]),
    onChange: () => changes++,
    ...more,
  });
  return { outbox, storage, world, asked, refused, changes: () => changes };
}

const said = (asked) => asked.map(({ message }) => `${message.order_id} ${message.step}`);
const names = (steps) => steps.map(({ step }) => step);

test("a step is kept, sent with the time when it was taken, and gone when the server took it", async () => {
  const { outbox, world, asked, storage } = made();
  assert.equal(outbox.add(STEP), true);
  world.sleep(5_000);
  assert.deepEqual(asked[0].message, { type: "progress", ...STEP, at: 1_000 });
  assert.deepEqual(names(outbox.steps("o-1")), ["en_route"]);
  asked[0].resolve({ type: "ok" });
  await settled();
  assert.deepEqual(outbox.steps(), []);
  assert.equal(storage.length, 0);
});

test("whose id begins like another's does not send his steps", () => {
  const storage = new Store();
  const other = made({ storage, agent: "v:1" });
  other.outbox.add(STEP);
  const { outbox, asked } = made({ storage, agent: "v" });
  outbox.send();
  assert.deepEqual([asked.length, outbox.steps(), names(other.outbox.steps())], [0, [], ["en_route"]]);
});

test("nothing is stored but order, fence, step and time", () => {
  const { outbox, storage } = made();
  outbox.add({ ...STEP, phone: "+8613800000000", address: "350 Fifth Avenue" });
  const [key, value] = [storage.key(0), storage.getItem(storage.key(0))];
  assert.deepEqual(Object.keys(JSON.parse(value)).sort(), ["at", "fence", "order_id", "step"]);
  assert.doesNotMatch(key + value, /138|Fifth/);
});

test("steps of an order go one after another, those of others beside them", async () => {
  const { outbox, asked } = made();
  outbox.add(STEP);
  outbox.add({ ...STEP, step: "arrived" });
  outbox.add({ ...STEP, order_id: "o-2" });
  assert.deepEqual(said(asked), ["o-1 en_route", "o-2 en_route"]);
  asked[0].resolve({});
  await settled();
  assert.deepEqual(said(asked), ["o-1 en_route", "o-2 en_route", "o-1 arrived"]);
});

test("they keep their order when the clock is put right between them", async () => {
  const { outbox, world } = made();
  outbox.add(STEP);
  world.now -= 40;
  outbox.add({ ...STEP, step: "arrived" });
  outbox.add({ ...STEP, step: "working" });
  assert.deepEqual(names(outbox.steps()), ["en_route", "arrived", "working"]);
});

test("without a connection they wait for send, also over a new page", async () => {
  const { outbox, storage, world, asked } = made();
  outbox.add(STEP);
  outbox.add({ ...STEP, step: "arrived" });
  asked[0].reject(new Disconnected("lost"));
  await settled();
  assert.equal(asked.length, 1);
  outbox.stop();
  const again = made({ storage, world });
  assert.deepEqual(names(again.outbox.steps()), ["en_route", "arrived"]);
  again.outbox.send();
  again.asked[0].resolve({});
  await settled();
  again.asked[1].resolve({});
  await settled();
  assert.deepEqual(said(again.asked), ["o-1 en_route", "o-1 arrived"]);
  assert.equal(storage.length, 0);
});

test("send asks no second time for what is under way", () => {
  const { outbox, asked } = made();
  outbox.add(STEP);
  outbox.send();
  outbox.send();
  assert.equal(asked.length, 1);
});

for (const error of [refusal("unavailable", true), refusal("rate_limited", true), refusal("conflict", true),
  refusal("internal"), new Disconnected("no answer")]) {
  const name = `${error.code || "no answer"}${error.retryable ? ", retryable" : ""}`;
  test(`after ${name} it is tried again by itself`, async () => {
    const { outbox, world, asked, refused } = made();
    outbox.add(STEP);
    asked[0].reject(error);
    await world.advance(749);
    assert.equal(asked.length, 1);
    await world.advance(1);
    assert.equal(asked.length, 2);
    assert.deepEqual(refused, []);
  });
}

test("ever more rarely, at least every 30 s, and at once when the connection is back", async () => {
  const { outbox, world, asked } = made();
  outbox.add(STEP);
  const pauses = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    asked.at(-1).reject(new Disconnected("lost"));
    const [at, count] = [world.now, asked.length];
    while (asked.length === count) await world.advance(50);
    pauses.push(world.now - at);
  }
  assert.deepEqual(pauses, [750, 1500, 3000, 6000, 12000, 22500, 22500, 22500]);
  asked.at(-1).reject(new Disconnected("lost"));
  await settled();
  outbox.send();
  assert.deepEqual([asked.length, world.timers], [10, 0]);
  asked.at(-1).reject(new Disconnected("lost"));
  await world.advance(750);
  assert.equal(asked.length, 11);
});

test("stopped it sends nothing more by itself", async () => {
  const { outbox, world, asked } = made();
  outbox.add(STEP);
  asked[0].reject(new Disconnected("lost"));
  await settled();
  outbox.stop();
  await world.advance(3_600_000);
  assert.equal(asked.length, 1);
});

for (const code of ["conflict", "invalid"]) {
  test(`${code} is told, and the next step has its turn`, async () => {
    const { outbox, asked, refused } = made();
    outbox.add(STEP);
    outbox.add({ ...STEP, step: "arrived" });
    asked[0].reject(refusal(code));
    await settled();
    assert.deepEqual(refused, [[["en_route"], code]]);
    assert.deepEqual(said(asked), ["o-1 en_route", "o-1 arrived"]);
  });
}

for (const code of ["stale_fence", "forbidden", "not_found"]) {
  test(`${code} is told once, of all steps of that assignment and of no others`, async () => {
    const { outbox, asked, refused } = made();
    outbox.add(STEP);
    outbox.add({ ...STEP, step: "arrived" });
    outbox.add({ ...STEP, fence: 3 });
    outbox.add({ ...STEP, order_id: "o-2" });
    asked[0].reject(refusal(code));
    await settled();
    assert.deepEqual(refused, [[["en_route", "arrived"], code]]);
    const sent = asked.map(({ message }) => `${message.order_id} ${message.fence}`);
    assert.deepEqual(sent, ["o-1 1", "o-2 1", "o-1 3"]);
  });
}

test("each agent has his own on a phone that passes from hand to hand", () => {
  const { outbox, storage } = made();
  outbox.add(STEP);
  const other = made({ storage, agent: "v-2" });
  other.outbox.send();
  assert.deepEqual([other.outbox.steps(), other.asked], [[], []]);
  assert.equal(storage.length, 1);
});

test("two tabs beside each other lose nothing", async () => {
  const a = made();
  const b = made({ storage: a.storage, world: a.world, random: () => 0.25 });
  a.outbox.add(STEP);
  b.outbox.add({ ...STEP, order_id: "o-2" });
  a.outbox.add({ ...STEP, order_id: "o-3" });
  assert.deepEqual(a.outbox.steps().map(({ order_id }) => order_id).sort(), ["o-1", "o-2", "o-3"]);
  assert.deepEqual(a.outbox.steps(), b.outbox.steps());
});

test("what one tab has sent, another neither sends nor tells refused", async () => {
  const a = made();
  a.outbox.add(STEP);
  const b = made({ storage: a.storage, world: a.world });
  b.outbox.send(); // both are sending it
  a.asked[0].resolve({});
  await settled();
  b.asked[0].reject(refusal("conflict")); // a later step came between
  await settled();
  assert.deepEqual(b.refused, []);
  assert.deepEqual([a.outbox.steps(), b.asked.length], [[], 1]);
});

test("where the browser stores nothing it says so, and sends all the same", async () => {
  const storage = new Store();
  storage.setItem = () => { throw new Error("QuotaExceededError"); };
  const { outbox, asked } = made({ storage });
  assert.equal(outbox.add(STEP), false);
  assert.deepEqual(names(outbox.steps()), ["en_route"]);
  asked[0].resolve({});
  await settled();
  assert.deepEqual(outbox.steps(), []);
});

test("what others keep there is left alone, and nonsense does no harm", () => {
  const storage = new Store();
  storage.setItem("language", "en");
  storage.setItem("outbox:v-1:nonsense", "{");
  const { outbox, asked } = made({ storage });
  assert.deepEqual(outbox.steps(), []);
  outbox.send();
  assert.deepEqual(asked, []);
  assert.equal(storage.getItem("language"), "en");
});

test("whoever shows the steps hears of each change", async () => {
  const { outbox, asked, changes } = made();
  outbox.add(STEP);
  assert.equal(changes(), 1);
  asked[0].resolve({});
  await settled();
  assert.equal(changes(), 2);
});
