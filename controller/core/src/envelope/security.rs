//! N−1: what is left when any one module or tie is lost (I9).
//!
//! Orders are ceilings that devices follow in milliseconds by themselves, so what a failure does can be bounded without
//! solving the network. When a source or a tie is lost,
//!
//! - a rack that received over it gets nothing of it any more, and the sources that it has left give up to their
//!   ceilings;
//! - a rack from which power still leaves over a tie gives it through its own breaker until that tie is told to stop.
//!
//! Each rack is judged by the worse of the two. What is left must be borne by its breaker, as hot as it is, for the
//! site's reaction time; and it must be possible to take it back then: a tie by an order that lowers (which nothing can
//! hold up), servers by caps down to their floors.
//!
//! The loss of a replica or of one field network changes no setpoint: devices go on by their leases, and a grant must
//! outlive one. The reserve of the modules that are left is not touched by a failure, because what they may give at
//! their ceilings for the whole hold was admitted. A module or a tie that no transfer uses can fail without effect, so
//! the cost is linear in what is used, not in the size of the site.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, Violation};
use crate::breaker;
use crate::capping;
use crate::command::{CapGrant, Grant, Leg, Plan, RackLoad};
use crate::device::DeviceId;
use crate::electrical;
use crate::ledger::Ledger;
use crate::site::{KesmId, RackId, Site, TIER_MAX, TieId};
use crate::units::{Millis, Watts};

/// The loss of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contingency {
    /// Of a module.
    Kesm(KesmId),
    /// Of a tie.
    Tie(TieId),
}

impl Contingency {
    /// What would be lost.
    pub const fn device(self) -> DeviceId {
        match self {
            Self::Kesm(id) => DeviceId::Kesm(id),
            Self::Tie(id) => DeviceId::Tie(id),
        }
    }
}

/// What a single failure would leave that cannot be borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insecurity {
    /// What would have failed.
    pub lost: Contingency,
    /// Where it would show.
    pub rack: RackId,
    /// What would come through the rack's breaker.
    pub draw: Watts,
    /// What the breaker carries for ever.
    pub limit: Watts,
    /// For how long it bears that; none when it is for ever.
    pub bears: Option<Millis>,
    /// The most that the rack's servers may come to take for its breaker to bear the failure.
    pub bearable_peak: Watts,
    /// Whether caps could bring the rack back to its limit then.
    pub can_be_taken_back: bool,
}

impl Insecurity {
    /// What it is, with the site's names, for people.
    pub fn describe(&self, site: &Site) -> String {
        let lost = match self.lost {
            Contingency::Kesm(id) => site.kesm(id).name.as_str(),
            Contingency::Tie(id) => site.tie(id).name.as_str(),
        };
        let bears = self.bears.map_or_else(|| "for ever".to_owned(), |span| format!("for {span}"));
        let (rack, draw, limit) = (&site.rack(self.rack).name, self.draw.kilo(), self.limit.kilo());
        let caps = if self.can_be_taken_back { "" } else { ", and caps cannot take it back" };
        format!("without {lost}, rack {rack} would draw {draw} of {limit}, which its breaker bears {bears}{caps}")
    }
}

/// Judges every single failure of what the plan leaves in force: refused with each that cannot be borne.
pub fn assess(ledger: &Ledger, plan: &Plan) -> Result<(), Refusal> {
    let found = insecurities(ledger, plan)?;
    let violations: Vec<Violation> = found.into_iter().map(Violation::NotSecure).collect();
    if violations.is_empty() { Ok(()) } else { Err(Refusal { violations }) }
}

/// Every single failure that cannot be borne, worst first for each rack; or the racks of which nothing is known.
pub fn insecurities(ledger: &Ledger, plan: &Plan) -> Result<Vec<Insecurity>, Refusal> {
    let mut picture = Picture::of(ledger, plan);
    let unknown: Vec<Violation> = picture
        .racks
        .iter()
        .filter(|(_, at)| at.load.is_none())
        .map(|(rack, _)| Violation::LoadUnknown(*rack))
        .collect();
    if !unknown.is_empty() {
        return Err(Refusal { violations: unknown });
    }
    Ok(picture.judge())
}

/// What is in force after a plan, as far as failures are concerned.
struct Picture<'a> {
    site: &'a Site,
    racks: BTreeMap<RackId, AtRack>,
    /// What each rack would lose, or have to give, without a device.
    effects: BTreeMap<(Contingency, RackId), Effect>,
}

/// One rack that transfers touch.
#[derive(Clone, Copy, Debug, Default)]
struct AtRack {
    load: Option<RackLoad>,
    /// The least that caps can bring its servers to.
    floor: Watts,
    /// What all legs deliver to it.
    received: Watts,
}

/// What the loss of one device does at one rack.
#[derive(Clone, Copy, Debug, Default)]
struct Effect {
    /// So much less is delivered.
    lost: Watts,
    /// So much leaves over ties that nothing feeds any more but the rack's own breaker.
    orphaned: Watts,
}

impl<'a> Picture<'a> {
    fn of(ledger: &'a Ledger, plan: &'a Plan) -> Self {
        let mut picture = Self { site: ledger.site(), racks: BTreeMap::new(), effects: BTreeMap::new() };
        let granted = plan.grants.iter().map(|grant| grant.rack);
        let ended: BTreeSet<RackId> = granted.chain(plan.releases.iter().map(|end| end.rack)).collect();
        let gone = |rack: RackId| ended.contains(&rack);
        let loads: BTreeMap<RackId, &RackLoad> = plan.loads.iter().map(|load| (load.rack, load)).collect();
        let kept = ledger.transfers().map(|transfer| &transfer.grant).filter(|grant| !gone(grant.rack));
        kept.chain(&plan.grants).for_each(|grant| picture.add(grant));
        let caps: BTreeMap<RackId, &CapGrant> = plan.caps.iter().map(|cap| (cap.rack, cap)).collect();
        let lifted: BTreeSet<RackId> = plan.lifts.iter().copied().collect();
        let (site, racks) = (picture.site, &mut picture.racks);
        for (&rack, at) in racks {
            let (planned, standing) = (caps.get(&rack), ledger.cap(rack));
            let told = loads.get(&rack).copied().or_else(|| ledger.load(rack));
            // A cap that is lifted no longer holds; tiers that were shut down are not back in a moment.
            let standing_cap = standing.filter(|_| !lifted.contains(&rack)).map(|cap| cap.cap);
            let cap = planned.map(|cap| cap.cap).or(standing_cap);
            at.load = told.map(|load| RackLoad { peak: cap.map_or(load.peak, |cap| cap.min(load.peak)), ..*load });
            let kept = planned.map(|cap| cap.keep_tiers).or(standing.map(|cap| cap.keep_tiers));
            at.floor = capping::rack_floor(site, rack, kept.unwrap_or(TIER_MAX));
        }
        picture
    }

    fn add(&mut self, grant: &Grant) {
        for leg in &grant.legs {
            let source = self.site.kesm(leg.kesm).rack;
            self.racks.entry(source).or_default();
            let receiver = self.racks.entry(grant.rack).or_default();
            receiver.received = receiver.received.saturating_add(leg.delivered);
            self.without_kesm(leg, source, grant.rack);
            self.without_ties(leg, grant.rack);
        }
    }

    fn without_kesm(&mut self, leg: &Leg, source: RackId, receiver: RackId) {
        let lost = Contingency::Kesm(leg.kesm);
        self.effect(lost, receiver).lose(leg.delivered);
        if !leg.path.is_empty() {
            self.effect(lost, source).orphan(leg.supplied);
        }
    }

    fn without_ties(&mut self, leg: &Leg, receiver: RackId) {
        let flows = electrical::path_flows(self.site, &leg.path, leg.delivered);
        for (place, hop) in leg.path.iter().enumerate() {
            let lost = Contingency::Tie(hop.tie);
            self.effect(lost, receiver).lose(leg.delivered);
            let sink = self.site.tie(hop.tie).sink(hop.direction);
            if let Some(next) = flows.get(place + 1) {
                self.racks.entry(sink).or_default();
                self.effect(lost, sink).orphan(*next);
            }
        }
    }

    fn effect(&mut self, lost: Contingency, rack: RackId) -> &mut Effect {
        self.effects.entry((lost, rack)).or_default()
    }

    fn judge(&mut self) -> Vec<Insecurity> {
        self.effects.iter().filter_map(|(&(lost, rack), effect)| self.judge_one(lost, rack, effect)).collect()
    }

    fn judge_one(&self, lost: Contingency, rack: RackId, effect: &Effect) -> Option<Insecurity> {
        let at = self.racks.get(&rack)?;
        let load = at.load?;
        let limit = self.site.rack(rack).limit;
        let left = at.received.saturating_sub(effect.lost).or_zero();
        let draw = load.peak.saturating_add(effect.orphaned).saturating_sub(left);
        let reaction = self.site.policy.reaction;
        let bears = breaker::bears_for(draw, limit, load.heat_permille);
        let in_time = bears.is_none_or(|span| span >= reaction);
        // Ties are told to stop, and servers come down to their floors.
        let floor = at.floor.min(load.peak);
        let can_be_taken_back = floor.saturating_sub(left) <= limit;
        if in_time && can_be_taken_back {
            return None;
        }
        let bearable = breaker::bearable(limit, load.heat_permille, reaction);
        let bearable_peak = bearable.saturating_add(left).saturating_sub(effect.orphaned);
        Some(Insecurity { lost, rack, draw, limit, bears, bearable_peak, can_be_taken_back })
    }
}

impl Effect {
    fn lose(&mut self, delivered: Watts) {
        self.lost = self.lost.saturating_add(delivered);
    }

    fn orphan(&mut self, flow: Watts) {
        self.orphaned = self.orphaned.saturating_add(flow);
    }
}

#[cfg(test)]
mod tests;
