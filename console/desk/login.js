// @ts-check
// Logging in again without leaving the page: what is selected and typed stays. Another dispatcher begins anew.
//
// A token that is not a dispatcher's is refused here, before the server has to.

import { dialog } from "../kit/dialog.js";
import { enter, leave, TokenFault } from "../kit/identity.js";
import { t } from "../kit/text.js";
import { html } from "../vendor/lit-html/lit-html.js";
import { buttons, field, submitter } from "./fields.js";

/** @typedef {import("./app.js").Context} Context */

const FIELD = { name: "token", type: "textarea", most: 8000, required: true, first: true };

/** @param {Context} context */
export function loginDialog(context) {
  if (context.state.dialog?.name !== "login") return null;
  const body = html`<form class="stack" @submit=${submitter(() => logIn(context))}>
    <p>${t("desk.login.why")}</p>
    ${field(context, { ...FIELD, label: t("desk.login.token"), hint: t("desk.login.hint") })}
    ${buttons(context, { label: t("desk.login.enter"), busy: false, act: "login" })}
  </form>`;
  return dialog({ title: t("desk.login.title"), body, close: context.close });
}

/** @param {Context} context */
function logIn(context) {
  const { client, state } = context;
  const fault = (/** @type {string} */ key) => {
    state.dialog.faults = { token: t(key) };
    context.update();
  };
  try {
    const who = enter(state.dialog.token ?? "");
    if (who.role !== "dispatcher") {
      leave();
      return fault("desk.login.role");
    }
    if (who.sub !== state.who.sub) return location.reload(); // what is open here is the other's
    state.who = who;
  } catch (error) {
    if (!(error instanceof TokenFault)) throw error;
    return fault(`desk.login.${error.reason}`);
  }
  context.isLoginAsked = false;
  client.stop();
  client.start();
  context.close();
}
