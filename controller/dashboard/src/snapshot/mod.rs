//! What a replica shows of itself. Names carry their units.

mod alarm;
mod capping;
mod device;
mod drill;
mod equipment;
mod model;
mod replica;
mod transfer;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::alarm::AlarmView;
pub use self::capping::{CapView, ShedView};
pub use self::device::{LeasesView, LockView, QuarantineView};
pub use self::drill::DrillView;
pub use self::equipment::{FeedView, KesmView, RackView, ServerView, TieView};
pub use self::model::{ModelsView, ScoreView};
pub use self::replica::{AuditView, Counters, PlanView};
pub use self::transfer::{DisputeView, LegView, TransferView};
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
