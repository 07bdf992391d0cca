// What a final close of the stream means for people (PROTOCOL §4, close codes). Pure.

const ENDINGS = { 4500: "expired", 4501: "expired", 4502: "forbidden", 4503: "suspended", 4504: "replaced", 4505: "kicked" };

/**
 * @param {{code: number} | null} end
 * @returns {string | null} null: page and server do not understand each other: an old page, most likely
 */
export function endingOf(end) {
  return ENDINGS[end?.code ?? 0] ?? null;
}
