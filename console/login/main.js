// Logging in, until there are accounts: a token is pasted, scanned, or comes with the link.
//
// Owns this page's state. A token goes into the tab's session storage and nowhere else, and its bearer to the page
// of his role.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { ref } from "../vendor/lit-html/directives/ref.js";
import { day } from "../kit/format.js";
import { languageButton } from "../kit/header.js";
import { icon } from "../kit/icons.js";
import { TokenFault, enter, identity, leave, pageOf, watchPage } from "../kit/identity.js";
import { start } from "../kit/page.js";
import { loadTexts, t } from "../kit/text.js";

const state = { who: identity(), fault: "", scanning: false };
/** @type {() => void} */
let stop = () => {};
let update = () => {};

function use(text) {
  try {
    state.who = enter(text);
    state.fault = pageOf(state.who.role) ? "" : "role";
  } catch (fault) {
    if (!(fault instanceof TokenFault)) throw fault;
    state.fault = fault.reason;
  }
  update();
  if (state.fault === "") goOn();
  return state.fault === "";
}

function goOn() {
  location.assign(pageOf(state.who.role));
}

function submit(event) {
  event.preventDefault();
  use(new FormData(event.target).get("token"));
}

function other() {
  leave();
  state.who = null;
  state.fault = "";
  update();
}

function setScanning(on) {
  stop();
  stop = () => {};
  state.scanning = on;
  state.fault = "";
  update();
}

async function look(video) {
  if (!video) return;
  try {
    const { scan } = await import("./scanner.js");
    stop = await scan(video, use);
    if (!state.scanning) stop();
  } catch (fault) {
    if (!(fault instanceof DOMException || fault instanceof TypeError)) throw fault;
    state.scanning = false;
    state.fault = "camera"; // none there, not allowed, or the page came over plain HTTP
    update();
  }
}

function view() {
  document.title = t("login.title");
  return html`
    <main class="login stack">
      <header class="row between">
        <h1 class="row tight">${icon("car")}${t("login.heading")}</h1>
        ${languageButton(update)}
      </header>
      ${state.who && state.fault === "" ? known(state.who) : asking()}
    </main>
  `;
}

function known(who) {
  return html`
    <section class="card stack">
      <p>${t("login.known", { role: t(`kit.role.${who.role}`), sub: who.sub })}</p>
      <p class="muted small">${t("login.until", { time: day(who.expiresAt) })}</p>
      ${pageOf(who.role) ? html`<a class="button primary big" href=${pageOf(who.role)}>${t("login.on")}</a>` : html`<p class="banner warn">${t("login.fault.role")}</p>`}
      <button class="button" type="button" @click=${other}>${t("login.other")}</button>
    </section>
  `;
}

function asking() {
  const fault = state.fault && html`<p class="fault" id="fault" role="alert">${t(`login.fault.${state.fault}`)}</p>`;
  return html`
    <form class="card stack" autocomplete="off" @submit=${submit}>
      <div class="field">
        <label for="token">${t("login.token")}</label>
        <textarea id="token" name="token" rows="4" required spellcheck="false" autocapitalize="off"
          aria-invalid=${state.fault ? "true" : "false"} aria-describedby=${state.fault ? "fault" : "hint"}></textarea>
        ${fault || html`<p class="hint" id="hint">${t("login.hint")}</p>`}
      </div>
      <button class="button primary big" type="submit">${t("login.enter")}</button>
      <button class="button" type="button" aria-expanded=${state.scanning} @click=${() => setScanning(!state.scanning)}>
        ${icon("qr")}${t(state.scanning ? "login.scan_stop" : "login.scan")}
      </button>
      ${state.scanning ? html`<video class="camera" muted playsinline aria-label=${t("login.camera")} ${ref(look)}></video>` : nothing}
    </form>
  `;
}

watchPage();
await loadTexts("kit", "login");
update = start(document.getElementById("page"), view);
document.documentElement.dataset.ready = "";
