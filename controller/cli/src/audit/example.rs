//! A small log for tests: two racks, a module, a tie, and an entry of every kind.

use std::path::Path;
use std::sync::Arc;

use ridethrough_core::audit::replay;
use ridethrough_core::command::{
    Action, CapGrant, CapReason, Command, Entry, Founding, GeneratorGrant, Grant, Hop, Leg, ModeChange, ModelRefused,
    Operation, Outcome, Plan, Position, RackLoad, Release, ReleaseReason, Risk, Stamp, StoredEnergy, TimedAck,
    TransferId,
};
use ridethrough_core::device::{Ack, DeviceId, Direction, Fence, GeneratorDuty, ReplicaId, Verdict};
use ridethrough_core::fallback::{Change, ForecastNote, Part};
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::Ledger;
use ridethrough_core::mode::{Mode, ModeReason};
use ridethrough_core::model::{ModelAction, ModelFault, ModelId};
use ridethrough_core::site::{FeedId, KesmId, RackId, Site, TieId};
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_raft::fixture::write_log;

use super::open::Opened;

const SITE: &str = r#"
name = "two racks"
[policy]
tick_ms = 100
margin_permille = 50
transfer_hold_ms = 8000
lease_ms = 1500
stale_after_ms = 500
branch_drop_permille = 30
path_drop_permille = 50
[[feed]]
id = "utility"
limit_watts = 100000
generator_watts = 80000
[[row]]
id = "A"
feed = "utility"
limit_watts = 60000
bus_volts = 800
[[rack]]
id = "A1"
row = "A"
limit_watts = 24000
[[rack]]
id = "A2"
row = "A"
limit_watts = 24000
[[server]]
id = "A1-s1"
rack = "A1"
rated_watts = 14000
tier = 1
[[server]]
id = "A1-s2"
rack = "A1"
rated_watts = 14000
tier = 4
[[server]]
id = "A2-s1"
rack = "A2"
rated_watts = 20000
[[kesm]]
id = "K1"
rack = "A2"
rated_watts = 50000
charge_rated_watts = 15000
capacity_joules = 2000000
reserve_joules = 600000
[[tie]]
id = "A1-A2"
between = ["A1", "A2"]
length_mm = 12000
resistance_microohm = 8400
rated_watts = 25000
"#;

/// The wall clock at ledger time 0: 2025-10-09T08:53:20Z.
pub const WALL_UNIX_MS: i64 = 1_760_000_000_000;

/// A log as it grows.
pub struct Growing {
    cluster: [u8; 16],
    ledger: Ledger,
    entries: Vec<(Position, Entry)>,
}

impl Growing {
    /// A log with its founding entry, number 1.
    pub fn founded() -> Self {
        Self::founded_in([7; 16])
    }

    fn founded_in(cluster: [u8; 16]) -> Self {
        let site = Arc::new(Site::parse("site.toml", SITE).expect("a good site"));
        let site_hash = site.hash;
        let mut log = Self { cluster, ledger: Ledger::new(site), entries: Vec::new() };
        log.commit(0, Command::Found(Founding { cluster, site_hash }));
        log
    }

    /// A log with an entry of nearly every kind, numbers 1 to 10, each a second after the one before.
    pub fn eventful() -> Self {
        Self::eventful_in([7; 16])
    }

    /// The same in a cluster of its own.
    pub fn eventful_in(cluster: [u8; 16]) -> Self {
        let mut log = Self::founded_in(cluster);
        log.commit(1_000, granting(4_000));
        log.commit(2_000, heard(2, &[DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(0))]));
        log.commit(3_000, release(ReleaseReason::ForecastFell));
        log.commit(4_000, Command::Plan(outage()));
        log.operate(5_000, Action::Hold(DeviceId::Kesm(KesmId(0))));
        log.operate(6_000, Action::End(RackId(1)));
        let model = ModelId { sha256: [0x5a; 32], version: 3 };
        log.operate(7_000, Action::Model(ModelAction::Shadow(model)));
        log.commit(8_000, Command::ModelRefused(ModelRefused { model: Some(model), fault: ModelFault::BadSignature }));
        let change = Change { part: Part::Rack(RackId(1)), rule: Some(RuleReason::FrozenMeter) };
        log.commit(9_000, Command::Forecasts(ForecastNote { changes: vec![change], ..ForecastNote::default() }));
        log
    }

    /// Commits the next entry at this ledger time; returns its index.
    pub fn commit(&mut self, at_ms: i64, command: Command) -> u64 {
        let index = self.ledger.seen().index + 1;
        let position = Position { term: 2, leader: ReplicaId(1), index };
        let stamp = Stamp { at: Millis::new(at_ms), wall_unix_ms: WALL_UNIX_MS + at_ms };
        let entry = Entry { stamp, by: ReplicaId(3), seen: self.ledger.seen(), command };
        self.ledger.apply(position, &entry);
        self.entries.push((position, entry));
        index
    }

    /// Commits what an operator asked for.
    pub fn operate(&mut self, at_ms: i64, action: Action) -> u64 {
        let (actor, reason) = ("mira".into(), "breaker A1 is \u{1b}[31mserviced".into());
        self.commit(at_ms, Command::Operation(Operation { request: None, actor, reason, action }))
    }

    /// The log as a replica leaves it in its data folder, the site file beside it; a leader's first entry is its number 0.
    pub fn write(self, dir: &Path) {
        let begins = (Position { term: 2, leader: ReplicaId(1), index: 0 }, None);
        let entries = self.entries.into_iter().map(|(at, entry)| (at, Some(entry)));
        write_log(dir, self.cluster, std::iter::once(begins).chain(entries));
        std::fs::write(dir.join("site.toml"), SITE).expect("room for a test");
    }

    /// The log, as a command opens it.
    pub fn opened(self) -> Opened {
        let site = Arc::new(self.ledger.site().clone());
        let replay = replay(Arc::clone(&site), self.entries);
        assert_eq!(replay.divergence, None, "the log was made on the ledgers that its entries name");
        let committed = replay.records.len();
        Opened {
            site,
            replicas: Vec::new(),
            committed_index: committed as u64,
            committed_entries: committed,
            forks: Vec::new(),
            replay,
        }
    }
}

/// So much from K1 on A2 to A1 for 8 s.
pub fn grant(delivered: i64) -> Grant {
    let watts = Watts::new;
    let source = ForecastSource::Rule(RuleReason::NoModel);
    let peak = watts(26_000);
    let forecast = RackForecast::flat(peak, Millis::seconds(30), source);
    let risk = Risk { present: watts(20_000), forecast, limit: watts(24_000), margin: watts(1_200) };
    let path = vec![Hop { tie: TieId(0), direction: Direction::Backward }];
    let leg = Leg { kesm: KesmId(0), path, supplied: watts(delivered + delivered / 10), delivered: watts(delivered) };
    Grant { rack: RackId(0), legs: vec![leg], help_above: watts(22_000), risk, hold: Millis::seconds(8) }
}

/// What transfers of [`grant`] are judged by.
pub fn evidence() -> (Vec<StoredEnergy>, Vec<RackLoad>) {
    let load = |rack, peak| RackLoad { rack: RackId(rack), peak: Watts::new(peak), heat_permille: 0 };
    let stored = StoredEnergy { kesm: KesmId(0), stored: Joules::new(1_900_000) };
    (vec![stored], vec![load(0, 26_000), load(1, 15_000)])
}

/// A plan with the grant and nothing else.
pub fn granting(delivered: i64) -> Command {
    let (stored, loads) = evidence();
    Command::Plan(Plan { grants: vec![grant(delivered)], stored, loads, ..Plan::default() })
}

/// A plan that caps A1, tells the generator to run and goes to ride-through.
pub fn outage() -> Plan {
    let hold = Millis::seconds(8);
    let (rack, reason) = (RackId(0), CapReason::TimeLeft);
    let reason_of_mode = ModeReason::UtilityLost { witnesses: 2, of: 3 };
    let time_left = Some(Millis::new(95_500));
    Plan {
        caps: vec![CapGrant { rack, cap: Watts::new(12_000), keep_tiers: 3, reason, hold }],
        generators: vec![GeneratorGrant { feed: FeedId(0), duty: GeneratorDuty::Run, hold: Millis::seconds(60) }],
        modes: vec![ModeChange { feed: FeedId(0), to: Mode::RideThrough, reason: reason_of_mode, time_left }],
        ..Plan::default()
    }
}

/// The end of the transfer to A1.
pub fn release(reason: ReleaseReason) -> Command {
    Command::Plan(Plan { releases: vec![Release { rack: RackId(0), reason }], ..Plan::default() })
}

/// These devices act on the orders of the transfer.
pub fn heard(index: u64, devices: &[DeviceId]) -> Command {
    let fence = Fence { term: 2, index };
    let acks = devices.iter().map(|device| TimedAck {
        ack: Ack { device: *device, fence, verdict: Verdict::Executed, device_at: Millis::new(77) },
        after_us: 1_230,
    });
    Command::Outcome(Outcome { transfer: TransferId { index, nth: 0 }, acks: acks.collect() })
}
