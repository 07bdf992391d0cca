// The bar on top of every page: who is here, whether the line to the server stands, sound, language, leaving.

import { html } from "../vendor/lit-html/lit-html.js";
import { icon } from "./icons.js";
import { isBlocked, isOn, setOn, unlock } from "./sound.js";
import { language, languages, setLanguage, t } from "./text.js";

/** The line's state in words, and what of it is not by colour alone. @param {{state: string}} client */
export function linkState(client) {
  return html`<span class="link-state ${client.state}" data-connection=${client.state} role="status">${t(`kit.link.${client.state}`)}</span>`;
}

/** @param {() => void} update */
export function soundButton(update) {
  const on = isOn();
  const press = async () => {
    if (on && isBlocked()) await unlock();
    else setOn(!on);
    update();
  };
  const label = !on ? t("kit.sound.off") : isBlocked() ? t("kit.sound.blocked") : t("kit.sound.on");
  return html`<button class="button quiet icon-only" type="button" aria-label=${label} title=${label} aria-pressed=${on} @click=${press}>
    ${icon(on && !isBlocked() ? "sound" : "mute")}</button>`;
}

/** To the other language. @param {() => void} update */
export function languageButton(update) {
  const next = languages[(languages.indexOf(language()) + 1) % languages.length];
  const press = () => setLanguage(next).then(update);
  return html`<button class="button quiet" type="button" lang=${next} @click=${press}>${icon("language")}${t(`kit.language.${next}`)}</button>`;
}

/** @param {() => void} leave */
export function leaveButton(leave) {
  return html`<button class="button quiet icon-only" type="button" aria-label=${t("kit.leave")} title=${t("kit.leave")} @click=${leave}>
    ${icon("logout")}</button>`;
}
