//! The control thread: a shell round [`ridethrough_core::control`], which decides everything. Here are the clock, Raft,
//! the link, the forecast's thread, counters and the web view's snapshot.
//!
//! It wakes for every tick, for every ledger that Raft publishes and for what the link hears; it never waits for
//! Raft, the model, a socket or a reader. A tick that is late is counted and skipped, never caught up.

mod alarms;
mod audited;
mod crosschecks;
mod decisions;
mod fallbacks;
mod fences;
mod handover;
mod leadership;
mod leases;
mod members;
mod meters;
mod operations;
mod orders;
mod outlets;
mod plan_times;
mod proposals;
mod publish;
mod showing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ridethrough_core::control::{Control, Leadership};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_core::units::{Millis, Watts};
use ridethrough_dashboard::{Counters, Snapshot};
use ridethrough_intake::Signals;
use ridethrough_link::{FromLink, Link, ToLink};
use ridethrough_model::{Keep, site_samples};
use ridethrough_protocol::Orders;
use ridethrough_raft::{Replica, Status};

use self::audited::Audited;
use self::crosschecks::CrossChecks;
use self::decisions::Decisions;
use self::fallbacks::Fallbacks;
use self::fences::FencesHeard;
use self::handover::Leaving;
use self::leases::Leases;
pub use self::members::MEMBERS_DEADLINE;
use self::meters::Meters;
pub use self::operations::Operators;
use self::outlets::OutletWatch;
use self::plan_times::PlanTimes;
use self::proposals::Proposals;
use crate::baselines::Baselines;
use crate::clock::{Clock, wall_unix_ms};
use crate::forecasting::Forecasting;
use crate::power::ServerPower;
use crate::recording::Recording;
use crate::service::Beat;

/// The model's period.
const SECOND: Millis = Millis::seconds(1);

/// What the control thread works with.
pub struct Parts {
    /// The site.
    pub site: Arc<Site>,
    /// This replica.
    pub id: ReplicaId,
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// Raft.
    pub replica: Arc<Replica>,
    /// The field network.
    pub link: Link,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// The forecast.
    pub forecasting: Forecasting,
    /// What racks usually draw.
    pub baselines: Baselines,
    /// Where what is heard is kept.
    pub recording: Recording,
    /// What servers do, as remote-write tells it; read it with [`Signals::read`]. Nothing forecasts by it yet.
    pub signals: Arc<Signals>,
    /// What every server draws, by whoever says so; read it with [`ServerPower::read`].
    pub power: Arc<ServerPower>,
    /// Told of every tick.
    pub beat: Beat,
    /// Where the web view looks.
    pub shown: Arc<ArcSwap<Snapshot>>,
}

/// The control thread's state.
pub struct ControlThread {
    parts: Parts,
    proposals: Proposals,
    clock: Clock,
    control: Control,
    leadership: Leadership,
    status: Status,
    next_tick: Millis,
    next_second: Millis,
    counters: Counters,
    meters: Meters,
    outlets: OutletWatch,
    operators: Operators,
    fallbacks: Fallbacks,
    crosschecks: CrossChecks,
    decisions: Decisions,
    plan_times: PlanTimes,
    audited: Option<Audited>,
    leaving: Option<Leaving>,
    fences: FencesHeard,
    leases: Leases,
    /// Where Raft runs, and whatever waits for it.
    runtime: tokio::runtime::Handle,
}

impl ControlThread {
    /// Joins the parts. Call it on the control thread: proposals wake the thread that calls.
    pub fn new(parts: Parts, operators: Operators, runtime: &tokio::runtime::Handle) -> Self {
        let clock = Clock::start();
        let proposals = Proposals::start(runtime, Arc::clone(&parts.replica), std::thread::current());
        Self {
            proposals,
            control: Control::new(parts.replica.ledger()),
            leadership: Leadership::default(),
            status: parts.replica.status(),
            next_tick: clock.now(),
            next_second: clock.now(),
            counters: Counters::default(),
            meters: Meters::new(&parts.site),
            outlets: OutletWatch::new(&parts.site),
            operators,
            fallbacks: Fallbacks::new(),
            crosschecks: CrossChecks::new(Arc::clone(&parts.site)),
            decisions: Decisions::new(Arc::clone(&parts.site)),
            plan_times: PlanTimes::default(),
            audited: Audited::new(parts.replica.audit()),
            leaving: None,
            fences: FencesHeard::default(),
            leases: Leases::new(&parts.site),
            runtime: runtime.clone(),
            clock,
            parts,
        }
    }

    /// Works until `ending` says so.
    pub fn run(mut self, ending: impl Fn() -> bool) {
        while !ending() {
            let now = self.clock.now();
            self.listen(now);
            self.control.follow(self.parts.replica.ledger(), now);
            self.follow_leadership(now);
            self.go_on_leaving(now);
            self.serve_operators(now);
            self.cross_check(now);
            // First what stands: a new leader decides in the turn in which it begins, and no device should wait for that.
            self.command();
            self.decisions.follow(self.control.ledger());
            if now >= self.next_tick {
                self.tick(now);
            }
            std::thread::park_timeout(self.rest());
        }
        self.parts.link.send(ToLink::StepDown);
    }

    fn rest(&self) -> Duration {
        if self.control.cross_check_goes_on() {
            return Duration::ZERO;
        }
        let left = self.next_tick.saturating_sub(self.clock.now()).or_zero();
        let rest = self.leadership.refresh().map_or(left, |refresh| left.min(refresh));
        Duration::from_millis(rest.get().unsigned_abs())
    }

    fn listen(&mut self, now: Millis) {
        while let Some(heard) = self.parts.link.poll() {
            match heard {
                FromLink::Telemetry(said) => {
                    self.fences.hear(said.fence);
                    self.leases.hear(&self.parts.site, said.device, said.lease_remaining, now);
                    self.control.observe(said.device, said.reading, said.fence, said.in_force, now);
                }
                FromLink::Ack { ack, in_force, rtt_us, .. } => {
                    let counter = if ack.verdict.in_force() {
                        &mut self.counters.orders_acked
                    } else {
                        &mut self.counters.orders_refused
                    };
                    *counter += 1;
                    self.control.answered(ack, in_force, rtt_us, now);
                }
            }
        }
        while let Some(proposed) = self.proposals.poll() {
            self.hear_raft(&proposed);
        }
    }

    fn tick(&mut self, now: Millis) {
        let begun = Instant::now();
        self.parts.beat.tick();
        self.plan_times.begin_tick();
        self.schedule_next(now);
        self.counters.ticks += 1;
        let view = self.control.view();
        self.outlets.tick(&self.parts.site, |rack| view.load(rack, now), &self.parts.power);
        self.forecast(now);
        self.tell_crosschecks(now);
        if self.leadership.acting().is_some() {
            self.propose(now);
            self.say_what_is_refused(now);
            self.tell_alarms(now);
        }
        self.tell_fallbacks(now);
        self.publish(now);
        metrics::histogram!("ridethrough_tick_seconds").record(begun.elapsed().as_secs_f64());
    }

    fn schedule_next(&mut self, now: Millis) {
        let tick = self.parts.site.policy.tick;
        self.next_tick = self.next_tick.saturating_add(tick);
        while self.next_tick <= now {
            self.next_tick = self.next_tick.saturating_add(tick);
            self.counters.ticks_skipped += 1;
            metrics::counter!("ridethrough_ticks_skipped_total").increment(1);
        }
    }

    fn forecast(&mut self, now: Millis) {
        let keep = if now >= self.next_second { Keep::Committed } else { Keep::Provisional };
        while self.next_second <= now {
            self.next_second = self.next_second.saturating_add(SECOND);
        }
        let (site, view) = (&self.parts.site, self.control.view());
        let loads: Vec<Option<Watts>> = site.rack_ids().map(|rack| view.load(rack, now)).collect();
        if keep == Keep::Committed {
            self.parts.baselines.post(wall_unix_ms(), &loads);
            self.parts.recording.post(wall_unix_ms(), &loads);
        }
        let mut racks = self.parts.forecasting.step(self.control.ledger().models(), &site_samples(site, &loads), keep);
        let rows = racks.split_off(site.racks.len());
        self.control.set_forecasts(racks);
        self.control.set_row_forecasts(rows);
    }
}
