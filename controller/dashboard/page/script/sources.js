// One stream of events from each replica, opened again whenever it breaks.

/** A stream that says nothing for so long counts as silent, ms: five times its period. */
export const SILENT_MS = 1000;
/** It is opened anew after so long, ms: the other host may have gone without a word. */
const STUCK_MS = 5000;
/** So long after it broke it is tried again, ms. */
const AGAIN_MS = 500;

export class Source {
  /** @param {string} origin @param {() => void} changed */
  constructor(origin, changed) {
    this.origin = origin;
    this.changed = changed;
    /** @type {?import("./types.js").Snapshot} */
    this.now = null;
    /** @type {import("./types.js").Decision[]} */
    this.decisions = [];
    /** When it was last heard, on the page's clock; none before. @type {?number} */
    this.heardAt = null;
    this.connected = false;
    this.openedAt = 0;
    this.again = 0;
    this.open();
  }

  open() {
    this.openedAt = performance.now();
    const stream = this.stream = new EventSource(`${this.origin}/api/events`);
    stream.addEventListener("open", () => { this.connected = true; this.changed(); });
    stream.addEventListener("error", () => this.broken());
    stream.addEventListener("now", event => {
      this.now = JSON.parse(event.data);
      this.heardAt = performance.now();
      this.changed();
    });
    stream.addEventListener("decisions", event => { this.decisions = JSON.parse(event.data); });
  }

  broken() {
    this.stream.close();
    this.connected = false;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), AGAIN_MS);
    this.changed();
  }

  /** Milliseconds since it was heard; none when it never was. @param {number} clock @returns {?number} */
  age(clock) {
    return this.heardAt === null ? null : clock - this.heardAt;
  }

  /** @param {number} clock */
  isSilent(clock) {
    const age = this.age(clock);
    return !this.connected || age === null || age > SILENT_MS;
  }

  /** @param {number} clock */
  mend(clock) {
    const last = Math.max(this.openedAt, this.heardAt ?? 0);
    if (this.connected && clock - last > STUCK_MS) this.broken();
  }
}
