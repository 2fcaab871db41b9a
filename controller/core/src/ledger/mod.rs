//! The deterministic state that the log drives: who may draw, store or give what, until when.
//!
//! [`Ledger::apply`] is the only way in. It takes time from the entry, refuses what the [`envelope`]
//! refuses, and derives from what remains one complete order for each device. Every replica that applies the same
//! entries has the same ledger, named by the same [`Seen`].

mod locks;
mod orders;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use self::locks::{LOCKS_MAX, Locks};
pub use self::state::{Cap, Charge, Closing, FeedMode, GeneratorRule, Phase, Shedding, Transfer};

use crate::alarm::{Alarm, AlarmKey, AlarmNote, Alarms, NOTE_ALARMS_MAX};
use crate::canon::Canon;
use crate::command::{
    ACKS_MAX, Action, CapGrant, ChargeGrant, Command, Entry, Founding, GeneratorGrant, Grant, ModeChange, Operation,
    Outcome, Plan, Position, RackLoad, ReleaseReason, Seen, TransferId,
};
use crate::device::{DeviceId, Order};
use crate::drill::{DrillRun, Drills};
use crate::envelope::{self, Refusal, Usage, Violation};
use crate::model::Models;
use crate::operate;
use crate::request::{CarriedOut, RequestId, Requests};
use crate::site::{FeedId, KesmId, RackId, Site};
use crate::units::Millis;

/// So many of the latest states can be compared with what a proposer saw; an older one was compared long ago.
const RECENT_MAX: usize = 1_024;

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

/// The dynamic part of a ledger, for a snapshot's codec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Ledger time.
    pub now: Millis,
    /// What the log is bound to.
    pub founding: Option<Founding>,
    /// The latest state's name.
    pub last: Seen,
    /// Names of the states before it, oldest first.
    pub recent: Vec<Seen>,
    /// Transfers in force.
    pub transfers: Vec<Transfer>,
    /// Flywheels that may spin up.
    pub charges: Vec<(KesmId, Charge)>,
    /// Transfers whose devices are being told that they have ended.
    pub closings: Vec<Closing>,
    /// Racks whose servers get less.
    pub caps: Vec<(RackId, Cap)>,
    /// What generators were told.
    pub generators: Vec<(FeedId, GeneratorRule)>,
    /// Feeds whose mode has ever changed.
    pub modes: Vec<(FeedId, FeedMode)>,
    /// Devices that an operator holds.
    pub held: Vec<DeviceId>,
    /// Whether an operator has taken over the whole site.
    pub manual: bool,
    /// What racks touched by transfers may come to take, as last told.
    pub loads: Vec<RackLoad>,
    /// The newest order of each device.
    pub orders: Vec<Order>,
    /// Which models the log has chosen.
    pub models: Models,
    /// Racks that an operator asks less for.
    pub sheds: Vec<(RackId, Shedding)>,
    /// Alarms that stand or wait for somebody.
    pub alarms: Vec<(AlarmKey, Alarm)>,
    /// Devices that people have locked, with the name of each.
    pub locks: Vec<(DeviceId, String)>,
    /// The last requests that were carried out, oldest first.
    pub requests: Vec<CarriedOut>,
    /// The last drills, oldest first.
    pub drills: Vec<DrillRun>,
}

impl Ledger {
    /// The ledger before any entry.
    pub fn new(site: Arc<Site>) -> Self {
        Self::from_parts(site, Parts::default())
    }

    /// The ledger that a snapshot holds. The parts must come from a committed snapshot.
    pub fn from_parts(site: Arc<Site>, parts: Parts) -> Self {
        Self {
            site,
            now: parts.now,
            founding: parts.founding,
            last: parts.last,
            recent: parts.recent.into(),
            transfers: parts.transfers.into_iter().map(|transfer| (transfer.grant.rack, transfer)).collect(),
            charges: parts.charges.into_iter().collect(),
            closings: parts.closings,
            caps: parts.caps.into_iter().collect(),
            generators: parts.generators.into_iter().collect(),
            modes: parts.modes.into_iter().collect(),
            held: parts.held.into_iter().collect(),
            manual: parts.manual,
            loads: parts.loads.into_iter().map(|load| (load.rack, load)).collect(),
            orders: parts.orders.into_iter().map(|order| (order.device, Committed(order))).collect(),
            models: parts.models,
            sheds: parts.sheds.into_iter().collect(),
            alarms: Alarms::from_rows(parts.alarms),
            locks: Locks::from_rows(parts.locks),
            requests: Requests::of(parts.requests),
            drills: Drills::of(parts.drills),
        }
    }

    /// The dynamic part, for a snapshot.
    pub fn parts(&self) -> Parts {
        Parts {
            now: self.now,
            founding: self.founding,
            last: self.last,
            recent: self.recent.iter().copied().collect(),
            transfers: self.transfers.values().cloned().collect(),
            charges: pairs(&self.charges),
            closings: self.closings.clone(),
            caps: pairs(&self.caps),
            generators: pairs(&self.generators),
            modes: pairs(&self.modes),
            held: self.held.iter().copied().collect(),
            manual: self.manual,
            loads: self.loads.values().copied().collect(),
            orders: self.orders.values().map(|order| *order.get()).collect(),
            models: self.models,
            sheds: pairs(&self.sheds),
            alarms: self.alarms.rows().map(|(key, alarm)| (key, alarm.clone())).collect(),
            locks: self.locks.rows().map(|(device, person)| (device, person.to_owned())).collect(),
            requests: self.requests.items().to_vec(),
            drills: self.drills.items().to_vec(),
        }
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

    fn carry_out_plan(&mut self, at: Position, plan: &Plan) -> Effect {
        if self.founding.is_none() {
            return Effect::Refused(Refusal::one(Violation::NotFounded));
        }
        if let Err(refusal) = envelope::admit(self, plan) {
            return Effect::Refused(refusal);
        }
        plan.modes.iter().for_each(|change| self.change_mode(change));
        plan.releases.iter().for_each(|release| self.release(release.rack, release.reason));
        for (nth, grant) in plan.grants.iter().enumerate() {
            self.grant(TransferId { index: at.index, nth: u16::try_from(nth).unwrap_or(u16::MAX) }, grant);
        }
        plan.charges.iter().for_each(|charge| self.allow_charge(charge));
        plan.caps.iter().for_each(|cap| self.cap_rack(cap));
        self.caps.retain(|rack, _| !plan.lifts.contains(rack));
        plan.generators.iter().for_each(|generator| self.rule_generator(generator));
        self.loads.extend(plan.loads.iter().map(|load| (load.rack, *load)));
        self.forget_untouched_loads();
        Effect::Admitted { orders: self.derive_orders(at) }
    }

    fn carry_out_operation(&mut self, at: Position, operation: &Operation) -> Effect {
        let effect = self.operate(at, operation);
        if let (Effect::Admitted { .. }, Some(request)) = (&effect, operation.request) {
            self.requests.push(CarriedOut { request, index: at.index });
        }
        effect
    }

    fn operate(&mut self, at: Position, operation: &Operation) -> Effect {
        if self.founding.is_none() {
            return Effect::Refused(Refusal::one(Violation::NotFounded));
        }
        if let Err(refusal) = operate::check(self, operation) {
            return Effect::Refused(refusal);
        }
        match &operation.action {
            Action::Transfer(grant, stored, loads) => {
                let (grants, stored, loads) = (vec![grant.clone()], stored.clone(), loads.clone());
                return self.carry_out_plan(at, &Plan { grants, stored, loads, ..Plan::default() });
            }
            Action::End(rack) => self.release(*rack, ReleaseReason::Operator),
            Action::Hold(device) => self.hold(*device),
            Action::Resume(device) => drop(self.held.remove(device)),
            Action::Lock(device) => {
                self.hold(*device);
                self.locks.lock(*device, &operation.actor);
            }
            Action::Unlock { device, of } => self.locks.unlock(*device, of),
            Action::ManualOn => self.manual = true,
            Action::ManualOff => self.manual = false,
            // `operate::check` has asked the same question.
            Action::Model(action) => self.models = self.models.after(*action).unwrap_or(self.models),
            // An old log, in which nothing is numbered, keeps its states.
            Action::Drill(note) if operation.request.is_some() => {
                self.drills.hear(note, &operation.actor, at.index, self.now);
            }
            // What follows from it is consensus's, or done by whoever drills.
            Action::HandOver(_) | Action::Members(_) | Action::Drill(_) | Action::Denied(_) => {}
            Action::Shed(shed) => {
                let until = self.now.saturating_add(shed.hold);
                self.sheds.insert(shed.rack, Shedding { cap: shed.cap, until });
            }
            Action::Restore(rack) => drop(self.sheds.remove(rack)),
            Action::Acknowledge(alarm) => self.alarms.acknowledge(*alarm, &operation.actor),
            Action::Shelve(alarm, hold) => self.alarms.shelve(*alarm, Some(self.now.saturating_add(*hold))),
            Action::Unshelve(alarm) => self.alarms.shelve(*alarm, None),
        }
        Effect::Admitted { orders: self.derive_orders(at) }
    }

    /// A device is left alone from now on: whatever rests on it ends.
    fn hold(&mut self, device: DeviceId) {
        self.held.insert(device);
        let resting = self.transfers.values().filter(|transfer| transfer.uses(device));
        for rack in resting.map(|transfer| transfer.grant.rack).collect::<Vec<_>>() {
            self.release(rack, ReleaseReason::Operator);
        }
        match device {
            DeviceId::Pdu(rack) => drop(self.caps.remove(&rack)),
            DeviceId::Kesm(kesm) => drop(self.charges.remove(&kesm)),
            DeviceId::Tie(_) => {}
            DeviceId::Supply(feed) => drop(self.generators.remove(&feed)),
        }
    }

    fn change_mode(&mut self, change: &ModeChange) {
        self.modes.insert(change.feed, FeedMode { mode: change.to, since: self.now, reason: Some(change.reason) });
    }

    fn release(&mut self, rack: RackId, reason: ReleaseReason) {
        let Some(transfer) = self.transfers.remove(&rack) else { return };
        let devices = transfer.devices().into_iter().collect();
        let until = transfer.until;
        self.closings.push(Closing { transfer: transfer.id, rack, reason, devices, until });
    }

    fn grant(&mut self, id: TransferId, grant: &Grant) {
        let before = self.transfers.get(&grant.rack);
        let (first, since) = before.map_or((id, self.now), |transfer| (transfer.first, transfer.since));
        // A transfer that is only renewed goes on as it is: its devices obey the old order until they have the new.
        let phase = before
            .filter(|transfer| transfer.grant.legs == grant.legs && transfer.grant.help_above == grant.help_above)
            .map_or(Phase::Supplying, |transfer| transfer.phase);
        let until = self.now.saturating_add(grant.hold);
        let transfer = Transfer { id, first, since, grant: grant.clone(), until, phase, noted: false };
        self.transfers.insert(grant.rack, transfer);
    }

    fn allow_charge(&mut self, charge: &ChargeGrant) {
        let until = self.now.saturating_add(charge.hold);
        self.charges.insert(charge.kesm, Charge { charge_max: charge.charge_max, until });
    }

    fn cap_rack(&mut self, cap: &CapGrant) {
        let before = self.caps.get(&cap.rack).filter(|before| before.keep_tiers == cap.keep_tiers);
        let since = before.map_or(self.now, |before| before.since);
        let until = self.now.saturating_add(cap.hold);
        self.caps.insert(cap.rack, Cap { cap: cap.cap, keep_tiers: cap.keep_tiers, reason: cap.reason, since, until });
    }

    fn rule_generator(&mut self, generator: &GeneratorGrant) {
        let until = self.now.saturating_add(generator.hold);
        self.generators.insert(generator.feed, GeneratorRule { duty: generator.duty, until });
    }

    /// Evidence is kept for racks that transfers touch, and for no others.
    fn forget_untouched_loads(&mut self) {
        let touched: BTreeSet<RackId> =
            self.transfers.values().flat_map(|transfer| transfer.grant.racks(&self.site)).collect();
        self.loads.retain(|rack, _| touched.contains(rack));
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

    /// Chains the state's name on: what was before, what came in, what it did and what orders stand.
    fn sign(&mut self, at: Position, entry: &Entry, effect: &Effect) {
        let mut canon = Canon::new(b"ridethrough ledger 2");
        canon.bytes(&self.last.hash);
        canon.position(&at);
        canon.entry(entry);
        canon.unsigned(match effect {
            Effect::Founded => 1,
            Effect::Admitted { .. } => 2,
            Effect::Refused(_) => 3,
            Effect::Noted => 4,
            Effect::Diverged { .. } => 5,
        });
        canon.count(self.transfers.len());
        for transfer in self.transfers.values() {
            canon.unsigned(transfer.phase as u64);
        }
        canon.count(self.closings.len());
        canon.count(self.modes.len());
        for (feed, mode) in &self.modes {
            canon.unsigned(u64::from(feed.0));
            canon.mode(mode.mode);
        }
        canon.unsigned(u64::from(self.manual));
        canon.count(self.held.len());
        for device in &self.held {
            canon.unsigned(u64::from(device.to_wire()));
        }
        canon.count(self.orders.len());
        for order in self.orders.values() {
            canon.order(order.get());
        }
        canon.models(&self.models);
        self.sign_sheds(&mut canon);
        self.alarms.sign(&mut canon);
        self.locks.sign(&mut canon);
        self.requests.sign(&mut canon);
        self.drills.sign(&mut canon);
        self.last = Seen { index: at.index, hash: canon.finish() };
        self.recent.push_back(self.last);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Nothing where there are none, as in logs from before they could be.
    fn sign_sheds(&self, canon: &mut Canon) {
        if self.sheds.is_empty() {
            return;
        }
        canon.words("sheds");
        canon.count(self.sheds.len());
        for (rack, shed) in &self.sheds {
            canon.unsigned(u64::from(rack.0));
            canon.millis(shed.until);
            canon.unsigned(shed.cap.get().unsigned_abs());
        }
    }

    fn assert_within_limits(&self) {
        let usage = Usage::kept(self, &Plan::default());
        for (&tie, (flow, ways)) in &usage.ties {
            assert!(*flow <= self.site.tie(tie).rated && ways.len() == 1, "I3: {tie:?} carries {flow} in {ways:?}");
        }
        for (&kesm, supply) in &usage.kesms {
            assert!(*supply <= self.site.kesm(kesm).rated, "I3: {kesm:?} supplies {supply}");
        }
        for (&kesm, charge) in &self.charges {
            assert!(charge.charge_max <= self.site.kesm(kesm).charge_rated, "I3: {kesm:?} charges {charge:?}");
        }
        let Models { active, minimum_version, .. } = self.models;
        assert!(active.is_none_or(|id| id.version >= minimum_version), "an overtaken model decides: {:?}", self.models);
        for transfer in self.transfers.values() {
            let level = transfer.grant.help_above;
            assert!(level <= self.site.hold(transfer.grant.rack), "I3: help above {level} is help too late");
            assert!(!transfer.devices().iter().any(|device| self.held.contains(device)), "I3: a held device is used");
        }
        for (device, person) in self.locks.rows() {
            assert!(self.held.contains(&device), "I3: {device:?} is locked by {person} and not held");
        }
    }
}

fn pairs<K: Copy, V: Copy>(map: &BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(&key, &value)| (key, value)).collect()
}
