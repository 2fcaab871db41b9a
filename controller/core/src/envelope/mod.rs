//! The limits that every plan must satisfy: one pure function, used when a plan is proposed and again when it is
//! applied. A plan is admitted whole or refused whole, with every limit that it breaks.

pub mod device;
mod refusal;
pub mod security;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

pub use self::refusal::{Refusal, Violation};
pub use self::security::{Contingency, Insecurity};
pub use self::usage::Usage;

use crate::capping;
use crate::command::{
    CapGrant, ChargeGrant, EVIDENCE_MAX, Grant, HOPS_MAX, LEGS_MAX, Leg, ModeChange, PLAN_ITEMS_MAX, Plan,
};
use crate::device::{DeviceId, Setpoint};
use crate::electrical;
use crate::ledger::Ledger;
use crate::site::{KesmId, RackId, Site};
use crate::units::{Joules, Millis, Watts};

/// No grant may hold longer than this, whatever the site's policy says.
pub const HOLD_MAX: Millis = Millis::seconds(600);

/// Proof that [`admit`] has passed this plan.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a>(&'a Plan);

impl<'a> Admitted<'a> {
    /// The plan.
    pub const fn plan(self) -> &'a Plan {
        self.0
    }
}

/// Whether the ledger, with this plan carried out, stays within every limit, and would after any single failure (I9).
pub fn admit<'a>(ledger: &Ledger, plan: &'a Plan) -> Result<Admitted<'a>, Refusal> {
    let mut check = Check { site: ledger.site(), violations: Vec::new() };
    check.shape(plan);
    if check.violations.is_empty() {
        let usage = Usage::after(ledger, plan);
        check.operators(ledger, plan);
        plan.modes.iter().for_each(|change| check.mode(ledger, change));
        plan.grants.iter().for_each(|grant| check.grant(grant));
        plan.caps.iter().for_each(|cap| check.cap(cap, plan));
        plan.charges.iter().for_each(|charge| check.charge(charge));
        check.usage(&usage, plan);
    }
    // Single failures are judged of a plan that is sound by itself.
    if check.violations.is_empty() {
        check.violations = security::assess(ledger, plan).err().map(|refusal| refusal.violations).unwrap_or_default();
    }
    if check.violations.is_empty() { Ok(Admitted(plan)) } else { Err(Refusal { violations: check.violations }) }
}

/// The limits that this plan breaks by its evidence alone (what modules store, what racks take, how hot breakers are), when it is
/// carried out over this ledger: what is left to ask of a plan that was admitted with somebody else's evidence. A rack of which
/// neither the plan nor the ledger tells anything ends the judgement of single failures.
pub fn broken_by_evidence(ledger: &Ledger, plan: &Plan) -> Vec<Violation> {
    let mut check = Check { site: ledger.site(), violations: Vec::new() };
    check.reserves(&Usage::after(ledger, plan), plan);
    let insecure = security::insecurities(ledger, plan).unwrap_or_default();
    check.violations.into_iter().chain(insecure.into_iter().map(Violation::NotSecure)).collect()
}

struct Check<'a> {
    site: &'a Site,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, violation: Violation) {
        if !holds {
            self.violations.push(violation);
        }
    }

    /// Lists within their limits and nothing named that is not there, so that the checks after it may index freely.
    fn shape(&mut self, plan: &Plan) {
        let lists = [
            plan.grants.len(),
            plan.releases.len(),
            plan.charges.len(),
            plan.shortfalls.len(),
            plan.caps.len(),
            plan.lifts.len(),
            plan.generators.len(),
            plan.modes.len(),
        ];
        self.require(
            lists.iter().all(|&length| length <= PLAN_ITEMS_MAX),
            Violation::TooMany { what: "items in a plan", max: PLAN_ITEMS_MAX },
        );
        self.require(
            plan.stored.len().max(plan.loads.len()) <= EVIDENCE_MAX,
            Violation::TooMany { what: "measurements in a plan", max: EVIDENCE_MAX },
        );
        let (racks, kesms, ties) = (self.site.racks.len(), self.site.kesms.len(), self.site.ties.len());
        let changed =
            plan.grants.iter().map(|grant| grant.rack).chain(plan.releases.iter().map(|release| release.rack));
        self.distinct("rack", changed.map(|rack| rack.0), racks);
        self.distinct("kesm", plan.charges.iter().map(|charge| charge.kesm.0), kesms);
        self.distinct("kesm", plan.stored.iter().map(|stored| stored.kesm.0), kesms);
        self.distinct("rack", plan.shortfalls.iter().map(|shortfall| shortfall.rack.0), racks);
        self.distinct("rack", plan.caps.iter().map(|cap| cap.rack.0), racks);
        self.distinct("rack", plan.lifts.iter().map(|rack| rack.0), racks);
        self.distinct("rack", plan.loads.iter().map(|load| load.rack.0), racks);
        self.distinct("feed", plan.generators.iter().map(|generator| generator.feed.0), self.site.feeds.len());
        self.distinct("feed", plan.modes.iter().map(|change| change.feed.0), self.site.feeds.len());
        for grant in &plan.grants {
            self.require(grant.legs.len() <= LEGS_MAX, Violation::TooMany { what: "legs", max: LEGS_MAX });
            // A source may serve a rack over two ways: legs differ as a whole.
            for leg in &grant.legs {
                let index = leg.kesm.0;
                self.require(usize::from(index) < kesms, Violation::Unknown { what: "kesm", index });
            }
            for leg in &grant.legs {
                self.require(leg.path.len() <= HOPS_MAX, Violation::TooMany { what: "hops", max: HOPS_MAX });
                self.distinct("tie", leg.path.iter().map(|hop| hop.tie.0), ties);
            }
        }
    }

    fn distinct(&mut self, what: &'static str, indexes: impl Iterator<Item = u16>, count: usize) {
        let mut seen = BTreeSet::new();
        for index in indexes {
            self.require(usize::from(index) < count, Violation::Unknown { what, index });
            self.require(seen.insert(index), Violation::Twice { what, index });
        }
    }

    /// An operator's word stands above the planner's: what is held is not planned with.
    fn operators(&mut self, ledger: &Ledger, plan: &Plan) {
        let acts = !plan.grants.is_empty() || !plan.charges.is_empty() || !plan.caps.is_empty();
        self.require(!ledger.is_manual() || (!acts && plan.generators.is_empty()), Violation::Manual);
        let granted = plan.grants.iter().flat_map(|grant| grant.devices().chain([DeviceId::Pdu(grant.rack)]));
        let charged = plan.charges.iter().map(|charge| DeviceId::Kesm(charge.kesm));
        let capped = plan.caps.iter().map(|cap| DeviceId::Pdu(cap.rack));
        let ruled = plan.generators.iter().map(|generator| DeviceId::Supply(generator.feed));
        let used: BTreeSet<DeviceId> = granted.chain(charged).chain(capped).chain(ruled).collect();
        for device in used.into_iter().filter(|device| ledger.is_held(*device)) {
            self.violations.push(Violation::DeviceHeld(device));
        }
    }

    fn mode(&mut self, ledger: &Ledger, change: &ModeChange) {
        let from = ledger.mode(change.feed).mode;
        let violation = Violation::ModeStep { feed: change.feed, from, to: change.to };
        self.require(from.may_become(change.to), violation);
    }

    fn hold(&mut self, hold: Millis) {
        self.require(hold > Millis::ZERO && hold <= HOLD_MAX, Violation::HoldOutOfRange(hold));
    }

    fn grant(&mut self, grant: &Grant) {
        self.hold(grant.hold);
        self.require(grant.risk.limit == self.site.rack(grant.rack).limit, Violation::OtherLimit(grant.rack));
        let latest = self.site.hold(grant.rack);
        let in_time = grant.help_above >= Watts::ZERO && grant.help_above <= latest;
        self.require(in_time, Violation::HelpTooLate { rack: grant.rack, latest });
        let gives = !grant.legs.is_empty() && grant.legs.iter().all(|leg| leg.delivered > Watts::ZERO);
        self.require(gives, Violation::NothingGranted(grant.rack));
        grant.legs.iter().for_each(|leg| self.leg(leg, grant.rack));
    }

    fn cap(&mut self, cap: &CapGrant, plan: &Plan) {
        self.hold(cap.hold);
        let setpoint = Setpoint::Pdu { cap: cap.cap, keep_tiers: cap.keep_tiers };
        let fits = device::admits(self.site, DeviceId::Pdu(cap.rack), &setpoint);
        let least = capping::rack_floor(self.site, cap.rack, cap.keep_tiers);
        self.require(fits, Violation::CapOutOfRange { rack: cap.rack, least });
        self.require(!plan.lifts.contains(&cap.rack), Violation::CapAndLift(cap.rack));
    }

    fn leg(&mut self, leg: &Leg, rack: RackId) {
        let start = self.site.kesm(leg.kesm).rack;
        let end = leg.path.iter().try_fold(start, |at, hop| {
            let tie = self.site.tie(hop.tie);
            (tie.source(hop.direction) == at).then(|| tie.sink(hop.direction))
        });
        self.require(end == Some(rack), Violation::PathBroken { kesm: leg.kesm, rack });
        let flows = electrical::path_flows(self.site, &leg.path, leg.delivered);
        let needed = flows.first().copied().unwrap_or(leg.delivered);
        self.require(leg.supplied >= needed, Violation::LossesNotCovered { kesm: leg.kesm, needed });
        let drop = leg.path.iter().zip(&flows).map(|(hop, flow)| {
            let tie = self.site.tie(hop.tie);
            electrical::drop_permille(tie, self.site.bus(tie.source(hop.direction)), *flow)
        });
        let permille = drop.fold(0, u32::saturating_add);
        let allowed = permille <= u32::from(self.site.policy.path_drop_permille);
        self.require(allowed, Violation::PathDrop { kesm: leg.kesm, permille });
    }

    fn usage(&mut self, usage: &Usage, plan: &Plan) {
        for (&id, (planned, ways)) in &usage.ties {
            let tie = self.site.tie(id);
            let (planned, rated) = (*planned, tie.rated);
            self.require(planned <= rated, Violation::TieOverRating { tie: id, planned, rated });
            self.require(ways.len() == 1, Violation::TieBothWays(id));
            let permille = electrical::drop_permille(tie, self.site.bus(tie.between.0), planned);
            let allowed = permille <= u32::from(self.site.policy.branch_drop_permille);
            self.require(allowed, Violation::BranchDrop { tie: id, permille });
        }
        for (&id, &planned) in &usage.kesms {
            let rated = self.site.kesm(id).rated;
            self.require(planned <= rated, Violation::KesmOverRating { kesm: id, planned, rated });
        }
        self.reserves(usage, plan);
    }

    fn reserves(&mut self, usage: &Usage, plan: &Plan) {
        let granted: BTreeSet<KesmId> = plan.grants.iter().flat_map(|grant| &grant.legs).map(|leg| leg.kesm).collect();
        let told: BTreeMap<KesmId, Joules> = plan.stored.iter().map(|told| (told.kesm, told.stored)).collect();
        for id in granted {
            self.reserve(id, usage, told.get(&id).copied());
        }
    }

    fn reserve(&mut self, id: KesmId, usage: &Usage, stored: Option<Joules>) {
        let Some(stored) = stored else {
            self.violations.push(Violation::StoredUnknown(id));
            return;
        };
        let energy = usage.energy.get(&id).copied().unwrap_or_default();
        let needed = energy.saturating_add(self.site.kesm(id).reserve);
        self.require(stored >= needed, Violation::BelowReserve { kesm: id, stored, needed });
    }

    fn charge(&mut self, charge: &ChargeGrant) {
        self.hold(charge.hold);
        let rated = self.site.kesm(charge.kesm).charge_rated;
        let within = charge.charge_max > Watts::ZERO && charge.charge_max <= rated;
        self.require(within, Violation::ChargeOverRating { kesm: charge.kesm, rated });
    }
}
