// The service worker of one page: its shell, so that it opens without a network. It knows no order and no token.
//
// Owns one cache a version, filled at once with those of the server's files that this page is made of, for phones on
// bad lines: not the desk, its map, the scanner of the login page. Invariants: an installed version is whole, or is
// not installed; a page gets the files of one version only; nothing below /v1 is touched; a new version waits until
// the page says that it may take over.

const SETTINGS = "/console/settings.json";
const ROOT = "/console/";
const NETWORK_MS = 3000;
const version = new URL(location.href).searchParams.get("version");
const page = new URL(registration.scope).pathname;
const family = `shell:${page}:`;
const name = family + version;
const PARTS = new RegExp(`^(?:${[
  page, `${page}\\.webmanifest`,
  "/console/(?:agent|kit|icons|vendor/lit-html)/.*", "/console/(?:client|view|api|crs)\\.js",
  "/console/style/(?:tokens|base|agent)\\.css", "/console/text/[^/]+/(?:kit|agent)\\.json",
].join("|")})$`);

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("message", ({ data }) => data === "take over" && self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin || !pathname.startsWith(ROOT)) return;
  event.respondWith(pathname === SETTINGS ? settings(event.request) : file(event.request));
});

/** The files are asked for past the browser's cache, and the version once more after them: they may have changed. */
async function install() {
  const { files } = await told();
  const cache = await caches.open(name);
  const ours = files.filter((path) => PARTS.test(path));
  await cache.addAll(ours.map((path) => new Request(path, { cache: "no-cache" })));
  const after = await told();
  await cache.put(SETTINGS, new Response(JSON.stringify(after), { headers: { "Content-Type": "application/json" } }));
}

async function told() {
  const answer = await fetch(SETTINGS, { cache: "no-store" });
  if (!answer.ok) throw new Error(`settings: HTTP ${answer.status}`);
  const settings = await answer.json();
  if (settings.version !== version) throw new Error("another version came meanwhile");
  return settings;
}

async function forgetOthers() {
  const names = await caches.keys();
  const old = names.filter((each) => each.startsWith(family) && each !== name);
  await Promise.all(old.map((each) => caches.delete(each)));
}

/** @param {Request} request */
async function file(request) {
  const cache = await caches.open(name);
  return (await cache.match(request, { ignoreSearch: true, ignoreVary: true })) ?? fetch(request);
}

/** The present ones where the network gives them in time, else the last ones known. @param {Request} request */
async function settings(request) {
  const cache = await caches.open(name);
  const known = await cache.match(SETTINGS);
  try {
    const signal = known ? AbortSignal.timeout(NETWORK_MS) : undefined;
    const answer = await fetch(request, { cache: "no-store", signal });
    if (answer.ok || !known) return answer;
  } catch (fault) {
    if (!known) throw fault;
  }
  return known;
}
