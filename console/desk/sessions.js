// Who is connected to the stream, and sending one away.
//
// Owns the list that was read, page by page, and what it is narrowed to. The server's list is of the moment when it
// was read; kicking asks once more before it does it. Text narrows what was read; a whole id can be asked for.

import { dialog } from "../kit/dialog.js";
import { day, number, span } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { choiceField, focusSoon, textField } from "./form_fields.js";

const PAGE = 100;
const ROLES = ["valet", "shop", "dispatcher", "customer", "admin", "service"];
const LONGEST_ID = 64;

/** @typedef {import("./app.js").Context} Context */

/** @param {Context} context */
export function sessionsDialog(context) {
  const { state } = context;
  if (state.dialog?.name !== "sessions") return null;
  if (!state.dialog.sessions) {
    state.dialog.sessions = new Sessions(context, state.dialog.agentId ?? "");
    state.dialog.sessions.read();
  }
  return dialog({ title: t("work.sessions.title"), body: state.dialog.sessions.view(), close: context.close, wide: true });
}

/** Whether a session is meant by what was typed. @param {any} session @param {string | undefined} name @param {string} text */
function isMeant({ sub, region, address, session_id: id }, name, text) {
  const wanted = text.trim().toLowerCase();
  return [sub, name, region, address, id].some((value) => value?.toLowerCase().includes(wanted));
}

class Sessions {
  #context;
  /** @type {any[]} */ #items = [];
  #next = null;
  #read = false;
  #role = "";
  #text = "";
  /** Of whom alone; '' is everybody. */ #agentId;
  /** @type {string | null} who is about to be kicked */ #asking = null;

  /** @param {Context} context @param {string} agentId */
  constructor(context, agentId) {
    this.#context = context;
    this.#agentId = agentId;
  }

  /** From the beginning, or the next page. */
  async read(cursor = null) {
    const { act, api, filters } = this.#context;
    const query = {
      limit: PAGE, cursor, agent_id: this.#agentId || undefined, role: this.#role || undefined, region: filters.region || undefined,
    };
    const page = await act("sessions", () => api.get("/v1/sessions", query));
    if (!page) return;
    this.#items = cursor === null ? page.items : [...this.#items, ...page.items];
    this.#next = page.next;
    this.#read = true;
    this.#context.update();
  }

  async #kick(session) {
    const { act, api, update } = this.#context;
    const gone = (problem) => problem.code === "not_found";
    const path = `/v1/sessions/${session.session_id}`;
    const done = await act(`kick ${session.session_id}`, () => api.delete(path).then(() => true), gone);
    this.#asking = null;
    this.#items = this.#items.filter((each) => each !== session || done === undefined);
    if (done) toast(t("work.sessions.kicked", { sub: session.sub }), "good");
    else this.read();
    update();
  }

  #ask(session) {
    this.#asking = session?.session_id ?? null;
    this.#context.update();
    if (session) focusSoon("[data-act=kick_sure]");
  }

  #narrow(change) {
    change();
    this.#items = [];
    this.#next = null;
    this.#read = false;
    this.read();
  }

  view() {
    const shown = this.#items.filter((session) => isMeant(session, this.#name(session), this.#text));
    const reading = this.#context.isBusy("sessions");
    return html`
      <div class="stack work-sessions">
        ${this.#filters(reading)}
        <p class="muted small" role="status">${reading && !this.#read ? t("work.reading") : this.#summary(shown)}</p>
        ${shown.length > 0 ? this.#table(shown) : nothing}
        ${this.#next === null ? nothing : html`<button class="button" type="button" ?disabled=${reading} @click=${() => this.read(this.#next)}>
          ${icon("down")}${t("work.more")}</button>`}
      </div>
    `;
  }

  #summary(shown) {
    const n = shown.length;
    return this.#next === null ? t("work.sessions.shown", { n }) : t("work.sessions.shown_of_more", { n });
  }

  #filters(reading) {
    const roles = [{ value: "", label: t("work.sessions.all_roles") }, ...ROLES.map((value) => ({ value, label: t(`kit.role.${value}`) }))];
    const typed = (value) => {
      this.#text = value;
      this.#context.update();
    };
    const ofOne = this.#agentId !== "";
    const exact = () => this.#narrow(() => ([this.#agentId, this.#text] = ofOne ? ["", ""] : [this.#text.trim(), ""]));
    const isId = /^[A-Za-z0-9._:-]{1,64}$/.test(this.#text.trim());
    return html`
      <div class="row tight wrap filters">
        ${textField({ id: "sessions-text", label: t("work.sessions.text"), value: this.#text, change: typed, type: "search", longest: LONGEST_ID })}
        ${choiceField({ id: "sessions-role", label: t("work.sessions.role"), value: this.#role, options: roles, change: (value) => this.#narrow(() => (this.#role = value)) })}
        ${ofOne || isId ? html`<button class="button" type="button" ?disabled=${reading} @click=${exact}>
          ${ofOne ? t("work.sessions.everybody", { id: this.#agentId }) : t("work.sessions.only", { id: this.#text.trim() })}</button>` : nothing}
        <button class="button" type="button" ?disabled=${reading} @click=${() => this.read()}>${icon("refresh")}${t("work.refresh")}</button>
      </div>
    `;
  }

  /** Agents on the map have names. */
  #name({ sub }) {
    return this.#context.state.work.map?.nameOf(sub);
  }

  #table(shown) {
    const heads = ["sub", "role", "region", "since", "address", "codec", "unsent"];
    return html`
      <div class="scroll-x" tabindex="0" role="group" aria-label=${t("work.sessions.title")}>
        <table class="plain">
          <thead><tr>${heads.map((name) => html`<th scope="col">${t(`work.sessions.column.${name}`)}</th>`)}
            <th scope="col"><span class="visually-hidden">${t("work.sessions.kick")}</span></th></tr></thead>
          <tbody>${repeat(shown, (session) => session.session_id, (session) => this.#row(session))}</tbody>
        </table>
      </div>
    `;
  }

  #row(session) {
    const { sub, role, region, since_at: sinceAt, address, codec, unsent_bytes: unsent } = session;
    return html`
      <tr data-session=${session.session_id}>
        <th scope="row">${sub} <span class="name">${this.#name(session) ?? nothing}</span></th>
        <td>${t(`kit.role.${role}`)}</td>
        <td>${region ?? "–"}</td>
        <td title=${day(sinceAt)}>${span(this.#context.now() - sinceAt)}</td>
        <td class="number">${address}</td>
        <td class="muted small">${codec}</td>
        <td class="number muted small">${unsent > 0 ? html`<strong>${number(unsent)}</strong>` : "0"}</td>
        <td class="end">${this.#action(session)}</td>
      </tr>
    `;
  }

  #action(session) {
    const { isBusy, view } = this.#context;
    const own = session.session_id === view.sessionId;
    if (own) return html`<span class="badge">${t("work.sessions.own")}</span>`;
    const named = { sub: session.sub };
    if (this.#asking !== session.session_id) {
      return html`<button class="button small danger" type="button" data-act="kick" aria-label=${t("work.sessions.kick_whom", named)}
        @click=${() => this.#ask(session)}>${t("work.sessions.kick")}</button>`;
    }
    return html`<span class="row tight">
      <button class="button small danger primary" type="button" data-act="kick_sure" ?disabled=${isBusy(`kick ${session.session_id}`)}
        @click=${() => this.#kick(session)}>${t("work.sessions.kick_sure", named)}</button>
      <button class="button small" type="button" @click=${() => this.#ask(null)}>${t("work.cancel")}</button></span>`;
  }
}
