// Nobody presses what he did not aim at: when something moves by itself, or another thing is there to be pressed, the
// lists take no touch for a moment.
//
// Owns the measuring of where everything stands that can be pressed, after every drawing, and the pause. A pause ends by itself; the
// keyboard, which aims by focus and not by place, is not concerned.

const PAUSE_MS = 350;
const NEAR_PX = 4;

const overlap = (a, b) => a.top < b.bottom && b.top < a.bottom;

export class Settling {
  #root;
  #timer = null;
  /** @type {Map<Element, {top: number, bottom: number}>} */ #places = new Map();

  /** @param {Element} root  bears `data-settling` meanwhile */
  constructor(root) {
    this.#root = root;
  }

  get active() {
    return this.#timer !== null;
  }

  /** To be called after a drawing. */
  look() {
    const before = this.#places;
    this.#places = this.#measured();
    const gone = [...before].filter(([element]) => !this.#places.has(element)).map(([, place]) => place);
    const comes = ([element, place]) => {
      const was = before.get(element);
      return was ? Math.abs(place.top - was.top) > NEAR_PX : gone.some((each) => overlap(each, place));
    };
    if ([...this.#places].some(comes)) this.pause();
  }

  #measured() {
    const elements = [...this.#root.querySelectorAll("main [data-act]")];
    return new Map(elements.map((element) => {
      const { top, bottom } = element.getBoundingClientRect();
      return [element, { top: top + window.scrollY, bottom: bottom + window.scrollY }];
    }));
  }

  pause() {
    clearTimeout(this.#timer);
    this.#root.setAttribute("data-settling", "");
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#root.removeAttribute("data-settling");
    }, PAUSE_MS);
  }
}
