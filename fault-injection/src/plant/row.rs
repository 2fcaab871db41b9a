//! One row: an electrical island behind its feed, stepped on its own.
//!
//! Rows share nothing but what stands before them, so each goes at its own pace: in steps of 1 ms while anything in it
//! moves or is off nominal, in steps of up to [`QUIET_STEP_MS`] otherwise, and never over a change of load, an order
//! or a fault. That is what the honesty rules ask for, and what makes large sites fast.

use ridethrough_core::device::{DeviceId, Direction};
use ridethrough_core::site::{KesmId, RackId, TieId};

use super::breaker::Breaker;
use super::bus::{self, Branch, BusPoint, Collapse};
use super::control::{self, Bridge};
use super::energy::EnergyAccount;
use super::holdup::HoldUpSpec;
use super::judge::{DarkCause, KesmRecord, RackRecord, RowRecord, Span, TieRecord};
use super::meter::{Meter, Truth};
use super::pdu::Pdu;
use super::rack::{Rack, RackSpec};
use super::seat::{KesmSeat, TieSeat};
use super::server::Server;
use super::{STEP_MS, real};
use crate::scenario::Scenario;

/// The longest step while nothing moves, in ms.
pub const QUIET_STEP_MS: u64 = 10;
/// After so many steps in which nothing moved, a row is quiet.
const CALM_STEPS: u32 = 3;
/// A flow that changes by less than this in a step stands still, in W.
const STILL_WATTS: f64 = 1.0;
/// From this share of nominal on, a supply is good.
const SUPPLY_GOOD_SHARE: f64 = 0.9;
/// For so many ms after an outage a module may be below its reserve: it gave it, and has to get it back.
const RECHARGE_MS: u64 = 60_000;
/// Below this share of nominal the supplies of servers take nothing from a feed.
const FEED_SHARE_MIN: f64 = 0.7;

/// What happened in a step that the world is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowEvent {
    /// The rack with this place in the row went dark.
    Rack(usize, DarkCause),
    /// The row's own breaker opened.
    Feed(DarkCause),
}

/// A row at one moment.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) racks: Vec<Rack>,
    pub(super) kesms: Vec<KesmSeat>,
    pub(super) ties: Vec<TieSeat>,
    /// PDUs, then modules, then ties.
    pub(super) meters: Vec<Meter>,
    pub(super) account: EnergyAccount,
    pub(super) record: RowRecord,
    /// What the supply before the feed gives, as a share of nominal.
    share: f64,
    feed_open: bool,
    /// When the row last had no good supply.
    outage_ms: Option<u64>,
    nominal_volts: f64,
    feed_ohms: f64,
    limit_watts: f64,
    breaker: Breaker,
    walk_in_seconds: f64,
    bridge: Bridge,
    /// The row's bus, at the end of its feed.
    feed: BusPoint,
    now_ms: u64,
    due_ms: u64,
    calm_steps: u32,
    branches: Vec<Branch>,
    points: Vec<BusPoint>,
    events: Vec<RowEvent>,
}

impl Row {
    /// The row of a scenario at its time 0. `racks`, `kesms` and `ties` are its own, by their indexes in the site.
    pub(super) fn new(scenario: &Scenario, row: usize, racks: &[usize], kesms: &[usize], ties: &[usize]) -> Self {
        let (site, physics) = (&scenario.site, &scenario.physics);
        let nominal_volts = real(site.rows[row].bus.get()) * 1e-3;
        let limit_watts = real(site.rows[row].limit.get());
        let place = |rack: RackId| racks.iter().position(|&other| other == rack.index()).unwrap_or(0);
        let rack = |&index: &usize| new_rack(scenario, index, nominal_volts);
        let mut row = Self {
            racks: racks.iter().map(rack).collect(),
            kesms: kesms.iter().map(|&index| KesmSeat::new(scenario, index, place(site.kesms[index].rack))).collect(),
            ties: ties
                .iter()
                .map(|&index| {
                    let (first, second) = site.ties[index].between;
                    TieSeat::new(scenario, index, (place(first), place(second)))
                })
                .collect(),
            meters: Vec::new(),
            account: EnergyAccount::default(),
            record: RowRecord::default(),
            share: 1.0,
            feed_open: false,
            outage_ms: None,
            nominal_volts,
            feed_ohms: physics.row_feed_ohms,
            limit_watts,
            breaker: Breaker::new(limit_watts / nominal_volts, physics.breaker_cooling_seconds),
            walk_in_seconds: physics.walk_in_seconds,
            bridge: Bridge::default(),
            feed: BusPoint::default(),
            now_ms: 0,
            due_ms: STEP_MS,
            calm_steps: 0,
            branches: vec![Branch { power_watts: 0.0, resistance_ohms: physics.feeder_ohms }; racks.len()],
            points: vec![BusPoint::default(); racks.len()],
            events: Vec::new(),
        };
        row.commission_bridges();
        row.account.stored_start_joules = row.stored_joules();
        row.begin();
        let devices = devices(racks, kesms, ties).enumerate();
        let meter = |(nth, device)| Meter::new(device, &scenario.meters, scenario.seed, row.truth(nth));
        row.meters = devices.map(meter).collect();
        row
    }

    /// What its feed gives in W.
    pub(super) fn feed_watts(&self) -> f64 {
        self.feed.feed_watts
    }

    /// When it wants its next step.
    pub(super) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// Energy in its modules, less what server supplies are owed, in J.
    pub(super) fn stored_joules(&self) -> f64 {
        let kesms: f64 = self.kesms.iter().map(|seat| seat.kesm.energy_joules()).sum();
        kesms - self.racks.iter().map(Rack::owed_joules).sum::<f64>()
    }

    /// What the supply before its feed gives from now on, as a share of nominal.
    pub(super) fn set_share(&mut self, now_ms: u64, share: f64) {
        if (share - self.share).abs() > 1e-9 {
            self.touch(now_ms);
            self.share = share;
        }
    }

    /// Brings the row up to `now_ms` before something outside changes it, and wakes it.
    pub(super) fn touch(&mut self, now_ms: u64) {
        if now_ms > self.now_ms {
            self.step_to(now_ms);
        }
        self.calm_steps = 0;
        self.due_ms = self.now_ms + STEP_MS;
    }

    /// Closes a rack's breaker.
    pub(super) fn reset_rack(&mut self, rack: usize) {
        self.racks[rack].reset(self.feed.volts);
    }

    /// Lets the judges of this row forget what they saw.
    pub(super) fn begin_judging(&mut self) {
        self.record = RowRecord::default();
        self.racks.iter_mut().for_each(|rack| rack.record = RackRecord::default());
        self.kesms.iter_mut().for_each(|seat| seat.record = KesmRecord::new(seat.kesm.usable_joules()));
        self.ties.iter_mut().for_each(|seat| seat.record = TieRecord::default());
    }

    /// Takes what happened since the last call.
    pub(super) fn take_events(&mut self, mut each: impl FnMut(RowEvent)) {
        for event in self.events.drain(..) {
            each(event);
        }
    }

    /// One step up to `end_ms`.
    pub(super) fn step_to(&mut self, end_ms: u64) {
        let span_ms = end_ms - self.now_ms;
        let span = Span { ms: span_ms, seconds: f64::from(u32::try_from(span_ms).unwrap_or(u32::MAX)) / 1_000.0 };
        for rack in &mut self.racks {
            rack.advance_load(self.now_ms);
        }
        self.bridge.step(self.feed_share(), self.walk_in_seconds, span.seconds);
        self.set_ceilings(span.seconds);
        let moved_watts = self.act(span.seconds);
        self.meet(span.seconds);
        self.solve();
        self.settle(end_ms, span);
        self.now_ms = end_ms;
        self.sample_meters(end_ms);
        self.plan_next(moved_watts);
    }

    /// The state at time 0: loads and working points.
    fn begin(&mut self) {
        for rack in &mut self.racks {
            rack.advance_load(0);
        }
        self.meet(0.0);
        self.solve();
    }

    fn feed_share(&self) -> f64 {
        if self.feed_open { 0.0 } else { self.share }
    }

    /// What every source may give under orders, and could give while bridging.
    fn set_ceilings(&mut self, step_seconds: f64) {
        let bridging = self.bridge.is_on();
        for rack in &mut self.racks {
            rack.view.ceilings_watts = 0.0;
            rack.view.bridges_watts = 0.0;
        }
        for seat in &mut self.kesms {
            let rack = &mut self.racks[seat.rack];
            seat.set_ceilings(rack.is_lit(), step_seconds);
            rack.view.ceilings_watts += seat.ceiling_watts;
            rack.view.bridges_watts += seat.bridge_watts;
        }
        for seat in &mut self.ties {
            let (first, second) = (&self.racks[seat.tie.first], &self.racks[seat.tie.second]);
            let live = seat.tie.is_healthy() && first.is_lit() && second.is_lit();
            let source = seat.bridge_way.map_or(0.0, |way| self.racks[seat.tie.ends(way).0].share());
            seat.set_ceilings(live, bridging, source, step_seconds);
            if let Some(order) = seat.order {
                self.racks[seat.tie.ends(order.direction).1].view.ceilings_watts += seat.ceiling_watts;
            }
            if let Some(way) = seat.bridge_way {
                self.racks[seat.tie.ends(way).1].view.bridges_watts += seat.bridge_watts;
            }
        }
    }

    /// Every module and tie moves by its own law. Returns the largest change of a flow in W.
    fn act(&mut self, step_seconds: f64) -> f64 {
        let strength = self.bridge.strength();
        let mut moved_watts: f64 = 0.0;
        for seat in &mut self.kesms {
            let rack = &self.racks[seat.rack];
            let before_watts = seat.kesm.bus_watts();
            let loss = if rack.is_lit() {
                let wanted_watts = seat.wanted_watts(&rack.view, strength);
                seat.kesm.step(wanted_watts, step_seconds)
            } else {
                seat.kesm.step_cut_off(step_seconds)
            };
            self.account.losses.kesm.add(&loss);
            moved_watts = moved_watts.max((seat.kesm.bus_watts() - before_watts).abs());
        }
        for seat in &mut self.ties {
            let (first, second) = (&self.racks[seat.tie.first], &self.racks[seat.tie.second]);
            let before_watts = seat.tie.flow_watts();
            if !first.is_lit() || !second.is_lit() {
                seat.tie.cut();
            } else if seat.order.is_some() || strength > 0.0 || before_watts.abs() > 0.0 {
                let wanted_watts = seat.wanted_watts(&self.racks, strength);
                seat.tie.step(wanted_watts, step_seconds);
            }
            moved_watts = moved_watts.max((seat.tie.flow_watts() - before_watts).abs());
        }
        moved_watts
    }

    /// Flows meet at the buses.
    fn meet(&mut self, step_seconds: f64) {
        for rack in &mut self.racks {
            rack.view.export_watts = 0.0;
            rack.given_watts = 0.0;
        }
        for seat in &mut self.ties {
            if seat.tie.flow_watts().abs() <= 0.0 {
                continue;
            }
            let (source, sink) = seat.tie.flowing_ends();
            let passage = seat.tie.passage(seat.tie.flow_watts().abs(), self.racks[source].tie_volts());
            self.racks[source].view.export_watts += passage.leaves_watts;
            self.racks[sink].given_watts += passage.arrives_watts;
            self.account.add_passage(&passage, step_seconds);
            seat.watch(&passage, step_seconds);
        }
        for seat in &self.kesms {
            self.racks[seat.rack].given_watts += seat.kesm.bus_watts();
        }
    }

    /// The electrical solution: which buses the feed holds, and where each of them is.
    fn solve(&mut self) {
        let share = self.feed_share();
        let bridging = self.bridge.is_on();
        let is_held = |rack: &Rack| bridging && rack.is_held();
        for (rack, branch) in self.racks.iter().zip(&mut self.branches) {
            let needed_watts = rack.needed_watts();
            let fed = rack.is_lit() && share >= FEED_SHARE_MIN && !is_held(rack);
            branch.power_watts = if fed { (needed_watts - rack.given_watts).max(0.0) } else { 0.0 };
        }
        let source_volts = share * self.nominal_volts;
        let feed = if share >= FEED_SHARE_MIN { self.solve_feed(source_volts) } else { BusPoint::default() };
        self.feed = feed;
        for (rack, point) in self.racks.iter_mut().zip(&self.points).filter(|(rack, _)| rack.is_lit()) {
            if feed.volts > 0.0 && !is_held(rack) {
                rack.fed(*point);
            } else {
                rack.island();
            }
        }
    }

    /// The working point of the feed. A rack whose bus collapses goes dark, and if that is not enough, the feed opens.
    fn solve_feed(&mut self, source_volts: f64) -> BusPoint {
        loop {
            let guess_volts = if self.feed.volts > 0.0 { self.feed.volts } else { source_volts };
            match bus::solve_row(source_volts, self.feed_ohms, &self.branches, guess_volts, &mut self.points) {
                Ok(feed) => return feed,
                Err(Collapse::Branch(rack)) => {
                    self.branches[rack].power_watts = 0.0;
                    self.darken(rack, DarkCause::Collapse);
                }
                Err(Collapse::Feed) => {
                    self.open_feed(DarkCause::Collapse);
                    return BusPoint::default();
                }
            }
        }
    }

    fn darken(&mut self, rack: usize, cause: DarkCause) {
        self.racks[rack].go_dark(cause);
        self.events.push(RowEvent::Rack(rack, cause));
    }

    fn open_feed(&mut self, cause: DarkCause) {
        self.feed_open = true;
        self.events.push(RowEvent::Feed(cause));
    }

    /// Supplies, breakers, judges and the account at the end of a step.
    fn settle(&mut self, end_ms: u64, span: Span) {
        self.account.feed_joules += self.feed.feed_watts * span.seconds;
        self.account.losses.row_feed_joules += self.feed.loss_watts * span.seconds;
        for index in 0..self.racks.len() {
            let rack = &mut self.racks[index];
            self.account.losses.feeder_joules += rack.point.loss_watts * span.seconds;
            self.account.losses.chopper_joules += rack.surplus_watts() * span.seconds;
            self.account.load_joules += rack.taken_watts() * span.seconds;
            if rack.settle(end_ms, span) {
                self.darken(index, DarkCause::Breaker);
            }
        }
        if self.feed_share() < SUPPLY_GOOD_SHARE {
            self.outage_ms = Some(end_ms);
        }
        let is_supplied = self.outage_ms.is_none_or(|outage_ms| end_ms > outage_ms + RECHARGE_MS);
        for seat in &mut self.kesms {
            seat.watch(is_supplied, span);
        }
        if self.breaker.step(self.feed.amps, span.seconds) {
            self.open_feed(DarkCause::Breaker);
        }
        self.record.watch(self.feed.feed_watts, self.limit_watts, self.breaker.damage(), span);
    }

    /// A quiet row goes on in long steps, up to the next change of a load.
    fn plan_next(&mut self, moved_watts: f64) {
        let nominal = (control::SAG_SHARE..=2.0 - control::SAG_SHARE).contains(&self.feed_share());
        let still = nominal && moved_watts < STILL_WATTS && !self.bridge.is_on() && self.events.is_empty();
        self.calm_steps = if still && !self.racks.iter().any(Rack::is_restless) { self.calm_steps + 1 } else { 0 };
        let step_ms = if self.calm_steps >= CALM_STEPS { QUIET_STEP_MS } else { STEP_MS };
        let change_ms = self.racks.iter().map(Rack::next_change_ms).min().unwrap_or(u64::MAX);
        if change_ms <= self.now_ms + step_ms {
            // A load that changes moves what follows it.
            self.calm_steps = 0;
        }
        self.due_ms = (self.now_ms + step_ms).min(change_ms.max(self.now_ms + STEP_MS));
    }

    fn sample_meters(&mut self, now_ms: u64) {
        for meter in 0..self.meters.len() {
            if self.meters[meter].is_due(now_ms) {
                let truth = self.truth(meter);
                self.meters[meter].sample(now_ms, truth);
            }
        }
    }

    /// What is true at the device with this meter.
    fn truth(&self, meter: usize) -> Truth {
        if let Some(rack) = self.racks.get(meter) {
            return rack.truth();
        }
        let kesm = meter - self.racks.len();
        if let Some(seat) = self.kesms.get(kesm) {
            return seat.truth(self.is_kesm_live(kesm));
        }
        let tie = kesm - self.kesms.len();
        Truth::Tie { flow_watts: self.ties[tie].tie.flow_watts(), available: self.is_tie_live(tie) }
    }

    /// The meter of the device with this place among those of its kind in the row, if it stands in a row.
    pub(super) fn meter(&self, device: DeviceId, place: usize) -> Option<&Meter> {
        self.meters.get(self.meter_place(device, place)?)
    }

    /// The same, to be tampered with.
    pub(super) fn meter_mut(&mut self, device: DeviceId, place: usize) -> Option<&mut Meter> {
        let place = self.meter_place(device, place)?;
        self.meters.get_mut(place)
    }

    fn meter_place(&self, device: DeviceId, place: usize) -> Option<usize> {
        match device {
            DeviceId::Pdu(_) => Some(place),
            DeviceId::Kesm(_) => Some(self.racks.len() + place),
            DeviceId::Tie(_) => Some(self.racks.len() + self.kesms.len() + place),
            DeviceId::Supply(_) => None,
        }
    }

    /// Whether a module can act on orders.
    pub(super) fn is_kesm_live(&self, kesm: usize) -> bool {
        let seat = &self.kesms[kesm];
        seat.kesm.is_able() && self.racks[seat.rack].is_lit()
    }

    /// Whether a tie can act on orders.
    pub(super) fn is_tie_live(&self, tie: usize) -> bool {
        let tie = &self.ties[tie].tie;
        tie.is_healthy() && self.racks[tie.first].is_lit() && self.racks[tie.second].is_lit()
    }

    /// Which way every tie bridges: from the rack that is nearer to a module. It is set once, when the row is built,
    /// as such a thing would be at commissioning; a tie between racks that are equally near bridges neither way.
    fn commission_bridges(&mut self) {
        let mut hops = vec![usize::MAX; self.racks.len()];
        for seat in &self.kesms {
            hops[seat.rack] = 0;
        }
        for _ in 0..self.racks.len() {
            for seat in &self.ties {
                let (first, second) = (seat.tie.first, seat.tie.second);
                hops[first] = hops[first].min(hops[second].saturating_add(1));
                hops[second] = hops[second].min(hops[first].saturating_add(1));
            }
        }
        for seat in &mut self.ties {
            seat.bridge_way = match hops[seat.tie.first].cmp(&hops[seat.tie.second]) {
                std::cmp::Ordering::Less => Some(Direction::Forward),
                std::cmp::Ordering::Greater => Some(Direction::Backward),
                std::cmp::Ordering::Equal => None,
            };
        }
    }
}

fn new_rack(scenario: &Scenario, index: usize, nominal_volts: f64) -> Rack {
    let (site, physics) = (&scenario.site, &scenario.physics);
    let rack = &site.racks[index];
    let limit_watts = real(rack.limit.get());
    let servers = || site.servers.iter().zip(&scenario.playbacks).filter(|(server, _)| server.rack.index() == index);
    let spec = RackSpec {
        limit_watts,
        nameplate_watts: real(rack.nameplate.get()),
        nominal_volts,
        holdup: HoldUpSpec { full_seconds: physics.holdup_full_seconds, seventy_seconds: physics.holdup_70_seconds },
        restart_ms: physics.restart_ms(),
        droop_share: physics.droop_share,
    };
    let pdu = Pdu::new(servers().map(|(server, _)| server), spec.restart_ms);
    let servers = servers().map(|(_, playback)| Server::new(playback.clone(), physics.cap_lag_seconds));
    Rack::new(spec, servers.collect(), pdu, Breaker::new(limit_watts / nominal_volts, physics.breaker_cooling_seconds))
}

/// The devices of a row in the order of its meters.
fn devices<'r>(racks: &'r [usize], kesms: &'r [usize], ties: &'r [usize]) -> impl Iterator<Item = DeviceId> + use<'r> {
    let id = |&index: &usize| u16::try_from(index).unwrap_or(u16::MAX);
    let pdus = racks.iter().map(id).map(|index| DeviceId::Pdu(RackId(index)));
    let modules = kesms.iter().map(id).map(|index| DeviceId::Kesm(KesmId(index)));
    pdus.chain(modules).chain(ties.iter().map(id).map(|index| DeviceId::Tie(TieId(index))))
}
