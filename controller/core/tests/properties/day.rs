//! A day of one leader over any site: what is measured, feared and asked for jumps about, and every plan is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ridethrough_core::command::{Action, Command, Entry, Founding, Operation, Plan, Position, Stamp};
use ridethrough_core::device::{DeviceId, GeneratorPhase, Reading, ReplicaId, SupplySource};
use ridethrough_core::envelope;
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::{Effect, Ledger};
use ridethrough_core::planner::{Inputs, Planner, judge};
use ridethrough_core::site::{FeedId, KesmId, RackId, Site};
use ridethrough_core::trust::Fault;
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};
use ridethrough_core::view::View;

/// A leader's whole knowledge, and the log that it has written.
pub struct Day {
    pub site: Arc<Site>,
    pub ledger: Ledger,
    /// Applies the same entries and nothing else.
    pub twin: Ledger,
    pub planner: Planner,
    pub view: View,
    pub forecasts: Vec<RackForecast>,
    pub row_forecasts: Vec<RackForecast>,
    pub faults: BTreeMap<DeviceId, Fault>,
    pub silent: BTreeSet<DeviceId>,
    pub now: Millis,
    pub entries: Vec<(Position, Entry)>,
}

impl Day {
    /// A founded log over this site; every rack at half its limit, every module at nine tenths.
    pub fn new(site: Site) -> Self {
        let site = Arc::new(site);
        let ledger = Ledger::new(Arc::clone(&site));
        let mut day = Self {
            twin: ledger.clone(),
            ledger,
            planner: Planner::new(&site),
            view: View::new(&site),
            forecasts: site.racks.iter().map(|rack| forecast(rack.limit.get() / 2)).collect(),
            row_forecasts: Vec::new(),
            faults: BTreeMap::new(),
            silent: BTreeSet::new(),
            now: Millis::new(1_000),
            entries: Vec::new(),
            site,
        };
        for rack in day.site.rack_ids() {
            let watts = day.site.rack(rack).limit.get() / 2;
            day.pdu(rack, watts, watts, 0);
        }
        for kesm in day.site.kesm_ids() {
            day.stored(kesm, 900, true);
        }
        day.supply(1_000, SupplySource::UtilityA, GeneratorPhase::Off);
        let founding = Founding { cluster: [7; 16], site_hash: day.site.hash };
        assert_eq!(day.commit(Command::Found(founding)), Effect::Founded);
        day
    }

    /// What a PDU measures.
    pub fn pdu(&mut self, rack: RackId, load: i64, draw: i64, heat_permille: u16) {
        let (load, draw, bus) = (Watts::new(load), Watts::new(draw), self.site.bus(rack));
        let reading = Reading::Pdu { load, draw, bus, breaker_permille: heat_permille, tripped: false };
        self.hear(DeviceId::Pdu(rack), reading);
    }

    /// What a module stores, in thousandths of its capacity.
    pub fn stored(&mut self, kesm: KesmId, permille: i64, available: bool) {
        let reading = Reading::Kesm {
            stored: Joules::new(self.site.kesm(kesm).capacity.get() * permille / 1_000),
            supply: Watts::ZERO,
            speed_rpm: 30_000,
            capacitor: Millivolts::new(770_000),
            available,
        };
        self.hear(DeviceId::Kesm(kesm), reading);
    }

    /// What the one supply measures.
    pub fn supply(&mut self, utility_a_permille: u16, source: SupplySource, generator: GeneratorPhase) {
        let drawn = Watts::new(50_000);
        let reading = Reading::Supply { utility_a_permille, utility_b_permille: 0, source, generator, drawn };
        self.hear(DeviceId::Supply(FeedId(0)), reading);
    }

    fn hear(&mut self, device: DeviceId, reading: Reading) {
        if !self.silent.contains(&device) {
            self.view.observe(&self.site, device, reading, self.now);
        }
    }

    /// Time passes; every device that is not silent says what it said last.
    pub fn pass(&mut self, span: i64) {
        self.now = self.now.saturating_add(Millis::new(span));
        let site = Arc::clone(&self.site);
        for (slot, device) in site.devices().enumerate() {
            if let Some((reading, _)) = self.view.latest(slot, self.now) {
                self.hear(device, reading);
            }
        }
    }

    /// Works with what a tick knows.
    pub fn with_inputs<T>(&mut self, work: impl FnOnce(&mut Planner, Inputs<'_>) -> T) -> T {
        let ledger = Arc::new(self.ledger.clone()).as_of(self.now);
        let fault = |device: DeviceId| self.faults.get(&device).copied();
        let inputs = Inputs {
            ledger: &ledger,
            view: &self.view,
            forecasts: &self.forecasts,
            row_forecasts: &self.row_forecasts,
            fault: &fault,
            now: self.now,
            ledger_now: self.now,
        };
        work(&mut self.planner, inputs)
    }

    /// What the planner wants now.
    pub fn plan(&mut self) -> Plan {
        self.with_inputs(Planner::plan)
    }

    /// One tick as a leader makes it: plan, admit, commit.
    pub fn tick(&mut self) -> Option<Effect> {
        let plan = self.plan();
        if plan.is_empty() {
            return None;
        }
        let as_of = self.ledger.at(self.now);
        if let Err(refusal) = envelope::admit(&as_of, &plan) {
            return Some(Effect::Refused(refusal));
        }
        Some(self.commit(Command::Plan(plan)))
    }

    /// What each rack may come to take now, and how hot its breaker is.
    pub fn racks_now(&mut self) -> Vec<(i64, u16)> {
        self.with_inputs(|_, inputs| {
            let of = |rack| {
                let heat = inputs.view.heat_permille(rack, inputs.now).unwrap_or(0);
                (judge(&inputs, rack).peak.get(), heat)
            };
            inputs.ledger.site().rack_ids().map(of).collect()
        })
    }

    /// Whether modules carry the one feed's load.
    pub fn bridges(&self) -> bool {
        self.ledger.mode(FeedId(0)).mode.bridges()
    }

    /// What an operator does.
    pub fn operate(&mut self, action: Action) -> Effect {
        self.commit(Command::Operation(Operation {
            request: None,
            actor: "anna".into(),
            reason: "a test".into(),
            action,
        }))
    }

    /// Commits to both ledgers.
    pub fn commit(&mut self, command: Command) -> Effect {
        let stamp = Stamp { at: self.now, wall_unix_ms: 0 };
        let entry = Entry { stamp, by: ReplicaId(1), seen: self.ledger.seen(), command };
        let index = self.ledger.seen().index + 1;
        let at = Position { term: 1, leader: ReplicaId(1), index };
        let effect = self.ledger.apply(at, &entry);
        assert_eq!(self.twin.apply(at, &entry), effect, "two ledgers");
        self.entries.push((at, entry));
        effect
    }
}

/// A forecast without doubt.
pub fn forecast(watts: i64) -> RackForecast {
    let (watts, source) = (Watts::new(watts), ForecastSource::Rule(RuleReason::NoModel));
    RackForecast::flat(watts, Millis::seconds(30), source)
}
