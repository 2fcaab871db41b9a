//! What a plan does to the ledger.

use std::collections::BTreeSet;

use super::{Cap, Charge, Closing, Effect, FeedMode, GeneratorRule, Ledger, Phase, Transfer};
use crate::command::{
    CapGrant, ChargeGrant, GeneratorGrant, Grant, ModeChange, Plan, Position, ReleaseReason, TransferId,
};
use crate::envelope::{self, Refusal, Violation};
use crate::site::RackId;

impl Ledger {
    pub(super) fn carry_out_plan(&mut self, at: Position, plan: &Plan) -> Effect {
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

    fn change_mode(&mut self, change: &ModeChange) {
        self.modes.insert(change.feed, FeedMode { mode: change.to, since: self.now, reason: Some(change.reason) });
    }

    pub(super) fn release(&mut self, rack: RackId, reason: ReleaseReason) {
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
}
