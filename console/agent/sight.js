// Which cards somebody could really see: told to the server as `seen`, gathered.
//
// Owns what was seen and not told yet. Invariants: a card is seen when at least half of it was on the screen of a page
// in the foreground; each offer is told once a session; what could not be told is told later.

const GATHER_MS = 400;
const MOST = 200;

export class Sight {
  /** @type {Map<string, {element: Element | null, ref: (element: Element | undefined) => void}>} */ #watched = new Map();
  #inView = new Set();
  #untold = new Set();
  #told = new Set();
  #timer = null;
  #tell;
  #observer = new IntersectionObserver((entries) => this.#look(entries), { threshold: 0.5 });

  /** @param {(message: object) => boolean} tell  false: not sent */
  constructor(tell) {
    this.#tell = tell;
    document.addEventListener("visibilitychange", () => this.#note());
  }

  /** For lit's `ref`: the same function for the same order, so that a drawing changes nothing. @param {string} id */
  ref(id) {
    let watched = this.#watched.get(id);
    if (watched === undefined) {
      watched = { element: null, ref: (element) => this.#watch(id, element) };
      this.#watched.set(id, watched);
    }
    return watched.ref;
  }

  /** A new session has been told nothing yet; offers that ended may come again. @param {Iterable<string>} ids that are there */
  renew(ids) {
    const there = new Set(ids);
    this.#told.clear();
    for (const id of this.#watched.keys()) if (!there.has(id) && !this.#inView.has(id)) this.#watched.delete(id);
    this.#note();
  }

  /** The offer ended: if it comes again, it is seen again. @param {string} id */
  forget(id) {
    this.#told.delete(id);
    this.#untold.delete(id);
  }

  #watch(id, element) {
    const watched = this.#watched.get(id);
    if (watched.element) this.#observer.unobserve(watched.element);
    watched.element = element ?? null;
    if (element) this.#observer.observe(element);
    else this.#inView.delete(id);
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#inView.add(target.dataset.order);
      else this.#inView.delete(target.dataset.order);
    }
    this.#note();
  }

  #note() {
    if (document.hidden) return;
    for (const id of this.#inView) if (!this.#told.has(id)) this.#untold.add(id);
    if (this.#untold.size > 0) this.#timer ??= setTimeout(() => this.#say(), GATHER_MS);
  }

  #say() {
    this.#timer = null;
    const ids = [...this.#untold].slice(0, MOST);
    if (ids.length === 0 || !this.#tell({ type: "seen", order_ids: ids })) return; // `renew` comes with the connection
    for (const id of ids) {
      this.#told.add(id);
      this.#untold.delete(id);
    }
    this.#note();
  }
}
