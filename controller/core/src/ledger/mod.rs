//! The deterministic state that the log drives: who may draw, store or give what, until when.
//!
//! [`Ledger::apply`] is the only way in. It takes time from the entry, refuses what the [`envelope`]
//! refuses, and derives from what remains one complete order for each device. Every replica that applies the same
//! entries has the same ledger, named by the same [`Seen`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::canon::Canon;
use crate::command::{
    ACKS_MAX, Action, CapGrant, CapReason, ChargeGrant, Command, Entry, Founding, GeneratorGrant, Grant, ModeChange,
    Operation, Outcome, Plan, Position, RackLoad, ReleaseReason, Seen, TransferId,
};
use crate::device::{DeviceId, Direction, GeneratorDuty, Order, Setpoint};
use crate::electrical;
use crate::envelope::{self, Refusal, Usage, Violation};
use crate::mode::{Mode, ModeReason};
use crate::operate;
use crate::site::{FeedId, KesmId, RackId, Site, TIER_MAX, TieId};
use crate::units::{Millis, Watts};

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

/// A transfer in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The entry that granted it in its present form.
    pub id: TransferId,
    /// The first entry of the unbroken row of renewals and changes that it belongs to.
    pub first: TransferId,
    /// Ledger time of that first entry.
    pub since: Millis,
    /// What was granted.
    pub grant: Grant,
    /// Ledger time at which it ends.
    pub until: Millis,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the word of all its devices is on record.
    pub noted: bool,
}

/// How far a transfer has come. A plan that was refused, and a transfer that has ended, are no longer here; how they
/// ended is in the log ([`crate::audit`]).
///
/// ```text
///  proposed ──admitted──► supplying ──sources act──► drawing ──ties act──► held ──renewed──┐
///      │                      │                         │                   │ ▲            │
///   refused                   ├─────────────────────────┴───────────────────┤ └────────────┘
///                             ▼                                             ▼
///                   releasing (released, aborted) ──devices idle──► done    expired
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Admitted; its sources are being told.
    Supplying,
    /// Its sources act; its ties are being told.
    Drawing,
    /// All its devices act.
    Held,
}

/// A transfer that was released, whose devices are being told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Which it was.
    pub transfer: TransferId,
    /// Whose.
    pub rack: RackId,
    /// Why it ended.
    pub reason: ReleaseReason,
    /// Its devices.
    pub devices: Vec<DeviceId>,
    /// Ledger time at which their last orders end in any case.
    pub until: Millis,
}

/// Less for the servers of a rack, in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// At most so much for its servers together.
    pub cap: Watts,
    /// Servers of a higher tier shut down.
    pub keep_tiers: u8,
    /// Why.
    pub reason: CapReason,
    /// Ledger time since which its tiers have been shut down as they are now.
    pub since: Millis,
    /// Ledger time at which it ends.
    pub until: Millis,
}

/// What a generator was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorRule {
    /// What it is to do.
    pub duty: GeneratorDuty,
    /// Ledger time at which it follows its own rule again.
    pub until: Millis,
}

/// What a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedMode {
    /// Its mode.
    pub mode: Mode,
    /// Ledger time since which it has it.
    pub since: Millis,
    /// Why; none before the first change.
    pub reason: Option<ModeReason>,
}

/// A flywheel's leave to spin up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// At most so much from the bus.
    pub charge_max: Watts,
    /// Ledger time at which it ends.
    pub until: Millis,
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
        }
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

    /// Whether an operator has taken over the whole site.
    pub const fn is_manual(&self) -> bool {
        self.manual
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
        }
    }

    fn expire(&mut self) {
        let now = self.now;
        self.transfers.retain(|_, transfer| transfer.until > now);
        self.charges.retain(|_, charge| charge.until > now);
        self.closings.retain(|closing| closing.until > now);
        self.caps.retain(|_, cap| cap.until > now);
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
        plan.lifts.iter().for_each(|rack| drop(self.caps.remove(rack)));
        plan.generators.iter().for_each(|generator| self.rule_generator(generator));
        self.loads.extend(plan.loads.iter().map(|load| (load.rack, *load)));
        self.forget_untouched_loads();
        Effect::Admitted { orders: self.derive_orders(at) }
    }

    fn carry_out_operation(&mut self, at: Position, operation: &Operation) -> Effect {
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
            Action::ManualOn => self.manual = true,
            Action::ManualOff => self.manual = false,
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

    /// Gives every device whose instruction has changed a new order, complete and absolute. Returns how many.
    fn derive_orders(&mut self, at: Position) -> usize {
        let mut wanted = self.wanted();
        // A device that nothing needs any longer is told so at once.
        for (&device, order) in &self.orders {
            let idle = self.idle_setpoint(device, &order.get().setpoint);
            wanted.entry(device).or_insert((idle, order.get().until));
        }
        let mut changed = 0;
        for (device, (setpoint, until)) in wanted {
            let order = Order { device, index: at.index, term: at.term, setpoint, until };
            let same = |old: &Committed<Order>| old.get().setpoint == setpoint && old.get().until == until;
            if !self.orders.get(&device).is_some_and(same) {
                self.orders.insert(device, Committed(order));
                changed += 1;
            }
        }
        changed
    }

    fn wanted(&self) -> BTreeMap<DeviceId, (Setpoint, Millis)> {
        let mut wanted = BTreeMap::new();
        for transfer in self.transfers.values() {
            for leg in &transfer.grant.legs {
                self.want_supply(&mut wanted, leg.kesm, leg.supplied, transfer.until);
                let flows = electrical::path_flows(&self.site, &leg.path, leg.delivered);
                for (hop, flow) in leg.path.iter().zip(flows) {
                    self.want_flow(&mut wanted, hop.tie, hop.direction, flow, transfer.until);
                }
            }
        }
        for (&kesm, charge) in &self.charges {
            self.want_charge(&mut wanted, kesm, charge);
        }
        for (&rack, cap) in &self.caps {
            let setpoint = Setpoint::Pdu { cap: cap.cap, keep_tiers: cap.keep_tiers };
            wanted.insert(DeviceId::Pdu(rack), (setpoint, cap.until));
        }
        for (&feed, rule) in &self.generators {
            wanted.insert(DeviceId::Supply(feed), (Setpoint::Supply { generator: rule.duty }, rule.until));
        }
        wanted
    }

    /// The draw of a rack above which sources on its bus give.
    fn level(&self, rack: RackId) -> Watts {
        self.transfers.get(&rack).map_or_else(|| self.site.hold(rack), |transfer| transfer.grant.help_above)
    }

    fn want_supply(
        &self,
        wanted: &mut BTreeMap<DeviceId, (Setpoint, Millis)>,
        kesm: KesmId,
        more: Watts,
        until: Millis,
    ) {
        let (setpoint, last) = self.wanted_of_kesm(wanted, kesm, until);
        *last = until.max(*last);
        if let Setpoint::Kesm { supply_max, .. } = setpoint {
            *supply_max = supply_max.saturating_add(more);
        }
    }

    /// A module that stands ready to supply may also take in what its rack leaves below its level: the device does
    /// one or the other, as its bus asks for.
    fn want_charge(&self, wanted: &mut BTreeMap<DeviceId, (Setpoint, Millis)>, kesm: KesmId, charge: &Charge) {
        let (setpoint, last) = self.wanted_of_kesm(wanted, kesm, charge.until);
        *last = charge.until.max(*last);
        if let Setpoint::Kesm { charge_max, .. } = setpoint {
            *charge_max = charge.charge_max;
        }
    }

    fn wanted_of_kesm<'w>(
        &self,
        wanted: &'w mut BTreeMap<DeviceId, (Setpoint, Millis)>,
        kesm: KesmId,
        until: Millis,
    ) -> &'w mut (Setpoint, Millis) {
        let hold = self.level(self.site.kesm(kesm).rack);
        let none = Setpoint::Kesm { supply_max: Watts::ZERO, charge_max: Watts::ZERO, hold };
        wanted.entry(DeviceId::Kesm(kesm)).or_insert((none, until))
    }

    fn want_flow(
        &self,
        wanted: &mut BTreeMap<DeviceId, (Setpoint, Millis)>,
        tie: TieId,
        direction: Direction,
        more: Watts,
        until: Millis,
    ) {
        let hold = self.level(self.site.tie(tie).sink(direction));
        let none = Setpoint::Tie { direction, flow_max: Watts::ZERO, hold };
        let (setpoint, last) = wanted.entry(DeviceId::Tie(tie)).or_insert((none, until));
        *last = until.max(*last);
        if let Setpoint::Tie { flow_max, .. } = setpoint {
            *flow_max = flow_max.saturating_add(more);
        }
    }

    /// The instruction to do nothing, for the kind of device that had this one.
    fn idle_setpoint(&self, device: DeviceId, setpoint: &Setpoint) -> Setpoint {
        match (device, *setpoint) {
            (_, Setpoint::Kesm { hold, .. }) => {
                Setpoint::Kesm { supply_max: Watts::ZERO, charge_max: Watts::ZERO, hold }
            }
            (_, Setpoint::Tie { direction, hold, .. }) => Setpoint::Tie { direction, flow_max: Watts::ZERO, hold },
            (DeviceId::Pdu(rack), Setpoint::Pdu { .. }) => {
                Setpoint::Pdu { cap: self.site.rack(rack).nameplate, keep_tiers: TIER_MAX }
            }
            (_, Setpoint::Pdu { cap, .. }) => Setpoint::Pdu { cap, keep_tiers: TIER_MAX },
            (_, Setpoint::Supply { .. }) => Setpoint::Supply { generator: GeneratorDuty::Auto },
        }
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
        self.last = Seen { index: at.index, hash: canon.finish() };
        self.recent.push_back(self.last);
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
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
        for transfer in self.transfers.values() {
            let level = transfer.grant.help_above;
            assert!(level <= self.site.hold(transfer.grant.rack), "I3: help above {level} is help too late");
            assert!(!transfer.devices().iter().any(|device| self.held.contains(device)), "I3: a held device is used");
        }
    }
}

fn pairs<K: Copy, V: Copy>(map: &BTreeMap<K, V>) -> Vec<(K, V)> {
    map.iter().map(|(&key, &value)| (key, value)).collect()
}

impl Transfer {
    /// Its modules and ties.
    pub fn devices(&self) -> BTreeSet<DeviceId> {
        self.grant.devices().collect()
    }

    /// Whether it rests on this device, or is for its rack.
    fn uses(&self, device: DeviceId) -> bool {
        device == DeviceId::Pdu(self.grant.rack) || self.grant.devices().any(|used| used == device)
    }

    /// Takes in the word of its devices.
    fn hear(&mut self, outcome: &Outcome) {
        let acts = |device: DeviceId| {
            outcome.acks.iter().any(|timed| timed.ack.device == device && timed.ack.verdict.in_force())
        };
        let devices = self.devices();
        self.noted = devices.iter().all(|device| outcome.acks.iter().any(|timed| timed.ack.device == *device));
        let sources_act = devices.iter().filter(|device| matches!(device, DeviceId::Kesm(_))).all(|kesm| acts(*kesm));
        self.phase = match (sources_act, devices.iter().all(|device| acts(*device))) {
            (_, true) => Phase::Held,
            (true, false) => Phase::Drawing,
            (false, false) => Phase::Supplying,
        };
    }
}

impl Phase {
    /// The phase as metrics and people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supplying => "supplying",
            Self::Drawing => "drawing",
            Self::Held => "held",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::{World, forecast};

    fn with_transfer() -> World {
        let mut world = World::new();
        world.forecasts[2] = forecast(32_000);
        assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
        world
    }

    #[test]
    fn nothing_is_carried_out_before_the_log_is_bound_to_a_site() {
        let mut world = World::new();
        world.ledger = Ledger::new(crate::example::site());
        let effect = world.commit(Command::Plan(Plan::default()));
        assert_eq!(effect, Effect::Refused(Refusal::one(Violation::NotFounded)));
    }

    #[test]
    fn a_log_is_bound_once_and_a_replica_with_another_site_file_stops() {
        let mut world = World::new();
        let again = Founding { cluster: [7; 16], site_hash: world.ledger.site().hash };
        let refused = Effect::Refused(Refusal::one(Violation::FoundedOtherwise));
        assert_eq!(world.commit(Command::Found(again)), refused);
        world.ledger = Ledger::new(crate::example::site());
        let effect = world.commit(Command::Found(Founding { cluster: [7; 16], site_hash: [0; 32] }));
        assert_eq!(effect, Effect::Diverged { index: 1 });
    }

    #[test]
    fn time_comes_from_entries_and_ends_what_is_not_renewed() {
        let mut world = with_transfer();
        assert_eq!(world.ledger.transfers().count(), 1);
        world.pass(8_001);
        world.commit(Command::Plan(Plan::default()));
        assert_eq!(world.ledger.transfers().count(), 0);
        assert_eq!(world.ledger.orders().count(), 0, "the devices' orders expired with it");
        world.now = Millis::ZERO;
        world.commit(Command::Plan(Plan::default()));
        assert!(world.ledger.now() > Millis::new(8_000), "ledger time never goes back");
    }

    #[test]
    fn a_refused_plan_changes_nothing_but_the_states_name() {
        let mut world = with_transfer();
        let before = world.ledger.parts();
        let mut plan = Plan::default();
        let mut grant = before.transfers[0].grant.clone();
        grant.legs[0].supplied = Watts::new(90_000);
        plan.grants.push(grant);
        assert!(matches!(world.commit(Command::Plan(plan)), Effect::Refused(_)));
        let after = world.ledger.parts();
        assert_eq!((before.transfers, before.orders), (after.transfers, after.orders));
        assert_ne!(before.last.hash, after.last.hash);
    }

    #[test]
    fn a_snapshot_goes_on_like_the_original() {
        let mut world = with_transfer();
        let mut copy = Ledger::from_parts(crate::example::site(), world.ledger.parts());
        world.pass(5_000);
        let (position, entry) = {
            let plan = world.plan();
            world.entry(Command::Plan(plan))
        };
        assert_eq!(world.ledger.apply(position, &entry), copy.apply(position, &entry));
        assert_eq!(world.ledger.parts(), copy.parts());
    }

    #[test]
    fn a_proposer_that_saw_another_state_is_found_out() {
        let mut world = with_transfer();
        let (position, mut entry) = world.entry(Command::Plan(Plan::default()));
        entry.seen.hash[0] ^= 1;
        assert_eq!(world.ledger.apply(position, &entry), Effect::Diverged { index: position.index - 1 });
    }

    #[test]
    fn orders_are_complete_absolute_and_named_by_their_entry() {
        let world = with_transfer();
        let orders: Vec<Order> = world.ledger.orders().map(|order| *order.get()).collect();
        assert_eq!(orders.len(), 3, "the module and two ties");
        assert!(orders.iter().all(|order| order.index == world.ledger.seen().index && order.until.get() == 9_000));
    }

    /// A random day: loads, forecasts and stores jump; the ledger must stay within limits (it asserts I3 itself),
    /// two ledgers must agree, and a replay must reproduce every state.
    #[derive(Clone, Debug)]
    enum Step {
        Load(u16, i64),
        Forecast(u16, i64),
        Stored(u16, i64),
        Pass(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..6u16, 0..70_000i64).prop_map(|(rack, watts)| Step::Load(rack, watts)),
            (0..6u16, 0..70_000i64).prop_map(|(rack, watts)| Step::Forecast(rack, watts)),
            (0..2u16, 0..2_000_000i64).prop_map(|(kesm, joules)| Step::Stored(kesm, joules)),
            (1..6_000i64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn every_plan_is_admitted_and_every_replay_agrees(steps in prop::collection::vec(step(), 1..60)) {
            let mut world = World::new();
            for step in steps {
                match step {
                    Step::Load(rack, watts) => world.load(rack, watts),
                    Step::Forecast(rack, watts) => world.forecasts[usize::from(rack)] = forecast(watts),
                    Step::Stored(kesm, joules) => world.stored(kesm, joules),
                    Step::Pass(span) => world.pass(span),
                }
                let effect = world.tick();
                prop_assert!(!matches!(effect, Some(Effect::Refused(_) | Effect::Diverged { .. })), "{effect:?}");
            }
            let replay = crate::audit::replay(crate::example::site(), world.entries.clone());
            prop_assert_eq!(replay.divergence, None);
            prop_assert_eq!(replay.ledger.parts(), world.ledger.parts());
        }
    }
}
