// What the desk told everyone: the unread ones as bars, all of them as a list.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { clock } from "../kit/format.js";
import { icon } from "../kit/icons.js";
import { t } from "../kit/text.js";
import { readNotice } from "./acts.js";

const LOOKS = { info: "", warning: "warn", urgent: "bad" };
const GRAVITY = { urgent: 2, warning: 1, info: 0 };

/** Newest first. @param {any} app */
function all(app) {
  return [...app.view.notices.values()].sort((a, b) => b.at - a.at);
}

/** @param {any} app */
export function unread(app) {
  const read = new Set(app.kept.read);
  return all(app).filter(({ id }) => !read.has(id));
}

/** One at a time, the gravest first: orders need the room, and the bell counts the others. @param {any} app */
export function unreadBars(app) {
  const [gravest] = unread(app).sort((a, b) => (GRAVITY[b.level] ?? 0) - (GRAVITY[a.level] ?? 0));
  return gravest === undefined ? nothing : bar(app, gravest);
}

function bar(app, notice) {
  return html`
    <div class="banner ${LOOKS[notice.level] ?? ""}" data-notice=${notice.id} role="status">
      ${icon(notice.level === "info" ? "info" : "warning")}
      <div class="grow"><strong>${notice.title}</strong>${notice.body ? html`<p class="small">${notice.body}</p>` : nothing}</div>
      <button class="button" type="button" data-act="dismiss" @click=${() => readNotice(app, notice.id)}>${t("agent.understood")}</button>
    </div>`;
}

/** @param {any} app */
export function noticeList(app) {
  const notices = all(app);
  if (notices.length === 0) return html`<p class="empty">${t("agent.notices.none")}</p>`;
  return html`<ul class="stack">${notices.map((notice) => html`
    <li class="banner ${LOOKS[notice.level] ?? ""}">${icon(notice.level === "info" ? "info" : "warning")}
      <div class="grow"><strong>${notice.title}</strong> <time class="small muted">${clock(notice.at)}</time><p>${notice.body}</p></div></li>`)}</ul>`;
}
