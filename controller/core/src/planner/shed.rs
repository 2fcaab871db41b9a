//! Less for servers, where nothing else is left: the least that holds rack and row, what matters least first.

use std::cmp::Reverse;

use super::draft::Draft;
use super::lasting::Lasting;
use super::outage::Outages;
use super::risk::Verdict;
use super::topology::Topology;
use crate::capping;
use crate::command::{CapGrant, CapReason};
use crate::device::DeviceId;
use crate::ledger::Cap;
use crate::mode::Mode;
use crate::site::{RackId, RowId, Site, TIER_MAX};
use crate::units::{Millis, Watts};

/// What is over a limit for less than this is left to storage, which is on its way.
const PATIENCE: Millis = Millis::new(300);
/// A cap is moved by no less than this.
const STEP: Watts = Watts::new(500);
/// A cap holds for so long and is renewed at half of it.
pub(super) const HOLD: Millis = Millis::seconds(8);

/// Since when racks and rows are over their limits with nothing to cover it.
#[derive(Clone, Debug)]
pub(super) struct Shedding {
    racks: Vec<Lasting>,
    rows: Vec<Lasting>,
}

/// What a rack is to be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    cap: Watts,
    keep_tiers: u8,
    reason: CapReason,
}

impl Shedding {
    pub(super) fn new(site: &Site) -> Self {
        Self { racks: vec![Lasting::default(); site.racks.len()], rows: vec![Lasting::default(); site.rows.len()] }
    }

    /// Adds caps and lifts.
    pub(super) fn plan(&mut self, draft: &mut Draft<'_>, topology: &Topology, verdicts: &[Verdict], outages: &Outages) {
        for row in draft.site().row_ids() {
            let members = &topology.rows[row.index()];
            let mut row_cuts = self.row_cuts(draft, row, &members.racks, verdicts);
            for &rack in &members.racks {
                let verdict = &verdicts[rack.index()];
                let keep_tiers = outages.keep_tiers(row);
                let mut wanted = self.rack_cap(draft, verdict);
                if let Some(place) = row_cuts.iter().position(|(cut, ..)| *cut == rack) {
                    let (_, cap, reason) = row_cuts.swap_remove(place);
                    wanted = Some(tighter(wanted, Wanted { cap, keep_tiers: TIER_MAX, reason }));
                }
                if keep_tiers < TIER_MAX {
                    let cap = wanted.map_or(draft.site().rack(rack).nameplate, |wanted| wanted.cap);
                    wanted = Some(Wanted { cap, keep_tiers, reason: CapReason::TimeLeft });
                }
                reconcile(draft, verdict, tighter_of(wanted, asked_for(draft, rack)));
            }
        }
    }

    /// A rack that draws more than its breaker carries for ever, and gets no more from anywhere.
    fn rack_cap(&mut self, draft: &Draft<'_>, verdict: &Verdict) -> Option<Wanted> {
        if draft.mode_of_row(draft.site().rack(verdict.rack).row).bridges() {
            return None;
        }
        // What the meters say, not what was planned: help that does not come is no help. Where they say nothing, nobody
        // is shed: unknown is not over.
        let draw = draft.inputs.view.draw(verdict.rack, draft.inputs.now);
        let over = draw.is_some_and(|draw| draw > verdict.risk.limit);
        let covered = verdict.risk.present.saturating_sub(draw.unwrap_or(verdict.risk.present)).or_zero();
        let lasting = self.racks[verdict.rack.index()].holds_for(PATIENCE, over, draft.inputs.now);
        let cap = verdict.hold.saturating_add(covered);
        lasting.then_some(Wanted { cap, keep_tiers: TIER_MAX, reason: CapReason::RackUncovered })
    }

    /// What each rack must be held to for the row (or the generator behind it) to carry all.
    fn row_cuts(
        &mut self,
        draft: &Draft<'_>,
        row: RowId,
        racks: &[RackId],
        verdicts: &[Verdict],
    ) -> Vec<(RackId, Watts, CapReason)> {
        let site = draft.site();
        let mode = draft.mode_of_row(row);
        if mode.bridges() {
            return Vec::new();
        }
        let feed = &site.feeds[site.rows[row.index()].feed.index()];
        let limit = site.rows[row.index()].limit;
        let (most, reason) = match (mode, feed.generator) {
            (Mode::Generator, Some(rated)) => {
                // Each row gets its share of the generator, by what its feeder could carry.
                let feeders: Watts = feed.rows.iter().map(|row| site.rows[row.index()].limit).sum();
                (limit.min(rated.share(limit.get(), feeders.get())), CapReason::GeneratorFull)
            }
            _ => (limit, CapReason::RowUncovered),
        };
        let measured = draft.measured_draw(racks);
        let drawn = measured.unwrap_or(Watts::ZERO);
        let over = measured.is_some() && drawn > most;
        if !self.rows[row.index()].holds_for(PATIENCE, over, draft.inputs.now) {
            return Vec::new();
        }
        let margin = most.permille(site.policy.margin_permille);
        cut_least_important(site, racks, verdicts, drawn.saturating_sub(most).saturating_add(margin), reason)
    }
}

/// Racks of what matters least first, the largest of them first, down to their floors.
fn cut_least_important(
    site: &Site,
    racks: &[RackId],
    verdicts: &[Verdict],
    cut: Watts,
    reason: CapReason,
) -> Vec<(RackId, Watts, CapReason)> {
    let least = |rack: RackId| site.servers_of(rack).map(|server| server.tier).max().unwrap_or(1);
    let mut order: Vec<RackId> = racks.to_vec();
    order.sort_by_key(|rack| (Reverse(least(*rack)), Reverse(verdicts[rack.index()].risk.present), *rack));
    let mut left = cut;
    let mut cuts = Vec::new();
    for rack in order {
        let present = verdicts[rack.index()].risk.present;
        let room = present.saturating_sub(capping::rack_floor(site, rack, TIER_MAX)).or_zero();
        let taken = room.min(left);
        if taken >= STEP {
            cuts.push((rack, present.saturating_sub(taken), reason));
            left = left.saturating_sub(taken);
        }
    }
    cuts
}

fn tighter(first: Option<Wanted>, second: Wanted) -> Wanted {
    first.filter(|first| first.cap <= second.cap).unwrap_or(second)
}

/// What an operator asks for.
fn asked_for(draft: &Draft<'_>, rack: RackId) -> Option<Wanted> {
    let shed = draft.inputs.ledger.shed(rack)?;
    Some(Wanted { cap: shed.cap, keep_tiers: TIER_MAX, reason: CapReason::Operator })
}

/// The lower cap, and the fewer tiers, of both.
fn tighter_of(first: Option<Wanted>, second: Option<Wanted>) -> Option<Wanted> {
    let (Some(one), Some(other)) = (first, second) else { return first.or(second) };
    // Tiers are shut down for one reason only, which is told then.
    let reason = if one.keep_tiers < TIER_MAX || one.cap <= other.cap { one.reason } else { other.reason };
    Some(Wanted { cap: one.cap.min(other.cap), keep_tiers: one.keep_tiers.min(other.keep_tiers), reason })
}

/// From what is wanted and what stands to what must be said: a new cap, one renewed or moved, an end, or nothing.
fn reconcile(draft: &mut Draft<'_>, verdict: &Verdict, wanted: Option<Wanted>) {
    let rack = verdict.rack;
    let standing = draft.inputs.ledger.cap(rack).copied().filter(|cap| cap.until > draft.inputs.ledger_now);
    // Most racks have no cap and want none.
    if (wanted.is_none() && standing.is_none()) || draft.is_excluded(DeviceId::Pdu(rack)) {
        return;
    }
    match (wanted, standing) {
        (Some(wanted), None) => say(draft, rack, wanted),
        (Some(wanted), Some(cap)) => {
            // An operator who asks no longer, or for more, is obeyed at once; what the planner wants is eased.
            let asked = cap.reason == CapReason::Operator && wanted.cap != cap.cap;
            let moved = wanted.cap.saturating_add(STEP) < cap.cap || wanted.keep_tiers != cap.keep_tiers;
            if asked || moved || is_due(draft, &cap) {
                let most = if asked { wanted.cap } else { wanted.cap.min(cap.cap) };
                say(draft, rack, Wanted { cap: most, ..wanted });
            }
        }
        (None, Some(cap)) => ease(draft, verdict, &cap),
        (None, None) => {}
    }
}

/// Nothing asks for the cap any more at what the rack takes: a rack that has fallen well below it is freed; one that
/// stays at it is given what storage has come to cover, and otherwise stays capped.
fn ease(draft: &mut Draft<'_>, verdict: &Verdict, cap: &Cap) {
    let margin = verdict.risk.margin;
    let tiers_are_back = cap.keep_tiers < TIER_MAX;
    if tiers_are_back || cap.reason == CapReason::Operator || verdict.risk.present.saturating_add(margin) < cap.cap {
        draft.plan.lifts.push(verdict.rack);
        return;
    }
    let allowed = verdict.hold.saturating_add(draft.delivered(verdict.rack));
    let nameplate = draft.site().rack(verdict.rack).nameplate;
    if allowed >= nameplate {
        draft.plan.lifts.push(verdict.rack);
    } else if is_due(draft, cap) || allowed > cap.cap.saturating_add(STEP) {
        let raised = match cap.reason {
            CapReason::RackUncovered => allowed,
            // A row's or a generator's cap is eased step by step, to see what becomes of it.
            _ => cap.cap.saturating_add(margin),
        };
        say(draft, verdict.rack, Wanted { cap: raised, keep_tiers: cap.keep_tiers, reason: cap.reason });
    }
}

fn is_due(draft: &Draft<'_>, cap: &Cap) -> bool {
    cap.until.saturating_sub(draft.inputs.ledger_now) < Millis::new(HOLD.get() / 2)
}

fn say(draft: &mut Draft<'_>, rack: RackId, wanted: Wanted) {
    let site = draft.site();
    let (least, most) = (capping::rack_floor(site, rack, wanted.keep_tiers), site.rack(rack).nameplate);
    let cap = wanted.cap.min(most).max(least);
    draft.plan.caps.push(CapGrant { rack, cap, keep_tiers: wanted.keep_tiers, reason: wanted.reason, hold: HOLD });
}

#[cfg(test)]
mod tests;
