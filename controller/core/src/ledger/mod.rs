//! The deterministic state that the log drives: who may draw, store or give what, until when.
//!
//! [`Ledger::apply`] is the only way in. It takes time from the entry, refuses what the [`envelope`](crate::envelope)
//! refuses, and derives from what remains one complete order for each device. Every replica that applies the same
//! entries has the same ledger, named by the same [`Seen`].

mod limits;
mod locks;
mod operation;
mod orders;
mod parts;
mod plan;
mod sign;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use self::locks::{LOCKS_MAX, Locks};
pub use self::parts::Parts;
pub use self::state::{Cap, Charge, Closing, FeedMode, GeneratorRule, Phase, Shedding, Transfer};

use crate::alarm::{AlarmNote, Alarms, NOTE_ALARMS_MAX};
use crate::command::{ACKS_MAX, Command, Entry, Founding, Outcome, Position, RackLoad, Seen};
use crate::device::{DeviceId, Order};
use crate::drill::{DrillRun, Drills};
use crate::envelope::{Refusal, Violation};
use crate::model::Models;
use crate::request::{CarriedOut, RequestId, Requests};
use crate::site::{FeedId, KesmId, RackId, Site};
use crate::units::Millis;

/// Something that a majority has committed. Only [`Ledger::apply`] and [`Ledger::from_parts`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed<T>(T);

impl<T> Committed<T> {
    /// What was committed.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// What applying one entry did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The log is now bound to a cluster and a site.
    Founded,
    /// The plan is in force; so many devices have new orders.
    Admitted {
        /// How many.
        orders: usize,
    },
    /// The plan broke a limit; nothing changed.
    Refused(Refusal),
    /// The outcome is on record.
    Noted,
    /// The proposer had seen another state than this ledger had at that index, or the log was founded on another site
    /// file than this replica has: one of the two is wrong, and a replica that meets this must stop.
    Diverged {
        /// The index of the state that differs.
        index: u64,
    },
}

/// The replicated state.
#[derive(Clone, Debug)]
pub struct Ledger {
    site: Arc<Site>,
    now: Millis,
    founding: Option<Founding>,
    last: Seen,
    recent: VecDeque<Seen>,
    transfers: BTreeMap<RackId, Transfer>,
    charges: BTreeMap<KesmId, Charge>,
    closings: Vec<Closing>,
    caps: BTreeMap<RackId, Cap>,
    generators: BTreeMap<FeedId, GeneratorRule>,
    modes: BTreeMap<FeedId, FeedMode>,
    /// Devices that an operator holds.
    held: BTreeSet<DeviceId>,
    manual: bool,
    /// What racks touched by transfers may come to take, as last told.
    loads: BTreeMap<RackId, RackLoad>,
    orders: BTreeMap<DeviceId, Committed<Order>>,
    models: Models,
    /// Racks that an operator asks less for.
    sheds: BTreeMap<RackId, Shedding>,
    alarms: Alarms,
    locks: Locks,
    requests: Requests,
    drills: Drills,
}

impl Ledger {
    /// The ledger before any entry.
    pub fn new(site: Arc<Site>) -> Self {
        Self::from_parts(site, Parts::default())
    }

    /// The ledger as an entry that is stamped `now` finds it, to the millisecond: what a plan is admitted by.
    pub fn at(&self, now: Millis) -> Self {
        let mut next = self.clone();
        next.now = next.now.max(now);
        next.expire();
        next
    }

    /// The same for whoever keeps the time himself: what has ended by `now` is gone, and where nothing has, this is the
    /// ledger itself with the time of its last entry.
    pub fn as_of(self: &Arc<Self>, now: Millis) -> Arc<Self> {
        let ends = [
            self.transfers.values().map(|transfer| transfer.until).min(),
            self.charges.values().map(|charge| charge.until).min(),
            self.caps.values().map(|cap| cap.until).min(),
            self.sheds.values().map(|shed| shed.until).min(),
            self.generators.values().map(|rule| rule.until).min(),
            self.orders.values().map(|order| order.get().until).min(),
        ];
        if now <= self.now || !ends.iter().flatten().any(|until| *until <= now) {
            return Arc::clone(self);
        }
        Arc::new(self.at(now))
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Ledger time: the highest stamp applied.
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// The latest state's name.
    pub const fn seen(&self) -> Seen {
        self.last
    }

    /// What the log is bound to.
    pub const fn founding(&self) -> Option<Founding> {
        self.founding
    }

    /// Transfers in force, by rack.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.values()
    }

    /// The transfer to this rack.
    pub fn transfer(&self, rack: RackId) -> Option<&Transfer> {
        self.transfers.get(&rack)
    }

    /// The leave to charge of this module.
    pub fn charge(&self, kesm: KesmId) -> Option<&Charge> {
        self.charges.get(&kesm)
    }

    /// Transfers whose devices are being told that they have ended.
    pub fn closings(&self) -> &[Closing] {
        &self.closings
    }

    /// What the servers of this rack may take, if less than they would.
    pub fn cap(&self, rack: RackId) -> Option<&Cap> {
        self.caps.get(&rack)
    }

    /// Every rack whose servers get less.
    pub fn caps(&self) -> impl Iterator<Item = (RackId, &Cap)> {
        self.caps.iter().map(|(&rack, cap)| (rack, cap))
    }

    /// What this feed's generator was told, if anything.
    pub fn generator(&self, feed: FeedId) -> Option<&GeneratorRule> {
        self.generators.get(&feed)
    }

    /// What this feed is doing.
    pub fn mode(&self, feed: FeedId) -> FeedMode {
        self.modes.get(&feed).copied().unwrap_or_default()
    }

    /// Whether an operator holds this device.
    pub fn is_held(&self, device: DeviceId) -> bool {
        self.held.contains(&device)
    }

    /// Devices that an operator holds.
    pub fn held(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.held.iter().copied()
    }

    /// Who has locked which device.
    pub const fn locks(&self) -> &Locks {
        &self.locks
    }

    /// The last drills, oldest first.
    pub fn drills(&self) -> &[DrillRun] {
        self.drills.items()
    }

    /// That this request was carried out, if it is one of the last that were.
    pub fn carried_out(&self, request: RequestId) -> Option<CarriedOut> {
        self.requests.find(request).map(|index| CarriedOut { request, index })
    }

    /// Whether an operator has taken over the whole site.
    pub const fn is_manual(&self) -> bool {
        self.manual
    }

    /// Which models the log has chosen.
    pub const fn models(&self) -> &Models {
        &self.models
    }

    /// What an operator asks for this rack, if it is less than its servers would take.
    pub fn shed(&self, rack: RackId) -> Option<&Shedding> {
        self.sheds.get(&rack)
    }

    /// Every rack that an operator asks less for.
    pub fn sheds(&self) -> impl Iterator<Item = (RackId, &Shedding)> {
        self.sheds.iter().map(|(&rack, shed)| (rack, shed))
    }

    /// Alarms that stand or wait for somebody.
    pub const fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// What this rack may come to take, as last told.
    pub fn load(&self, rack: RackId) -> Option<&RackLoad> {
        self.loads.get(&rack)
    }

    /// The newest order of each device.
    pub fn orders(&self) -> impl Iterator<Item = &Committed<Order>> {
        self.orders.values()
    }

    /// The newest order of one device.
    pub fn order(&self, device: DeviceId) -> Option<&Committed<Order>> {
        self.orders.get(&device)
    }

    /// Applies one committed entry. Panics only on broken code: an entry out of order, or a state outside the
    /// envelope after the envelope admitted it (I3).
    pub fn apply(&mut self, at: Position, entry: &Entry) -> Effect {
        assert!(at.index > self.last.index, "entry {} after entry {}", at.index, self.last.index);
        let effect = match self.disagreement(entry.seen) {
            Some(index) => Effect::Diverged { index },
            None => self.carry_out(at, entry),
        };
        self.sign(at, entry, &effect);
        self.assert_within_limits();
        effect
    }

    fn disagreement(&self, seen: Seen) -> Option<u64> {
        let known = self.recent.iter().find(|state| state.index == seen.index);
        known.is_some_and(|state| state.hash != seen.hash).then_some(seen.index)
    }

    fn carry_out(&mut self, at: Position, entry: &Entry) -> Effect {
        self.now = self.now.max(entry.stamp.at);
        self.expire();
        match &entry.command {
            Command::Found(founding) => self.found(at, *founding),
            Command::Plan(plan) => self.carry_out_plan(at, plan),
            Command::Outcome(outcome) => self.note(outcome),
            Command::Operation(operation) => self.carry_out_operation(at, operation),
            Command::ModelRefused(_) | Command::Forecasts(_) => Effect::Noted,
            Command::Alarms(note) => self.note_alarms(note),
        }
    }

    fn expire(&mut self) {
        let now = self.now;
        self.transfers.retain(|_, transfer| transfer.until > now);
        self.charges.retain(|_, charge| charge.until > now);
        self.closings.retain(|closing| closing.until > now);
        self.caps.retain(|_, cap| cap.until > now);
        self.sheds.retain(|_, shed| shed.until > now);
        self.alarms.expire(now);
        self.generators.retain(|_, rule| rule.until > now);
        self.orders.retain(|_, order| order.get().until > now);
    }

    fn found(&mut self, at: Position, founding: Founding) -> Effect {
        if self.founding.is_some() {
            return Effect::Refused(Refusal::one(Violation::FoundedOtherwise));
        }
        // Whoever has another site file would give every later entry another meaning.
        if founding.site_hash != self.site.hash {
            return Effect::Diverged { index: at.index };
        }
        self.founding = Some(founding);
        Effect::Founded
    }

    fn note(&mut self, outcome: &Outcome) -> Effect {
        if outcome.acks.len() > ACKS_MAX {
            return Effect::Refused(Refusal::one(Violation::TooMany { what: "acks", max: ACKS_MAX }));
        }
        self.closings.retain(|closing| closing.transfer != outcome.transfer);
        if let Some(transfer) = self.transfers.values_mut().find(|transfer| transfer.id == outcome.transfer) {
            transfer.hear(outcome);
        }
        Effect::Noted
    }

    fn note_alarms(&mut self, note: &AlarmNote) -> Effect {
        if self.alarms.note(note, &self.site, self.now) {
            return Effect::Noted;
        }
        Effect::Refused(Refusal::one(Violation::TooMany { what: "alarms in a note", max: NOTE_ALARMS_MAX }))
    }
}
