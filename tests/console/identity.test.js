// Whose page it is: a token that comes with the address, and what is left for the next one at the same browser.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { enter, identity, leave, token, watchPage } from "../../console/kit/identity.js";

const SOON = Math.floor(Date.now() / 1000) + 600;
const signed = (sub, role = "valet") =>
  `e30.${Buffer.from(JSON.stringify({ sub, role, exp: SOON })).toString("base64url")}.c2ln`;

class Storage extends Map {
  getItem = (key) => this.get(key) ?? null;
  setItem = (key, value) => this.set(key, value);
  removeItem = (key) => this.delete(key);
}

let page;

beforeEach(() => {
  page = Object.assign(new EventTarget(), { emptied: 0, reloads: 0 });
  page.document = { body: { replaceChildren: () => (page.emptied += 1) } };
  const location = { hash: "", pathname: "/console/valet", search: "", reload: () => (page.reloads += 1) };
  const history = {
    state: null,
    replaceState: (_, __, url) => Object.assign(location, { hash: new URL(url, "http://there").hash }),
  };
  Object.assign(globalThis, { sessionStorage: new Storage(), location, history });
});

function tell(type, fields = {}) {
  page.dispatchEvent(Object.assign(new Event(type), fields));
}

test("a token in the address is taken out of it at once", () => {
  location.hash = `#token=${signed("v-1")}&at=31.2,121.5`;
  assert.equal(identity().sub, "v-1");
  assert.equal(location.hash, "");
  assert.equal(token(), signed("v-1"));
});

test("a login link that is opened over an open page is taken, too", () => {
  enter(signed("v-1"));
  watchPage(page);
  location.hash = "#top";
  tell("hashchange");
  assert.equal(page.reloads, 0);
  location.hash = `#token=${signed("v-2")}`;
  tell("hashchange");
  assert.equal(page.reloads, 1);
  assert.equal(identity().sub, "v-2");
  assert.equal(location.hash, "");
});

test("a page that the browser keeps for “back” keeps nothing to be seen, and begins anew when it comes back", () => {
  enter(signed("v-1"));
  watchPage(page);
  tell("pagehide", { persisted: false });
  tell("pageshow", { persisted: false });
  assert.deepEqual([page.emptied, page.reloads], [0, 0]);
  leave();
  tell("pagehide", { persisted: true });
  assert.equal(page.emptied, 1);
  tell("pageshow", { persisted: true });
  assert.equal(page.reloads, 1);
  assert.equal(identity(), null);
});
