// The right side: replicas, alarms, decisions.

import { attribute, byId, element, keyed, text } from "./dom.js";
import { nameOf } from "./model.js";
import { seconds, span, UNKNOWN } from "./format.js";

/** @param {import("./model.js").View} view */
export function updateReplicas(view) {
  const byNumber = [...view.replicas].sort((a, b) => (a.id ?? 99) - (b.id ?? 99));
  keyed(byId("cards"), byNumber, replica => replica.origin, makeCard, (node, replica) => updateCard(node, replica, view));
}

function makeCard(replica) {
  return element("li", { class: "replica", "data-origin": replica.origin },
    element("b", { class: "who" }), element("span", { class: "role" }), element("span", { class: "facts" }), element("span", { class: "facts" }));
}

/** @param {Element} node @param {import("./model.js").Replica} replica @param {import("./model.js").View} view */
function updateCard(node, replica, view) {
  const [who, role, facts, more] = node.children;
  const { now } = replica;
  node.classList.toggle("leads", replica.leads);
  attribute(node, "data-state", replica.silent ? "bad" : null);
  attribute(node, "data-replica", replica.id);
  text(who, replica.id === null ? "?" : nameOf(replica));
  text(role, replica.silent ? `✕ silent ${replica.age === null ? "since this page was opened" : `for ${span(replica.age)}`}`
    : replica.leads ? "★ leader" : now.acting || now.role === "leader" ? "leader of an older term" : now.role);
  if (!now) {
    text(facts, nameOf(replica));
    return;
  }
  const behind = (view.now?.commit_index ?? 0) - now.applied_index;
  const last = replica.silent ? "last: " : "";
  text(facts, `${last}term ${now.term} · applied ${now.applied_index}${behind > 0 ? ` (−${behind})` : ""}`);
  text(more, `devices ${now.devices_heard}/${now.devices} · ${now.forecast_source} · up ${span(now.uptime_ms)}`);
}

const MARKS = { 1: "▲", 2: "◆", 3: "●" };

/** @param {import("./model.js").View} view @param {(kind: string, name: string) => void} open */
export function updateAlarms(view, open) {
  const all = view.now?.alarms ?? [];
  byId("alarms-none").hidden = all.length > 0;
  // In a flood what is urgent is listed, and the rest is a number; nothing urgent is ever left out.
  const alarms = view.now?.alarm_flood ? all.filter(alarm => alarm.priority === 1) : all;
  const folded = all.length - alarms.length;
  byId("alarms-folded").hidden = folded === 0;
  text(byId("alarms-folded"), `FLOOD: ${folded} more of priority 2 and 3 (ridectl get alarms)`);
  const make = alarm => {
    const button = element("button", { type: "button" },
      element("span", { class: "mark" }), element("b", {}), element("span", { class: "words" }), element("span", { class: "facts" }));
    button.addEventListener("click", () => open("alarm", alarm.id));
    return element("li", { class: "alarm" }, button);
  };
  keyed(byId("alarm-list"), alarms, alarm => alarm.id, make, updateAlarm);
}

/** @param {Element} node @param {import("./types.js").Alarm} alarm */
function updateAlarm(node, alarm) {
  const [mark, about, words, facts] = node.firstElementChild.children;
  const shelved = alarm.shelved_left_ms !== null;
  attribute(node, "data-priority", shelved ? null : alarm.priority);
  attribute(node, "data-fresh", alarm.acknowledged_by === null && !shelved);
  text(mark, `${MARKS[alarm.priority] ?? "●"}${alarm.priority}`);
  text(about, alarm.about);
  text(words, alarm.text);
  const told = alarm.acknowledged_by === null ? "NOT ACKNOWLEDGED" : `acknowledged by ${alarm.acknowledged_by}`;
  text(facts, [alarm.active ? `for ${span(alarm.age_ms)}` : "gone", shelved ? `shelved for ${span(alarm.shelved_left_ms)}` : told,
    ...alarm.chattering ? ["chattering"] : [], `runbook ${alarm.runbook}`].join(" · "));
}

const KINDS = { transfer: "⇐", cap: "▽", mode: "◆", refusal: "✕", shortfall: "▲", hold: "■" };
const ODD = new Set(["cap", "mode", "refusal", "shortfall", "hold"]);

/** @param {import("./model.js").View} view @param {(kind: string, name: string) => void} open */
export function updateDecisions(view, open) {
  const latest = [...view.decisions].reverse();
  const make = decision => {
    const button = element("button", { type: "button", "data-kind": decision.kind },
      element("span", { class: "mark" }, KINDS[decision.kind] ?? "·"), element("b", {}), element("span", { class: "words" }), element("span", { class: "facts" }));
    button.addEventListener("click", () => open("decision", decision.key));
    return element("li", { class: "decision" }, button);
  };
  keyed(byId("decision-list"), latest, decision => decision.key, make, (node, decision) => updateDecision(node, decision, view));
}

/**
 * How far a decision has come. What runs out while nothing is decided any more leaves no entry in the log: the snapshot knows.
 * @param {import("./types.js").Decision} decision @param {import("./types.js").Snapshot} now
 */
export function stateOf(decision, now) {
  const over = decision.ended_ms !== null;
  const inForce = decision.kind === "transfer" ? now.transfers.some(transfer => transfer.rack === decision.rack)
    : decision.kind === "cap" ? now.caps.some(cap => cap.rack === decision.rack) : true;
  return over || inForce ? { over, words: decision.state } : { over: true, words: "ran out: nobody renewed it" };
}

/** @param {Element} node @param {import("./types.js").Decision} decision */
function updateDecision(node, decision, view) {
  const [, what, why, facts] = node.firstElementChild.children;
  const state = stateOf(decision, view.now);
  attribute(node, "data-state", state.over ? "ended" : ODD.has(decision.kind) ? "odd" : null);
  text(what, decision.what);
  text(why, decision.why);
  text(facts, [`${span(view.now.ledger_ms - decision.at_ms)} ago`, ...decision.index === null ? [] : [`entry ${decision.index}`],
    ...decision.renewed > 0 ? [`${decision.kind === "transfer" || decision.kind === "cap" ? "renewed" : "again"} ${decision.renewed}×`] : [],
    ...state.words ? [state.words] : []].join(" · "));
}

/** The longest commit of the plans that are told, for a decision of this entry. @param {import("./types.js").Snapshot} now */
export function commitOf(now, index) {
  const plan = now.plans.find(one => one.index === index);
  return plan ? `${seconds((plan.committed_at_ns - plan.proposed_at_ns) / 1e3)} ms from proposal to commit` : UNKNOWN;
}
