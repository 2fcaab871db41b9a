//! A module or a tie in its place in a row, with the order in force and what its local law makes of it.

use ridethrough_core::device::Direction;

use super::control::{self, BusView, Trust};
use super::flywheel::RADIANS_PER_SECOND_PER_RPM;
use super::judge::{KesmRecord, Span, TieRecord};
use super::kesm::Kesm;
use super::meter::Truth;
use super::orders::{KesmOrder, TieOrder};
use super::rack::Rack;
use super::real;
use super::tie::{Passage, Tie, signed};
use crate::scenario::Scenario;

/// A module, the order in force and what was seen of it.
#[derive(Clone, Debug)]
pub(super) struct KesmSeat {
    /// Place of its rack in the row.
    pub(super) rack: usize,
    pub(super) kesm: Kesm,
    pub(super) order: Option<KesmOrder>,
    /// It takes orders and goes on as before.
    pub(super) stuck: bool,
    pub(super) record: KesmRecord,
    /// What it may and can give under its order, in W.
    pub(super) ceiling_watts: f64,
    /// What it could give while bridging, in W.
    pub(super) bridge_watts: f64,
    reserve_joules: f64,
}

/// A tie, the order in force and what was seen of it.
#[derive(Clone, Debug)]
pub(super) struct TieSeat {
    pub(super) tie: Tie,
    pub(super) order: Option<TieOrder>,
    /// It takes orders and goes on as before.
    pub(super) stuck: bool,
    pub(super) record: TieRecord,
    /// The way in which it bridges, if any.
    pub(super) bridge_way: Option<Direction>,
    /// What may arrive at its sink under its order, in W.
    pub(super) ceiling_watts: f64,
    /// What could arrive at its bridging sink, in W.
    pub(super) bridge_watts: f64,
    trust: Trust,
    /// What arrives at the sink when the ordered ceiling, or the rating, leaves the source at nominal potential.
    ordered_arrival_watts: f64,
    rated_arrival_watts: f64,
    nominal_volts: f64,
}

impl KesmSeat {
    pub(super) fn new(scenario: &Scenario, index: usize, rack: usize) -> Self {
        let site = &scenario.site.kesms[index];
        let kesm = Kesm::charged(scenario.physics.kesm(site), scenario.physics.charge_start);
        Self {
            rack,
            reserve_joules: real(site.reserve.get()),
            record: KesmRecord::new(kesm.usable_joules()),
            kesm,
            order: None,
            stuck: false,
            ceiling_watts: 0.0,
            bridge_watts: 0.0,
        }
    }

    pub(super) fn take(&mut self, order: KesmOrder) {
        if !self.stuck {
            self.order = Some(order);
        }
    }

    pub(super) fn release(&mut self) {
        if !self.stuck {
            self.order = None;
        }
    }

    pub(super) fn set_ceilings(&mut self, lit: bool, step_seconds: f64) {
        self.bridge_watts = if lit { self.kesm.supply_max_watts(step_seconds) } else { 0.0 };
        self.ceiling_watts = self.order.map_or(0.0, |order| order.supply_max_watts.min(self.bridge_watts));
    }

    /// What the local law asks of the module, in W; negative to charge.
    pub(super) fn wanted_watts(&self, bus: &BusView, strength: f64) -> f64 {
        let ordered_watts = self.ordered_watts(bus);
        if strength > 0.0 {
            return control::bridge_watts(bus, strength, self.bridge_watts).max(ordered_watts);
        }
        ordered_watts
    }

    fn ordered_watts(&self, bus: &BusView) -> f64 {
        let Some(order) = self.order else { return 0.0 };
        let supply_watts = control::share_watts(bus, order.hold_watts, self.ceiling_watts);
        supply_watts - control::charge_watts(bus, order.hold_watts, order.charge_max_watts)
    }

    /// `is_supplied` says whether its row has had its supply for long enough to have recharged what an outage took.
    pub(super) fn watch(&mut self, is_supplied: bool, span: Span) {
        let is_low = self.kesm.usable_joules() < self.reserve_joules;
        self.record.watch(self.kesm.bus_watts(), self.kesm.usable_joules(), span);
        self.record.watch_reserve(is_low, is_supplied, span);
    }

    pub(super) fn truth(&self, available: bool) -> Truth {
        Truth::Kesm {
            stored_joules: self.kesm.usable_joules(),
            supply_watts: self.kesm.bus_watts(),
            speed_rpm: self.kesm.wheel().speed_radians_per_second() / RADIANS_PER_SECOND_PER_RPM,
            volts: self.kesm.capacitor_volts(),
            available,
        }
    }
}

impl TieSeat {
    /// The tie with this index in the site, between racks at these places of the row.
    pub(super) fn new(scenario: &Scenario, index: usize, ends: (usize, usize)) -> Self {
        let site = &scenario.site.ties[index];
        let nominal_volts = real(scenario.site.bus(site.between.0).get()) * 1e-3;
        let tie = Tie::new(site, ends, scenario.physics.converter_slew_seconds);
        Self {
            rated_arrival_watts: tie.passage(tie.rated_watts(), nominal_volts).arrives_watts,
            tie,
            order: None,
            stuck: false,
            record: TieRecord::default(),
            bridge_way: None,
            ceiling_watts: 0.0,
            bridge_watts: 0.0,
            trust: Trust::default(),
            ordered_arrival_watts: 0.0,
            nominal_volts,
        }
    }

    pub(super) fn take(&mut self, order: TieOrder) {
        if !self.stuck {
            let ceiling_watts = order.flow_max_watts.min(self.tie.rated_watts());
            self.ordered_arrival_watts = self.tie.passage(ceiling_watts, self.nominal_volts).arrives_watts;
            self.order = Some(order);
        }
    }

    pub(super) fn release(&mut self) {
        if !self.stuck {
            self.order = None;
        }
    }

    /// `source_share` is the potential of the bus that it would take from while bridging, as a share of nominal.
    pub(super) fn set_ceilings(&mut self, live: bool, bridging: bool, source_share: f64, step_seconds: f64) {
        self.ceiling_watts = if live && self.order.is_some() { self.ordered_arrival_watts } else { 0.0 };
        if bridging {
            self.trust.step(source_share, step_seconds);
        } else {
            self.trust = Trust::default();
        }
        let bridges = live && bridging && self.bridge_way.is_some();
        self.bridge_watts = if bridges { self.rated_arrival_watts * self.trust.share() } else { 0.0 };
    }

    /// What the local law asks of the tie, in W leaving, positive in the forward direction.
    pub(super) fn wanted_watts(&self, racks: &[Rack], strength: f64) -> f64 {
        if strength > 0.0
            && let Some(way) = self.bridge_way
        {
            let (source, sink) = self.tie.ends(way);
            let arrives_watts = control::bridge_watts(&racks[sink].view, strength, self.bridge_watts);
            let leaves_watts = self.tie.leaving_watts(arrives_watts, racks[source].tie_volts());
            return signed(way, leaves_watts.min(self.tie.rated_watts()));
        }
        self.ordered_watts(racks)
    }

    fn ordered_watts(&self, racks: &[Rack]) -> f64 {
        let Some(order) = self.order else { return 0.0 };
        let (source, sink) = self.tie.ends(order.direction);
        let arrives_watts = control::share_watts(&racks[sink].view, order.hold_watts, self.ceiling_watts);
        let leaves_watts = self.tie.leaving_watts(arrives_watts, racks[source].tie_volts());
        signed(order.direction, leaves_watts.min(order.flow_max_watts))
    }

    pub(super) fn watch(&mut self, passage: &Passage, step_seconds: f64) {
        self.record.moved_joules += passage.arrives_watts * step_seconds;
        self.record.peak_watts = self.record.peak_watts.max(passage.leaves_watts);
        self.record.peak_drop_volts = self.record.peak_drop_volts.max(passage.drop_volts);
    }
}
