// @ts-check
// What a key means, by where the focus is.
//
// Pure. Invariant: nothing while somebody types or a dialog is open, nothing with Ctrl, Alt or Meta; Enter,
// which assigns, once a press.

const LETTERS = {
  j: "next", k: "previous", t: "take_up", a: "candidates", r: "reopen", e: "edit", c: "close", x: "cancel",
  n: "intake", q: "queue", "/": "search", "?": "keys", Escape: "back", Enter: "confirm",
};
const ARROWS = {
  page: { ArrowDown: "next", ArrowUp: "previous" },
  candidates: { ArrowDown: "next_candidate", ArrowUp: "previous_candidate" },
};

/**
 * @param {{key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean, isComposing?: boolean,
 *   repeat?: boolean}} event
 * @param {"page" | "candidates" | "search" | "typing" | "map" | "dialog" | string} place
 * @returns {{name: string, n?: number} | null}
 */
export function keyMeans({ key, ctrlKey, altKey, metaKey, isComposing, repeat }, place) {
  if (ctrlKey || altKey || metaKey || isComposing) return null;
  if (place === "search") return key === "Escape" ? { name: "leave_search" } : null;
  if (place === "dialog" || place === "typing") return null;
  if (/^[1-9]$/.test(key)) return { name: "choose", n: Number(key) };
  if (repeat && key === "Enter") return null;
  const name = ARROWS[place]?.[key] ?? LETTERS[key.length === 1 ? key.toLowerCase() : key];
  return name === undefined ? null : { name };
}
