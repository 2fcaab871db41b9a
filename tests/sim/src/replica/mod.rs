//! One replica: the control that ships, the ledger that ships, the field protocol that ships, on the agreement of this
//! simulation. It does what `controller/node`'s control and link threads do, in the same order.

mod deciding;
mod given;
mod operator;

use std::collections::BTreeMap;
use std::sync::Arc;

use ridethrough_core::command::{Position, TransferId};
use ridethrough_core::control::{Control, Duty, Judgements, Leadership};
use ridethrough_core::device::{DeviceId, ReplicaId};
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::{KesmId, Site};
use ridethrough_core::units::Millis;
use ridethrough_model::Guarded;
use ridethrough_protocol::{
    ControllerEndpoint, Event, Keyring, Lan, Leadership as FieldLeadership, Orders, SessionNonce, frames,
};

pub use self::given::{Applied, Given, Relied};
use crate::consensus::Node;
use crate::consensus::disk::Disk;
use crate::consensus::message::Word;
use crate::dice::Dice;

/// Later than anything.
const NEVER: Millis = Millis::new(i64::MAX);

/// What all replicas of a run share.
#[derive(Clone)]
pub struct Setting {
    /// The site.
    pub site: Arc<Site>,
    /// All secrets.
    pub keyring: Keyring,
    /// How many replicas' word devices demand.
    pub orders: Orders,
}

/// What is wrong with a replica's surroundings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ailments {
    /// Its monotonic clock is fast by so many millionths.
    pub drift_ppm: i64,
    /// Its wall clock is off by so many ms.
    pub wall_off_ms: i64,
    /// Each sync of its disk takes so much longer, in ms.
    pub slow_disk_ms: u64,
    /// Nothing more can be written to its disk.
    pub full_disk: bool,
    /// Its forecast tells anything at all.
    pub forecast_lies: bool,
}

/// What a proposal was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Founding,
    Plan,
    Outcome(TransferId),
    Alarms,
    Operation,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    about: About,
    index: u64,
    term: u64,
    until: Millis,
}

/// A replica that runs.
pub struct Replica {
    id: ReplicaId,
    setting: Setting,
    ailments: Ailments,
    /// From when on its clock has had its present rate, and what it said then.
    rated_from_ms: u64,
    rated_from: Millis,
    node: Node,
    control: Control,
    leadership: Leadership,
    endpoint: ControllerEndpoint,
    forecaster: Guarded,
    ledger: Arc<Ledger>,
    applied: u64,
    waiting: Vec<Waiting>,
    next_tick: Millis,
    next_second: Millis,
    endpoint_due: Millis,
    /// Whether something came in that the control thread is woken for, as in the node: Raft's word or an ack.
    woken: bool,
    /// Whether a datagram came in, after which the link's thread looks at what is due.
    datagram_came: bool,
    /// When leadership must be followed again.
    refresh_due: Millis,
    /// Its own clock, which never goes back.
    clock: Millis,
    /// Until when the field's end of it believes that it leads.
    leads_until: Millis,
    dice: Dice,
    /// Whoever runs this site.
    operator: Dice,
    forecasts: Vec<RackForecast>,
    /// When each module's telemetry last came: what plans are judged by.
    heard: BTreeMap<KesmId, Millis>,
}

impl Replica {
    /// Starts with what its disk holds.
    pub fn start(id: ReplicaId, setting: &Setting, disk: Disk, now_ms: u64, mut dice: Dice) -> Self {
        let ledger = Arc::new(Ledger::new(Arc::clone(&setting.site)));
        let devices: Vec<DeviceId> = setting.site.devices().collect();
        let session = SessionNonce::new(dice.bits());
        let endpoint = ControllerEndpoint::new(&setting.keyring.replica(id), session, &devices, setting.orders);
        let node = Node::start(id, disk, Dice::new(dice.bits(), 1), Millis::ZERO);
        Self {
            id,
            setting: setting.clone(),
            ailments: Ailments::default(),
            rated_from_ms: now_ms,
            rated_from: Millis::ZERO,
            node,
            control: Control::new(Arc::clone(&ledger)),
            leadership: Leadership::default(),
            endpoint,
            forecaster: Guarded::new(None),
            ledger,
            applied: 0,
            waiting: Vec::new(),
            next_tick: Millis::ZERO,
            next_second: Millis::ZERO,
            endpoint_due: Millis::ZERO,
            woken: false,
            datagram_came: false,
            refresh_due: NEVER,
            clock: Millis::ZERO,
            leads_until: Millis::ZERO,
            operator: Dice::new(dice.bits(), u64::from(b'o')),
            dice,
            forecasts: Vec::new(),
            heard: BTreeMap::new(),
        }
    }

    /// The process ends.
    pub fn crash(self) -> Disk {
        self.node.crash()
    }

    /// Its surroundings change.
    pub fn suffer(&mut self, ailments: Ailments, now_ms: u64) {
        if ailments.drift_ppm != self.ailments.drift_ppm {
            (self.rated_from, self.rated_from_ms) = (self.tell_time(now_ms), now_ms);
        }
        self.ailments = ailments;
        self.node.is_full = ailments.full_disk;
    }

    /// Whether a write has failed: its process ends.
    pub const fn has_failed(&self) -> bool {
        self.node.has_failed()
    }

    /// A peer was forgotten and added again, with an empty log.
    pub fn forget(&mut self, peer: ReplicaId) {
        self.node.forget(peer);
    }

    /// The log's end of it.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Up to which entry it has applied the log.
    pub const fn applied(&self) -> u64 {
        self.applied
    }

    /// The term in which it commands devices now; none while it does not.
    pub fn commands(&self, now_ms: u64) -> Option<u64> {
        self.leadership.acting().filter(|_| self.leads_until > self.local(now_ms))
    }

    /// What it thought of transfers that others had committed.
    pub const fn judgements(&self) -> Judgements {
        self.control.judgements()
    }

    /// How many devices it has heard lately.
    pub fn live_devices(&self) -> usize {
        self.endpoint.live_devices()
    }

    /// Whether there is anything to do at this time.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.datagram_came || self.woken || {
            let now = self.local(now_ms);
            now >= self.endpoint_due || now >= self.control_due()
        }
    }

    /// When the control thread does something though nobody wakes it.
    fn control_due(&self) -> Millis {
        self.node.due().min(self.next_tick).min(self.refresh_due)
    }

    /// A peer says something.
    pub fn hear_peer(&mut self, from: ReplicaId, word: Word, now_ms: u64) {
        let now = self.tell_time(now_ms);
        self.node.hear(from, word, now);
        self.woken = true;
    }

    /// A device says something.
    pub fn hear_device(&mut self, bytes: &[u8], lan: Lan, now_ms: u64) {
        let now = self.tell_time(now_ms);
        self.datagram_came = true;
        for frame in frames(bytes).map_while(Result::ok) {
            match self.endpoint.observe(frame, lan, now) {
                Some(Event::Telemetry(said)) => {
                    if let DeviceId::Kesm(kesm) = said.device {
                        self.heard.insert(kesm, now);
                    }
                    self.control.observe(said.device, said.reading, said.fence, said.in_force, now);
                }
                Some(Event::Ack { ack, in_force, .. }) => {
                    self.control.answered(ack, in_force, 1_000, now);
                    self.woken = true;
                }
                // A device that greets is offered a session.
                Some(Event::Greeting { .. }) => self.woken = true,
                _ => {}
            }
        }
    }

    /// Everything that is due, after whatever came in: first of the control thread, then of the link's.
    pub fn turn(&mut self, now_ms: u64) -> Given {
        let now = self.tell_time(now_ms);
        let mut given = Given::default();
        if self.woken || now >= self.control_due() {
            self.work(now, &mut given);
            given.words.extend(self.node.outgoing());
        }
        self.datagram_came = false;
        let frames = &mut given.frames;
        let due = self.endpoint.poll(now, &mut |outgoing| frames.push((outgoing.device, outgoing.bytes.to_vec())));
        self.endpoint_due = due.unwrap_or(NEVER);
        given
    }

    /// What the control thread does when it is woken or has something to do.
    fn work(&mut self, now: Millis, given: &mut Given) {
        self.node.sync_ms = 1 + self.ailments.slow_disk_ms;
        self.node.poll(now);
        self.apply(&mut given.applied);
        self.settle_proposals(now);
        self.control.follow(Arc::clone(&self.ledger), now);
        self.follow_leadership(now);
        self.control.cross_check(self.leadership.acting().is_some(), now);
        self.woken = self.control.cross_check_goes_on();
        self.command(now);
        if now >= self.next_tick {
            self.tick(now, &mut given.relied);
        }
        self.refresh_due = self.leadership.refresh().map_or(NEVER, |refresh| now.saturating_add(refresh));
    }

    fn tell_time(&mut self, now_ms: u64) -> Millis {
        self.clock = self.clock.max(self.local(now_ms));
        self.clock
    }

    fn local(&self, now_ms: u64) -> Millis {
        let passed = i64::try_from(now_ms.saturating_sub(self.rated_from_ms)).unwrap_or(i64::MAX);
        self.rated_from.saturating_add(Millis::new(passed + passed * self.ailments.drift_ppm / 1_000_000))
    }

    fn apply(&mut self, applied: &mut Vec<Applied>) {
        while self.applied < self.node.commit() {
            let index = self.applied + 1;
            let Some(item) = self.node.item(index).cloned() else { return };
            self.applied = index;
            let at = Position { term: item.term, leader: item.leader, index };
            let effect = item.entry.as_ref().map(|entry| Arc::make_mut(&mut self.ledger).apply(at, entry));
            applied.push(Applied { index, item, hash: self.ledger.seen().hash, effect });
        }
    }

    /// Proposals that are in the log, or will not be.
    fn settle_proposals(&mut self, now: Millis) {
        let (node, applied, control) = (&self.node, self.applied, &mut self.control);
        self.waiting.retain(|waiting| {
            let done = applied >= waiting.index;
            let lost = now >= waiting.until || node.term() != waiting.term;
            let kept = done && node.item(waiting.index).is_some_and(|item| item.term == waiting.term);
            if let About::Outcome(transfer) = waiting.about
                && (done || lost)
                && !kept
            {
                control.outcome_failed(transfer);
            }
            !(done || lost)
        });
    }

    fn follow_leadership(&mut self, now: Millis) {
        let standing = self.node.standing(self.applied, now);
        match self.leadership.follow(standing, now) {
            Some(Duty::Lead { term, valid_for, begins }) => {
                if begins {
                    self.control.begin_leadership();
                    self.next_tick = now;
                }
                self.lead(term, valid_for, now);
            }
            Some(Duty::Pause { term }) => self.lead(term, Millis::ZERO, now),
            Some(Duty::StepDown) => {
                self.endpoint.step_down();
                self.leads_until = Millis::ZERO;
            }
            None => {}
        }
        if self.setting.orders == Orders::TwoOfThree
            && let Some(term) = self.control.follow_standing(standing)
        {
            self.endpoint.follow(term, now);
        }
    }

    fn lead(&mut self, term: u64, valid_for: Millis, now: Millis) {
        let lease = self.setting.site.policy.lease;
        // A term that was led in before is refused there, and then nothing is sent.
        if self.endpoint.lead(FieldLeadership { term, lease, valid_for }, now).is_ok() {
            self.leads_until = now.saturating_add(valid_for);
        }
    }
}
