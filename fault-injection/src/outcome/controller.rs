//! Our controller in process and in simulated time: the leader's own decisions (`core::control`), without Raft and
//! DPCN. A commit takes [`COMMIT_MS`], an order [`ORDER_MS`] more; each wave of orders waits for the
//! devices before it, as a real leader does.

use std::collections::BTreeMap;
use std::sync::Arc;

use ridethrough_core::command::{Action, Command, Founding, Operation, Plan, Position};
use ridethrough_core::control::Control;
use ridethrough_core::device::{Ack, DeviceId, Fence, Order, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_core::ledger::{Effect, Ledger};
use ridethrough_core::mode::Mode;
use ridethrough_core::operate::{self, Denied, TransferRequest};
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::{Millis, Watts};

use super::forecasts::Forecaster;
use crate::plant::World;

/// From a plan to its commit by a majority, in ms: above what was measured (BENCHMARKS.md), so that no policy gains by
/// it.
pub const COMMIT_MS: u64 = 5;
/// From an order to its ack, in ms.
pub const ORDER_MS: u64 = 1;
/// More waves of orders than a path has ties are never needed.
const WAVES_MAX: u64 = 12;
/// The one replica, and its one term.
const REPLICA: ReplicaId = ReplicaId(1);
const TERM: u64 = 1;

/// A leader without peers.
pub struct Controller {
    control: Control,
    forecaster: Forecaster,
    in_force: BTreeMap<DeviceId, InForce>,
    begun: Vec<Begun>,
    refusals: u64,
    log: Vec<(u64, Command)>,
}

/// What a device was last told.
#[derive(Clone, Copy, Debug)]
struct InForce {
    index: u64,
    setpoint: Option<Setpoint>,
    until: Millis,
}

/// A transfer that began because of what is or was forecast. While a feed is not in its normal mode, transfers are made
/// for what comes back after the outage, whatever a forecast says: they are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// To which rack.
    pub rack: RackId,
    /// When, in ms of scenario time.
    pub at_ms: u64,
}

impl Controller {
    /// A leader whose log is founded and else empty: founding belongs to commissioning, so that the first tick plans.
    pub fn new(world: &World, forecaster: Forecaster) -> Self {
        let ledger = Ledger::new(Arc::new(world.site().clone()));
        let mut control = Control::new(Arc::new(ledger));
        control.begin_leadership();
        let mut leader =
            Self { control, forecaster, in_force: BTreeMap::new(), begun: Vec::new(), refusals: 0, log: Vec::new() };
        leader.commit(Command::Found(founding(world.site())), millis(world.now_ms()));
        leader
    }

    /// Transfers that began so far.
    pub fn begun(&self) -> &[Begun] {
        &self.begun
    }

    /// Plans that the envelope refused; there should be none.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// What this replica knows and has decided.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Everything that was committed, with its stamp in ms.
    pub fn log(&self) -> &[(u64, Command)] {
        &self.log
    }

    /// The transfer that would serve an operator's request now; nothing before the first tick.
    pub fn ask(&mut self, world: &World, request: &TransferRequest) -> Option<Result<Action, Denied>> {
        let now = millis(world.now_ms());
        self.control.with_inputs(now, |inputs| operate::propose_transfer(&inputs, request))
    }

    /// Commits what an operator wants; its orders go out in the next tick.
    pub fn operate(&mut self, world: &World, action: Action) -> Effect {
        let operation = Operation { request: None, actor: "operator".into(), reason: "by hand".into(), action };
        self.commit(Command::Operation(operation), millis(world.now_ms()))
    }

    /// One tick: what is measured, what should change, what is done about it. Runs the world on to the next tick.
    pub fn tick(&mut self, world: &mut World) {
        let end_ms = world.now_ms() + world.site().policy.tick.get().unsigned_abs();
        let now = millis(world.now_ms());
        self.lapse(world, now);
        self.observe(world, now);
        self.forecast(world, now);
        self.propose(world, end_ms);
        for _ in 0..WAVES_MAX {
            if world.now_ms() + ORDER_MS >= end_ms || !self.send_wave(world) {
                break;
            }
        }
        self.note_outcomes(millis(world.now_ms()));
        world.run_ms(end_ms - world.now_ms());
    }

    fn observe(&mut self, world: &World, now: Millis) {
        for device in world.site().devices() {
            let Some(reading) = world.read(device).filter(|_| !world.voice(device).mute) else { continue };
            let there = self.in_force.get(&device);
            let fence = Fence { term: TERM, index: there.map_or(0, |there| there.index) };
            let setpoint = there.and_then(|there| there.setpoint);
            self.control.observe(device, self.told(world.site(), device, reading), fence, setpoint, now);
        }
    }

    /// What the planner is told that a device measured.
    fn told(&self, site: &Site, device: DeviceId, reading: Reading) -> Reading {
        match (reading, device) {
            (Reading::Pdu { load, draw, bus, breaker_permille, tripped }, DeviceId::Pdu(rack)) => {
                let load = self.forecaster.told(site, rack.index(), load);
                Reading::Pdu { load, draw, bus, breaker_permille, tripped }
            }
            (reading, _) => reading,
        }
    }

    fn forecast(&mut self, world: &World, now: Millis) {
        let site = world.site();
        let loads: Vec<Option<Watts>> = site.rack_ids().map(|rack| self.control.view().load(rack, now)).collect();
        let forecasts = self.forecaster.step(site, &loads, world.now_ms());
        self.control.set_forecasts(forecasts.racks);
        self.control.set_row_forecasts(forecasts.rows);
    }

    /// Commits what should change, if anything; that takes its time.
    fn propose(&mut self, world: &mut World, end_ms: u64) {
        let now = millis(world.now_ms());
        match self.control.proposal(now, founding(world.site())) {
            None => {}
            Some(Err(_)) => self.refusals += 1,
            Some(Ok(command)) => {
                world.run_ms(COMMIT_MS.min(end_ms - world.now_ms()));
                if let Command::Plan(plan) = &command {
                    self.note_begun(plan, world.now_ms());
                }
                if let Effect::Refused(_) = self.commit(command, now) {
                    self.refusals += 1;
                }
            }
        }
    }

    fn note_begun(&mut self, plan: &Plan, at_ms: u64) {
        let ledger = self.control.ledger();
        let site = ledger.site();
        let is_called_for = |rack| ledger.mode(site.feed_of(rack)).mode == Mode::Normal;
        let new = plan.grants.iter().filter(|grant| ledger.transfer(grant.rack).is_none() && is_called_for(grant.rack));
        self.begun.extend(new.map(|grant| Begun { rack: grant.rack, at_ms }));
    }

    fn commit(&mut self, command: Command, now: Millis) -> Effect {
        self.log.push((now.get().unsigned_abs(), command.clone()));
        let entry = self.control.entry(command, REPLICA, now, 0);
        let mut ledger = Ledger::clone(self.control.ledger());
        let index = ledger.seen().index + 1;
        let effect = ledger.apply(Position { term: TERM, leader: REPLICA, index }, &entry);
        self.control.follow(Arc::new(ledger), now);
        effect
    }

    /// Sends every order that may go now and hears what the devices say; tells whether any went.
    fn send_wave(&mut self, world: &mut World) -> bool {
        let now = millis(world.now_ms());
        let mut wave: Vec<Order> = Vec::new();
        self.control.send_orders(now, &mut |order, _| {
            wave.push(*order.get());
            true
        });
        let answers: Vec<(Order, Verdict)> =
            wave.iter().map(|order| (*order, world.order(order.device, &order.setpoint))).collect();
        if !answers.is_empty() {
            world.run_ms(ORDER_MS);
        }
        for (order, verdict) in &answers {
            self.hear(world, order, *verdict);
        }
        !answers.is_empty()
    }

    fn hear(&mut self, world: &World, order: &Order, verdict: Verdict) {
        let now = millis(world.now_ms());
        let setpoint = verdict.in_force().then_some(order.setpoint);
        self.in_force.insert(order.device, InForce { index: order.index, setpoint, until: order.until });
        if !world.voice(order.device).mute {
            let fence = Fence { term: TERM, index: order.index };
            let ack = Ack { device: order.device, fence, verdict, device_at: now };
            self.control.answered(ack, setpoint, 1_000, now);
        }
    }

    fn note_outcomes(&mut self, now: Millis) {
        for outcome in self.control.outcomes(now) {
            let transfer = outcome.transfer;
            self.commit(Command::Outcome(outcome), now);
            self.control.outcome_sent(transfer);
        }
    }

    /// Orders that are over: the device falls back to its own rule.
    fn lapse(&mut self, world: &mut World, now: Millis) {
        for (&device, there) in &mut self.in_force {
            if there.setpoint.is_some() && there.until <= now {
                there.setpoint = None;
                world.release(device);
            }
        }
    }
}

fn founding(site: &Site) -> Founding {
    Founding { cluster: [0; 16], site_hash: site.hash }
}

fn millis(ms: u64) -> Millis {
    Millis::new(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ridethrough_core::device::GeneratorDuty;
    use ridethrough_core::ledger::Parts;
    use ridethrough_core::site::{FeedId, TIER_MAX};

    use super::super::PolicyName;
    use super::*;
    use crate::scenario::Scenario;

    fn ready(name: &str) -> (World, Controller) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
        let scenario = Scenario::load(&folder).expect("it ships");
        let world = World::new(&scenario);
        let forecaster = Forecaster::of(PolicyName::Persistence, &scenario, None).expect("this policy plans");
        let controller = Controller::new(&world, forecaster);
        (world, controller)
    }

    #[test]
    fn the_log_is_founded_before_the_first_tick() {
        let (mut world, mut controller) = ready("training-swings");
        assert!(controller.control.is_founded());
        assert_eq!(controller.control.ledger().seen().index, 1);
        controller.tick(&mut world);
        assert_eq!(controller.refusals(), 0);
    }

    #[test]
    fn orders_to_pdus_and_supplies_are_carried_out_and_lapse() {
        let (mut world, mut controller) = ready("outage-generator");
        let (rack, feed, until) = (RackId(1), FeedId(0), Millis::new(500));
        let cap = world.site().rack(rack).nameplate;
        let order = |device, setpoint| Order { device, index: 7, term: TERM, setpoint, until };
        let orders = vec![
            order(DeviceId::Pdu(rack), Setpoint::Pdu { cap, keep_tiers: TIER_MAX }),
            order(DeviceId::Supply(feed), Setpoint::Supply { generator: GeneratorDuty::Run }),
        ];
        let parts = Parts { orders, ..Parts::default() };
        let ledger = Ledger::from_parts(Arc::new(world.site().clone()), parts);
        controller.control.follow(Arc::new(ledger), Millis::ZERO);
        assert!(controller.send_wave(&mut world));
        for device in [DeviceId::Pdu(rack), DeviceId::Supply(feed)] {
            assert!(world.is_ordered(device), "{device:?}");
        }
        controller.observe(&world, millis(world.now_ms()));
        let told = controller.control.view().supply(feed, millis(world.now_ms()));
        assert!(matches!(told, Some(Reading::Supply { .. })), "{told:?}");
        controller.lapse(&mut world, until);
        assert!(!world.is_ordered(DeviceId::Pdu(rack)) && !world.is_ordered(DeviceId::Supply(feed)));
    }
}
