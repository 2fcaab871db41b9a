//! Our planner, envelope, ledger and dispatch in process and in simulated time: what a leader does, without the
//! network, Raft and DPCN. A commit takes [`COMMIT_MS`], an order [`ORDER_MS`] more; each wave of orders waits for the
//! devices before it, as a real leader does.

use std::collections::BTreeMap;
use std::sync::Arc;

use ridethrough_core::command::{Command, Entry, Founding, Plan, Position, Stamp};
use ridethrough_core::device::{DeviceId, Order, Reading, ReplicaId, Verdict};
use ridethrough_core::dispatch::{self, InForce};
use ridethrough_core::envelope;
use ridethrough_core::ledger::{Effect, Ledger};
use ridethrough_core::planner::{Inputs, Planner};
use ridethrough_core::site::{KesmId, RackId};
use ridethrough_core::units::{Millis, Watts};
use ridethrough_core::view::View;

use super::forecasts::Forecaster;
use crate::plant::World;

/// From a plan to its commit by a majority, in ms: above what was measured (BENCHMARKS.md), so that no policy gains by it.
pub const COMMIT_MS: u64 = 5;
/// From an order to its ack, in ms.
pub const ORDER_MS: u64 = 1;
/// More waves of orders than a path has ties are never needed.
const WAVES_MAX: u64 = 12;
/// A module that refused an order is not planned with for so long.
const SHUNNED: Millis = Millis::seconds(10);

/// A leader without peers.
pub struct Controller {
    ledger: Ledger,
    planner: Planner,
    view: View,
    forecaster: Forecaster,
    in_force: BTreeMap<DeviceId, (InForce, Millis)>,
    refused: BTreeMap<KesmId, Millis>,
    begun: Vec<Begun>,
    refusals: u64,
}

/// A transfer that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// To which rack.
    pub rack: RackId,
    /// When, in ms of scenario time.
    pub at_ms: u64,
}

impl Controller {
    /// A leader with an empty, founded ledger.
    pub fn new(world: &World, forecaster: Forecaster) -> Self {
        let site = Arc::new(world.site().clone());
        let mut controller = Self {
            planner: Planner::default(),
            view: View::new(&site),
            forecaster,
            in_force: BTreeMap::new(),
            refused: BTreeMap::new(),
            begun: Vec::new(),
            refusals: 0,
            ledger: Ledger::new(Arc::clone(&site)),
        };
        controller.apply(Command::Found(Founding { cluster: [0; 16], site_hash: site.hash }), Millis::ZERO);
        controller
    }

    /// Transfers that began so far.
    pub fn begun(&self) -> &[Begun] {
        &self.begun
    }

    /// Plans that the envelope refused; there should be none.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// One tick: what is measured, what should change, what is done about it. Runs the world on to the next tick.
    pub fn tick(&mut self, world: &mut World) {
        let end_ms = world.now_ms() + self.ledger.site().policy.tick.get().unsigned_abs();
        let now = millis(world.now_ms());
        self.observe(world, now);
        self.lapse(world, now);
        let plan = self.plan(world.now_ms(), now);
        if let Some(plan) = plan {
            world.run_ms(COMMIT_MS.min(end_ms - world.now_ms()));
            self.note_begun(&plan, world.now_ms());
            if let Effect::Refused(_) = self.apply(Command::Plan(plan), now) {
                self.refusals += 1;
            }
        }
        for _ in 0..WAVES_MAX {
            if world.now_ms() + ORDER_MS >= end_ms || !self.send_wave(world) {
                break;
            }
            world.run_ms(ORDER_MS);
        }
        world.run_ms(end_ms - world.now_ms());
    }

    fn observe(&mut self, world: &World, now: Millis) {
        let site = world.site();
        for device in site.devices() {
            let Some(reading) = world.read(device).filter(|_| !world.voice(device).mute) else { continue };
            let reading = match (reading, device) {
                (Reading::Pdu { load, draw, bus, breaker_permille, tripped }, DeviceId::Pdu(rack)) => {
                    let load = self.forecaster.told(site, rack.index(), load);
                    Reading::Pdu { load, draw, bus, breaker_permille, tripped }
                }
                (reading, _) => reading,
            };
            self.view.observe(site, device, reading, now);
        }
    }

    fn plan(&mut self, now_ms: u64, now: Millis) -> Option<Plan> {
        let site = self.ledger.site();
        let loads: Vec<Option<Watts>> = site.rack_ids().map(|rack| self.view.load(rack, now)).collect();
        let forecasts = self.forecaster.step(site, &loads, now_ms);
        let refused = &self.refused;
        let excluded = |kesm: KesmId| refused.get(&kesm).is_some_and(|&at| now.saturating_sub(at) < SHUNNED);
        let inputs = Inputs {
            ledger: &self.ledger,
            view: &self.view,
            forecasts: &forecasts,
            excluded: &excluded,
            now,
            ledger_now: now,
        };
        let plan = self.planner.plan(inputs);
        if plan.is_empty() {
            return None;
        }
        if envelope::admit(&self.ledger, &plan).is_err() {
            self.refusals += 1;
            return None;
        }
        Some(plan)
    }

    fn note_begun(&mut self, plan: &Plan, at_ms: u64) {
        let ledger = &self.ledger;
        let new = plan.grants.iter().filter(|grant| ledger.transfer(grant.rack).is_none());
        self.begun.extend(new.map(|grant| Begun { rack: grant.rack, at_ms }));
    }

    fn apply(&mut self, command: Command, at: Millis) -> Effect {
        let by = ReplicaId(1);
        let index = self.ledger.seen().index + 1;
        let entry = Entry { stamp: Stamp { at, wall_unix_ms: 0 }, by, seen: self.ledger.seen(), command };
        self.ledger.apply(Position { term: 1, leader: by, index }, &entry)
    }

    /// Sends every order that may go now; tells whether any went.
    fn send_wave(&mut self, world: &mut World) -> bool {
        let now = millis(world.now_ms());
        let in_force = |device| self.in_force.get(&device).map(|(there, _)| *there).unwrap_or_default();
        let due = |order: &Order| order.until > now && order.index > in_force(order.device).index;
        let orders =
            self.ledger.orders().filter(|order| due(order.get()) && dispatch::may_go(&self.ledger, order, &in_force));
        let wave: Vec<Order> = orders.map(|order| *order.get()).collect();
        for order in &wave {
            let executed = world.order(order.device, &order.setpoint) == Verdict::Executed;
            if let (false, DeviceId::Kesm(kesm)) = (executed, order.device) {
                self.refused.insert(kesm, now);
            }
            let setpoint = executed.then_some(order.setpoint);
            self.in_force.insert(order.device, (InForce { index: order.index, setpoint }, order.until));
        }
        !wave.is_empty()
    }

    /// Orders that are over: the device falls back to its own rule.
    fn lapse(&mut self, world: &mut World, now: Millis) {
        for (&device, (there, until)) in &mut self.in_force {
            if there.setpoint.is_some() && *until <= now {
                there.setpoint = None;
                world.release(device);
            }
        }
    }
}

fn millis(ms: u64) -> Millis {
    Millis::new(i64::try_from(ms).unwrap_or(i64::MAX))
}
