//! What the ledger that ships makes of a log: which orders stand, and which of them may go.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ridethrough_core::command::{
    Command, Entry, Founding, Grant, Hop, Leg, Plan, Position, RackLoad, Release, ReleaseReason, Risk, Seen, Stamp,
    StoredEnergy,
};
use ridethrough_core::device::{DeviceId, Direction, Order, ReplicaId, Setpoint};
use ridethrough_core::dispatch::{self, InForce};
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::{Committed, Effect, Ledger};
use ridethrough_core::site::{KesmId, RackId, Site, TieId};
use ridethrough_core::units::{Joules, Millis, Watts};

use super::device::{DEVICES, Level, SINK, SOURCE};
use super::log::{self, Act, GONE, Log};
use super::replica::Known;
use super::rules::{Gate, Rules};

/// Two racks, a module at one, a tie to the other.
const SITE: &str = "name = 'model'
[policy]
tick_ms = 100
margin_permille = 50
transfer_hold_ms = 8000
lease_ms = 1500
stale_after_ms = 500
branch_drop_permille = 30
path_drop_permille = 50
[[feed]]
id = 'u'
limit_watts = 200000
[[row]]
id = 'A'
feed = 'u'
limit_watts = 150000
bus_volts = 800
[[rack]]
id = 'R0'
row = 'A'
limit_watts = 24000
[[rack]]
id = 'R1'
row = 'A'
limit_watts = 24000
[[server]]
id = 'S0'
rack = 'R0'
rated_watts = 21000
[[server]]
id = 'S1'
rack = 'R1'
rated_watts = 21000
[[kesm]]
id = 'K0'
rack = 'R0'
rated_watts = 50000
charge_rated_watts = 15000
capacity_joules = 2000000
reserve_joules = 600000
[[tie]]
id = 'T0'
between = ['R0', 'R1']
length_mm = 10000
resistance_microohm = 7000
rated_watts = 25000
";
/// The rack that draws.
const RECEIVER: RackId = RackId(1);
/// One tick of the model in ledger time.
const TICK_MS: i64 = 1_000;
/// The model's present in ledger time; only differences from it matter.
const PRESENT: Millis = Millis::new(1_000_000);

/// One order that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Place of the device.
    pub device: usize,
    /// Index of the entry that it comes from.
    pub index: u8,
    /// Term of that entry.
    pub entry_term: u8,
    /// What the device is to do.
    pub level: Level,
    /// Ticks until it expires, above zero.
    pub left: u8,
}

/// Ledgers, by the log that they come from: few logs exist, and each is met in very many states.
#[derive(Debug)]
pub struct Book {
    site: Arc<Site>,
    /// Ticks that a grant holds.
    hold: u8,
    gives: [Setpoint; DEVICES],
    rests: [Setpoint; DEVICES],
    ledgers: RwLock<HashMap<Log, Arc<Ledger>>>,
}

impl Book {
    /// A book in which grants hold for so many ticks.
    pub fn new(hold: u8) -> Self {
        let site =
            Arc::new(Site::parse("model.toml", SITE).unwrap_or_else(|error| panic!("the model's site: {error}")));
        let mut log = Log::founded();
        log.push(log::Entry::new(1, Act::Grant));
        let gives = setpoints(&apply(&site, &log, hold));
        log.push(log::Entry::new(1, Act::Release));
        let rests = setpoints(&apply(&site, &log, hold));
        Self { site, hold, gives, rests, ledgers: RwLock::default() }
    }

    /// The orders that stand after this log, as far as they may go, given what their sender knows of the devices.
    pub fn standing(&self, log: &Log, known: Known, rules: Rules) -> Vec<Standing> {
        let ledger = self.ledger(log);
        let in_force = |device: DeviceId| self.in_force(device, known);
        let may_go = |order: &Committed<Order>| match rules.gate {
            Gate::Ships => dispatch::may_go(&ledger, order, dispatch::HANDOVER, &in_force),
            Gate::TrustsTheSink => {
                let heard = in_force(order.get().device).setpoint;
                !order.get().setpoint.raises(heard.as_ref())
                    || dispatch::may_go(&ledger, order, dispatch::HANDOVER, &in_force)
            }
            Gate::Absent => true,
        };
        let going = ledger.orders().filter(|order| may_go(order)).map(Committed::get);
        let standing = going.map(|order| Standing {
            device: place(order.device),
            index: small(order.index),
            entry_term: small(order.term),
            level: self.level(place(order.device), &order.setpoint),
            left: small(order.until.saturating_sub(PRESENT).or_zero().get().unsigned_abs() / TICK_MS.unsigned_abs()),
        });
        standing.filter(|order| order.left > 0).collect()
    }

    /// The first entry of the unbroken row of grants that the transfer after this log belongs to, whether or not it has
    /// expired since.
    pub fn granted_since(&self, log: &Log) -> Option<u8> {
        self.ledger(log).transfer(RECEIVER).map(|transfer| small(transfer.first.index))
    }

    /// Whether a transfer is in force after this log.
    pub fn stands(&self, log: &Log) -> bool {
        self.ledger(log).transfer(RECEIVER).is_some_and(|transfer| transfer.until > PRESENT)
    }

    fn in_force(&self, device: DeviceId, known: Known) -> InForce {
        if place(device) == SOURCE {
            InForce { index: u64::from(known.source), setpoint: (known.source > 0).then_some(self.rests[SOURCE]) }
        } else {
            InForce { index: u64::from(known.sink), setpoint: known.sink_gives.then_some(self.gives[SINK]) }
        }
    }

    fn level(&self, place: usize, setpoint: &Setpoint) -> Level {
        if *setpoint == self.gives[place] {
            return Level::Gives;
        }
        assert_eq!(*setpoint, self.rests[place], "the model knows two setpoints for each device");
        Level::Rests
    }

    fn ledger(&self, log: &Log) -> Arc<Ledger> {
        // A checker thread that panicked has ended the check anyway.
        let known = self.ledgers.read().unwrap_or_else(PoisonError::into_inner).get(log).cloned();
        known.unwrap_or_else(|| {
            let ledger = Arc::new(apply(&self.site, log, self.hold));
            self.ledgers.write().unwrap_or_else(PoisonError::into_inner).insert(*log, Arc::clone(&ledger));
            ledger
        })
    }
}

fn apply(site: &Arc<Site>, log: &Log, hold: u8) -> Ledger {
    let mut ledger = Ledger::new(Arc::clone(site));
    for (index, entry) in (1..).zip(log.entries()) {
        let command = match entry.act {
            Act::Blank => continue,
            Act::Found => Command::Found(Founding { cluster: [1; 16], site_hash: site.hash }),
            Act::Grant => Command::Plan(grant(site, hold)),
            Act::Release => Command::Plan(release()),
        };
        let old = if entry.act == Act::Found { GONE } else { entry.age };
        let at = PRESENT.saturating_sub(Millis::new(i64::from(old) * TICK_MS));
        let stamp = Stamp { at, wall_unix_ms: 0 };
        let entry_to_apply = Entry { stamp, by: ReplicaId(1), seen: Seen::default(), command };
        let at = Position { term: u64::from(entry.term), leader: ReplicaId(1), index };
        let effect = ledger.apply(at, &entry_to_apply);
        assert!(matches!(effect, Effect::Founded | Effect::Admitted { .. }), "the model's own entries: {effect:?}");
    }
    ledger
}

fn grant(site: &Site, hold: u8) -> Plan {
    let forecast = RackForecast {
        p50: Watts::new(20_000),
        p90: Watts::new(28_000),
        p99: Watts::new(30_000),
        peak_p50: Watts::new(30_000),
        peak_p99: Watts::new(30_000),
        horizon: Millis::seconds(8),
        source: ForecastSource::Rule(RuleReason::NoModel),
    };
    let limit = site.rack(RECEIVER).limit;
    let risk = Risk { present: Watts::new(20_000), forecast, limit, margin: Watts::new(1_200) };
    let path = vec![Hop { tie: TieId(0), direction: Direction::Forward }];
    let leg = Leg { kesm: KesmId(0), path, supplied: Watts::new(9_000), delivered: Watts::new(8_000) };
    let hold = Millis::new(i64::from(hold) * TICK_MS);
    Plan {
        grants: vec![Grant { rack: RECEIVER, legs: vec![leg], help_above: site.hold(RECEIVER), risk, hold }],
        loads: vec![load(RackId(0), 10_000), load(RECEIVER, 24_000)],
        stored: vec![StoredEnergy { kesm: KesmId(0), stored: Joules::new(2_000_000) }],
        ..Plan::default()
    }
}

fn load(rack: RackId, peak: i64) -> RackLoad {
    RackLoad { rack, peak: Watts::new(peak), heat_permille: 0 }
}

fn release() -> Plan {
    let release = Release { rack: RECEIVER, reason: ReleaseReason::ForecastFell };
    Plan { releases: vec![release], ..Plan::default() }
}

fn setpoints(ledger: &Ledger) -> [Setpoint; DEVICES] {
    let of = |device: DeviceId| ledger.order(device).map(|order| order.get().setpoint);
    let found = [of(DeviceId::Kesm(KesmId(0))), of(DeviceId::Tie(TieId(0)))];
    found.map(|setpoint| setpoint.unwrap_or_else(|| panic!("the model's grant orders both devices")))
}

fn place(device: DeviceId) -> usize {
    match device {
        DeviceId::Kesm(_) => SOURCE,
        DeviceId::Tie(_) => SINK,
        DeviceId::Pdu(_) | DeviceId::Supply(_) => panic!("the model orders nothing of {device:?}"),
    }
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or_else(|_| panic!("{number} is beyond the model's bounds"))
}
