// The diagram as tables: the same for who reads aloud, or likes numbers better.

import { attribute, byId, element, keyed, text } from "./dom.js";
import { kilo, percent, seconds } from "./format.js";

/** Written anew so often, ms. */
const EVERY_MS = 1000;

/** @typedef {(now: import("./types.js").Snapshot) => string[][]} Rows */

/** @type {[string, string[], Rows][]} */
const TABLES = [
  ["Feeds", ["feed", "mode", "for s", "on", "generator", "draws kW", "why"], now => now.feeds.map(feed =>
    [feed.name, feed.mode, seconds(feed.for_ms), feed.source, feed.generator, kilo(feed.drawn_watts), feed.reason])],
  ["Racks", ["rack", "draws kW", "takes kW", "limit kW", "P50 kW", "P99 kW", ""], now => now.racks.map(rack =>
    [rack.name, kilo(rack.draw_watts), kilo(rack.load_watts), kilo(rack.limit_watts), kilo(rack.peak_p50_watts), kilo(rack.peak_p99_watts),
      rack.tripped ? "✕ tripped" : rack.draw_watts > rack.limit_watts ? "▲ over limit" : rack.at_risk ? "◆ at risk" : ""])],
  ["Modules", ["module", "charge", "floor", "gives kW"], now => now.kesms.map(kesm =>
    [kesm.name, percent(kesm.stored_joules, kesm.capacity_joules), percent(kesm.reserve_joules, kesm.capacity_joules), kilo(kesm.supply_watts)])],
  ["Transfers in force", ["id", "to", "from", "up to kW", "left s", "phase"], now => now.transfers.map(transfer =>
    [transfer.id, transfer.rack, transfer.from.join(" + "), kilo(transfer.watts), seconds(transfer.left_ms), transfer.phase])],
  ["Caps in force", ["rack", "at most kW", "tiers kept", "left s", "why"], now => now.caps.map(cap =>
    [cap.rack, kilo(cap.cap_watts), `1–${cap.tiers_kept}`, seconds(cap.left_ms), cap.reason])],
  ["Disputed by the replica that tells", ["transfer", "to", "why"], now => now.disputed.map(one => [one.transfer, one.rack, one.why])],
  ["Left alone", ["device", "why"], now => [...now.manual ? [["the whole site", "an operator has taken over"]] : [],
    ...now.held.map(name => [name, "an operator holds it"]), ...now.quarantined.map(one => [one.name, one.why]),
    ...now.outlets_doubted.map(name => [`outlets of ${name}`, "do not add up to the rack's meter"])]],
];

export class Tables {
  constructor() {
    this.box = byId("table");
    this.written = 0;
    const button = byId("as-table");
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      attribute(button, "aria-pressed", String(shown));
      this.box.classList.toggle("unseen", !shown);
      byId("diagram").classList.toggle("away", shown);
    });
    this.bodies = TABLES.map(([name, heads]) => {
      const body = element("tbody");
      const head = element("tr", {}, ...heads.map(text => element("th", { scope: "col" }, text)));
      this.box.append(element("table", {}, element("caption", {}, name), element("thead", {}, head), body));
      return body;
    });
  }

  /** @param {import("./model.js").View} view @param {number} clock */
  update(view, clock) {
    if (!view.now || clock - this.written < EVERY_MS) return;
    this.written = clock;
    TABLES.forEach(([, , rowsOf], nth) => {
      const make = row => element("tr", {}, ...row.map((_, place) => element(place === 0 ? "th" : "td", place === 0 ? { scope: "row" } : {})));
      keyed(this.bodies[nth], rowsOf(view.now), row => row[0], make, (node, row) => row.forEach((cell, place) => text(node.children[place], cell)));
    });
  }
}
