//! A leader over the chain of three racks (tests/support), and what it did.

use ridethrough_core::command::{CapGrant, Command, Plan, ReleaseReason};
use ridethrough_core::device::DeviceId;
use ridethrough_core::mode::Mode;
use ridethrough_core::site::{KesmId, RackId};
use ridethrough_core::trust::Fault;
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::outcome::PolicyName;
use ridethrough_fault_injection::outcome::controller::Controller;
use ridethrough_fault_injection::outcome::forecasts::Forecaster;
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Event, Happening};
use ridethrough_fault_injection::plant::server::{Playback, Sample};
use ridethrough_fault_injection::scenario::Scenario;

use crate::support::tiered_scenario;

pub const K1: KesmId = KesmId(0);
pub const K2: KesmId = KesmId(1);

pub struct Run {
    pub world: World,
    pub leader: Controller,
}

/// The chain at these loads of its racks: each a list of moments in ms and W.
pub fn scene(loads: [&[(u64, f64)]; 3], events: Vec<Event>) -> Scenario {
    let mut scenario = tiered_scenario([(1_000, 1_000); 3], 7);
    for (rack, moments) in loads.iter().enumerate() {
        let samples: Vec<Sample> = moments.iter().map(|&(at_ms, watts)| Sample { at_ms, watts: watts / 3.0 }).collect();
        for server in 3 * rack..3 * rack + 3 {
            scenario.playbacks[server] = Playback::new(0, 3_600_000, samples.clone()).expect("moments that rise");
        }
    }
    Scenario { events, ..scenario }
}

/// A fault of a device, from one moment to another.
pub fn fault(device: DeviceId, fault: DeviceFault, at_ms: u64, until_ms: Option<u64>) -> Event {
    Event { at_ms, until_ms, what: Happening::Device { device, fault } }
}

impl Run {
    pub fn new(scenario: &Scenario) -> Self {
        let world = World::new(scenario);
        let forecaster = Forecaster::of(PolicyName::Persistence, scenario, None).expect("this policy plans");
        Self { leader: Controller::new(&world, forecaster), world }
    }

    pub fn until(&mut self, at_ms: u64) {
        self.first(at_ms, |_| false);
    }

    /// The first moment in ms at which this is so, if there is one before `at_ms`.
    pub fn first(&mut self, at_ms: u64, is_so: impl Fn(&Self) -> bool) -> Option<u64> {
        while self.world.now_ms() < at_ms {
            self.leader.tick(&mut self.world);
            if is_so(self) {
                return Some(self.world.now_ms());
            }
        }
        None
    }

    /// The modules that a rack's transfer rests on.
    pub fn sources(&self, rack: RackId) -> Vec<KesmId> {
        let transfer = self.leader.control().ledger().transfer(rack);
        let mut sources: Vec<KesmId> =
            transfer.iter().flat_map(|transfer| &transfer.grant.legs).map(|leg| leg.kesm).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    pub fn quarantined(&self, device: DeviceId) -> Option<Fault> {
        let now = Millis::new(i64::try_from(self.world.now_ms()).expect("small"));
        let all = self.leader.control().quarantined(now);
        all.into_iter().find(|(found, _)| *found == device).map(|(_, fault)| fault)
    }

    pub fn plans(&self) -> impl Iterator<Item = (u64, &Plan)> {
        self.leader.log().iter().filter_map(|(at_ms, command)| match command {
            Command::Plan(plan) => Some((*at_ms, plan)),
            _ => None,
        })
    }

    /// The modes that the one feed went to, in order.
    pub fn modes(&self) -> Vec<Mode> {
        self.plans().flat_map(|(_, plan)| &plan.modes).map(|change| change.to).collect()
    }

    pub fn caps(&self) -> Vec<(u64, CapGrant)> {
        self.plans().flat_map(|(at_ms, plan)| plan.caps.iter().map(move |cap| (at_ms, *cap))).collect()
    }

    pub fn releases(&self) -> Vec<(u64, RackId, ReleaseReason)> {
        let each = |(at_ms, plan): (u64, &Plan)| {
            plan.releases.iter().map(|end| (at_ms, end.rack, end.reason)).collect::<Vec<_>>()
        };
        self.plans().flat_map(each).collect()
    }

    /// Failures of servers at all racks.
    pub fn failures(&self) -> u32 {
        self.world.judges().racks.iter().map(|rack| rack.failures).sum()
    }

    /// No breaker opened, no plan was refused, and energy closes.
    pub fn is_sound(&self) {
        let judges = self.world.judges();
        assert!(judges.trips.is_empty(), "{:?}", judges.trips);
        assert_eq!(self.leader.refusals(), 0);
        assert!(self.world.energy_error_share().abs() < 1e-6, "{:e}", self.world.energy_error_share());
    }
}
