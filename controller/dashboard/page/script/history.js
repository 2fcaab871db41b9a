// What trends are drawn from: a sample twice a second, four minutes of them. What is not known is a gap.

import { total } from "./format.js";

export const SPAN_MS = 240_000;
const EVERY_MS = 500;
/** Two samples further apart than this have a gap between them: the page slept. */
export const APART_MS = 1600;

/** @typedef {{at: number, load: ?number, draw: ?number, stored: ?number, worst: ?number, given: ?number, granted: ?number}} Sample */

/** @param {import("./types.js").Snapshot} now @param {number} at @returns {Sample} */
function sample(now, at) {
  const draws = now.racks.map(rack => rack.draw_watts);
  const stored = total(now.kesms.map(kesm => kesm.stored_joules));
  const known = now.racks.filter(rack => rack.draw_watts !== null);
  const feeds = total(now.feeds.map(feed => feed.drawn_watts));
  return {
    at,
    load: total(now.racks.map(rack => rack.load_watts)),
    draw: now.feeds.length > 0 && feeds !== null ? feeds : total(draws),
    stored: stored === null ? null : 100 * stored / total(now.kesms.map(kesm => kesm.capacity_joules)),
    worst: known.length === 0 ? null : Math.max(...known.map(rack => 100 * rack.draw_watts / rack.limit_watts)),
    given: now.kesms.length === 0 || stored === null ? null : total(now.kesms.map(kesm => kesm.supply_watts)),
    granted: total(now.transfers.map(transfer => transfer.watts)),
  };
}

const nothing = at => ({ at, load: null, draw: null, stored: null, worst: null, given: null, granted: null });

export class History {
  constructor() {
    /** @type {Sample[]} */
    this.samples = [];
  }

  /** @param {import("./model.js").View} view @param {number} clock @returns {boolean} whether there is a new one */
  follow(view, clock) {
    const last = this.samples.at(-1);
    if (last && clock - last.at < EVERY_MS) return false;
    // Where nobody leads, nobody is sure: a gap, and not what was last known drawn on.
    const known = view.now !== null && view.fresh && view.leader !== null;
    this.samples.push(known ? sample(view.now, clock) : nothing(clock));
    while (this.samples.length > 0 && clock - this.samples[0].at > SPAN_MS) this.samples.shift();
    return true;
  }
}
