// What opens when something is pressed: a rack, a module, an alarm, a decision. Goes on with the newest data while it is open.

import { byId, element, text } from "./dom.js";
import { kilojoules, kilowatts, percent, seconds, span, UNKNOWN } from "./format.js";
import { nameOf } from "./model.js";
import { commitOf, stateOf } from "./panels.js";

/** What is told on request only, while a rack is open: how often it is asked, ms; and how long an answer may take, ms. */
const EVERY_MS = { servers: 1000, explain: 3000 };
const ANSWER_MS = 2500;
/** What came of a drill, with a shape. */
const DRILL_STAGES = { begun: "◆ goes on", refused: "■ refused", held: "held", failed: "▲ FAILED", aborted: "■ broken off" };

const list = pairs => element("dl", {}, ...pairs.flatMap(([name, value]) =>
  [element("dt", {}, name), element("dd", {}, String(value ?? UNKNOWN))]));

function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map(name => element("th", { scope: "col" }, name)));
  const body = rows.map(row => element("tr", {}, ...row.map(cell => element("td", {}, String(cell ?? UNKNOWN)))));
  return element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
}

/** The parts of a forecast, which add up to it. @param {any} told */
function drivers(told) {
  if (!told) return null;
  const parts = told.explained;
  if (!parts) return element("p", {}, `What drives the forecast: ${told.error ?? "no model speaks of this rack; the rule does"}.`);
  // What rounds to nothing has no sign.
  const signed = watts => `${watts <= -50 ? "−" : watts < 50 ? "" : "+"}${kilowatts(Math.abs(watts))}`;
  const row = (what, part) => [what, signed(part.peak_p50_watts), signed(part.peak_p99_watts)];
  return table("What drives the highest expected in the next 30 s", ["part", "P50", "P99"], [
    row("if it had always drawn this", parts.flat), ...parts.drivers.map(part => row(part.driver, part)),
    row("its own record of misses", parts.calibration), row("together", parts.issued),
  ]);
}

export class Details {
  /** @param {import("./types.js").Site} site */
  constructor(site) {
    this.site = site;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("details"));
    /** @type {?{kind: string, name: string}} */
    this.shown = null;
    this.forget();
    byId("details-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => { this.shown = null; });
  }

  /** @param {string} kind @param {string} name @param {import("./model.js").View} view */
  open(kind, name, view) {
    this.shown = { kind, name };
    this.told = "";
    this.forget();
    this.update(view);
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** @param {import("./model.js").View} view */
  update(view) {
    if (!this.shown || !view.now) return;
    const { kind, name } = this.shown;
    const [title, parts] = this[kind](view, name);
    text(byId("details-title"), title);
    const body = element("div", {}, ...parts.filter(Boolean));
    // What is selected or read aloud stays as long as nothing is new.
    if (body.textContent === this.told) return;
    this.told = body.textContent;
    byId("details-body").replaceChildren(...body.childNodes);
  }

  rack(view, name) {
    const { now } = view;
    const place = this.site.racks.findIndex(rack => rack.name === name);
    const [rack, rackNow] = [this.site.racks[place], now.racks[place]];
    const [transfer, cap] = [now.transfers.find(one => one.rack === name), now.caps.find(one => one.rack === name)];
    this.ask("servers", `${view.origin}/api/servers`);
    this.ask("explain", `${view.origin}/api/explain/${encodeURIComponent(name)}`);
    const facts = [
      ["Draws through its breaker", kilowatts(rackNow.draw_watts)], ["Servers take", kilowatts(rackNow.load_watts)],
      ["Limit of the breaker", kilowatts(rackNow.limit_watts)], ["All servers' ratings", kilowatts(rack.nameplate_watts)],
      ["Breaker's heat", rackNow.heat_permille === null ? UNKNOWN : `${rackNow.heat_permille / 10} % of what trips it${rackNow.tripped ? ", OPEN" : ""}`],
      ["Expected at the most, P50", kilowatts(rackNow.peak_p50_watts)], ["Expected at the most, P99", kilowatts(rackNow.peak_p99_watts)],
      ["At risk", rackNow.at_risk ? "yes" : "no"], ["Usual by its own past", kilowatts(rackNow.expected_watts)],
      ["How odd, 0 to 100", `anomaly ${rackNow.anomaly}, drift ${rackNow.drift}, learned from ${span(rackNow.learned_s * 1000)}`],
      ["Transfer", transfer ? `${transfer.id}: up to ${kilowatts(transfer.watts)} from ${transfer.from.join(" + ")}, ${seconds(transfer.left_ms)} s left, ${transfer.phase}` : "none"],
      ["Cap", cap ? `${kilowatts(cap.cap_watts)}, tiers 1–${cap.tiers_kept} kept, ${seconds(cap.left_ms)} s left: ${cap.reason}` : "none"],
    ];
    const servers = new Map((this.answers.servers ?? []).map(server => [server.name, server]));
    const rows = rack.servers.map(server => {
      const told = servers.get(server);
      return [server, kilowatts(told?.power_watts), told?.source ?? UNKNOWN, kilowatts(told?.forecast_p50_watts)];
    });
    return [`Rack ${name}`, [list(facts), drivers(this.answers.explain), table("Servers", ["server", "takes", "by", "P50 in 30 s"], rows)]];
  }

  kesm(view, name) {
    const { now } = view;
    const place = this.site.kesms.findIndex(kesm => kesm.name === name);
    const [kesm, kesmNow] = [this.site.kesms[place], now.kesms[place]];
    const uses = now.transfers.flatMap(transfer => transfer.legs.filter(leg => leg.kesm === name)
      .map(leg => [transfer.id, transfer.rack, leg.ties.join(", ") || "the same bus", kilowatts(leg.supplied_watts), `${seconds(transfer.left_ms)} s`]));
    const fault = now.quarantined.find(one => one.name === `kesm ${name}`)?.why ?? (now.held.includes(`kesm ${name}`) ? "an operator holds it" : "no");
    const locks = now.locks.filter(one => one.name === `kesm ${name}`).map(one => one.by);
    const facts = [
      ["Stands at rack", this.site.racks[kesm.rack].name], ["Stored", `${kilojoules(kesmNow.stored_joules)} (${percent(kesmNow.stored_joules, kesmNow.capacity_joules)})`],
      ["When full", kilojoules(kesmNow.capacity_joules)], ["Floor that transfers leave", `${kilojoules(kesmNow.reserve_joules)} (${percent(kesmNow.reserve_joules, kesmNow.capacity_joules)})`],
      ["Gives (+) or charges (−)", kilowatts(kesmNow.supply_watts)], ["Gives at the most", kilowatts(kesm.rated_watts)], ["Charges at the most", kilowatts(kesm.charge_watts)],
      ["Left alone", fault], ["Locked by", locks.length === 0 ? "nobody" : locks.join(", ")],
    ];
    return [`Module ${name}`, [list(facts), table("Transfers that it feeds", ["transfer", "to rack", "over ties", "gives up to", "left"], uses)]];
  }

  alarm(view, id) {
    const alarm = view.now.alarms.find(one => one.id === id);
    if (!alarm) return [`Alarm ${id}`, [element("p", {}, "It has gone.")]];
    const facts = [
      ["About", alarm.about], ["What", alarm.text], ["Priority", alarm.priority], ["Stands", alarm.active ? `for ${span(alarm.age_ms)}` : `no more; it came ${span(alarm.age_ms)} ago`],
      ["Acknowledged", alarm.acknowledged_by === null ? "by nobody" : `by ${alarm.acknowledged_by}`],
      ["Shelved", alarm.shelved_left_ms === null ? "no" : `for ${span(alarm.shelved_left_ms)}`], ["Chattering", alarm.chattering ? "yes: it is kept standing" : "no"],
      ["Runbook", `runbooks/${alarm.runbook}.md`],
    ];
    return [`Alarm ${id}`, [list(facts), element("p", {}, "This page only reads: ", element("code", {}, `ridectl alarm ack ${id}`), " acknowledges it.")]];
  }

  /** What each replica has signed of its own log. Nothing here is proof: a page cannot vouch for who serves it. */
  audit(view) {
    const rows = view.replicas.map(replica => {
      const { now } = replica;
      if (!now) return [nameOf(replica), null, null, null, "not heard"];
      const { audit } = now;
      const state = audit === null ? "signs nothing: it has no key" : audit.tree_known ? "" : "cannot sign: the log before its snapshot is not known";
      const faults = audit !== null && audit.faults > 0 ? `▲ ${audit.faults} checkpoints failed` : "";
      return [nameOf(replica), now.commit_index, audit?.signed_entries, audit && now.commit_index + 1 - audit.signed_entries,
        [replica.silent ? "silent" : "", state, faults].filter(Boolean).join(", ")];
    });
    return ["Audit of the log", [
      element("p", { class: "doubt" }, "◇ Not verified: this page only tells what replicas say of themselves. ", element("code", {}, "ridectl audit verify --dir DIR --witness KEY"),
        " replays the log, compares every state and checks the signatures of all replicas; it needs none of them."),
      table("What each replica has signed of its own log", ["replica", "committed up to", "entries under its last checkpoint", "not yet signed", "remarks"], rows),
    ]];
  }

  drills(view) {
    const { now } = view;
    const rows = [...now.drills].reverse().map(drill => [drill.index, drill.name, drill.by, drill.seed, `${span(now.ledger_ms - drill.began_ms)} ago`,
      drill.ended_ms === null ? "goes on" : `${seconds(drill.ended_ms - drill.began_ms)} s`, DRILL_STAGES[drill.stage] ?? drill.stage]);
    const none = element("p", {}, "The log tells of no drill of late. ", element("code", {}, "ridectl audit log --kind drill"), " has them all.");
    return ["Drills", [rows.length === 0 ? none : table("The last drills", ["entry", "drill", "by", "seed", "began", "took", "came to"], rows)]];
  }

  decision(view, key) {
    const decision = view.decisions.find(one => one.key === key);
    if (!decision) return ["Decision", [element("p", {}, "It is not among the last 32 any more; ", element("code", {}, "ridectl audit log"), " has them all.")]];
    const { risk } = decision;
    const facts = [
      ["Why", decision.why], ["State", stateOf(decision, view.now).words || UNKNOWN], ["Decided", `${span(view.now.ledger_ms - decision.at_ms)} ago${decision.renewed > 0 ? `, renewed ${decision.renewed} times since` : ""}`],
      ["In the log", decision.index === null ? "no: it was never proposed" : `entry ${decision.index}${decision.term === null ? "" : ` of term ${decision.term}`}`],
      ["Committed", decision.index === null ? UNKNOWN : commitOf(view.now, decision.index)],
    ];
    const numbers = risk && [
      ["Servers took", kilowatts(risk.present_watts)], ["Forecast", `P50 ${kilowatts(risk.p50_watts)}, P99 ${kilowatts(risk.p99_watts)} in ${span(risk.horizon_ms)}, by ${risk.source}`],
      ["Highest until then", `P50 ${kilowatts(risk.peak_p50_watts)}, P99 ${kilowatts(risk.peak_p99_watts)}`],
      ["Limit, less margin", `${kilowatts(risk.limit_watts)} − ${kilowatts(risk.margin_watts)} = ${kilowatts(risk.limit_watts - risk.margin_watts)}`],
      ...decision.help_above_watts === null ? [] : [["Help begins above", kilowatts(decision.help_above_watts)]],
    ];
    const legs = decision.legs.map(leg => [leg.kesm, leg.ties.join(", ") || "the same bus", kilowatts(leg.supplied_watts), kilowatts(leg.delivered_watts), kilowatts(leg.supplied_watts - leg.delivered_watts)]);
    const acks = decision.acks.map(ack => [ack.device, ack.verdict, `${(ack.after_us / 1000).toFixed(2)} ms`]);
    return [decision.what, [
      list(facts),
      numbers && element("h3", {}, "The numbers that it was made on"), numbers && list(numbers),
      legs.length > 0 ? table("Sources and paths", ["module", "over ties", "supplied", "delivered", "lost"], legs) : null,
      acks.length > 0 ? table("What devices said", ["device", "word", "after"], acks)
        : legs.length > 0 ? element("p", {}, "What devices said is known to the leader that sent the orders, and to the log.") : null,
      decision.id === null ? null : element("p", {}, "The whole story: ", element("code", {}, `ridectl audit explain ${decision.id}`)),
    ]];
  }

  /** Forgets what was told of another one. */
  forget() {
    /** @type {{servers?: object[], explain?: object}} */
    this.answers = {};
    /** @type {{[what: string]: number}} */
    this.asked = {};
  }

  /** Asks again if it is time to; an answer for what is not open any more is nobody's. */
  async ask(what, address) {
    const [clock, answers] = [performance.now(), this.answers];
    if (clock - (this.asked[what] ?? -Infinity) < EVERY_MS[what]) return;
    this.asked[what] = clock;
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
      // Another page is being told: what was told last stands until the next time.
      if (answer.status === 503) return;
      answers[what] = await answer.json();
    } catch {
      delete answers[what];
    }
  }
}
