//! Makes a plan secure against single failures (I9): by caps where they suffice, else by leaving out what cannot be.

use super::draft::Draft;
use super::risk::Verdict;
use super::shed::HOLD;
use crate::capping;
use crate::command::{CapGrant, CapReason, ReleaseReason};
use crate::device::DeviceId;
use crate::envelope::security::{self, Contingency, Insecurity};
use crate::site::{RackId, TIER_MAX};
use crate::units::Watts;

/// Every round caps or leaves out something, and what is left out can only make others safer.
const ROUNDS: usize = 8;

/// Adds caps to the plan, or takes grants out of it, until no single failure leaves what cannot be borne.
pub(super) fn make(draft: &mut Draft<'_>, verdicts: &[Verdict]) {
    for _ in 0..ROUNDS {
        draft.attach_evidence(verdicts);
        let Ok(found) = security::insecurities(draft.inputs.ledger, &draft.plan) else { return };
        if found.is_empty() {
            return;
        }
        for insecurity in &found {
            mend(draft, insecurity);
        }
    }
    // What is still not secure after so many rounds is given up: the envelope would refuse all of the plan.
    draft.plan.grants.clear();
}

fn mend(draft: &mut Draft<'_>, insecurity: &Insecurity) {
    let rack = insecurity.rack;
    let floor = capping::rack_floor(draft.site(), rack, TIER_MAX);
    let known = draft.plan.caps.iter().position(|cap| cap.rack == rack);
    let lowest = known.map(|nth| draft.plan.caps[nth].cap);
    let is_lower = lowest.is_none_or(|cap| cap > insecurity.bearable_peak);
    let heeds = !draft.is_excluded(DeviceId::Pdu(rack));
    if heeds && insecurity.bearable_peak >= floor && is_lower && insecurity.can_be_taken_back {
        cap(draft, rack, known, insecurity.bearable_peak);
        return;
    }
    let resting: Vec<RackId> = rests_on(draft, insecurity.lost);
    for receiver in resting {
        draft.release(receiver, ReleaseReason::NoLongerFeasible);
    }
}

fn cap(draft: &mut Draft<'_>, rack: RackId, known: Option<usize>, most: Watts) {
    let cap = most.min(draft.site().rack(rack).nameplate);
    draft.plan.lifts.retain(|lifted| *lifted != rack);
    // What is shut down stays so: this cap is about watts.
    let standing = draft.inputs.ledger.cap(rack).map_or(TIER_MAX, |cap| cap.keep_tiers);
    let keep_tiers = known.map_or(standing, |nth| draft.plan.caps[nth].keep_tiers);
    let capped = CapGrant { rack, cap, keep_tiers, reason: CapReason::Insecure, hold: HOLD };
    match known {
        Some(nth) => draft.plan.caps[nth] = capped,
        None => draft.plan.caps.push(capped),
    }
}

/// Racks whose transfer would be touched by the loss.
fn rests_on(draft: &Draft<'_>, lost: Contingency) -> Vec<RackId> {
    let device = lost.device();
    let touched =
        |rack: &RackId| draft.standing(*rack).is_some_and(|standing| standing.legs.iter().any(|leg| leg.uses(device)));
    draft.site().rack_ids().filter(touched).collect()
}

#[cfg(test)]
mod tests;
