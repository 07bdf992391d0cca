// A modal dialog: the browser's own, so that focus, Escape and the ground behind are right.
//
// Shown while its template is in the page; the page's state says whether it is.

import { html } from "../vendor/lit-html/lit-html.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { icon } from "./icons.js";
import { t } from "./text.js";

/** lit hands the element over before its template is in the page: open it when the drawing is done. */
function open(element) {
  if (element) queueMicrotask(() => element.isConnected && !element.open && element.showModal());
}

/**
 * @param {{title: string, body: unknown, close: () => void, wide?: boolean}} what
 */
export function dialog({ title, body, close, wide = false }) {
  const cancelled = (event) => {
    event.preventDefault();
    close();
  };
  const behind = (event) => event.target === event.currentTarget && close();
  return html`
    <dialog class=${wide ? "modal wide" : "modal"} aria-label=${title} ${ref(open)} @cancel=${cancelled} @mousedown=${behind}>
      <header>
        <h2>${title}</h2>
        <button class="button quiet icon-only" type="button" aria-label=${t("kit.close")} @click=${close}>${icon("cross")}</button>
      </header>
      <div class="content">${body}</div>
    </dialog>
  `;
}
