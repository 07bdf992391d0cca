// Where this device is, told to the server as it moves.
//
// Owns the browser's watch and the pace of telling. Positions are WGS-84, as the browser has them. Invariants: the
// server hears at most one position each three seconds, the last one always; without permission nothing is told, and
// the page can say so.

const PACE_MS = 3000;
const WATCH = { enableHighAccuracy: true, maximumAge: 5000, timeout: 30_000 };
const REFUSED = 1; // GeolocationPositionError.PERMISSION_DENIED

export class Whereabouts {
  /** @type {"asking" | "known" | "denied" | "unknown"} */ state = "asking";
  /** @type {{lat: number, lon: number} | null} */ point = null;
  /** Whether the link said where to be, in place of the device. */ given;
  #fix = null;
  #toldAt = -PACE_MS;
  #timer = null;
  #options;

  /** @param {{tell: (message: object) => boolean, now: () => number, changed: () => void,
   *  given: {lat: number, lon: number} | null}} options  `now`: the server's clock */
  constructor(options) {
    this.#options = options;
    this.given = options.given !== null;
  }

  start() {
    const { given } = this.#options;
    if (given) return this.#moved({ coords: { latitude: given.lat, longitude: given.lon }, timestamp: Date.now() });
    const { geolocation } = navigator;
    if (!geolocation) return this.#failed({ code: REFUSED });
    geolocation.watchPosition((fix) => this.#moved(fix), (fault) => this.#failed(fault), WATCH);
  }

  #moved({ coords, timestamp }) {
    this.state = "known";
    this.point = { lat: coords.latitude, lon: coords.longitude };
    this.#fix = { coords, timestamp };
    const restMs = this.#toldAt + PACE_MS - performance.now();
    if (restMs <= 0) this.#tell();
    else this.#timer ??= setTimeout(() => this.#tell(), restMs);
    this.#options.changed();
  }

  /** A fix that fails for once leaves the last one good. @param {{code: number}} fault */
  #failed({ code }) {
    if (code === REFUSED) this.state = "denied";
    else if (this.point === null) this.state = "unknown";
    this.#options.changed();
  }

  #tell() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#toldAt = performance.now();
    const { tell, now } = this.#options;
    const age = Math.max(0, Date.now() - this.#fix.timestamp);
    tell({ type: "position", ...this.point, ...movement(this.#fix.coords), at: Math.round(now() - age) });
  }
}

/** What the device knows of it; a number that is none is not said. */
function movement({ accuracy, heading, speed }) {
  const known = (value) => Number.isFinite(value) && value >= 0;
  return {
    ...(known(accuracy) && { accuracy_m: accuracy }),
    ...(known(heading) && { heading: heading % 360 }),
    ...(known(speed) && { speed_mps: speed }),
  };
}
