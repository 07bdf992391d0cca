// What the telephone form, notices and several at once make of what was typed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toBd09, toGcj02 } from "../../console/crs.js";
import { reopenBody, runAll } from "../../console/desk/bulk_run.js";
import { bodyOf, detailKeys, emptyForm, faultsOf, fieldOf, isPhone, positionOf, telephoneKinds } from "../../console/desk/intake_form.js";
import { circles, emptyNotice, metresBetween, metresOf, noticeBody, noticeFaults } from "../../console/desk/notice_form.js";

const NOW = new Date(2026, 10, 22, 12, 0).getTime();

function filled(changes = {}) {
  const form = { ...emptyForm("towing"), phone: " 138 0000 0003 ", ...changes };
  form.place = { address: " West Road 1 ", position: "31.2304, 121.4737", crs: "wgs84", ...changes.place };
  return form;
}

test("an empty form says what is needed", () => {
  assert.deepEqual(faultsOf(emptyForm(), NOW), { kind: "missing", phone: "missing", place: "missing" });
});

test("a filled form has no fault, and becomes a body without what was left empty", () => {
  const form = filled();
  assert.deepEqual(faultsOf(form, NOW), {});
  assert.deepEqual(bodyOf(form, "c-1"), {
    kind: "towing", customer: { id: "c-1", name: null, phone: "138 0000 0003" },
    place: { lat: 31.2304, lon: 121.4737, address: "West Road 1" }, details: {},
  });
});

test("everything typed is in the body; details of another kind are not", () => {
  const form = filled({ name: "Li", price: "180.5", bonus: "20", scheduled: "2026-11-22T18:30", withDestination: true, details: { plate: "A1", note: " flat ", days: "3" } });
  form.destination = { address: "", position: "31.3,121.5", crs: "wgs84" };
  const body = bodyOf(form, "c-1");
  assert.deepEqual(body.details, { plate: "A1", note: "flat" });
  assert.deepEqual([body.price_fen, body.bonus_fen, body.scheduled_at], [18050, 2000, new Date(2026, 10, 22, 18, 30).getTime()]);
  assert.deepEqual(body.destination, { lat: 31.3, lon: 121.5, address: null });
});

test("a destination that is not wanted is neither judged nor sent", () => {
  const form = filled();
  form.destination.position = "nowhere";
  assert.deepEqual(faultsOf(form, NOW), {});
  assert.equal("destination" in bodyOf(form, "c"), false);
  assert.equal(faultsOf({ ...form, withDestination: true }, NOW).destination, "position");
});

test("faults are told by field", () => {
  const form = filled({ phone: "abc", price: "dear", bonus: "1.234", scheduled: "2026-11-22T11:00", name: "x".repeat(201), place: { position: "here" } });
  assert.deepEqual(faultsOf(form, NOW), { place: "position", phone: "phone", name: "long", price: "money", bonus: "money", scheduled: "past" });
});

test("positions of other maps leave as WGS-84", () => {
  const place = { lat: 31.2304, lon: 121.4737 };
  for (const [crs, shown] of [["gcj02", toGcj02(place)], ["bd09", toBd09(place)]]) {
    const read = positionOf({ address: "", position: `${shown.lat}, ${shown.lon}`, crs });
    assert.ok(metresBetween(read, place) < 1, `${crs} is ${metresBetween(read, place)} m off`);
    assert.ok(metresBetween(shown, place) > 100);
  }
});

test("numbers are looked up once they are numbers", () => {
  for (const phone of ["13800000003", "+86 138-0000-0003", "(021) 5555 1234"]) assert.equal(isPhone(phone), true, phone);
  for (const phone of ["", "138", "customer 12345", "1".repeat(40)]) assert.equal(isPhone(phone), false, phone);
});

test("each kind has its details and a note; voice orders are not typed", () => {
  for (const kind of ["towing", "rental", "a-deployment-s-own"]) assert.equal(detailKeys(kind).at(-1), "note");
  assert.deepEqual(telephoneKinds(["towing", "voice", "own"]), ["towing", "own"]);
});

test("the server's paths are fields of the form", () => {
  const said = { place: "place", "place.lat": "place", "place.address": "place_address", "customer.phone": "phone", "details.plate": "details", price_fen: "price", "destination.lon": "destination", kindness: null };
  for (const [path, field] of Object.entries(said)) assert.equal(fieldOf(path), field, path);
});

test("a notice needs a title and people; a place is for agents only", () => {
  assert.deepEqual(noticeFaults(emptyNotice()), { title: "missing" });
  assert.deepEqual(noticeFaults(emptyNotice({ title: "x", roles: [] })), { roles: "missing" });
  const near = { lat: 31, lon: 121 };
  assert.deepEqual(noticeFaults(emptyNotice({ title: "x", near, roles: ["valet", "customer"] })), { roles: "agents_only" });
  assert.deepEqual(noticeFaults(emptyNotice({ title: "x", near, radius: "0" })), { radius: "radius" });
});

test("a notice's body has a place only with its radius, and a region only if one is meant", () => {
  const plain = noticeBody(emptyNotice({ title: " x ", hours: 2 }), 1000);
  assert.deepEqual(plain, { title: "x", body: "", level: "info", roles: ["valet", "shop"], until_at: 7_201_000 });
  const narrow = noticeBody(emptyNotice({ title: "x", region: "sh", near: { lat: 31, lon: 121, address: "no" }, radius: "2.5" }), 0);
  assert.deepEqual([narrow.region, narrow.near, narrow.radius_m], ["sh", { lat: 31, lon: 121 }, 2500]);
  for (const radius of ["", "-1", "501", "x", "1.2345"]) assert.equal(metresOf(radius), null, radius);
});

const order = (id, north, more = {}) => ({ id, region: "sh", place: { lat: 31 + north / 111_195, lon: 121 }, bonus_fen: 300, ...more });

test("orders close together share a circle that reaches as far around each of them", () => {
  const found = circles([order("a", 0), order("b", 800), order("c", 5000), order("d", 100, { region: "bj" })], 1000);
  assert.deepEqual(found.map(({ orders }) => orders.map(({ id }) => id)), [["a", "b"], ["c"], ["d"]]);
  assert.ok(found[0].radius_m >= 1799 && found[0].radius_m <= 1802, String(found[0].radius_m));
  assert.equal(found[1].radius_m, 1000);
});

test("reopening raises the bonus that it has; wider rounds stay within bounds", () => {
  const rounds = [{ radius_m: 3000, limit: 15, seconds: 20, bonus_fen: 0 }, { radius_m: 20_000_000, limit: 9000, seconds: 20, bonus_fen: 500 }];
  assert.deepEqual(reopenBody(order("a", 0), rounds, { raiseFen: 1000, reach: 1 }), { bonus_fen: 1300 });
  assert.deepEqual(reopenBody(order("a", 0), rounds, { raiseFen: 0, reach: 1 }), {});
  const { rounds: wider } = reopenBody(order("a", 0), rounds, { raiseFen: 0, reach: 1.5 });
  assert.deepEqual(wider, [{ radius_m: 4500, limit: 23, seconds: 20, bonus_fen: 0 }, { radius_m: 20_040_000, limit: 10_000, seconds: 20, bonus_fen: 500 }]);
});

test("each order is answered for itself, four at a time", async () => {
  let [running, most] = [0, 0];
  const settled = new Map();
  const command = async (n) => {
    most = Math.max(most, ++running);
    await null;
    running -= 1;
    if (n % 3 === 0) throw new Error(`no ${n}`);
  };
  await runAll([1, 2, 3, 4, 5, 6, 7, 8, 9], command, (n, fault) => settled.set(n, fault?.message));
  assert.equal(most, 4);
  assert.deepEqual([...settled.keys()].sort(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([settled.get(3), settled.get(4)], ["no 3", undefined]);
});
