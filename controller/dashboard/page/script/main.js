// Joins the parts: streams of all replicas in, one picture out.

import { attribute, byId, element, text } from "./dom.js";
import { Details } from "./details.js";
import { Diagram } from "./diagram.js";
import { Failover } from "./failover.js";
import { History } from "./history.js";
import { look } from "./model.js";
import { Source } from "./sources.js";
import { Tables } from "./table.js";
import { Trends } from "./trends.js";
import { updateAlarms, updateDecisions, updateReplicas } from "./panels.js";
import { updateHeader } from "./header.js";

/** Ages go on without news, ms. */
const AGEING_MS = 250;
/** So long after a try to reach the replica that serves the page, ms. */
const AGAIN_MS = 1000;

const wait = ms => new Promise(done => { setTimeout(done, ms); });

/** @returns {Promise<import("./types.js").Site>} */
async function askSite() {
  for (;;) {
    try {
      const answer = await fetch("api/site", { signal: AbortSignal.timeout(2000) });
      if (answer.ok) return await answer.json();
    } catch { /* it is asked again */ }
    await wait(AGAIN_MS);
  }
}

function drawLegend() {
  const marks = [["limit-key", "limit"], ["draw-key", "draws"], ["load-key", "servers take"], ["whisker-key", "P50–P99"], ["tie-key", "tie carries"], ["ready-key", "transfer ready"], ["floor-key", "floor"]];
  byId("legend").replaceChildren(...marks.map(([name, words]) => element("span", {}, element("i", { class: name }), words)));
}

/** @param {import("./failover.js").Failover} failover @param {import("./model.js").View} view */
function updateBanner(failover, view, clock) {
  const told = failover.banner(view, clock);
  attribute(byId("banner"), "data-state", told.state);
  text(byId("banner-mark"), told.mark);
  text(byId("banner-text"), told.text);
  text(byId("banner-clock"), told.clock);
  byId("banner-clear").hidden = !told.clears;
}

async function begin() {
  drawLegend();
  const site = await askSite();
  const origins = site.peers.includes(location.origin) ? site.peers : [location.origin, ...site.peers];
  const members = Math.max(site.replicas, site.peers.length);
  let due = false;
  const soon = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; draw(); });
  };
  const sources = origins.map(origin => new Source(origin, soon));
  const [failover, history, tables, details] = [new Failover(site.lease_ms), new History(), new Tables(), new Details(site)];
  let view = look(sources, performance.now(), members);
  const open = (kind, name) => details.open(kind, name, view);
  const diagram = new Diagram(site, open);
  let trends = null;
  byId("show-drills").addEventListener("click", () => open("drills", ""));
  byId("show-audit").addEventListener("click", () => open("audit", ""));

  function draw() {
    const clock = performance.now();
    view = look(sources, clock, members);
    failover.follow(view, clock);
    updateBanner(failover, view, clock);
    updateHeader(view, site);
    updateReplicas(view);
    updateAlarms(view, open);
    if (view.now) updateDecisions(view, open);
    diagram.update(view);
    details.update(view);
    tables.update(view, clock);
    trends ??= view.now && new Trends(site, floorOf(view.now));
    if (history.follow(view, clock)) trends?.draw(history.samples, marksOf(view, failover, clock), clock);
  }

  byId("banner-clear").addEventListener("click", () => { failover.clear(); draw(); });
  setInterval(() => {
    sources.forEach(source => source.mend(performance.now()));
    soon();
  }, AGEING_MS);
}

/** Drills and gaps without a leader, for the trends, the oldest first. @param {import("./model.js").View} view */
function marksOf(view, failover, clock) {
  const at = ms => clock - (view.age ?? 0) - (view.now.ledger_ms - ms);
  const ran = (view.now?.drills ?? []).filter(drill => drill.stage !== "refused");
  const drills = ran.map(drill => ({ from: at(drill.began_ms), to: drill.ended_ms === null ? null : at(drill.ended_ms), label: drill.name, kind: "drill" }));
  return [...drills, ...failover.shownMarks()].sort((one, other) => one.from - other.from);
}

/** What transfers must leave of all that modules can hold, %. @param {import("./types.js").Snapshot} now */
function floorOf(now) {
  const [reserve, capacity] = ["reserve_joules", "capacity_joules"].map(name => now.kesms.reduce((sum, kesm) => sum + kesm[name], 0));
  return capacity > 0 ? 100 * reserve / capacity : 0;
}

begin();
