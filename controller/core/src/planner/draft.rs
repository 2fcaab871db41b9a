//! A plan as it grows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inputs, Verdict};
use crate::command::{Grant, Leg, Plan, RackLoad, Release, ReleaseReason, StoredEnergy};
use crate::device::DeviceId;
use crate::envelope::Usage;
use crate::ledger::Transfer;
use crate::mode::Mode;
use crate::site::{FeedId, KesmId, RackId, RowId, Site};
use crate::units::{Joules, Millis, Watts};

/// The plan, and what every rack will have once it is carried out.
pub(super) struct Draft<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) plan: Plan,
    /// A transfer stays here until something better for the same rack is found, so that no rack's gain is another's
    /// loss.
    standing: BTreeMap<RackId, Standing>,
}

/// What a rack will have.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) legs: Vec<Leg>,
    pub(super) help_above: Watts,
    /// For how long from now.
    pub(super) left: Millis,
}

impl<'a> Draft<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        let in_force = inputs.ledger.transfers().filter(|transfer| transfer.until > inputs.ledger_now);
        let entry = |transfer: &Transfer| {
            let left = transfer.until.saturating_sub(inputs.ledger_now).or_zero();
            let standing = Standing { legs: transfer.grant.legs.clone(), help_above: transfer.grant.help_above, left };
            (transfer.grant.rack, standing)
        };
        Self { inputs, plan: Plan::default(), standing: in_force.map(entry).collect() }
    }

    pub(super) fn site(&self) -> &'a Site {
        self.inputs.ledger.site()
    }

    /// What a feed will be doing.
    pub(super) fn mode(&self, feed: FeedId) -> Mode {
        let planned = self.plan.modes.iter().find(|change| change.feed == feed).map(|change| change.to);
        planned.unwrap_or_else(|| self.inputs.ledger.mode(feed).mode)
    }

    pub(super) fn mode_of_row(&self, row: RowId) -> Mode {
        self.mode(self.site().rows[row.index()].feed)
    }

    pub(super) fn standing(&self, rack: RackId) -> Option<&Standing> {
        self.standing.get(&rack)
    }

    /// The rack's transfer as it is in the ledger, unless it ends before the next entry is applied.
    pub(super) fn in_ledger(&self, rack: RackId) -> Option<&'a Transfer> {
        self.inputs.ledger.transfer(rack).filter(|transfer| transfer.until > self.inputs.ledger_now)
    }

    pub(super) fn release(&mut self, rack: RackId, reason: ReleaseReason) {
        self.plan.grants.retain(|grant| grant.rack != rack);
        self.standing.remove(&rack);
        let told = self.plan.releases.iter().any(|release| release.rack == rack);
        if self.in_ledger(rack).is_some() && !told {
            self.plan.releases.push(Release { rack, reason });
        }
    }

    pub(super) fn grant(&mut self, verdict: &Verdict, legs: Vec<Leg>, help_above: Watts) {
        let hold = self.site().policy.transfer_hold;
        let standing = Standing { legs: legs.clone(), help_above, left: hold };
        self.standing.insert(verdict.rack, standing);
        // A rack whose transfer ends may relieve its row in the same tick: one replaces the other.
        self.plan.releases.retain(|release| release.rack != verdict.rack);
        self.plan.grants.push(Grant { rack: verdict.rack, legs, help_above, risk: verdict.risk, hold });
    }

    /// What a rack will receive at the most.
    pub(super) fn delivered(&self, rack: RackId) -> Watts {
        self.standing.get(&rack).map_or(Watts::ZERO, |standing| delivered(&standing.legs))
    }

    /// What is in use by the transfers of these racks.
    pub(super) fn usage(&self, racks: impl Iterator<Item = RackId>) -> Usage {
        let mut usage = Usage::default();
        for standing in racks.filter_map(|rack| self.standing.get(&rack)) {
            usage.add(self.site(), &standing.legs, standing.left);
        }
        usage
    }

    /// Whether a device must not be planned with.
    pub(super) fn is_excluded(&self, device: DeviceId) -> bool {
        (self.inputs.fault)(device).is_some() || self.inputs.ledger.is_held(device)
    }

    /// What a module can still promise for a whole hold: within its rating and above its reserve.
    pub(super) fn can_supply(&self, kesm: KesmId, usage: &Usage) -> Watts {
        if self.is_excluded(DeviceId::Kesm(kesm)) {
            return Watts::ZERO;
        }
        let in_use = usage.kesms.get(&kesm).copied().unwrap_or_default();
        let by_rating = self.site().kesm(kesm).rated.saturating_sub(in_use).or_zero();
        by_rating.min(super::assign::by_energy(self.site(), kesm, self.can_promise(kesm, usage)))
    }

    /// Energy of a module above its reserve that nobody has been promised yet.
    pub(super) fn can_promise(&self, kesm: KesmId, usage: &Usage) -> Joules {
        let Some(stored) = self.inputs.view.stored(kesm, self.inputs.now) else { return Joules::ZERO };
        let promised = usage.energy.get(&kesm).copied().unwrap_or_default();
        stored.saturating_sub(self.site().kesm(kesm).reserve).saturating_sub(promised).or_zero()
    }

    /// What a row draws from its feed as its racks' meters say, if all of them are heard.
    pub(super) fn measured_draw(&self, racks: &[RackId]) -> Option<Watts> {
        racks.iter().map(|rack| self.inputs.view.draw(*rack, self.inputs.now)).sum()
    }

    /// Says what every named module stores and what every touched rack may come to take, so that replicas and auditors
    /// can judge the plan by the same numbers.
    pub(super) fn attach_evidence(&mut self, verdicts: &[Verdict]) {
        let granted = self.plan.grants.iter().flat_map(|grant| &grant.legs).map(|leg| leg.kesm);
        let mut kesms: Vec<KesmId> = granted.chain(self.plan.charges.iter().map(|charge| charge.kesm)).collect();
        kesms.sort_unstable();
        kesms.dedup();
        let (view, now) = (self.inputs.view, self.inputs.now);
        let stored = |kesm| Some(StoredEnergy { kesm, stored: view.stored(kesm, now)? });
        self.plan.stored = kesms.into_iter().filter_map(stored).collect();
        let granted = self.plan.grants.iter().flat_map(|grant| grant.racks(self.site()));
        let mut racks: Vec<RackId> = granted.chain(self.risen(verdicts)).collect();
        racks.sort_unstable();
        racks.dedup();
        let load = |rack: RackId| RackLoad {
            rack,
            peak: verdicts[rack.index()].peak,
            heat_permille: view.heat_permille(rack, now).unwrap_or(UNKNOWN_HEAT_PERMILLE),
        };
        self.plan.loads = racks.into_iter().map(load).collect();
    }

    /// Racks touched by transfers that stay, which may come to take more, or are hotter, than was told when those were
    /// granted: single failures are judged by what is, also where nothing is granted anew.
    fn risen(&self, verdicts: &[Verdict]) -> Vec<RackId> {
        let ledger = self.inputs.ledger;
        let changed: BTreeSet<RackId> = self.plan.grants.iter().map(|grant| grant.rack).collect();
        let stays = |grant: &&Grant| !changed.contains(&grant.rack) && self.standing.contains_key(&grant.rack);
        let staying = ledger.transfers().map(|transfer| &transfer.grant).filter(stays);
        let touched: Vec<RackId> = staying.flat_map(|grant| grant.racks(ledger.site())).collect();
        let heat = |rack| self.inputs.view.heat_permille(rack, self.inputs.now).unwrap_or(0);
        let news = touched.into_iter().filter(|rack| {
            ledger
                .load(*rack)
                .is_none_or(|told| verdicts[rack.index()].peak > told.peak || heat(*rack) > told.heat_permille)
        });
        news.collect()
    }

    pub(super) fn finish(self) -> Plan {
        self.plan
    }
}

/// A breaker that has never told its heat is taken for half hot.
const UNKNOWN_HEAT_PERMILLE: u16 = 500;

pub(super) fn delivered(legs: &[Leg]) -> Watts {
    legs.iter().map(|leg| leg.delivered).sum()
}

#[cfg(test)]
mod tests;
