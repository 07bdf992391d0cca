// Keeps the screen on while offers may come, where the browser can: a dark phone shows no card.
//
// Owns the one lock. The system takes it away with the page out of sight, or when it saves power; that is its right,
// and it is asked for again when the page is seen again.

/** @type {WakeLockSentinel | null} */
let lock = null;
let asking = false;

/** @param {boolean} wanted */
export async function keepAwake(wanted) {
  if (!wanted) return letSleep();
  if (asking || (lock && !lock.released) || document.hidden || !("wakeLock" in navigator)) return;
  asking = true;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch (fault) {
    if (fault.name !== "NotAllowedError") throw fault; // power is being saved, or the page went out of sight
  } finally {
    asking = false;
  }
}

function letSleep() {
  lock?.release();
  lock = null;
}
