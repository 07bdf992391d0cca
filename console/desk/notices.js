// Notices: what was told to people, and telling them something.
//
// Owns the list that was read and the draft, which stays when the dialog is closed by accident. One draft becomes
// one notice: its key is kept until the server has answered.

import { Offline, drawKey } from "../api.js";
import { dialog } from "../kit/dialog.js";
import { day, distance } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { focusSoon } from "./form_fields.js";
import { noticeFields } from "./notice_fields.js";
import { emptyNotice, noticeBody, noticeFaults } from "./notice_form.js";

const PAGE = 30;
const LEVEL_TONES = { info: "primary", warning: "warn", urgent: "bad" };
const LEVEL_ICONS = { info: "info", warning: "warning", urgent: "bell" };

/** @typedef {import("./app.js").Context} Context */

/** @param {Context} context */
export function noticesDialog(context) {
  const { state } = context;
  if (state.dialog?.name !== "notices") return null;
  const notices = (state.work.notices ??= new Notices(context));
  notices.shown(state.dialog);
  return dialog({ title: t("work.notices.list"), body: notices.view(), close: context.close, wide: true });
}

class Notices {
  draft;
  writing = false;
  /** @type {Record<string, string>} */ faults = {};
  #context;
  /** @type {any[]} */ #items = [];
  #next = null;
  #read = false;
  #key = drawKey();
  /** The body that may have passed unseen. @type {any} */ #sent = null;
  #dialog = null;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.draft = emptyNotice({ region: this.#region() });
  }

  /** Whose token is for some regions can not tell all of them. */
  #region() {
    const { filters, regions, state } = this.#context;
    return filters.region || (state.who.regions === null ? "" : (regions[0]?.id ?? ""));
  }

  /** Each time the dialog is opened the list is read anew; it may bring what to write about. @param {any} opened */
  shown(opened) {
    if (this.#dialog === opened) return;
    this.#dialog = opened;
    if (opened.writing) this.#begin(opened.writing);
    this.read();
  }

  #begin(given) {
    this.writing = true;
    this.draft = emptyNotice({ ...this.draft, ...given });
  }

  async read(cursor = null) {
    const { act, api, update } = this.#context;
    const page = await act("notices", () => api.get("/v1/notices", { limit: PAGE, cursor }));
    if (!page) return;
    this.#items = cursor === null ? page.items : [...this.#items, ...page.items];
    this.#next = page.next;
    this.#read = true;
    update();
  }

  /** @param {string} field @param {unknown} value */
  change(field, value) {
    this.draft[field] = value;
    delete this.faults[field];
    if (field === "roles" || field === "near") delete this.faults.roles;
    this.#context.update();
  }

  submit = (event) => {
    event.preventDefault();
    this.faults = noticeFaults(this.draft);
    if (Object.keys(this.faults).length === 0) this.#send();
    else focusSoon(".notice-form [aria-invalid=true]");
    this.#context.update();
  };

  async #send() {
    const { act, api, now, update } = this.#context;
    const body = noticeBody(this.draft, now());
    const notice = await act("notice", () => this.#post(api, body), () => ((this.#key = drawKey()), false));
    if (!notice) return;
    this.#key = drawKey();
    this.#items = [notice, ...this.#items.filter(({ id }) => id !== notice.id)];
    this.draft = emptyNotice({ region: this.draft.region, roles: this.draft.roles });
    this.writing = false;
    toast(t("work.notices.sent", { title: notice.title }), "good");
    update();
  }

  /** The time until which it holds is of the first try: the same key wants the same body. */
  async #post(api, body) {
    this.#sent = this.#sent && sameButTime(this.#sent, body) ? this.#sent : body;
    try {
      const notice = await api.post("/v1/notices", this.#sent, { key: this.#key });
      this.#sent = null;
      return notice;
    } catch (fault) {
      if (!(fault instanceof Offline)) this.#sent = null;
      throw fault;
    }
  }

  #write(writing) {
    this.writing = writing;
    this.draft.region ||= this.#region();
    this.#context.update();
    focusSoon(writing ? "#notice-title" : "[data-act=new_notice]");
  }

  view() {
    return html`<div class="stack work-notices">
      ${this.writing ? this.#form() : html`<button class="button primary" type="button" data-act="new_notice" @click=${() => this.#write(true)}>
        ${icon("plus")}${t("work.notices.new")}</button>`}
      ${this.#list()}
    </div>`;
  }

  #form() {
    const sending = this.#context.isBusy("notice");
    return html`
      <form class="notice-form card stack" novalidate @submit=${this.submit} aria-label=${t("work.notices.new")}>
        ${noticeFields(this, this.#context)}
        <footer class="row tight end">
          <button class="button" type="button" @click=${() => this.#write(false)}>${t("work.cancel")}</button>
          <button class="button primary" type="submit" ?disabled=${sending}>${icon("send")}${sending ? t("work.sending") : t("work.notices.send")}</button>
        </footer>
      </form>
    `;
  }

  #list() {
    if (!this.#read) return html`<p class="empty">${t("work.reading")}</p>`;
    if (this.#items.length === 0) return html`<p class="empty">${t("work.notices.none")}</p>`;
    return html`
      <ul class="stack tight" aria-label=${t("work.notices.list")}>${repeat(this.#items, ({ id }) => id, (notice) => this.#row(notice))}</ul>
      ${this.#next === null ? nothing : html`<button class="button" type="button" ?disabled=${this.#context.isBusy("notices")}
        @click=${() => this.read(this.#next)}>${icon("down")}${t("work.more")}</button>`}
    `;
  }

  #row(notice) {
    const { title, body, level, until_at: untilAt, at, author } = notice;
    const over = untilAt <= this.#context.now();
    return html`
      <li class="card notice ${over ? "over" : ""}" data-notice=${notice.id}>
        <div class="row tight wrap">
          <span class="badge ${LEVEL_TONES[level]}">${icon(LEVEL_ICONS[level])}${t(`work.level.${level}`)}</span>
          <strong class="grow">${title}</strong>
          <time class="muted small">${day(at)}</time>
        </div>
        <p class="said">${body}</p>
        <p class="muted small">${addressees(notice)} · ${over ? t("work.notices.over") : t("work.notices.until", { at: day(untilAt) })}
          ${author ? html` · ${t("work.notices.by", { who: author.id })}` : nothing}</p>
      </li>
    `;
  }
}

/** Who was told, in words. @param {any} notice */
function addressees({ roles, region, near, radius_m: radius }) {
  const names = roles.map((role) => t(`kit.role.${role}`)).join(t("work.and"));
  const where = near ? t("work.notices.within", { radius: distance(radius) }) : "";
  return [names, region ?? t("work.notices.everywhere"), where].filter(Boolean).join(" · ");
}

function sameButTime(one, other) {
  return JSON.stringify({ ...one, until_at: 0 }) === JSON.stringify({ ...other, until_at: 0 });
}
