// Pulling a list down to have it asked for anew, as phones do it.
//
// Owns the touches on one element at a time. The browser's own way, which loads the whole page anew, is switched off
// by the style sheet.

const FAR_PX = 80;

export function pullToRefresh() {
  let act = () => {};
  /** @type {number | null} */ let from = null;
  const begin = ({ touches }) => (from = window.scrollY <= 0 && touches.length === 1 ? touches[0].clientY : null);
  const end = ({ changedTouches }) => {
    if (from !== null && window.scrollY <= 0 && changedTouches[0].clientY - from >= FAR_PX) act();
    from = null;
  };
  /** @type {Element | undefined} */ let watched;
  const ref = (element) => {
    watched?.removeEventListener("touchstart", begin);
    watched?.removeEventListener("touchend", end);
    watched = element;
    watched?.addEventListener("touchstart", begin, { passive: true });
    watched?.addEventListener("touchend", end, { passive: true });
  };
  return { ref, does: (/** @type {() => void} */ what) => (act = what) };
}
