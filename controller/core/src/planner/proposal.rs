//! A transfer that an operator asks for: what the planner would make of it.

use super::assign::{Assigner, Means, RowWant, Want};
use super::draft::{Draft, delivered};
use super::topology::Topology;
use super::{Inputs, judge};
use crate::command::{Grant, Leg, RackLoad, StoredEnergy};
use crate::device::DeviceId;
use crate::envelope::{Usage, Violation};
use crate::site::{KesmId, RackId, Site};
use crate::units::{Millis, Watts};

/// Finds transfers on request.
#[derive(Clone, Debug)]
pub struct Proposer {
    topology: Topology,
    assigner: Assigner,
}

/// What was found for a request; it may be less than was asked for.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The grant; it has no legs when nothing was found.
    pub grant: Grant,
    /// A way from a source to the rack, whatever it can carry.
    pub nearest: Option<Leg>,
    /// What forbids the source that was asked for.
    pub barred: Option<Violation>,
    /// Evidence for the envelope.
    pub stored: Vec<StoredEnergy>,
    /// Evidence for the envelope.
    pub loads: Vec<RackLoad>,
}

impl Proposal {
    /// What reaches the rack.
    pub fn delivered(&self) -> Watts {
        delivered(&self.grant.legs)
    }
}

impl Proposer {
    /// A proposer for this site.
    pub fn new(site: &Site) -> Self {
        Self { topology: Topology::new(site), assigner: Assigner::default() }
    }

    /// What the planner makes of `watts` for `rack`, from `source` or from wherever it costs least, beside everything
    /// that stands. The rack's own transfer is replaced.
    pub fn propose(
        &mut self,
        inputs: &Inputs<'_>,
        rack: RackId,
        source: Option<KesmId>,
        watts: Watts,
        hold: Millis,
    ) -> Proposal {
        let site = inputs.ledger.site();
        let draft = Draft::new(*inputs);
        let verdicts: Vec<super::Verdict> = site.rack_ids().map(|rack| judge(inputs, rack)).collect();
        let members = &self.topology.rows[site.rack(rack).row.index()];
        let want = Want {
            rack,
            need_present: Watts::ZERO,
            need_coming: watts,
            slack: Watts::ZERO,
            relief_coming: Watts::ZERO,
            relief_present: Watts::ZERO,
        };
        let chosen = |kesm: KesmId| source.is_none_or(|source| source == kesm);
        let kept = members.joined.iter().copied().filter(|other| *other != rack);
        let mut means = Means {
            site,
            members,
            usage: draft.usage(kept),
            can_supply: &|kesm, usage: &Usage| {
                if chosen(kesm) { draft.can_supply(kesm, usage) } else { Watts::ZERO }
            },
            can_promise: &|kesm, usage: &Usage| draft.can_promise(kesm, usage),
            stored_permille: &|_| 1_000,
            excluded: &|device| draft.is_excluded(device),
            before: Vec::new(),
            hold,
        };
        let given = self.assigner.assign(&mut means, &[want], RowWant::default());
        let legs = given.into_iter().next().map(|given| given.legs).unwrap_or_default();
        // Where the amount itself finds no way, a little of it tells one, as if every store were full.
        let (supply, promise) = (
            |kesm: KesmId, _: &Usage| if chosen(kesm) { site.kesm(kesm).rated } else { Watts::ZERO },
            |kesm: KesmId, _: &Usage| site.kesm(kesm).capacity,
        );
        let mut means = Means { usage: Usage::default(), can_supply: &supply, can_promise: &promise, ..means };
        let little = Want { need_coming: super::assign::LEAST_LEG, ..want };
        let nearest = self.assigner.assign(&mut means, &[little], RowWant::default());
        let nearest = nearest.into_iter().next().and_then(|given| given.legs.into_iter().next());
        let barred = source.and_then(|kesm| barred(&draft, DeviceId::Kesm(kesm)));
        finish(draft, &verdicts, Found { rack, legs, nearest, barred, hold })
    }
}

struct Found {
    rack: RackId,
    legs: Vec<Leg>,
    nearest: Option<Leg>,
    barred: Option<Violation>,
    hold: Millis,
}

fn finish(mut draft: Draft<'_>, verdicts: &[super::Verdict], found: Found) -> Proposal {
    let verdict = &verdicts[found.rack.index()];
    let help_above = draft.in_ledger(found.rack).map_or(verdict.hold, |transfer| transfer.grant.help_above);
    let grant = Grant { rack: found.rack, legs: found.legs, help_above, risk: verdict.risk, hold: found.hold };
    // Evidence is told for the nearest way, too, so that the envelope can say what is wrong with it.
    let mut told = grant.clone();
    told.legs.extend(found.nearest.clone());
    draft.plan.grants.push(told);
    draft.attach_evidence(verdicts);
    let plan = draft.finish();
    Proposal { grant, nearest: found.nearest, barred: found.barred, stored: plan.stored, loads: plan.loads }
}

/// What forbids planning with a device.
fn barred(draft: &Draft<'_>, device: DeviceId) -> Option<Violation> {
    if draft.inputs.ledger.is_held(device) {
        return Some(Violation::DeviceHeld(device));
    }
    (draft.inputs.fault)(device).map(|fault| Violation::DeviceBarred { device, fault })
}
