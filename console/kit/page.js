// A page's drawing: one render a frame at most, and one each second while somebody looks, for what counts down.
//
// Owns when to draw. Knows nothing of what is drawn: `view` is a pure function of the page's state. A hidden tab
// draws nothing; it is drawn anew when it is looked at again. Sounds and the title never wait for a drawing.

import { render } from "../vendor/lit-html/lit-html.js";

const TICK_MS = 1000;

/**
 * @param {HTMLElement} root
 * @param {() => unknown} view  the template of the present state
 * @returns {() => void} update: draw soon
 */
export function start(root, view) {
  let asked = false;
  const draw = () => {
    asked = false;
    render(view(), root);
  };
  const update = () => {
    if (asked || document.hidden) return;
    asked = true;
    requestAnimationFrame(draw);
  };
  document.addEventListener("visibilitychange", update);
  setInterval(update, TICK_MS);
  draw();
  return update;
}
