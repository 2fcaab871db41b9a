// What replicas tell, as `src/snapshot/`, `src/decision.rs` and `src/site.rs` define it. Watts, joules and milliseconds.

/**
 * @typedef {{name: string, replica: number, replicas: number, peers: string[], lease_ms: number, margin_permille: number,
 *   feeds: {name: string, limit_watts: number, generator_watts: ?number}[],
 *   rows: {name: string, feed: number, limit_watts: number}[],
 *   racks: {name: string, row: number, limit_watts: number, nameplate_watts: number, servers: string[]}[],
 *   kesms: {name: string, rack: number, rated_watts: number, charge_watts: number}[],
 *   ties: {name: string, between: [number, number], rated_watts: number, length_mm: number}[]}} Site
 *
 * @typedef {{name: string, load_watts: ?number, draw_watts: ?number, limit_watts: number, peak_p50_watts: number,
 *   peak_p99_watts: number, at_risk: boolean, heat_permille: ?number, tripped: boolean, expected_watts: ?number,
 *   anomaly: number, drift: number, learned_s: number}} RackNow
 * @typedef {{name: string, stored_joules: ?number, capacity_joules: number, reserve_joules: number, supply_watts: number}} KesmNow
 * @typedef {{name: string, flow_watts: ?number, unable: boolean}} TieNow
 * @typedef {{kesm: string, ties: string[], supplied_watts: number, delivered_watts: number}} Leg
 * @typedef {{id: string, rack: string, from: string[], watts: number, left_ms: number, acked: boolean, phase: string, legs: Leg[]}} Transfer
 * @typedef {{name: string, mode: string, for_ms: number, reason: string, drawn_watts: ?number, source: string, generator: string}} FeedNow
 * @typedef {{rack: string, cap_watts: number, tiers_kept: number, reason: string, left_ms: number}} Cap
 * @typedef {{id: string, priority: number, kind: string, about: string, text: string, active: boolean, acknowledged_by: ?string,
 *   shelved_left_ms: ?number, chattering: boolean, age_ms: number, runbook: string}} Alarm
 * @typedef {{present_watts: number, p50_watts: number, p99_watts: number, peak_p50_watts: number, peak_p99_watts: number,
 *   horizon_ms: number, source: string, limit_watts: number, margin_watts: number}} Risk
 * @typedef {{key: string, kind: string, what: string, why: string, at_ms: number, index: ?number, term: ?number, id: ?string,
 *   renewed: number, state: string, ended_ms: ?number, rack: ?string, risk: ?Risk, help_above_watts: ?number, legs: Leg[],
 *   acks: {device: string, verdict: string, after_us: number}[]}} Decision
 * @typedef {{name: string, seed: number, stage: string, by: string, index: number, began_ms: number, ended_ms: ?number}} Drill
 * @typedef {{signed_entries: number, faults: number, skipped: number, tree_known: boolean}} Audit
 * @typedef {{index: ?number, tick_at_ns: number, proposed_at_ns: number, committed_at_ns: number}} Plan
 *
 * @typedef {{site: string, replica: number, role: string, acting: boolean, term: number, leader: ?number, commit_index: number,
 *   applied_index: number, uptime_ms: number, ledger_ms: number, forecast_source: string, devices_heard: number, devices: number,
 *   servers_heard: number, servers: number, racks: RackNow[], kesms: KesmNow[], ties: TieNow[], transfers: Transfer[],
 *   disputed: {transfer: string, rack: string, why: string}[], feeds: FeedNow[], caps: Cap[], held: string[], manual: boolean,
 *   locks: {name: string, by: string}[], leases: {devices: number, standing: number, least_left_ms: ?number}, drills: Drill[], audit: ?Audit,
 *   quarantined: {name: string, why: string}[], outlets_doubted: string[], alarms: Alarm[], alarm_flood: boolean, plans: Plan[]}} Snapshot
 */
export {};
