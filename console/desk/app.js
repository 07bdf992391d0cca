// @ts-check
// The desk's state, and the context that every part of the page is given.
//
// Owns what is shown (tab, filters, selection, dialog, what is under way) and how it changes. Draws nothing.
// Orders are the book's, the stream is `client`'s, what is read by HTTP is `reading`'s. Invariant: whatever
// tells of an order, message or answer, goes through `take`, so that list, detail and dialogs never
// disagree.

import { Api, Offline, Problem } from "../api.js";
import { Client } from "../client.js";
import { wordsFor } from "../kit/faults.js";
import { token } from "../kit/identity.js";
import { t } from "../kit/text.js";
import { toast } from "../kit/toast.js";
import { View } from "../view.js";
import { Beyond } from "./beyond.js";
import { Book } from "./book.js";
import { conflictOf } from "./conflicts.js";
import { Reading } from "./reading.js";

/** @typedef {ReturnType<typeof makeContext>} Context */

function initialState(who) {
  return {
    /** @type {import("../kit/identity.js").Identity} */ who,
    /** Which list is on the left: "queue", "all" or "ended". */ tab: "queue",
    /** What a narrow window shows on the right: "detail", "map" or "figures"; a phone also "queue". */ pane: "detail",
    /** '' is all. */ filters: { region: "", kind: "" },
    search: "",
    /** @type {string | null} */ selected: null,
    /** @type {Set<string>} ids of orders chosen for something to be done with several at once */ checked: new Set(),
    /** @type {{name: string, [field: string]: any} | null} the one dialog that is open, and what is typed in it */ dialog: null,
    /** @type {Map<string, any>} kind → policy */ policies: new Map(),
    /** @type {any[]} GeoJSON Features, as the server lists them */ regions: [],
    /** @type {any} what was read of the selected order: timeline, candidates */ detail: null,
    /** @type {any} how the lists of all and of ended orders stand */ lists: { all: {}, ended: {} },
    /** The nth candidate, as chosen by a digit, waits for Enter. @type {string | null} */ chosen: null,
    /** @type {string} what screen readers are told */ announcement: "",
    /** For the map, the figures and other parts beside these: theirs alone. @type {Record<string, any>} */ work: {},
  };
}

/**
 * @param {import("../kit/identity.js").Identity} who
 * @param {import("../kit/settings.js").Settings} settings
 */
export function makeContext(who, settings) {
  const state = initialState(who);
  const book = new Book();
  const view = new View();
  const client = new Client({ url: settings.stream, token });
  const api = new Api({ token, onUnauthenticated: () => context.askLogin() });
  const busy = new Set();
  const context = {
    state, settings, book, view, client, api, beyond: new Beyond(),
    /** The desk's whole list is known; set by `main`. */ deskRead: () => {},
    /** Draw soon; set by `main` once the page is drawn. */
    update: () => {},
    /** Whether there was ever a connection: only then is there one to lose. */ wasOpen: false,
    isLoginAsked: false,
    /** Now, by the server's clock. */
    now: () => client.now(),
    get filters() { return state.filters; },
    get regions() { return state.regions; },
    get policies() { return state.policies; },
    /** @type {Reading} */ reading: /** @type {any} */ (null),

    /** The newest that is known of an order. @param {string} id */
    order: (id) => book.get(id) ?? view.desk.get(id),
    /** An order was answered by HTTP: it is shown everywhere at once. @param {any} order */
    take(order) {
      book.take(order, context.now());
      view.hear({ type: "desk", event: "changed", order });
      context.update();
    },
    /** Shows an order in the detail. @param {string | null} id */
    select(id) {
      if (id !== state.selected) state.chosen = null;
      state.selected = id;
      if (id !== null) state.pane = "detail";
      context.reading.detail(id);
      context.update();
    },
    /** @param {string} name @param {Record<string, any>} [fields] */
    open(name, fields = {}) {
      state.dialog = { name, ...fields };
      context.update();
    },
    /** What lay behind the login is as it was left. */
    close() {
      state.dialog = state.dialog?.behind ?? null;
      context.update();
    },
    /** By itself once: whoever puts it off has the banner's button. */
    askLogin() {
      if (!context.isLoginAsked) context.login();
      context.isLoginAsked = true;
    },
    login() {
      if (state.dialog?.name !== "login") context.open("login", { behind: state.dialog });
    },
    /** @param {Partial<import("./book.js").Filters>} change */
    filter(change) {
      Object.assign(state.filters, change);
      context.update();
    },
    /** @param {string} key */
    isBusy: (key) => busy.has(key),
    /**
     * Does something once at a time: a second press of what is under way does nothing. What goes wrong is
     * told: to `onProblem`, if that returns true, else as a short message.
     * @template T
     * @param {string} key @param {() => Promise<T>} what @param {(problem: Problem) => boolean}
     *   [onProblem]
     * @returns {Promise<T | undefined>} undefined: it was not done
     */
    async act(key, what, onProblem = () => false) {
      if (busy.has(key)) return undefined;
      busy.add(key);
      context.update();
      try {
        return await what();
      } catch (problem) {
        if (!(problem instanceof Problem) || !onProblem(problem)) context.complain(problem);
        return undefined;
      } finally {
        busy.delete(key);
        context.update();
      }
    },
    /** Tells what went wrong in words; a fault of ours goes on to the console. @param {unknown} problem */
    complain(problem) {
      if (!(problem instanceof Offline || problem instanceof Problem)) throw problem;
      toast(wordsOf(problem), "bad");
    },
  };
  context.reading = new Reading(context);
  return context;
}

/** What went wrong, for people. @param {Problem | Offline} problem */
export function wordsOf(problem) {
  if (problem instanceof Offline || problem.code !== "conflict") return wordsFor(problem);
  const { key, values } = conflictOf(problem.detail);
  const status = values.status ? { status: t(`kit.status.${values.status}`) } : {};
  return t(key, { ...values, ...status });
}
