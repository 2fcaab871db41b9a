//! The control thread: telemetry → forecast → plan → envelope → proposal, and committed orders → link → acks → outcome.
//!
//! It wakes for every tick, for every ledger that Raft publishes and for what the link hears; it never waits for
//! Raft, the model, a socket or a reader. A tick that is late is counted and skipped, never caught up.

mod devices;
mod proposals;
mod publish;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ridethrough_core::command::{Command, Entry, Founding, Outcome, Stamp, TimedAck, TransferId};
use ridethrough_core::device::{DeviceId, Order, ReplicaId};
use ridethrough_core::dispatch;
use ridethrough_core::envelope;
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::ledger::{Effect, Ledger, Transfer};
use ridethrough_core::planner::{Inputs, Planner};
use ridethrough_core::site::{KesmId, RackId, Site};
use ridethrough_core::units::Millis;
use ridethrough_core::view::View;
use ridethrough_dashboard::{Counters, Snapshot};
use ridethrough_link::{FromLink, Link, ToLink};
use ridethrough_model::{Keep, Sample};
use ridethrough_raft::{Replica, Role, Status};

use self::devices::Devices;
use self::proposals::{About, Proposals, Proposed};
use crate::clock::{Clock, LedgerClock, wall_unix_ms};
use crate::forecasting::Forecasting;

/// The model's period.
const SECOND: Millis = Millis::seconds(1);
/// Leadership is told to the link at least so often; it lapses there by itself otherwise.
const LEAD_REFRESH: Millis = Millis::new(20);

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
    /// The forecast.
    pub forecasting: Forecasting,
    /// Where the web view looks.
    pub shown: Arc<ArcSwap<Snapshot>>,
}

/// The moment in which this replica was seen to be elected.
#[derive(Clone, Copy, Debug)]
struct Elected {
    term: u64,
    last_index: Option<u64>,
}

/// The control thread's state.
pub struct Control {
    parts: Parts,
    proposals: Proposals,
    clock: Clock,
    ledger_clock: LedgerClock,
    ledger: Arc<Ledger>,
    status: Status,
    elected: Option<Elected>,
    /// The term in which this replica acts as leader; none while it does not.
    acting: Option<u64>,
    told_lead_at: Option<Millis>,
    planner: Planner,
    view: View,
    devices: Devices,
    /// The transfer of each rack whose outcome was proposed last, so that it is proposed once.
    noted: BTreeMap<RackId, TransferId>,
    forecasts: Vec<RackForecast>,
    next_tick: Millis,
    next_second: Millis,
    counters: Counters,
}

impl Control {
    /// Joins the parts. Call it on the control thread: proposals wake the thread that calls.
    pub fn new(parts: Parts, runtime: &tokio::runtime::Handle) -> Self {
        let clock = Clock::start();
        let proposals = Proposals::start(runtime, Arc::clone(&parts.replica), std::thread::current());
        Self {
            proposals,
            ledger_clock: LedgerClock::default(),
            ledger: parts.replica.ledger(),
            status: parts.replica.status(),
            elected: None,
            acting: None,
            told_lead_at: None,
            planner: Planner::default(),
            view: View::new(&parts.site),
            devices: Devices::new(&parts.site),
            noted: BTreeMap::new(),
            forecasts: Vec::new(),
            next_tick: clock.now(),
            next_second: clock.now(),
            counters: Counters::default(),
            clock,
            parts,
        }
    }

    /// Works until `ending` says so.
    pub fn run(mut self, ending: impl Fn() -> bool) {
        while !ending() {
            let now = self.clock.now();
            self.listen(now);
            self.follow_ledger(now);
            self.follow_leadership(now);
            if now >= self.next_tick {
                self.tick(now);
            }
            self.send_orders();
            self.note_outcomes();
            let left = self.next_tick.saturating_sub(self.clock.now()).or_zero();
            let rest = if self.acting.is_some() { left.min(LEAD_REFRESH) } else { left };
            std::thread::park_timeout(Duration::from_millis(rest.get().unsigned_abs()));
        }
        self.parts.link.send(ToLink::StepDown);
    }

    fn listen(&mut self, now: Millis) {
        while let Some(heard) = self.parts.link.poll() {
            match heard {
                FromLink::Telemetry(telemetry) => {
                    self.view.observe(&self.parts.site, telemetry.device, telemetry.reading, now);
                    self.devices.observe(telemetry.device, telemetry.fence, telemetry.in_force);
                }
                FromLink::Ack { ack, rtt_us } => {
                    let order = self.ledger.order(ack.device).map(|order| *order.get());
                    let counter = if ack.verdict.in_force() {
                        &mut self.counters.orders_acked
                    } else {
                        &mut self.counters.orders_refused
                    };
                    *counter += 1;
                    self.devices.answer(ack, rtt_us, order.as_ref(), now);
                }
            }
        }
        while let Some(proposed) = self.proposals.poll() {
            self.hear_raft(&proposed);
        }
    }

    fn hear_raft(&mut self, proposed: &Proposed) {
        match &proposed.result {
            Ok(response) => {
                if let Some(Effect::Refused(refusal)) = &response.effect {
                    self.counters.plans_refused += 1;
                    tracing::warn!(index = response.at.index, reason = %refusal.describe(&self.parts.site), "refused at apply");
                }
            }
            Err(error) => {
                self.counters.proposals_failed += 1;
                if let About::Outcome(transfer) = proposed.about {
                    self.noted.retain(|_, noted| *noted != transfer);
                }
                tracing::warn!(about = ?proposed.about, %error, "a proposal failed");
            }
        }
    }

    fn follow_ledger(&mut self, now: Millis) {
        self.ledger = self.parts.replica.ledger();
        self.ledger_clock.observe(self.ledger.now(), now);
    }

    /// Acts as leader only while a majority has lately confirmed it, so that no lease outlives leadership.
    fn follow_leadership(&mut self, now: Millis) {
        self.status = self.parts.replica.status();
        match self.confirmed_for() {
            Some(left) => self.lead(left, now),
            None if self.acting.is_some() => {
                tracing::info!(term = self.acting, "no longer acting as leader");
                self.acting = None;
                self.told_lead_at = None;
                self.parts.link.send(ToLink::StepDown);
            }
            None => {}
        }
    }

    /// For how long this replica may act as leader. Not before it has applied everything that was in its log when it
    /// was elected, its own first entry included: until then its ledger may be older than what devices obey already.
    fn confirmed_for(&mut self) -> Option<Duration> {
        if self.status.role != Role::Leader {
            self.elected = None;
            return None;
        }
        let now = Elected { term: self.status.term, last_index: self.status.last_index };
        let elected = self.elected.filter(|elected| elected.term == now.term).unwrap_or(now);
        self.elected = Some(elected);
        let left = self.status.leadership_until?.saturating_duration_since(Instant::now());
        (self.status.applied_index >= elected.last_index && !left.is_zero()).then_some(left)
    }

    fn lead(&mut self, left: Duration, now: Millis) {
        let term = self.status.term;
        if self.acting != Some(term) {
            tracing::info!(term, "acting as leader");
            self.acting = Some(term);
            self.told_lead_at = None;
            self.devices.begin_leadership();
            self.publish(now);
        }
        if self.told_lead_at.is_none_or(|told| now.saturating_sub(told) >= LEAD_REFRESH) {
            self.told_lead_at = Some(now);
            let valid_for = Millis::new(i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
            self.parts.link.send(ToLink::Lead { term, lease: self.parts.site.policy.lease, valid_for });
        }
    }

    fn tick(&mut self, now: Millis) {
        let begun = Instant::now();
        self.schedule_next(now);
        self.counters.ticks += 1;
        self.forecast(now);
        if self.acting.is_some() {
            self.propose(now);
        }
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
        let sample = |rack| Sample { power: self.view.load(rack, now), limit: self.parts.site.rack(rack).limit };
        let samples: Vec<Sample> = self.parts.site.rack_ids().map(sample).collect();
        self.forecasts = self.parts.forecasting.step(&samples, keep);
    }

    fn with_inputs<T>(&mut self, now: Millis, work: impl FnOnce(&mut Planner, Inputs<'_>) -> T) -> T {
        let excluded = |kesm: KesmId| self.devices.is_shunned(kesm, now);
        let inputs = Inputs {
            ledger: &self.ledger,
            view: &self.view,
            forecasts: &self.forecasts,
            excluded: &excluded,
            now,
            ledger_now: self.ledger_clock.at(now),
        };
        work(&mut self.planner, inputs)
    }

    fn propose(&mut self, now: Millis) {
        if self.ledger.founding().is_none() {
            let founding = Founding { cluster: self.parts.cluster, site_hash: self.parts.site.hash };
            self.send_proposal(Command::Found(founding), now);
            return;
        }
        if self.proposals.busy(About::Plan) {
            return;
        }
        let plan = self.with_inputs(now, Planner::plan);
        if plan.is_empty() {
            return;
        }
        if let Err(refusal) = envelope::admit(&self.ledger, &plan) {
            self.counters.plans_refused += 1;
            tracing::warn!(reason = %refusal.describe(&self.parts.site), "the envelope refused a plan");
            return;
        }
        self.counters.plans_proposed += u64::from(self.send_proposal(Command::Plan(plan), now));
    }

    /// Whether it is on its way; if not, it is tried again when it is wanted again.
    fn send_proposal(&mut self, command: Command, now: Millis) -> bool {
        let about = proposals::about(&command);
        if self.proposals.busy(about) {
            return false;
        }
        let stamp = Stamp { at: self.ledger_clock.at(now), wall_unix_ms: wall_unix_ms() };
        let entry = Entry { stamp, by: self.parts.id, seen: self.ledger.seen(), command };
        self.proposals.send(about, entry)
    }

    /// Hands every committed order that may go now, and has not gone yet, to the link.
    fn send_orders(&mut self) {
        let Some(term) = self.acting else { return };
        let ledger = Arc::clone(&self.ledger);
        let ledger_now = self.ledger_clock.at(self.clock.now());
        for order in ledger.orders().filter(|order| self.devices.is_new(order.get())).collect::<Vec<_>>() {
            let valid_for = order.get().until.saturating_sub(ledger_now);
            let in_force = |device: DeviceId| self.devices.in_force(device);
            if valid_for <= Millis::ZERO || !dispatch::may_go(&ledger, order, &in_force) {
                continue;
            }
            if self.parts.link.send(ToLink::Order { order: *order, term, valid_for }) {
                self.devices.submitted(order.get());
                self.counters.orders_sent += 1;
            }
        }
    }

    /// Logs what the devices of a transfer made of their orders, once all have answered.
    fn note_outcomes(&mut self) {
        if self.acting.is_none() {
            return;
        }
        let ledger = Arc::clone(&self.ledger);
        let now = self.clock.now();
        for transfer in ledger.transfers().filter(|transfer| !transfer.acked) {
            let rack = transfer.grant.rack;
            if self.noted.get(&rack) == Some(&transfer.id) {
                continue;
            }
            if let Some(acks) = self.answers_to(&ledger, transfer) {
                let outcome = Command::Outcome(Outcome { transfer: transfer.id, acks });
                if self.send_proposal(outcome, now) {
                    self.noted.insert(rack, transfer.id);
                }
            }
        }
    }

    fn answers_to(&self, ledger: &Ledger, transfer: &Transfer) -> Option<Vec<TimedAck>> {
        let orders = orders_of(ledger, transfer);
        let answers: Vec<TimedAck> = orders.iter().filter_map(|order| self.devices.answer_to(order)).collect();
        (!orders.is_empty() && answers.len() == orders.len()).then_some(answers)
    }

    fn publish(&mut self, now: Millis) {
        if self.forecasts.len() != self.parts.site.racks.len() {
            return;
        }
        let racks = self.with_inputs(now, |_, inputs| publish::racks(&inputs));
        let site = &self.parts.site;
        let heard = (0..site.devices().count()).filter(|&slot| self.view.heard(slot, now)).count();
        let snapshot = Snapshot {
            site: site.name.clone(),
            replica: self.parts.id.0,
            role: role_name(self.status.role).to_owned(),
            acting: self.acting.is_some(),
            term: self.status.term,
            leader: self.status.leader.map(|leader| leader.0),
            commit_index: self.status.committed_index.unwrap_or(0),
            applied_index: self.ledger.seen().index,
            uptime_ms: now.get(),
            forecast_source: self.forecasts.first().map(|forecast| forecast.source.to_string()).unwrap_or_default(),
            devices_heard: heard,
            devices: site.devices().count(),
            racks,
            kesms: publish::kesms(site, &self.view, now),
            transfers: publish::transfers(&self.ledger, self.ledger_clock.at(now)),
            counters: self.counters,
        };
        self.parts.shown.store(Arc::new(snapshot));
    }
}

/// The newest orders of the devices that a transfer uses.
fn orders_of(ledger: &Ledger, transfer: &Transfer) -> Vec<Order> {
    let legs = &transfer.grant.legs;
    let kesms = legs.iter().map(|leg| DeviceId::Kesm(leg.kesm));
    let mut devices: Vec<DeviceId> =
        kesms.chain(legs.iter().flat_map(|leg| &leg.path).map(|hop| DeviceId::Tie(hop.tie))).collect();
    devices.sort_unstable();
    devices.dedup();
    devices.into_iter().filter_map(|device| ledger.order(device)).map(|order| *order.get()).collect()
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Learner => "learner",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
        Role::Stopped => "stopped",
    }
}
