// What opens on top of the page: reasons, navigation, confirming, notices, logging in again, the menu.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { dialog } from "../kit/dialog.js";
import { languageButton } from "../kit/header.js";
import { icon } from "../kit/icons.js";
import { TokenFault } from "../kit/identity.js";
import { kindName, t } from "../kit/text.js";
import { decline, logIn, logOut, open, release, take } from "./acts.js";
import { links } from "./navigation.js";
import { noticeList } from "./notices.js";
import { whereIAm } from "./offers.js";

const DECLINES = ["too_far", "busy", "unable"];
const RELEASES = ["breakdown", "delayed", "unreachable", "unable"];
const MOST_REASON = 500;

const SHEETS = {
  decline: (app, { order }) => ({ title: t("agent.decline.heading"), body: declining(app, order) }),
  release: (app, { order }) => ({ title: t("agent.release.heading"), body: releasing(app, order) }),
  navigate: (app, { spot }) => ({ title: t("agent.navigate.heading"), body: ways(app, spot) }),
  complete: (app, { order }) => ({ title: t("agent.complete.heading"), body: confirming(app, order) }),
  notices: (app) => ({ title: t("agent.notices.heading"), body: noticeList(app) }),
  log_in: (app, sheet) => ({ title: t("agent.log_in.heading"), body: loggingIn(app, sheet) }),
  menu: (app) => ({ title: t("agent.menu"), body: menu(app) }),
};

/** @param {any} app */
export function sheet(app) {
  if (app.sheet === null) return nothing;
  const { title, body } = SHEETS[app.sheet.what](app, app.sheet);
  return dialog({ title, body, close: () => open(app, null) });
}

function declining(app, order) {
  const known = DECLINES.map((reason) => [reason, t(`agent.decline.${reason}`)]);
  return reasons(order, { known, words: t("agent.decline.words"), act: t("agent.decline"), press: (said) => decline(app, order.id, said) });
}

function releasing(app, order) {
  const known = RELEASES.map((reason) => [reason, t(`agent.release.${reason}`)]);
  return reasons(order, { known, words: t("agent.release.words"), act: t("agent.release"), press: (said) => release(app, order, said) });
}

function reasons(order, { known, words, act, press }) {
  const submit = (event) => {
    event.preventDefault();
    const said = String(new FormData(event.target).get("reason")).trim();
    if (said !== "") press(said);
  };
  return html`
    <div class="stack" data-order=${order.id}>
      <p class="muted">${kindName(order.kind)} · ${words}</p>
      ${known.map(([reason, said]) => html`<button class="button big" type="button" data-reason=${reason} @click=${() => press(said)}>${said}</button>`)}
      <form class="row tight" @submit=${submit}>
        <label class="visually-hidden" for="reason">${t("agent.reason.other")}</label>
        <input class="plain grow" id="reason" name="reason" maxlength=${MOST_REASON} placeholder=${t("agent.reason.other")} autocomplete="off" required>
        <button class="button" type="submit">${act}</button>
      </form>
    </div>`;
}

function ways(app, spot) {
  const found = links({ place: { lat: spot.lat, lon: spot.lon }, address: spot.address, from: whereIAm(app) });
  return html`
    <div class="stack">
      <p class="address">${spot.address || t("agent.job.no_address")}</p>
      ${found.map(({ app: name, url }) => html`<a class="button big" href=${url} target="_blank" rel="noopener noreferrer" data-app=${name}
        @click=${() => open(app, null)}>${icon("navigate")}${t(`agent.way.${name}`)}</a>`)}
    </div>`;
}

function confirming(app, order) {
  return html`
    <div class="stack" data-order=${order.id}>
      <p>${t("agent.complete.words", { kind: kindName(order.kind) })}</p>
      <button class="button primary big" type="button" data-act="confirm" @click=${() => take(app, order, "completed")}>${icon("check")}${t("agent.step.completed")}</button>
      <button class="button big" type="button" @click=${() => open(app, null)}>${t("agent.back")}</button>
    </div>`;
}

function loggingIn(app, { fault }) {
  const submit = (event) => {
    event.preventDefault();
    try {
      logIn(app, String(new FormData(event.target).get("token")));
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      open(app, { what: "log_in", fault: error.reason });
    }
  };
  return html`
    <form class="stack" @submit=${submit}>
      <p>${t("agent.log_in.words", { sub: app.who.sub })}</p>
      <div class="field">
        <label for="token">${t("agent.log_in.token")}</label>
        <textarea id="token" name="token" rows="4" required autocomplete="off" spellcheck="false" autocapitalize="off"
          aria-invalid=${fault ? "true" : "false"} aria-describedby="token-fault"></textarea>
        <span class="fault" id="token-fault" role="alert">${fault ? t(`agent.log_in.${fault}`) : nothing}</span>
      </div>
      <button class="button primary big" type="submit">${t("agent.act.log_in")}</button>
      <a class="button" href="/console/login">${t("agent.log_in.page")}</a>
    </form>`;
}

function menu(app) {
  const { agent } = app.view;
  return html`
    <div class="stack">
      <dl class="facts">
        <dt>${t("agent.menu.name")}</dt><dd>${agent?.name ?? app.who.sub}</dd>
        <dt>${t("agent.menu.id")}</dt><dd>${app.who.sub}</dd>
        ${app.whereabouts.given ? html`<dt>${t("agent.menu.place")}</dt><dd class="muted">${t("agent.menu.place_given")}</dd>` : nothing}
        ${agent ? html`<dt>${t("agent.menu.skills")}</dt><dd>${agent.skills.map(kindName).join(t("agent.and"))}</dd>` : nothing}
      </dl>
      ${languageButton(app.update)}
      ${app.view.jobs.size > 0 ? html`<p class="banner warn">${icon("warning")}${t("agent.menu.holding", { n: app.view.jobs.size })}</p>` : nothing}
      <button class="button danger" type="button" data-act="leave" @click=${() => logOut(app)}>${icon("logout")}${t("kit.leave")}</button>
    </div>`;
}
