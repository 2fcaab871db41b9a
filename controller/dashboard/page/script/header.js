// The site in figures.

import { byId, element, keyed, attribute, text } from "./dom.js";
import { kiloOfAll, kiloShort, seconds, span, total, UNKNOWN } from "./format.js";

/** How long what is stored would carry what is drawn now: above the reserve, and with it; none when something is unknown. */
export function rideThrough(now) {
  const load = total(now.racks.map(rack => rack.load_watts));
  const stored = total(now.kesms.map(kesm => kesm.stored_joules));
  const above = total(now.kesms.map(kesm =>
    kesm.stored_joules === null ? null : Math.max(0, kesm.stored_joules - kesm.reserve_joules)));
  if (!load || stored === null) return { load, stored, above, seconds: null, whole: null };
  return { load, stored, above, seconds: above / load, whole: stored / load };
}

const PRIORITIES = [[1, "▲"], [2, "◆"], [3, "●"]];

function alarmCounts(now) {
  const standing = now.alarms.filter(alarm => alarm.active && alarm.shelved_left_ms === null);
  const counts = PRIORITIES.map(([priority, mark]) => `${mark}${standing.filter(alarm => alarm.priority === priority).length}`);
  const fresh = now.alarms.filter(alarm => alarm.acknowledged_by === null && alarm.shelved_left_ms === null).length;
  return { words: counts.join(" "), fresh, worst: Math.min(9, ...standing.map(alarm => alarm.priority)) };
}

/** The worst of the feeds' modes. */
function modes(now) {
  const odd = now.feeds.filter(feed => feed.mode !== "normal");
  if (now.manual) return { value: "■ manual", state: "odd" };
  if (odd.length === 0) return { value: now.feeds.length > 0 ? "normal" : UNKNOWN, state: null };
  const down = odd.some(feed => feed.mode === "orderly shutdown");
  return { value: `${down ? "▲" : "◆"} ${odd.map(feed => `${feed.name}: ${feed.mode}`).join(", ")}`, state: down ? "bad" : "odd" };
}

/** @param {import("./model.js").View} view @param {import("./types.js").Site} site */
function figures(view, site) {
  /** @type {[string, string|number, ?string, string][]} what it is called, its value, a state, what it is */
  const told = [];
  const { now } = view;
  const load = total(now.racks.map(rack => rack.load_watts));
  const limit = total(site.feeds.map(feed => feed.limit_watts));
  const ride = rideThrough(now);
  const alarms = alarmCounts(now);
  const mode = modes(now);
  const silent = now.devices - now.devices_heard;
  const old = view.age === null || view.age > 1000;
  const term = view.leader === null ? "▲ none" : `n${view.leader}`;
  told.push(
    ["Quorum", `${view.quorum ? "" : "▲ "}${view.heard}/${view.of}`, view.quorum ? (view.heard < view.of ? "odd" : null) : "bad",
      "Replicas that this page hears, of all. A majority of them decides."],
    ["Leader", term, view.leader === null ? "bad" : null, "The replica that the newest term names and that a majority confirms."],
    ["Term", view.term, null, "Counts elections."],
    ["Commit", now.commit_index, null, "The newest entry of the log that a majority has on disk."],
    ["Load / limit", `${kiloOfAll(now.racks.map(rack => rack.load_watts))} / ${kiloShort(limit)} kW`, load !== null && load > limit ? "bad" : null,
      "What all servers take, against what the feeds can carry."],
    ["Ride-through + reserve", ride.seconds === null ? UNKNOWN : `${ride.seconds.toFixed(0)} s + ${(ride.whole - ride.seconds).toFixed(0)} s`, null,
      "A crude figure: energy above the modules' reserve, divided by the present load, plus the same of the reserve, which is kept for "
      + "outages. Losses, ratings of modules and ties, and what caps or shutdowns would save are not in it."],
    ["Devices", `${silent > 0 ? "◆ " : ""}${now.devices_heard}/${now.devices}`, silent > 0 ? "odd" : null, "Field devices heard lately, of all."],
    ["Mode", mode.value, mode.state, "What the feeds are doing."],
    ["Alarms", alarms.words, alarms.worst === 1 ? "bad" : alarms.worst < 9 ? "odd" : null,
      `Standing alarms of priority 1, 2 and 3; ${alarms.fresh} not acknowledged.`],
    ["Data", view.age === null ? UNKNOWN : old ? `◆ ${span(view.age)} old` : `${seconds(view.age)} s old`, old ? "odd" : null,
      "Since the word that is shown here was heard."],
  );
  return told;
}

/** @param {import("./model.js").View} view @param {import("./types.js").Site} site */
export function updateHeader(view, site) {
  text(byId("site"), view.now?.site ?? site.name);
  if (!view.now) return;
  const make = ([name, , , tip]) => {
    const made = element("li", { "data-figure": name });
    made.append(element("span", { class: "label", title: tip }, name), element("b", { class: "value" }), element("span", { class: "unseen" }));
    return made;
  };
  keyed(byId("figures"), figures(view, site), figure => figure[0], make, (node, [, value, state, tip]) => {
    text(node.children[1], value);
    attribute(node, "data-state", state);
    attribute(node, "title", tip);
    text(node.children[2], tip);
  });
}
