// Where every unfinished order and every agent is: read from GET /v1/map again and again, corrected by the stream.
//
// Owns the asking: the next question comes 5 s after the last answer, later after faults, and none while nobody
// looks. Invariant: what was heard of an order after an answer was made is not undone by that answer. Knows no page
// and no map; clock, timers and chance are passed in.

const PAUSE_MS = 5_000;
const MOST_PAUSE_MS = 60_000;
/** An answer may have been made so long before its question; and clocks differ a little. */
const SLACK_MS = 1_500;
const TERMINAL = new Set(["completed", "cancelled", "expired"]);

/** @typedef {{ id: string, kind: string, region: string, status: string, stalled: boolean, lat: number, lon: number, since_at: number }} Spot */
/** @typedef {{ id: string, role: string, region: string, name: string, status: string, load: number, capacity: number, lat: number, lon: number }} Agent */

/** A full order as GET /v1/map shows it. @param {any} order @returns {Spot} */
export function spotOf({ id, kind, region, status, stalled, place, created_at: createdAt, assignment }) {
  const since = assignment?.at ?? createdAt;
  return { id, kind, region, status, stalled: Boolean(stalled), lat: place.lat, lon: place.lon, since_at: since };
}

/**
 * The answer's orders, with what was heard since.
 * @param {Spot[]} spots @param {Iterable<{ spot: Spot }>} heard @returns {Spot[]}
 */
export function merged(spots, heard) {
  const found = new Map(spots.map((spot) => [spot.id, spot]));
  for (const { spot } of heard) {
    if (TERMINAL.has(spot.status)) found.delete(spot.id);
    else found.set(spot.id, { ...spot, since_at: found.get(spot.id)?.since_at ?? spot.since_at });
  }
  return [...found.values()];
}

export class MapFeed {
  /** @type {Spot[]} */ orders = [];
  /** @type {Agent[]} */ agents = [];
  /** @type {string[]} lists that were cut */ more = [];
  /** When the last answer was made, by the server's clock. @type {number | null} */ at = null;
  /** @type {unknown} what went wrong last, until it goes right */ fault = null;
  #options;
  /** @type {Spot[]} */ #answered = [];
  /** @type {Map<string, { spot: Spot, at: number }>} */ #heard = new Map();
  #timer = null;
  #running = false;
  #failures = 0;
  #asked = 0;

  /**
   * @param {object} options
   * @param {() => Promise<any>} options.ask
   * @param {() => void} options.changed
   * @param {() => number} options.now  the server's clock
   * @param {() => boolean} [options.isSeen]
   * @param {() => number} [options.random]
   * @param {(fn: () => void, ms: number) => any} [options.setTimer]
   * @param {(timer: any) => void} [options.clearTimer]
   */
  constructor(options) {
    this.#options = {
      isSeen: () => !document.hidden,
      random: Math.random,
      setTimer: (fn, ms) => setTimeout(fn, ms),
      clearTimer: (timer) => clearTimeout(timer),
      ...options,
    };
  }

  start() {
    this.#running = true;
    return this.askNow();
  }

  stop() {
    this.#running = false;
    this.#asked += 1; // an answer under way is no longer wanted
    this.#options.clearTimer(this.#timer);
  }

  /** Also when the page is seen again, or another region is wanted. */
  async askNow() {
    this.#options.clearTimer(this.#timer);
    if (!this.#running || !this.#options.isSeen()) return;
    const mine = ++this.#asked;
    const { answer, fault } = await this.#options.ask().then((answer) => ({ answer }), (fault) => ({ fault }));
    if (mine !== this.#asked) return;
    if (answer) this.#take(answer);
    else this.#failed(fault);
    this.#timer = this.#options.setTimer(() => this.askNow(), this.#pauseMs());
  }

  /** The stream, or the answer of a command, tells of an order. @param {any} order full */
  hear(order) {
    this.#heard.set(order.id, { spot: spotOf(order), at: this.#options.now() });
    this.#merge();
  }

  #pauseMs() {
    if (this.#failures === 0) return PAUSE_MS;
    const most = Math.min(MOST_PAUSE_MS, PAUSE_MS * 2 ** this.#failures);
    return most / 2 + (this.#options.random() * most) / 2;
  }

  #take(answer) {
    this.#failures = 0;
    this.fault = null;
    this.at = answer.at;
    this.more = answer.more ?? [];
    this.agents = answer.agents;
    this.#answered = answer.orders;
    for (const [id, { at }] of this.#heard) if (at + SLACK_MS < answer.at) this.#heard.delete(id);
    this.#merge();
  }

  #failed(fault) {
    this.#failures += 1;
    this.fault = fault;
    this.#options.changed();
  }

  #merge() {
    this.orders = merged(this.#answered, this.#heard.values());
    this.#options.changed();
  }
}
