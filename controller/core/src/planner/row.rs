//! One row: which transfers end, which stay, and what those that must be made anew become.

use super::assign::{Assigner, Given, LEAST_LEG, Means, RowWant, Want};
use super::draft::{Draft, Standing, delivered};
use super::lasting::Lasting;
use super::risk::{RowVerdict, Verdict, judge_row};
use super::topology::RowMembers;
use crate::command::{Grant, Leg, ReleaseReason, Shortfall};
use crate::device::DeviceId;
use crate::envelope::Usage;
use crate::ledger::Transfer;
use crate::site::{RackId, RowId, Site};
use crate::trust::Fault;
use crate::units::{Millis, Watts};

/// A transfer is released after its rack has been calm for so long.
const CALM: Millis = Millis::seconds(3);
/// Grants come in steps of this size, and ask for a tenth more than the need, so that a forecast's ripple does not
/// make a new entry every tick. A ceiling that is not reached costs nothing but room.
const STEP_WATTS: i64 = 500;
const SLACK_PERMILLE: u16 = 100;
/// An unchanged shortfall is told again after so long.
const SHORTFALL_REPEAT: Millis = Millis::seconds(10);
/// A rack that is to relieve its row of what it draws now keeps at least this share of it on its own breaker.
const OWN_SHARE_PERMILLE: u16 = 50;

/// What the planner remembers of racks: for how long they have been calm, and what was reported of them last.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    calm: Vec<Lasting>,
    told: Vec<Option<(Watts, Millis)>>,
}

impl Patience {
    pub(super) fn new(site: &Site) -> Self {
        Self { calm: vec![Lasting::default(); site.racks.len()], told: vec![None; site.racks.len()] }
    }

    /// Whether the rack has been calm for long enough, told that it is calm now, or not.
    fn is_calm(&mut self, rack: RackId, calm: bool, now: Millis) -> bool {
        self.calm[rack.index()].holds_for(CALM, calm, now)
    }

    /// Whether a shortfall is news: it is new, has changed by a tenth, or was told long ago.
    fn is_news(&mut self, rack: RackId, uncovered: Watts, now: Millis) -> bool {
        let told = &mut self.told[rack.index()];
        if uncovered < LEAST_LEG {
            *told = None;
            return false;
        }
        let known = told.is_some_and(|(told, at)| {
            (told.get() - uncovered.get()).abs() * 10 < told.get() && now.saturating_sub(at) < SHORTFALL_REPEAT
        });
        if !known {
            *told = Some((uncovered, now));
        }
        !known
    }
}

/// Plans one row.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    members: &RowMembers,
    row: RowId,
    verdicts: &[Verdict],
    patience: &mut Patience,
    assigner: &mut Assigner,
) {
    let of_row: Vec<&Verdict> = members.racks.iter().map(|rack| &verdicts[rack.index()]).collect();
    let judged = judge_row(&draft.inputs, row, &of_row);
    let idle = |verdict: &&Verdict| !verdict.at_risk && draft.standing(verdict.rack).is_none();
    if !judged.at_risk && of_row.iter().all(idle) {
        return;
    }
    let mut planning = Planning { draft, members, of_row, judged, wanting: Vec::new() };
    planning.sort_out(patience);
    planning.solve(assigner);
}

/// Says what a row's racks are short of, once it is settled what they get.
pub(super) fn tell_shortfalls(
    draft: &mut Draft<'_>,
    members: &RowMembers,
    verdicts: &[Verdict],
    patience: &mut Patience,
) {
    let now = draft.inputs.now;
    for verdict in members.racks.iter().map(|rack| &verdicts[rack.index()]) {
        let counts = verdict.at_risk || draft.standing(verdict.rack).is_some();
        let need = if counts { verdict.need } else { Watts::ZERO };
        let uncovered = need.saturating_sub(draft.delivered(verdict.rack)).or_zero();
        if patience.is_news(verdict.rack, uncovered, now) {
            draft.plan.shortfalls.push(Shortfall { rack: verdict.rack, risk: verdict.risk, uncovered });
        }
    }
}

struct Planning<'p, 'd, 'v> {
    draft: &'p mut Draft<'d>,
    members: &'p RowMembers,
    of_row: Vec<&'v Verdict>,
    judged: RowVerdict,
    /// Racks whose transfer must be made, renewed or changed.
    wanting: Vec<RackId>,
}

impl<'v> Planning<'_, '_, 'v> {
    /// Releases what is calm or can go on no longer; finds the racks whose transfer must be made, renewed or changed.
    fn sort_out(&mut self, patience: &mut Patience) {
        let now = self.draft.inputs.now;
        for verdict in self.of_row.clone() {
            let Some(transfer) = self.draft.in_ledger(verdict.rack) else {
                patience.is_calm(verdict.rack, false, now);
                if verdict.at_risk && self.may_receive(verdict.rack) {
                    self.wanting.push(verdict.rack);
                }
                continue;
            };
            // A transfer that relieves its row is not over because its own rack is calm.
            let relieves = transfer.grant.help_above < verdict.hold && self.judged.excess > Watts::ZERO;
            let calm = verdict.calm && !relieves;
            let patient = patience.is_calm(verdict.rack, calm, now);
            let failed = self.failed(transfer);
            if calm && (patient || failed.is_some()) {
                self.draft.release(verdict.rack, failed.unwrap_or(ReleaseReason::ForecastFell));
            } else if failed.is_some() || self.is_due(transfer) || must_change(verdict, transfer) {
                self.wanting.push(verdict.rack);
            }
        }
    }

    /// Whether a rack may be planned for: an operator who holds its PDU has said no.
    fn may_receive(&self, rack: RackId) -> bool {
        !self.draft.inputs.ledger.is_held(DeviceId::Pdu(rack))
    }

    /// Why a transfer rests on something that is not to be relied on, if it does.
    fn failed(&self, transfer: &Transfer) -> Option<ReleaseReason> {
        let broken = transfer.grant.devices().find(|device| self.draft.is_excluded(*device))?;
        let silent = (self.draft.inputs.fault)(broken) == Some(Fault::Silent);
        Some(if silent { ReleaseReason::AckMissing } else { ReleaseReason::DeviceFailed })
    }

    /// A transfer that is half over is renewed, or replaced by something better.
    fn is_due(&self, transfer: &Transfer) -> bool {
        let left = transfer.until.saturating_sub(self.draft.inputs.ledger_now);
        left < Millis::new(transfer.grant.hold.get() / 2)
    }

    /// Plans those in want beside those that stay; if that leaves somebody short, all of the row anew. If it leaves a rack or the
    /// row above its hold now, what others were promised may be taken back.
    fn solve(&mut self, assigner: &mut Assigner) {
        let beside = self.settle(assigner, self.wanting.clone());
        let all: Vec<RackId> = self.everyone();
        let chosen = if beside.short >= LEAST_LEG && all.len() > self.wanting.len() {
            let anew = self.settle(assigner, all);
            if anew.short.saturating_add(LEAST_LEG) < beside.short { anew } else { beside }
        } else {
            beside
        };
        if chosen.short_now >= LEAST_LEG {
            let from_nothing = self.attempt(assigner, &self.everyone());
            if from_nothing.short_now.saturating_add(LEAST_LEG) < chosen.short_now {
                return self.adopt_from_nothing(from_nothing);
            }
        }
        self.adopt(chosen);
    }

    /// Plans these racks anew. One that gains nothing by it keeps what it has, and the others are planned beside that.
    fn settle(&self, assigner: &mut Assigner, mut anew: Vec<RackId>) -> Attempt<'v> {
        loop {
            let attempt = self.attempt(assigner, &anew);
            let stays =
                |verdict: &Verdict, given: &Given| anew.contains(&verdict.rack) && self.keeps_its_own(verdict, given);
            let staying = attempt.racks.iter().filter(|(verdict, given)| stays(verdict, given));
            let staying: Vec<RackId> = staying.map(|(verdict, _)| verdict.rack).collect();
            if staying.is_empty() {
                return attempt;
            }
            anew.retain(|rack| !staying.contains(rack));
        }
    }

    /// Whether a rack goes on with what it has rather than with this.
    fn keeps_its_own(&self, verdict: &Verdict, given: &Given) -> bool {
        let Some(transfer) = self.draft.in_ledger(verdict.rack) else { return false };
        self.draft.standing(verdict.rack).is_some()
            && self.failed(transfer).is_none()
            && !self.is_worth_an_entry(verdict, &given.legs, level(verdict, given))
    }

    fn everyone(&self) -> Vec<RackId> {
        let has = |rack: &RackId| self.wanting.contains(rack) || self.draft.standing(*rack).is_some();
        self.of_row.iter().map(|verdict| verdict.rack).filter(has).collect()
    }

    /// What planning these racks anew would come to.
    fn attempt(&self, assigner: &mut Assigner, anew: &[RackId]) -> Attempt<'v> {
        let draft = &*self.draft;
        let kept = self.members.joined.iter().copied().filter(|rack| !anew.contains(rack));
        let (row, taking_part) = self.taking_part(anew);
        let wants: Vec<Want> = taking_part.iter().map(|verdict| want(verdict, anew)).collect();
        let before: Vec<Leg> =
            anew.iter().filter_map(|rack| draft.standing(*rack)).flat_map(|standing| standing.legs.clone()).collect();
        let stored_permille = |kesm| {
            let stored = draft.inputs.view.stored(kesm, draft.inputs.now).map_or(0, crate::units::Joules::get);
            stored.saturating_mul(1_000) / draft.site().kesm(kesm).capacity.get().max(1)
        };
        let mut means = Means {
            site: draft.site(),
            members: self.members,
            usage: draft.usage(kept),
            can_supply: &|kesm, usage: &Usage| draft.can_supply(kesm, usage),
            can_promise: &|kesm, usage: &Usage| draft.can_promise(kesm, usage),
            stored_permille: &stored_permille,
            excluded: &|device: DeviceId| draft.is_excluded(device),
            before,
            hold: draft.site().policy.transfer_hold,
        };
        let given = assigner.assign(&mut means, &wants, row);
        let racks_short = |need: fn(&Want) -> Watts| -> Watts {
            wants.iter().zip(&given).map(|(want, given)| need(want).saturating_sub(own(given)).or_zero()).sum()
        };
        let relieved_now: Watts = given.iter().map(|given| given.relief_present).sum();
        let relieved = given.iter().map(|given| given.relief_coming).sum::<Watts>().saturating_add(relieved_now);
        let row_short = row.coming.saturating_add(row.present).saturating_sub(relieved).or_zero();
        let row_short_now = row.present.saturating_sub(relieved_now).or_zero();
        Attempt {
            short: racks_short(Want::need).saturating_add(row_short),
            short_now: racks_short(|want| want.need_present).saturating_add(row_short_now),
            racks: taking_part.into_iter().zip(given).collect(),
        }
    }

    /// What the row wants, and whom that and the racks that are planned anew concern: racks that nobody plans for may still
    /// relieve the row.
    fn taking_part(&self, anew: &[RackId]) -> (RowWant, Vec<&'v Verdict>) {
        let row = self.row_want(anew);
        let wants_relief = row.coming >= LEAST_LEG || row.present >= LEAST_LEG;
        let takes_part = |verdict: &&Verdict| {
            let relieves = wants_relief && self.draft.standing(verdict.rack).is_none();
            anew.contains(&verdict.rack) || (relieves && self.may_receive(verdict.rack))
        };
        (row, self.of_row.iter().copied().filter(takes_part).collect())
    }

    /// What the row wants beyond what the transfers that stay relieve it of.
    fn row_want(&self, anew: &[RackId]) -> RowWant {
        let relieved = self.of_row.iter().any(|verdict| {
            self.draft.standing(verdict.rack).is_some_and(|standing| standing.help_above < verdict.hold)
        });
        if !self.judged.at_risk && !relieved {
            return RowWant::default();
        }
        let (mut coming, mut present) = (self.judged.excess, self.judged.excess_now);
        for verdict in self.of_row.iter().filter(|verdict| !anew.contains(&verdict.rack)) {
            let Some(standing) = self.draft.standing(verdict.rack) else { continue };
            coming = coming.saturating_sub(relief_of(verdict, standing, verdict.peak));
            present = present.saturating_sub(relief_of(verdict, standing, verdict.risk.present));
        }
        let present = present.or_zero();
        RowWant { coming: coming.saturating_sub(present).or_zero(), present }
    }

    fn adopt(&mut self, attempt: Attempt<'_>) {
        for (verdict, given) in attempt.racks {
            let level = level(verdict, &given);
            if self.is_worth_an_entry(verdict, &given.legs, level) {
                self.draft.grant(verdict, given.legs, level);
            } else if let Some(transfer) = self.draft.in_ledger(verdict.rack).filter(|_| given.legs.is_empty()) {
                self.end_if_hopeless(verdict, transfer);
            }
        }
    }

    /// Adopts what was planned as if nothing stood: who is given less has less from now on.
    fn adopt_from_nothing(&mut self, attempt: Attempt<'_>) {
        for (verdict, given) in attempt.racks {
            let level = level(verdict, &given);
            let as_it_is = |grant: &Grant| grant.legs == given.legs && grant.help_above == level;
            let stays = |transfer: &Transfer| as_it_is(&transfer.grant) && !self.is_due(transfer);
            if given.legs.is_empty() {
                self.draft.release(verdict.rack, ReleaseReason::NoLongerFeasible);
            } else if !self.draft.in_ledger(verdict.rack).is_some_and(stays) {
                self.draft.grant(verdict, given.legs, level);
            }
        }
    }

    /// Whether these legs are better than letting go on what the rack has.
    fn is_worth_an_entry(&self, verdict: &Verdict, legs: &[Leg], level: Watts) -> bool {
        let Some(transfer) = self.draft.in_ledger(verdict.rack) else { return !legs.is_empty() };
        let step = Watts::new(STEP_WATTS);
        let lower = level.saturating_add(step) < transfer.grant.help_above;
        let more = delivered(legs) > delivered(&transfer.grant.legs);
        !legs.is_empty() && (self.is_due(transfer) || self.failed(transfer).is_some() || more || lower)
    }

    /// A transfer that rests on what has failed, and for which nothing else was found, is ended rather than believed.
    fn end_if_hopeless(&mut self, verdict: &Verdict, transfer: &Transfer) {
        if let Some(reason) = self.failed(transfer) {
            self.draft.release(verdict.rack, reason);
        }
    }
}

/// A transfer that no longer covers what the rack may come to take above its level.
fn must_change(verdict: &Verdict, transfer: &Transfer) -> bool {
    let wanted = verdict.peak.saturating_sub(transfer.grant.help_above).or_zero();
    wanted > delivered(&transfer.grant.legs) && verdict.need > Watts::ZERO
}

/// What a transfer that stands relieves its row of when the rack takes so much: what lies above its level, as far as what it
/// delivers goes beyond the rack's own need.
fn relief_of(verdict: &Verdict, standing: &Standing, load: Watts) -> Watts {
    let own_need = load.saturating_sub(verdict.hold).or_zero();
    let left = delivered(&standing.legs).saturating_sub(own_need).or_zero();
    load.min(verdict.hold).saturating_sub(standing.help_above).or_zero().min(left)
}

/// What an attempt comes to.
struct Attempt<'v> {
    /// What racks and row are short of together.
    short: Watts,
    /// Of that: what is above a hold now.
    short_now: Watts,
    racks: Vec<(&'v Verdict, Given)>,
}

/// What a rack wants, or could relieve its row of.
fn want(verdict: &Verdict, anew: &[RackId]) -> Want {
    let need = if anew.contains(&verdict.rack) { verdict.need } else { Watts::ZERO };
    let need_present = verdict.risk.present.saturating_sub(verdict.hold).or_zero().min(need);
    let (held, present) = (verdict.held_peak(), verdict.risk.present.min(verdict.hold));
    Want {
        rack: verdict.rack,
        need_present,
        need_coming: need.saturating_sub(need_present),
        slack: if need > Watts::ZERO { ask(need).saturating_sub(need) } else { Watts::ZERO },
        // What the rack draws now, and a margin, stays with its breaker: relief in advance costs no energy.
        relief_coming: held.saturating_sub(present).saturating_sub(verdict.risk.margin).or_zero(),
        relief_present: present.saturating_sub(present.permille(OWN_SHARE_PERMILLE)),
    }
}

/// Of what is delivered: what is for the rack itself.
fn own(given: &Given) -> Watts {
    delivered(&given.legs).saturating_sub(given.relief_coming).saturating_sub(given.relief_present)
}

/// The draw above which help begins, so that the rack relieves its row of what was found for it.
fn level(verdict: &Verdict, given: &Given) -> Watts {
    let coming = verdict.held_peak().saturating_sub(given.relief_coming);
    let present = verdict.risk.present.min(verdict.hold).saturating_sub(given.relief_present);
    let level = match (given.relief_coming > Watts::ZERO, given.relief_present > Watts::ZERO) {
        (false, false) => verdict.hold,
        (true, false) => coming,
        (_, true) => coming.min(present),
    };
    level.min(verdict.hold).or_zero()
}

/// What to ask for so that the need is covered for a while.
fn ask(need: Watts) -> Watts {
    let need = need.saturating_add(need.permille(SLACK_PERMILLE));
    Watts::new(need.get().saturating_add(STEP_WATTS - 1) / STEP_WATTS * STEP_WATTS)
}

#[cfg(test)]
mod tests;
