//! What a replica shows of itself. Names carry their units.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decision::DecisionView;
#[cfg(test)]
use crate::decision::RiskView;

/// One replica at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name of the site.
    pub site: String,
    /// This replica, counted from 1.
    pub replica: u16,
    /// `leader`, `follower`, `candidate` or `learner`.
    pub role: String,
    /// Whether a majority has lately confirmed it as leader, so that it may act.
    pub acting: bool,
    /// Raft term.
    pub term: u64,
    /// The leader it knows of.
    pub leader: Option<u16>,
    /// Last log index known to be committed.
    pub commit_index: u64,
    /// Last log index applied to the ledger.
    pub applied_index: u64,
    /// Milliseconds since this replica started.
    pub uptime_ms: i64,
    /// Ledger time in milliseconds, which goes on from leader to leader.
    #[serde(default)]
    pub ledger_ms: i64,
    /// Where forecasts come from at the moment.
    pub forecast_source: String,
    /// Field devices heard lately, of all.
    pub devices_heard: usize,
    /// Field devices of the site.
    pub devices: usize,
    /// Servers whose power is known, of all.
    #[serde(default)]
    pub servers_heard: usize,
    /// Servers of the site.
    #[serde(default)]
    pub servers: usize,
    /// Racks whose outlets do not add up to what their meter says, by name.
    #[serde(default)]
    pub outlets_doubted: Vec<String>,
    /// Racks in the site's order.
    pub racks: Vec<RackView>,
    /// Modules in the site's order.
    pub kesms: Vec<KesmView>,
    /// Ties in the site's order.
    #[serde(default)]
    pub ties: Vec<TieView>,
    /// Transfers in force.
    pub transfers: Vec<TransferView>,
    /// Transfers in force that this replica's own numbers do not bear out; at most 64.
    #[serde(default)]
    pub disputed: Vec<DisputeView>,
    /// What the feeds are doing, in the site's order.
    #[serde(default)]
    pub feeds: Vec<FeedView>,
    /// Racks whose servers get less.
    #[serde(default)]
    pub caps: Vec<CapView>,
    /// Racks that an operator asks less for.
    #[serde(default)]
    pub sheds: Vec<ShedView>,
    /// Devices that an operator holds, by name.
    #[serde(default)]
    pub held: Vec<String>,
    /// Devices that people have locked.
    #[serde(default)]
    pub locks: Vec<LockView>,
    /// How long devices go on obeying, as they say.
    #[serde(default)]
    pub leases: LeasesView,
    /// The last drills, the newest last; at most 8.
    #[serde(default)]
    pub drills: Vec<DrillView>,
    /// How the audit of this replica's log is; none where it signs nothing.
    #[serde(default)]
    pub audit: Option<AuditView>,
    /// Whether an operator has taken over the whole site.
    #[serde(default)]
    pub manual: bool,
    /// Devices that are not relied on.
    #[serde(default)]
    pub quarantined: Vec<QuarantineView>,
    /// Alarms that stand or wait for somebody, the most urgent first; at most 64.
    #[serde(default)]
    pub alarms: Vec<AlarmView>,
    /// More alarms came of late than a person can take in: those of priority 1 first, the others as a number.
    #[serde(default)]
    pub alarm_flood: bool,
    /// Which models decide and are tried.
    #[serde(default)]
    pub models: ModelsView,
    /// The newest plans that this replica proposed and that were committed, at most 16, the newest last.
    #[serde(default)]
    pub plans: Vec<PlanView>,
    /// What was decided lately, the newest last; at most 32.
    #[serde(default)]
    pub decisions: Vec<Arc<DecisionView>>,
    /// What has been counted since this replica started.
    pub counters: Counters,
}

/// When a plan passed which stage, in nanoseconds of the machine's monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Its place in the log.
    pub index: Option<u64>,
    /// The tick began that decided it.
    pub tick_at_ns: i64,
    /// It was handed to consensus.
    pub proposed_at_ns: i64,
    /// It was known to be committed and applied.
    pub committed_at_ns: i64,
}

/// What a server draws.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// In watts; none where nobody has said so lately.
    pub power_watts: Option<i64>,
    /// How long ago it was measured, in milliseconds.
    pub age_ms: Option<u64>,
    /// Who says so: `outlet` of its PDU, or `signal` of remote-write.
    pub source: Option<String>,
    /// Forecast median in 30 s, in watts; none while no model speaks of it.
    pub forecast_p50_watts: Option<i64>,
    /// Forecast 99th percentile of the maximum until then, in watts.
    pub forecast_peak_p99_watts: Option<i64>,
}

/// Which models decide and are tried, as `8bae15f5 version 3`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelsView {
    /// The model that decides here; none while the rule does.
    pub deciding: Option<String>,
    /// Why the model that should decide does not.
    pub refused: Option<String>,
    /// The one that the log has chosen; none while the configured one decides.
    pub active: Option<String>,
    /// The one that is tried beside it.
    pub shadow: Option<String>,
    /// The one that decided before.
    pub previous: Option<String>,
    /// No version below may decide.
    pub minimum_version: u64,
    /// How good what decides and what is tried have been, while something is tried.
    pub scores: Vec<ScoreView>,
}

/// How good a model has been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreView {
    /// `active` or `shadow`.
    pub model: String,
    /// Forecasts that were judged.
    pub judged: u64,
    /// Mean pinball loss of P50, P90 and P99 together, in millionths of the limit.
    pub pinball_ppm: u64,
    /// Thousandths of the bounds on the peak that held.
    pub covered_permille: u64,
}

/// A rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RackView {
    /// Its id in the site file.
    pub name: String,
    /// What its servers take; none when not freshly measured.
    pub load_watts: Option<i64>,
    /// What comes through its breaker.
    pub draw_watts: Option<i64>,
    /// What its breaker carries.
    pub limit_watts: i64,
    /// P99 of the highest demand up to the horizon.
    pub peak_p99_watts: i64,
    /// Median of the same.
    #[serde(default)]
    pub peak_p50_watts: i64,
    /// How hot its breaker is: 0 cold, 1000 trips; none before it was heard.
    #[serde(default)]
    pub heat_permille: Option<u16>,
    /// Whether its breaker is open, as last told.
    #[serde(default)]
    pub tripped: bool,
    /// Whether it needs help.
    pub at_risk: bool,
    /// What it was expected to draw by its own past; none before it was heard.
    #[serde(default)]
    pub expected_watts: Option<i64>,
    /// How rare its draw is by its own past: 20 for each power of ten, up to 100.
    #[serde(default)]
    pub anomaly: u8,
    /// How far its last minutes are from its last day: 25 for each spread, up to 100.
    #[serde(default)]
    pub drift: u8,
    /// Seconds that this was learned from, restarts included.
    #[serde(default)]
    pub learned_s: u32,
}

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KesmView {
    /// Its id in the site file.
    pub name: String,
    /// Usable energy; none when not freshly measured.
    pub stored_joules: Option<i64>,
    /// Usable energy when full.
    pub capacity_joules: i64,
    /// What transfers must leave.
    pub reserve_joules: i64,
    /// What it gives; negative while it charges.
    pub supply_watts: i64,
}

/// A tie between two racks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieView {
    /// Its id in the site file.
    pub name: String,
    /// What leaves its source bus, positive from its first rack to its second; none when not freshly measured.
    pub flow_watts: Option<i64>,
    /// Whether it says that it cannot act.
    pub unable: bool,
}

/// A transfer in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// Its name in the log.
    pub id: String,
    /// Who receives.
    pub rack: String,
    /// Sources and paths, such as `K2 via A3-A4`.
    pub from: Vec<String>,
    /// At most so much reaches the rack.
    pub watts: i64,
    /// Milliseconds until it ends unless renewed.
    pub left_ms: i64,
    /// Whether all its devices are known to act on it.
    pub acked: bool,
    /// How far it has come: `supplying`, `drawing` or `held`.
    #[serde(default)]
    pub phase: String,
    /// The same sources and paths, in parts.
    #[serde(default)]
    pub legs: Vec<LegView>,
}

/// One source of a transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegView {
    /// The module.
    pub kesm: String,
    /// Ties from the module's rack to the receiver, in order.
    pub ties: Vec<String>,
    /// At most so much leaves the module.
    pub supplied_watts: i64,
    /// At most so much of it reaches the rack.
    pub delivered_watts: i64,
}

/// A transfer that this replica's own numbers do not bear out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeView {
    /// Its name in the log.
    pub transfer: String,
    /// Who receives.
    pub rack: String,
    /// Why.
    pub why: String,
}

/// A feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedView {
    /// Its id in the site file.
    pub name: String,
    /// What it and everything behind it is doing, such as `normal` or `ride-through`.
    pub mode: String,
    /// For how many milliseconds it has had this mode.
    pub for_ms: i64,
    /// Why; empty before the first change.
    pub reason: String,
    /// What all its rows draw; none when not freshly told.
    #[serde(default)]
    pub drawn_watts: Option<i64>,
    /// What its transfer switch is on: `utility A`, `utility B`, `generator` or `nothing`; empty when not freshly told.
    #[serde(default)]
    pub source: String,
    /// What its generator does: `off`, `starting`, `running`, `failed`; empty where there is none or nothing is known.
    #[serde(default)]
    pub generator: String,
}

/// Less for the servers of a rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapView {
    /// The rack.
    pub rack: String,
    /// At most so much for its servers together.
    pub cap_watts: i64,
    /// Servers of a higher tier are shut down.
    pub tiers_kept: u8,
    /// Why.
    pub reason: String,
    /// Milliseconds until it ends unless renewed.
    pub left_ms: i64,
}

/// Less for the servers of a rack, as an operator asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShedView {
    /// The rack.
    pub rack: String,
    /// At most so much for its servers together.
    pub cap_watts: i64,
    /// Milliseconds until it ends.
    pub left_ms: i64,
}

/// How long devices go on obeying, as those say that are heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasesView {
    /// How many are heard.
    pub devices: usize,
    /// How many of them still hold what a leader told them last; the others follow their own safe rule.
    pub standing: usize,
    /// Milliseconds until the first of those leases ends unless a leader is heard.
    pub least_left_ms: Option<i64>,
}

/// A drill, as the log tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillView {
    /// Its name.
    pub name: String,
    /// What its dice come from.
    pub seed: u64,
    /// `begun`, `refused`, `held`, `failed` or `aborted`.
    pub stage: String,
    /// Who asked for it.
    pub by: String,
    /// The entry that told of it first.
    pub index: u64,
    /// Ledger time of that entry in milliseconds.
    pub began_ms: i64,
    /// Ledger time of its end; none while it goes on.
    pub ended_ms: Option<i64>,
}

/// How the audit of a replica's own log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Entries under the largest checkpoint that it has signed.
    pub signed_entries: u64,
    /// Checkpoints that could not be signed, or say something else than the log does now.
    pub faults: u64,
    /// Checkpoints that were skipped because too many waited.
    pub skipped: u64,
    /// Whether the log before a snapshot is known, so that checkpoints can be signed at all.
    pub tree_known: bool,
}

/// A device that somebody has locked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// What people call it.
    pub name: String,
    /// Who has locked it.
    pub by: String,
}

/// A device that is not relied on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// What people call it.
    pub name: String,
    /// Why.
    pub why: String,
}

/// An alarm as the log has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmView {
    /// What `ridectl alarm ack` calls it, such as `device-quarantined:kesm-K1`.
    pub id: String,
    /// 1 is the most urgent, 3 the least.
    pub priority: u8,
    /// Its kind, such as `device-quarantined`.
    pub kind: String,
    /// The name of its page in `runbooks/`, without the ending.
    pub runbook: String,
    /// What it is about, such as `kesm K1`.
    pub about: String,
    /// What is wrong, in words.
    pub text: String,
    /// Whether what it tells of still stands.
    pub active: bool,
    /// Who has acknowledged it.
    pub acknowledged_by: Option<String>,
    /// Milliseconds for which it is still shelved.
    pub shelved_left_ms: Option<i64>,
    /// Whether it comes and goes so often that it is kept standing.
    pub chattering: bool,
    /// Milliseconds since it came last.
    pub age_ms: i64,
}

/// What has been counted since a replica started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Control periods that were worked.
    pub ticks: u64,
    /// Control periods that were missed and skipped.
    pub ticks_skipped: u64,
    /// Plans proposed.
    pub plans_proposed: u64,
    /// Plans that the envelope refused before they were proposed.
    pub plans_refused: u64,
    /// Proposals that were not committed in time or not by this replica.
    pub proposals_failed: u64,
    /// Orders handed to the link.
    pub orders_sent: u64,
    /// Orders that devices said are in force.
    pub orders_acked: u64,
    /// Orders that devices refused.
    pub orders_refused: u64,
}

/// One with something in every list.
#[cfg(test)]
pub fn sample() -> Snapshot {
    let (reason, rack) = (String::from("the generator does not carry so much"), String::from("A2"));
    Snapshot {
        feeds: vec![FeedView {
            name: "utility".into(),
            mode: "generator".into(),
            for_ms: 9_000,
            ..FeedView::default()
        }],
        caps: vec![CapView { rack, cap_watts: 18_000, tiers_kept: 3, reason, left_ms: 4_000 }],
        transfers: vec![TransferView { phase: "held".into(), ..TransferView::default() }],
        disputed: vec![DisputeView { transfer: "184.0".into(), rack: "A2".into(), why: "K1 stores too little".into() }],
        plans: vec![PlanView { index: Some(184), tick_at_ns: 1, proposed_at_ns: 2, committed_at_ns: 3 }],
        held: vec!["kesm K1".into()],
        manual: true,
        servers_heard: 5,
        servers: 6,
        outlets_doubted: vec!["A2".into()],
        models: ModelsView { active: Some("5a5a5a5a version 3".into()), ..ModelsView::default() },
        alarms: vec![AlarmView { id: "utility-lost:feed-A".into(), priority: 1, ..AlarmView::default() }],
        ledger_ms: 9,
        ties: vec![TieView { name: "A1-A2".into(), flow_watts: Some(-3), unable: true }],
        racks: vec![RackView { name: "A2".into(), ..RackView::default() }],
        kesms: vec![KesmView { name: "K1".into(), ..KesmView::default() }],
        decisions: vec![Arc::new(DecisionView { risk: Some(RiskView::default()), ..DecisionView::default() })],
        quarantined: vec![QuarantineView { name: "tie A1-A2".into(), why: "it does not answer".into() }],
        ..Snapshot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_read_back() {
        let text = serde_json::to_string(&sample()).expect("serializes");
        assert_eq!(serde_json::from_str::<Snapshot>(&text).expect("reads"), sample());
    }

    #[test]
    fn what_an_older_replica_publishes_is_read_with_nothing_in_what_it_does_not_tell() {
        let mut value = serde_json::to_value(sample()).expect("serializes");
        let fields = value.as_object_mut().expect("an object");
        let later = [
            "feeds",
            "caps",
            "held",
            "manual",
            "quarantined",
            "models",
            "servers_heard",
            "servers",
            "outlets_doubted",
            "disputed",
            "plans",
            "alarms",
            "ledger_ms",
            "ties",
            "decisions",
        ];
        for name in later {
            assert!(fields.remove(name).is_some(), "{name} is published");
        }
        assert!(fields["transfers"][0].as_object_mut().expect("an object").remove("phase").is_some());
        assert!(fields["transfers"][0].as_object_mut().expect("an object").remove("legs").is_some());
        let read: Snapshot = serde_json::from_value(value).expect("reads");
        let Snapshot { racks, kesms, .. } = sample();
        assert_eq!(read, Snapshot { racks, kesms, transfers: vec![TransferView::default()], ..Snapshot::default() });
    }
}
