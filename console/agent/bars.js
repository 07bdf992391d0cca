// What is to be told of the line, this device and this page, as bars under the header: most pressing first.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { countdown } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { token } from "../kit/identity.js";
import { t } from "../kit/text.js";
import { open, resume } from "./acts.js";
import { tidings } from "./endings.js";
import { unreadBars } from "./notices.js";

const LOOKS = { offline: "warn", expiring: "warn", expired: "bad", replaced: "warn" };
const SIGNS = { offline: "offline", expired: "person", expiring: "person" };
const ACTS = {
  log_in: (app) => open(app, { what: "log_in" }),
  resume,
  return: resume,
  retry: (app) => app.client.retryNow(),
  reload: () => location.reload(),
};

/** @param {any} app */
export function bars(app) {
  return html`<div class="bars" role="region" aria-label=${t("agent.bars")}>
    ${lineBar(app)} ${app.moves ? positionBar(app) : nothing} ${versionBar(app)} ${unreadBars(app)}
  </div>`;
}

/** How the line stands, for other modules, too. @param {any} app */
export function lineTidings(app) {
  const { state, end } = app.client;
  const refused = app.refusedToken !== null && app.refusedToken === token();
  const expiresAt = refused ? 0 : app.who.expiresAt;
  return tidings({ state, end, expiresAt, now: app.client.now(), seen: app.seen || end !== null });
}

function lineBar(app) {
  const told = lineTidings(app);
  if (told === null) return nothing;
  const { kind, act } = told;
  const words = kind === "offline" && app.client.retryAt !== null
    ? t("agent.bar.offline_until", { time: countdown(app.client.retryAt - Date.now()) }) : t(`agent.bar.${kind}`);
  return bar(kind, LOOKS[kind] ?? "bad", SIGNS[kind] ?? "warning", words, html`
    <button class="button" type="button" data-act=${act} @click=${() => ACTS[act](app)}>${t(`agent.act.${act}`)}</button>`);
}

function positionBar(app) {
  const { state } = app.whereabouts;
  if (app.client.state !== "open") return nothing;
  if (state !== "denied" && state !== "unknown") return nothing;
  if (app.dismissedBars.has(state)) return nothing;
  const dismiss = () => {
    app.dismissedBars.add(state);
    app.update();
  };
  return bar(`position_${state}`, "warn", "pin", t(`agent.bar.position_${state}`), html`
    <button class="button quiet icon-only" type="button" aria-label=${t("kit.close")} @click=${dismiss}>${icon("cross")}</button>`);
}

function versionBar(app) {
  if (app.takeOver === null) return nothing;
  return bar("update", "", "refresh", t("agent.bar.update"), html`
    <button class="button" type="button" @click=${() => app.takeOver()}>${t("agent.act.update")}</button>`);
}

/** One that counts down is not read aloud each second: the state of the line is, above. */
function bar(kind, look, sign, words, act) {
  return html`<div class="banner ${look}" data-banner=${kind} role=${kind === "offline" ? nothing : "status"}>${icon(sign)}<p class="grow">${words}</p>${act}</div>`;
}
