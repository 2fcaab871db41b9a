// What the banner says: a failover as this page sees it, from the last word of a leader to the first of the next.

import { nameOf } from "./model.js";
import { seconds, span } from "./format.js";

/** Without a quorum for so long it is said, ms: a page that has just been opened hears nobody yet. */
const QUORUM_MS = 1500;
/** A stream tells this often, ms: what is measured from it is not known better. */
export const PERIOD_MS = 200;

/** So many gaps are remembered. */
const MARKS_MAX = 32;

/** @typedef {{state: string, mark: string, text: string, clock: string, clears: boolean}} Banner */

export class Failover {
  /** @param {number} leaseMs for how long devices obey without a leader's word */
  constructor(leaseMs) {
    this.lease = leaseMs;
    /** @type {?{id: number, term: number, at: number}} */
    this.led = null;
    /** Since when nobody leads. @type {?number} */
    this.since = null;
    /** @type {?string} */
    this.line = null;
    /** @type {?number} */
    this.alone = null;
    /** Gaps without a leader and new terms, for the trends. @type {{from: number, to: number, term: number}[]} */
    this.marks = [];
  }

  clear() { this.line = null; }

  /** Those that are over and the one that is not. @returns {{from: number, to: ?number, term: number}[]} */
  shownMarks() {
    return this.since === null ? this.marks : [...this.marks, { from: this.since, to: null, term: this.led.term }];
  }

  mark(view, led) {
    this.marks.push({ from: led.at, to: view.leaderHeardAt, term: view.term });
    if (this.marks.length > MARKS_MAX) this.marks.shift();
  }

  /** @param {import("./model.js").View} view @param {number} clock */
  follow(view, clock) {
    this.alone = view.quorum ? null : this.alone ?? clock;
    if (view.leader === null) {
      if (this.led !== null && this.since === null) this.since = this.led.at;
      return;
    }
    const { led } = this;
    if (led !== null && (led.id !== view.leader || led.term !== view.term)) this.tellNew(view, led);
    else if (led !== null && this.since !== null) this.tellSame(view, led);
    this.since = null;
    this.led = { id: view.leader, term: view.term, at: view.leaderHeardAt };
  }

  tellNew(view, led) {
    const gap = view.leaderHeardAt - led.at;
    this.mark(view, led);
    const change = led.id === view.leader ? `n${led.id} leads again, in term ${view.term}`
      : `n${view.leader} leads in term ${view.term}, after n${led.id} in term ${led.term}`;
    this.line = `${change}. ${this.measured(gap)}`;
  }

  tellSame(view, led) {
    const gap = view.leaderHeardAt - led.at;
    if (gap <= 3 * PERIOD_MS) return;
    this.mark(view, led);
    this.line = `n${led.id} acts again in its term ${view.term}. ${this.measured(gap)}`;
  }

  measured(gap) {
    const within = gap <= this.lease ? "less than" : "MORE than";
    return `From the last word of the one to the first of the other: ${seconds(gap)} s (this page hears each `
      + `${PERIOD_MS / 1000} s), ${within} the lease of ${seconds(this.lease)} s for which devices hold their last allocation.`;
  }

  /** @param {import("./model.js").View} view @param {number} clock @returns {Banner} */
  banner(view, clock) {
    const silent = view.replicas.filter(replica => replica.silent).map(nameOf).join(", ");
    const age = view.age === null ? "" : `data ${seconds(view.age)} s old`;
    if (this.alone !== null && clock - this.alone > QUORUM_MS) return this.noQuorum(view, silent, age);
    if (this.since !== null) {
      const who = silent ? `silent: ${silent}` : "every replica is heard, none acts as leader";
      const text = `NO LEADER since term ${this.led.term} of n${this.led.id} (${who}). ${this.heldFor(view)} Transfers in force go on.`;
      return { state: "failover", mark: "◆", text, clock: `${seconds(clock - this.since)} s`, clears: false };
    }
    if (this.line !== null) return { state: "over", mark: "◇", text: this.line, clock: "", clears: true };
    if (view.now === null) return this.steady("waiting for the first word of a replica");
    if (silent) {
      const longest = Math.max(...view.replicas.filter(replica => replica.silent).map(replica => replica.age ?? 0));
      const text = `Silent to this page: ${silent}. ${view.heard} of ${view.of} replicas are heard.`;
      return { state: "silent", mark: "◆", text, clock: longest > 0 ? span(longest) : "", clears: false };
    }
    return this.steady(view.leader === null ? "no leader yet" : `steady: all replicas heard, n${view.leader} leads term ${view.term}`);
  }

  /** For how long devices go on, as they say it themselves; as the site file has it while none is heard. @param {import("./model.js").View} view */
  heldFor(view) {
    const leases = view.fresh ? view.now?.leases : undefined;
    if (!leases || leases.devices === 0) {
      return `Devices hold their last allocation for ${seconds(this.lease)} s after a leader's last word, then follow their own safe rule.`;
    }
    if (leases.standing === 0) return `All ${leases.devices} devices say that they follow their own safe rule now.`;
    const left = Math.max(0, (leases.least_left_ms ?? 0) - (view.age ?? 0));
    return `As devices say, ${leases.standing} of ${leases.devices} hold their last allocation, for ${seconds(left)} s more at the least.`;
  }

  noQuorum(view, silent, age) {
    const heard = view.heard === 0 ? "NO REPLICA IS HEARD" : `NO QUORUM: ${view.heard} of ${view.of} replicas heard`;
    const text = `${heard}${silent ? ` (silent: ${silent})` : ""}. Nothing new can be decided. ${this.heldFor(view)}`;
    return { state: "lost", mark: "▲", text, clock: age, clears: false };
  }

  steady(text) {
    return { state: "steady", mark: "", text, clock: "", clears: false };
  }
}
