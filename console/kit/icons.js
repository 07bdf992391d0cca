// Line icons, 24 × 24, drawn in the text's colour. Decoration only: what they mean stands beside them in words.

import { html, svg } from "../vendor/lit-html/lit-html.js";

const PATHS = {
  grab: "M8 12V5.5a1.5 1.5 0 0 1 3 0V11m0-.5v-7a1.5 1.5 0 0 1 3 0V11m0-5.5a1.5 1.5 0 0 1 3 0V12m0-3.5a1.5 1.5 0 0 1 3 0V15a7 7 0 0 1-7 7h-1.5a7 7 0 0 1-5.6-2.8L4 14.6a1.6 1.6 0 0 1 2.4-2.1L8 14",
  phone: "M6.5 3h3l1.5 5-2 1.5a12 12 0 0 0 5.5 5.5l1.5-2 5 1.5v3a2 2 0 0 1-2 2A16 16 0 0 1 4.5 5a2 2 0 0 1 2-2Z",
  navigate: "m3 11 18-8-8 18-2.5-7.5L3 11Z",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5-12-7.5Z",
  stop: "M6 6h12v12H6Z",
  mic: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Zm-7 9a7 7 0 0 0 14 0m-7 7v3",
  sound: "M4 9v6h4l5 4V5L8 9H4Zm12.5-.5a5 5 0 0 1 0 7M19 6a9 9 0 0 1 0 12",
  mute: "M4 9v6h4l5 4V5L8 9H4Zm12 .5 5 5m0-5-5 5",
  language: "M3 5h9M7.5 3v2c0 5-2.5 8-5 9.5M5 9c1 2.5 3.5 4.5 6 5.5m2 6.5 4-10 4 10m-6.5-3.5h5",
  logout: "M10 4H5v16h5m4-12 4 4-4 4m4-4H9",
  check: "m4 12.5 5.5 5.5L20 6.5",
  cross: "m5.5 5.5 13 13m0-13-13 13",
  clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Zm0 4v5.5l3.5 2",
  pin: "M12 21.5s7-6.5 7-11.5a7 7 0 0 0-14 0c0 5 7 11.5 7 11.5Zm0-14a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z",
  car: "M3 16v-3.5L5.5 7h13L21 12.5V16M3 12.5h18M3 16h18v3h-3v-3m-12 0v3H3v-3m4-.5h.01m9.99 0h.01",
  shop: "M4 10v10h16V10M3 10l2-6h14l2 6a3 3 0 0 1-6 0 3 3 0 0 1-6 0 3 3 0 0 1-6 0Zm7 10v-5h4v5",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM4 21a8 8 0 0 1 16 0",
  people: "M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM2.5 20a6.5 6.5 0 0 1 13 0M16 5.5a3.5 3.5 0 0 1 0 6.5m2 2.5a6.5 6.5 0 0 1 3.5 5.5",
  desk: "M4 13a8 8 0 0 1 16 0m-16 0v4a2 2 0 0 0 2 2h1v-6H4Zm16 0v4a2 2 0 0 1-2 2h-1v-6h3Zm-3 6a4 4 0 0 1-4 2.5",
  list: "M8 6h13M8 12h13M8 18h13M3.5 6h.01M3.5 12h.01M3.5 18h.01",
  map: "m3 6 6-2.5 6 2.5 6-2.5V18l-6 2.5L9 18l-6 2.5V6Zm6-2.5V18m6-12v14.5",
  history: "M4 5v5h5M4.5 10A8 8 0 1 1 4 13m8-5v5l3 2",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4l2-2Zm4 4a2 2 0 0 0 4 0",
  send: "M21 3 10 14m11-11-7 18-4-7-7-4 18-7Z",
  edit: "M4 20h4L19 9l-4-4L4 16v4Zm9-13 4 4",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  refresh: "M20 5v5h-5m4.5 0A8 8 0 1 0 20 13",
  offline: "M3 3l18 18M5 12.5a10 10 0 0 1 5-2.7m4 0a10 10 0 0 1 5 2.7M8 16a6 6 0 0 1 8 0m-4 3.5h.01M2 9a15 15 0 0 1 4.5-2.7M10 5.2A15 15 0 0 1 22 9",
  warning: "M12 3.5 2.5 20h19L12 3.5Zm0 6.5v4.5m0 2.7h.01",
  info: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Zm0 8v5.5M12 7.5h.01",
  filter: "M3 5h18l-7 8v6l-4 2v-8L3 5Z",
  chart: "M4 4v16h16M8 16v-4m4 4V8m4 8v-6",
  menu: "M4 7h16M4 12h16M4 17h16",
  right: "m9 5 7 7-7 7",
  down: "m5 9 7 7 7-7",
  up: "m5 15 7-7 7 7",
  qr: "M4 4h6v6H4Zm10 0h6v6h-6ZM4 14h6v6H4Zm10 0h2v2h-2Zm4 0h2v2h-2Zm-4 4h2v2h-2Zm4 0h2v2h-2Z",
  money: "m6 4 6 8 6-8m-6 8v9m-5-8h10m-10 4h10",
  maintenance: "M14.5 6.5a4 4 0 0 1 5-2.5l-2.5 3 1 2 2 .5 1.5-2a4 4 0 0 1-5.5 4.5L8 20a2.1 2.1 0 0 1-3-3l8.5-7.5a4 4 0 0 1 1-3Z",
  beauty: "M12 3c3.5 4.5 5.5 7.5 5.5 10.5a5.5 5.5 0 0 1-11 0C6.5 10.5 8.5 7.5 12 3Zm-2.5 11a2.5 2.5 0 0 0 2.5 2.5",
  insurance: "M12 3 4.5 6v6c0 4.5 3 7.5 7.5 9 4.5-1.5 7.5-4.5 7.5-9V6L12 3Zm-3.5 9 2.5 2.5 4.5-5",
  parts: "M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7Zm0-5.5v3m0 12v3m9-9h-3M6 12H3m15.4-6.4-2.1 2.1M7.7 16.3l-2.1 2.1m0-12.8 2.1 2.1m8.6 8.6 2.1 2.1",
  rental: "M8 11a4.5 4.5 0 1 1 0 .1Zm0 0m4.5 1H21v3.5M17.5 12v2.5",
  used_car: "M3 11V4h7l11 10.5-7 7L3 11Zm4-3.5h.01",
  towing: "M3 17V9h8l3 4h6a1 1 0 0 1 1 1v3M6 5v4m0-4h7M5 17h14M7 15.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4Zm10 0a2 2 0 1 1 0 4 2 2 0 0 1 0-4Z",
  chauffeur: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Zm0 7a2 2 0 1 1 0 4 2 2 0 0 1 0-4Zm-9 1c5 0 6 .5 7 1m11-1c-5 0-6 .5-7 1m-2 2v7",
  voice: "M4 10v4m4-8v12m4-15v18m4-14v10m4-7v4",
  other: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Zm-4 9h.01M12 12h.01M16 12h.01",
};

/** @param {string} name  of PATHS; an unknown kind is `other` */
export function icon(name) {
  const path = svg`<path d=${PATHS[name] ?? PATHS.other} />`;
  return html`<svg
    class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${path}</svg>`;
}
