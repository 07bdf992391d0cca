// What this deployment is: the stream's address, the map's tiles, the version of the pages.
//
// Asked once a page; the answer is the server's `/console/settings.json`.

/** @typedef {{stream: string, tiles: null | {url: string, attribution: string, crs: string}, version: string, files: string[]}} Settings */

/** @type {Promise<Settings> | null} */
let asked = null;

/** @returns {Promise<Settings>} */
export function settings() {
  asked ??= fetch("/console/settings.json").then((answer) => {
    if (!answer.ok) throw new Error(`settings: HTTP ${answer.status}`);
    return answer.json();
  });
  asked.catch(() => (asked = null));
  return asked;
}
