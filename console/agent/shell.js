// The page as an installed application: its files at hand without a network, and new versions of them.
//
// Owns the registration of the service worker. A new version waits until somebody asks for it: nothing is exchanged
// under the hands of whoever is working.

const LOOK_MS = 10 * 60_000;
const SETTINGS = "/console/settings.json";

/**
 * @param {string} page  "valet" or "shop"
 * @param {string} version  of the files, as the server told it
 * @param {(takeOver: () => void) => void} onNew  another version is at hand; `takeOver` loads the page anew with it
 */
export async function install(page, version, onNew) {
  if (!("serviceWorker" in navigator)) return; // no secure context: it works, but is not installed
  const scope = `/console/${page}`;
  const worker = (wanted) => `/console/worker.js?version=${encodeURIComponent(wanted)}`;
  const register = (wanted) => navigator.serviceWorker.register(worker(wanted), { scope });
  watch(await register(version), onNew);
  let lookedAt = Date.now();
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden || Date.now() - lookedAt < LOOK_MS) return;
    lookedAt = Date.now();
    const newest = await versionNow();
    if (newest !== null && newest !== version) watch(await register(newest), onNew);
  });
}

/** @returns {Promise<string | null>} null: no network; the next look will tell */
async function versionNow() {
  const answer = await fetch(SETTINGS, { cache: "no-store" }).catch(() => null);
  return answer?.ok ? (await answer.json()).version : null;
}

const watched = new WeakSet();

function watch(registration, onNew) {
  const tell = () => {
    const { waiting } = registration;
    if (waiting && navigator.serviceWorker.controller) onNew(() => takeOver(waiting));
  };
  tell();
  if (watched.has(registration)) return;
  watched.add(registration);
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", tell);
  });
}

function takeOver(worker) {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  worker.postMessage("take over");
}
