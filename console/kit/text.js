// Every word that people read, by key, in the language of their choice: zh-CN first, en beside it.
//
// Owns the language and the texts that were loaded. A key that does not exist is a fault of ours: it throws.
// Values: `{name}` is replaced by the value of that name; `{"one": …, "other": …}` is chosen by the value `n`.

export const languages = ["zh-CN", "en"];

const KEPT = "language";
/** @type {Map<string, string | Record<string, string>>} */
const texts = new Map();
/** @type {string[]} */
let areas = [];
let current = choose();

function choose() {
  const kept = localStorage.getItem(KEPT);
  if (kept && languages.includes(kept)) return kept;
  return navigator.language.toLowerCase().startsWith("en") ? "en" : languages[0];
}

export function language() {
  return current;
}

/** Load the texts of these areas, once, before the first drawing. @param {...string} names */
export async function loadTexts(...names) {
  areas = [...new Set([...areas, ...names])];
  const parts = await Promise.all(areas.map((area) => load(current, area)));
  texts.clear();
  for (const part of parts) for (const [key, value] of Object.entries(part)) texts.set(key, value);
  document.documentElement.lang = current;
}

/** @param {string} code */
export async function setLanguage(code) {
  current = code;
  localStorage.setItem(KEPT, code);
  await loadTexts();
}

async function load(code, area) {
  const answer = await fetch(new URL(`../text/${code}/${area}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`texts ${code}/${area}: HTTP ${answer.status}`);
  return answer.json();
}

/** Whether there is such a text: for words of a deployment's own, such as its kinds. @param {string} key */
export function has(key) {
  return texts.has(key);
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const found = texts.get(key);
  if (found === undefined) throw new Error(`no text: ${key}`);
  const text = typeof found === "string" ? found : (found[plural(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

function plural(n) {
  return new Intl.PluralRules(current).select(Number(n));
}

/**
 * A word of the wire in the page's language; one that a later server says is answered by `otherwise`, for a client
 * ignores what it does not know.
 * @param {string} key @param {string} otherwise key @param {Record<string, string | number>} [values]
 */
export function tOr(key, otherwise, values) {
  return t(has(key) ? key : otherwise, values);
}

/** A kind's name; a deployment's own kind is called by its id. @param {string} kind */
export function kindName(kind) {
  return has(`kit.kind.${kind}`) ? t(`kit.kind.${kind}`) : kind;
}

/** What an order's detail is called; a deployment's own is called by its key. @param {string} key */
export function detailName(key) {
  return has(`kit.detail.${key}`) ? t(`kit.detail.${key}`) : key;
}
