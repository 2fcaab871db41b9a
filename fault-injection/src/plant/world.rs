//! The world: every device of a site, stepped together.

use ridethrough_core::device::{DeviceId, Reading, Setpoint, Verdict};
use ridethrough_core::site::{RackId, RowId, Site};

use super::breaker::Breaker;
use super::bus::{self, BusPoint};
use super::control::{self, BusView};
use super::energy::EnergyAccount;
use super::flywheel::RADIANS_PER_SECOND_PER_RPM;
use super::judge::{DarkCause, Judges, KesmRecord, RackRecord, RowRecord, TieRecord, Trip};
use super::kesm::Kesm;
use super::meter::{DeviceClock, Meter, MeterSpec, Truth};
use super::orders::{self, Accepted, KesmOrder, TieOrder};
use super::server::Server;
use super::tie::{Passage, Tie, signed};
use super::{STEP_MS, STEP_SECONDS, real};
use crate::scenario::Scenario;

/// The plant at one moment.
#[derive(Clone, Debug)]
pub struct World {
    site: Site,
    now_ms: u64,
    rows: Vec<Row>,
    racks: Vec<Rack>,
    kesms: Vec<KesmSeat>,
    ties: Vec<TieSeat>,
    meters: Vec<Meter>,
    meter_spec: MeterSpec,
    account: EnergyAccount,
    judges: Judges,
}

/// A row's feed.
#[derive(Clone, Debug)]
struct Row {
    nominal_volts: f64,
    volts: f64,
    limit_watts: f64,
    feed_watts: f64,
}

/// A rack: servers, bus, feeder, breaker.
#[derive(Clone, Debug)]
struct Rack {
    row: usize,
    limit_watts: f64,
    servers: Vec<Server>,
    next_change_ms: u64,
    demand_watts: f64,
    feeder_ohms: f64,
    breaker: Breaker,
    dark: Option<DarkCause>,
    view: BusView,
    draw_watts: f64,
    point: BusPoint,
}

/// A module and the order in force.
#[derive(Clone, Debug)]
struct KesmSeat {
    rack: usize,
    reserve_joules: f64,
    kesm: Kesm,
    order: Option<KesmOrder>,
    ceiling_watts: f64,
}

/// A tie and the order in force.
#[derive(Clone, Debug)]
struct TieSeat {
    tie: Tie,
    order: Option<TieOrder>,
    /// What arrives at the sink when the ordered ceiling leaves the source.
    ordered_arrival_watts: f64,
    ceiling_watts: f64,
    passage: Passage,
}

impl World {
    /// The plant of a scenario at its time 0.
    pub fn new(scenario: &Scenario) -> Self {
        let site = scenario.site.clone();
        let mut world = Self {
            now_ms: 0,
            rows: site.rows.iter().map(Row::new).collect(),
            racks: site.rack_ids().map(|id| Rack::new(scenario, id)).collect(),
            kesms: (0..site.kesms.len()).map(|index| KesmSeat::new(scenario, index)).collect(),
            ties: (0..site.ties.len()).map(|index| TieSeat::new(scenario, index)).collect(),
            meters: site.devices().map(|device| Meter::new(device, &scenario.meters, scenario.seed)).collect(),
            meter_spec: scenario.meters,
            account: EnergyAccount::default(),
            judges: Judges::default(),
            site,
        };
        world.account.stored_start_joules = world.stored_joules();
        world.judges = world.blank_judges();
        world.advance_loads();
        for rack in &mut world.racks {
            rack.settle(&world.rows, rack.view.load_watts);
        }
        world.sample_meters();
        world
    }

    /// The site that this is the plant of.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Scenario time in ms.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What the judges saw so far.
    pub fn judges(&self) -> &Judges {
        &self.judges
    }

    /// The energy account so far.
    pub fn account(&self) -> &EnergyAccount {
        &self.account
    }

    /// What does not add up in the energy account, as a share of what was turned over.
    pub fn energy_error_share(&self) -> f64 {
        self.account.error_share(self.stored_joules())
    }

    /// What the servers of a rack take in W; nothing when it is dark.
    pub fn load_watts(&self, rack: RackId) -> f64 {
        self.racks[rack.index()].view.load_watts
    }

    /// What comes through the breaker of a rack in W.
    pub fn draw_watts(&self, rack: RackId) -> f64 {
        self.racks[rack.index()].draw_watts
    }

    /// The potential of a rack's bus in V.
    pub fn bus_volts(&self, rack: RackId) -> f64 {
        self.racks[rack.index()].point.volts
    }

    /// The heat of a rack's breaker: 0 cold, 1 trips.
    pub fn breaker_damage(&self, rack: RackId) -> f64 {
        self.racks[rack.index()].breaker.damage()
    }

    /// Why a rack is dark, if it is.
    pub fn dark(&self, rack: RackId) -> Option<DarkCause> {
        self.racks[rack.index()].dark
    }

    /// What a row's feed gives in W.
    pub fn feed_watts(&self, row: RowId) -> f64 {
        self.rows[row.index()].feed_watts
    }

    /// A module, by its index in the site.
    pub fn kesm(&self, index: usize) -> &Kesm {
        &self.kesms[index].kesm
    }

    /// A tie, by its index in the site.
    pub fn tie(&self, index: usize) -> &Tie {
        &self.ties[index].tie
    }

    /// What the device's meter says now; `None` when the site has no such device.
    pub fn read(&self, device: DeviceId) -> Option<Reading> {
        Some(self.meters[self.site.device_slot(device)?].read(&self.meter_spec))
    }

    /// The device's own clock; `None` when the site has no such device.
    pub fn clock_of(&self, device: DeviceId) -> Option<DeviceClock> {
        Some(self.meters[self.site.device_slot(device)?].clock())
    }

    /// Whether the device would take an order, and the first reason why not.
    pub fn check(&self, device: DeviceId, setpoint: &Setpoint) -> Result<(), Verdict> {
        orders::check(&self.site, device, setpoint)?;
        if self.is_available(device) { Ok(()) } else { Err(Verdict::Unavailable) }
    }

    /// The device checks an order and takes it, or says why not.
    pub fn order(&mut self, device: DeviceId, setpoint: &Setpoint) -> Verdict {
        let accepted = match orders::check(&self.site, device, setpoint) {
            Ok(accepted) => accepted,
            Err(verdict) => return verdict,
        };
        if !self.is_available(device) {
            return Verdict::Unavailable;
        }
        match accepted {
            Accepted::Kesm(index, order) => self.kesms[index].order = Some(order),
            Accepted::Tie(index, order) => {
                let (source, _) = self.ties[index].tie.ends(order.direction);
                let nominal_volts = self.rows[self.racks[source].row].nominal_volts;
                self.ties[index].take(order, nominal_volts);
            }
        }
        Verdict::Executed
    }

    /// The device has no order in force any more and follows its safe local rule: a module stands by for sags and
    /// neither supplies nor charges, a tie ramps down to nothing.
    pub fn release(&mut self, device: DeviceId) {
        match device {
            DeviceId::Pdu(_) => {}
            DeviceId::Kesm(id) => {
                if let Some(seat) = self.kesms.get_mut(id.index()) {
                    seat.order = None;
                }
            }
            DeviceId::Tie(id) => {
                if let Some(seat) = self.ties.get_mut(id.index()) {
                    seat.order = None;
                }
            }
        }
    }

    /// Whether a device has an order in force.
    pub fn is_ordered(&self, device: DeviceId) -> bool {
        match device {
            DeviceId::Pdu(_) => false,
            DeviceId::Kesm(id) => self.kesms.get(id.index()).is_some_and(|seat| seat.order.is_some()),
            DeviceId::Tie(id) => self.ties.get(id.index()).is_some_and(|seat| seat.order.is_some()),
        }
    }

    /// Whether a device can act on orders: it works, and its buses are alive.
    pub fn is_available(&self, device: DeviceId) -> bool {
        match device {
            DeviceId::Pdu(id) => self.racks.get(id.index()).is_some_and(Rack::is_lit),
            DeviceId::Kesm(id) => self.kesms.get(id.index()).is_some_and(|seat| self.is_kesm_live(seat)),
            DeviceId::Tie(id) => self.ties.get(id.index()).is_some_and(|seat| self.is_tie_live(seat)),
        }
    }

    /// Breaks or repairs a module or a tie; a PDU has nothing to break here.
    pub fn set_healthy(&mut self, device: DeviceId, healthy: bool) {
        match device {
            DeviceId::Pdu(_) => {}
            DeviceId::Kesm(id) => {
                if let Some(seat) = self.kesms.get_mut(id.index()) {
                    seat.kesm.set_healthy(healthy);
                }
            }
            DeviceId::Tie(id) => {
                if let Some(seat) = self.ties.get_mut(id.index()) {
                    seat.tie.set_healthy(healthy);
                }
            }
        }
    }

    /// Sets the potential that a row's feed holds, in V: a sag, or back to nominal.
    pub fn set_row_volts(&mut self, row: RowId, volts: f64) {
        if let Some(row) = self.rows.get_mut(row.index()) {
            row.volts = volts;
        }
    }

    /// Closes the breaker of a dark rack, cold.
    pub fn reset_breaker(&mut self, rack: RackId) {
        if let Some(rack) = self.racks.get_mut(rack.index()) {
            rack.breaker.reset();
            rack.dark = None;
            rack.next_change_ms = 0;
            rack.point.volts = self.rows[rack.row].volts;
        }
    }

    /// One step of [`STEP_MS`].
    pub fn step(&mut self) {
        self.advance_loads();
        self.set_ceilings();
        self.act();
        self.balance();
        self.now_ms += STEP_MS;
        self.sample_meters();
    }

    /// Steps for so many ms.
    pub fn run_ms(&mut self, span_ms: u64) {
        for _ in 0..span_ms / STEP_MS {
            self.step();
        }
    }

    fn advance_loads(&mut self) {
        for rack in &mut self.racks {
            if rack.next_change_ms <= self.now_ms {
                rack.advance(self.now_ms);
            }
            rack.view.load_watts = if rack.is_lit() { rack.demand_watts } else { 0.0 };
            rack.view.ceilings_watts = 0.0;
        }
    }

    /// What every source may and can give in this step.
    fn set_ceilings(&mut self) {
        for seat in &mut self.kesms {
            let rack = &mut self.racks[seat.rack];
            seat.ceiling_watts = match seat.order {
                Some(order) if rack.is_lit() => order.supply_max_watts.min(seat.kesm.supply_max_watts()),
                _ => 0.0,
            };
            rack.view.ceilings_watts += seat.ceiling_watts;
        }
        for seat in &mut self.ties {
            let Some(order) = seat.order else { continue };
            let (source, sink) = seat.tie.ends(order.direction);
            let live = seat.tie.is_healthy() && self.racks[source].is_lit() && self.racks[sink].is_lit();
            seat.ceiling_watts = if live { seat.ordered_arrival_watts } else { 0.0 };
            self.racks[sink].view.ceilings_watts += seat.ceiling_watts;
        }
    }

    /// Every module and tie moves by its own law and losses are booked.
    fn act(&mut self) {
        for seat in &mut self.kesms {
            let rack = &self.racks[seat.rack];
            let nominal_volts = self.rows[rack.row].nominal_volts;
            let loss = if rack.is_lit() {
                seat.kesm.step(seat.wanted_watts(rack, nominal_volts))
            } else {
                seat.kesm.step_cut_off()
            };
            self.account.losses.kesm.add(&loss);
        }
        for seat in &mut self.ties {
            if !self.racks[seat.tie.first].is_lit() || !self.racks[seat.tie.second].is_lit() {
                seat.tie.cut();
            } else if seat.order.is_some() || seat.tie.flow_watts().abs() > 0.0 {
                seat.tie.step(seat.wanted_watts(&self.racks));
            }
        }
    }

    /// Flows meet at the buses: draws, potentials, breakers, judges and the account.
    fn balance(&mut self) {
        for rack in &mut self.racks {
            rack.view.export_watts = 0.0;
            rack.draw_watts = rack.view.load_watts;
        }
        self.balance_ties();
        self.balance_kesms();
        for row in &mut self.rows {
            row.feed_watts = 0.0;
        }
        for index in 0..self.racks.len() {
            self.balance_rack(index);
        }
        for (row, record) in self.rows.iter().zip(&mut self.judges.rows) {
            record.watch(row.feed_watts, row.limit_watts);
        }
    }

    fn balance_ties(&mut self) {
        for (seat, record) in self.ties.iter_mut().zip(&mut self.judges.ties) {
            let leaves_watts = seat.tie.flow_watts().abs();
            if leaves_watts <= 0.0 {
                seat.passage = Passage::default();
                continue;
            }
            let (source, sink) = seat.tie.flowing_ends();
            seat.passage = seat.tie.passage(leaves_watts, self.racks[source].point.volts);
            self.racks[source].view.export_watts += leaves_watts;
            self.racks[source].draw_watts += leaves_watts;
            self.racks[sink].draw_watts -= seat.passage.arrives_watts;
            self.account.add_passage(&seat.passage, STEP_SECONDS);
            record.moved_joules += seat.passage.arrives_watts * STEP_SECONDS;
            record.peak_watts = record.peak_watts.max(leaves_watts);
            record.peak_drop_volts = record.peak_drop_volts.max(seat.passage.drop_volts);
        }
    }

    fn balance_kesms(&mut self) {
        for (seat, record) in self.kesms.iter().zip(&mut self.judges.kesms) {
            self.racks[seat.rack].draw_watts -= seat.kesm.bus_watts();
            record.watch(seat.kesm.bus_watts(), seat.kesm.usable_joules(), seat.reserve_joules);
        }
    }

    fn balance_rack(&mut self, index: usize) {
        let rack = &mut self.racks[index];
        let record = &mut self.judges.racks[index];
        if !rack.is_lit() {
            record.unserved_joules += rack.demand_watts * STEP_SECONDS;
            // A dark rack's breaker carries nothing and cools.
            rack.breaker.step(0.0, STEP_SECONDS);
            return;
        }
        let cause = rack.settle(&self.rows, rack.draw_watts);
        self.rows[rack.row].feed_watts += rack.point.feed_watts;
        self.account.feed_joules += rack.point.feed_watts * STEP_SECONDS;
        self.account.load_joules += rack.view.load_watts * STEP_SECONDS;
        self.account.losses.feeder_joules += rack.point.loss_watts * STEP_SECONDS;
        record.watch(rack.draw_watts, rack.limit_watts, rack.breaker.damage());
        if let Some(cause) = cause {
            rack.go_dark(cause);
            self.judges.trips.push(Trip { rack: index, at_ms: self.now_ms, cause });
        }
    }

    fn sample_meters(&mut self) {
        let (pdus, others) = self.meters.split_at_mut(self.racks.len());
        let (kesms, ties) = others.split_at_mut(self.kesms.len());
        for (meter, rack) in pdus.iter_mut().zip(&self.racks) {
            meter.sample(self.now_ms, rack.truth());
        }
        for (meter, seat) in kesms.iter_mut().zip(&self.kesms) {
            let live = seat.kesm.is_healthy() && self.racks[seat.rack].is_lit();
            meter.sample(self.now_ms, seat.truth(live));
        }
        for (meter, seat) in ties.iter_mut().zip(&self.ties) {
            let tie = &seat.tie;
            let live = tie.is_healthy() && self.racks[tie.first].is_lit() && self.racks[tie.second].is_lit();
            meter.sample(self.now_ms, Truth { main: tie.flow_watts(), flag: live, ..Truth::default() });
        }
    }

    /// All energy in all modules, in J.
    pub fn stored_joules(&self) -> f64 {
        self.kesms.iter().map(|seat| seat.kesm.energy_joules()).sum()
    }

    fn blank_judges(&self) -> Judges {
        Judges {
            trips: Vec::new(),
            racks: vec![RackRecord::default(); self.racks.len()],
            kesms: self.kesms.iter().map(|seat| KesmRecord::new(seat.kesm.usable_joules())).collect(),
            ties: vec![TieRecord::default(); self.ties.len()],
            rows: vec![RowRecord::default(); self.rows.len()],
        }
    }

    fn is_kesm_live(&self, seat: &KesmSeat) -> bool {
        seat.kesm.is_healthy() && self.racks[seat.rack].is_lit()
    }

    fn is_tie_live(&self, seat: &TieSeat) -> bool {
        seat.tie.is_healthy() && self.racks[seat.tie.first].is_lit() && self.racks[seat.tie.second].is_lit()
    }
}

impl Row {
    fn new(site: &ridethrough_core::site::Row) -> Self {
        let nominal_volts = real(site.bus.get()) * 1e-3;
        Self { nominal_volts, volts: nominal_volts, limit_watts: real(site.limit.get()), feed_watts: 0.0 }
    }
}

impl Rack {
    fn new(scenario: &Scenario, id: RackId) -> Self {
        let site = scenario.site.rack(id);
        let limit_watts = real(site.limit.get());
        let nominal_volts = real(scenario.site.bus(id).get()) * 1e-3;
        let servers = scenario.site.servers.iter().zip(&scenario.playbacks);
        let servers =
            servers.filter(|(server, _)| server.rack == id).map(|(_, playback)| Server::new(playback.clone()));
        let physics = &scenario.physics;
        Self {
            row: site.row.index(),
            limit_watts,
            servers: servers.collect(),
            next_change_ms: 0,
            demand_watts: 0.0,
            feeder_ohms: physics.feeder_ohms,
            breaker: Breaker::new(limit_watts / nominal_volts, physics.breaker_cooling_seconds, STEP_SECONDS),
            dark: None,
            view: BusView::default(),
            draw_watts: 0.0,
            point: BusPoint { volts: nominal_volts, amps: 0.0, loss_watts: 0.0, feed_watts: 0.0 },
        }
    }

    fn is_lit(&self) -> bool {
        self.dark.is_none()
    }

    fn advance(&mut self, now_ms: u64) {
        for server in &mut self.servers {
            if server.next_change_ms() <= now_ms {
                server.advance(now_ms);
            }
        }
        self.demand_watts = self.servers.iter().map(Server::watts).sum();
        self.next_change_ms = self.servers.iter().map(Server::next_change_ms).min().unwrap_or(u64::MAX);
    }

    /// Finds the working point and heats the breaker; tells why the rack goes dark, if it does.
    fn settle(&mut self, rows: &[Row], draw_watts: f64) -> Option<DarkCause> {
        self.draw_watts = draw_watts;
        let Some(point) = bus::solve(rows[self.row].volts, draw_watts, self.feeder_ohms) else {
            return Some(DarkCause::Collapse);
        };
        self.point = point;
        self.breaker.step(point.amps, STEP_SECONDS).then_some(DarkCause::Breaker)
    }

    fn go_dark(&mut self, cause: DarkCause) {
        self.dark = Some(cause);
        self.breaker.open();
        self.draw_watts = 0.0;
        self.view.load_watts = 0.0;
        self.point = BusPoint { volts: 0.0, amps: 0.0, loss_watts: 0.0, feed_watts: 0.0 };
    }

    fn truth(&self) -> Truth {
        Truth {
            main: self.view.load_watts,
            second: self.draw_watts,
            volts: self.point.volts,
            state: self.breaker.damage(),
            flag: self.breaker.is_open(),
        }
    }
}

impl KesmSeat {
    fn new(scenario: &Scenario, index: usize) -> Self {
        let site = &scenario.site.kesms[index];
        Self {
            rack: site.rack.index(),
            reserve_joules: real(site.reserve.get()),
            kesm: Kesm::charged(scenario.physics.kesm(site), scenario.physics.charge_start),
            order: None,
            ceiling_watts: 0.0,
        }
    }

    /// What the local law asks of the module, in W; negative to charge.
    fn wanted_watts(&self, rack: &Rack, nominal_volts: f64) -> f64 {
        let rated_watts = self.kesm.spec().converter.rated_watts;
        let sag_watts = control::sag_watts(rack.point.volts, nominal_volts, rated_watts, &rack.view);
        if sag_watts > 0.0 {
            return sag_watts.max(self.ordered_watts(rack));
        }
        self.ordered_watts(rack)
    }

    fn ordered_watts(&self, rack: &Rack) -> f64 {
        let Some(order) = self.order else { return 0.0 };
        let supply_watts = control::share_watts(&rack.view, order.hold_watts, self.ceiling_watts);
        let charge_watts = control::charge_watts(&rack.view, order.hold_watts, order.charge_max_watts);
        supply_watts - charge_watts
    }

    fn truth(&self, live: bool) -> Truth {
        Truth {
            main: self.kesm.usable_joules(),
            second: self.kesm.bus_watts(),
            volts: self.kesm.capacitor_volts(),
            state: self.kesm.speed_radians_per_second() / RADIANS_PER_SECOND_PER_RPM,
            flag: live,
        }
    }
}

impl TieSeat {
    fn new(scenario: &Scenario, index: usize) -> Self {
        let site = &scenario.site.ties[index];
        Self {
            tie: Tie::new(site, scenario.physics.converter_slew_seconds, STEP_SECONDS),
            order: None,
            ordered_arrival_watts: 0.0,
            ceiling_watts: 0.0,
            passage: Passage::default(),
        }
    }

    fn take(&mut self, order: TieOrder, nominal_volts: f64) {
        let ceiling_watts = order.flow_max_watts.min(self.tie.rated_watts());
        self.ordered_arrival_watts = self.tie.passage(ceiling_watts, nominal_volts).arrives_watts;
        self.order = Some(order);
    }

    /// What the local law asks of the tie, in W leaving, positive in the forward direction.
    fn wanted_watts(&self, racks: &[Rack]) -> f64 {
        let Some(order) = self.order else { return 0.0 };
        let (source, sink) = self.tie.ends(order.direction);
        let arrives_watts = control::share_watts(&racks[sink].view, order.hold_watts, self.ceiling_watts);
        let leaves_watts = self.tie.leaving_watts(arrives_watts, racks[source].point.volts);
        signed(order.direction, leaves_watts.min(order.flow_max_watts))
    }
}
