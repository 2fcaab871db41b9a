//! Which racks are at risk, and what would help them.
//!
//! The planner proposes; it has no say. What it returns is admitted by the [envelope](crate::envelope), committed by
//! a majority and applied by the [ledger](crate::ledger) before anything moves. It remembers only how long each rack
//! has been calm and what it reported last, so a new leader loses nothing but a few seconds of patience.

mod charge;
mod risk;
mod route;

pub use risk::{Verdict, judge};

use std::collections::BTreeMap;

use crate::command::{Grant, LEGS_MAX, Leg, Plan, Release, ReleaseReason, Risk, Shortfall, StoredEnergy};
use crate::electrical;
use crate::envelope::Usage;
use crate::forecast::RackForecast;
use crate::ledger::{Ledger, Transfer};
use crate::site::{KesmId, RackId, Site};
use crate::units::{Joules, Millis, Watts};
use crate::view::View;

/// A transfer is released after its rack has been calm for so long.
const CALM: Millis = Millis::seconds(3);
/// Grants come in steps of this size, and ask for a tenth more than the need, so that a forecast's ripple does not
/// make a new entry every tick. A ceiling that is not reached costs nothing but room.
const STEP_WATTS: i64 = 500;
const SLACK_PERMILLE: u16 = 100;
/// A need that is smaller than this is left to the margin.
const LEAST_LEG: Watts = Watts::new(STEP_WATTS);
/// An unchanged shortfall is told again after so long.
const SHORTFALL_REPEAT: Millis = Millis::seconds(10);

/// What a tick knows.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// What is committed.
    pub ledger: &'a Ledger,
    /// What was measured.
    pub view: &'a View,
    /// What may come, one for each rack of the site.
    pub forecasts: &'a [RackForecast],
    /// Modules that must not be relied on now: they refuse orders or do not answer.
    pub excluded: &'a dyn Fn(KesmId) -> bool,
    /// The monotonic clock that `view` was fed with.
    pub now: Millis,
    /// Ledger time at this moment.
    pub ledger_now: Millis,
}

/// The planner's short memory.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    calm_since: BTreeMap<RackId, Millis>,
    told: BTreeMap<RackId, (Watts, Millis)>,
}

/// The plan as it grows.
struct Draft<'a> {
    inputs: Inputs<'a>,
    /// What every rack will have once the plan is carried out, and for how long. A transfer stays here until
    /// something better for the same rack is found, so that no rack's gain is another's loss.
    standing: BTreeMap<RackId, (Vec<Leg>, Millis)>,
    /// What `standing` uses, less that of the rack being covered.
    usage: Usage,
    at_risk: Vec<RackId>,
    plan: Plan,
}

impl Planner {
    /// What should change now; mostly nothing. The forecasts must be one for each rack.
    pub fn plan(&mut self, inputs: Inputs<'_>) -> Plan {
        let site = inputs.ledger.site();
        let verdicts: Vec<Verdict> = site.rack_ids().map(|rack| judge(&inputs, rack)).collect();
        let at_risk = verdicts.iter().filter(|verdict| verdict.at_risk).map(|verdict| verdict.rack).collect();
        let mut draft = Draft::new(inputs, at_risk);
        let mut wanting = self.sort_out(&mut draft, &verdicts);
        wanting.sort_by_key(|verdict| (std::cmp::Reverse(verdict.need), verdict.rack));
        for verdict in &wanting {
            let uncovered = draft.cover(verdict);
            self.tell_shortfall(&mut draft, verdict, uncovered);
        }
        self.told.retain(|rack, _| wanting.iter().any(|verdict| verdict.rack == *rack));
        draft.usage = draft.usage_without(None);
        charge::allow(&mut draft, &verdicts);
        draft.attach_evidence();
        draft.plan
    }

    /// Releases what is calm; returns the racks whose transfer must be made, renewed or changed.
    fn sort_out<'v>(&mut self, draft: &mut Draft<'_>, verdicts: &'v [Verdict]) -> Vec<&'v Verdict> {
        let inputs = draft.inputs;
        let mut wanting = Vec::new();
        for verdict in verdicts {
            match standing(&inputs, verdict.rack) {
                None => {
                    self.calm_since.remove(&verdict.rack);
                    if verdict.at_risk {
                        wanting.push(verdict);
                    }
                }
                Some(transfer) => {
                    if let Some(reason) = self.release_reason(&inputs, verdict, transfer) {
                        draft.plan.releases.push(Release { rack: verdict.rack, reason });
                        draft.standing.remove(&verdict.rack);
                    } else if must_change(&inputs, verdict, transfer) {
                        wanting.push(verdict);
                    }
                }
            }
        }
        wanting
    }

    fn release_reason(&mut self, inputs: &Inputs<'_>, verdict: &Verdict, transfer: &Transfer) -> Option<ReleaseReason> {
        if !verdict.calm {
            self.calm_since.remove(&verdict.rack);
            return None;
        }
        let since = *self.calm_since.entry(verdict.rack).or_insert(inputs.now);
        let patient = inputs.now.saturating_sub(since) >= CALM;
        if rests_on_failed(inputs, transfer) {
            Some(ReleaseReason::DeviceFailed)
        } else {
            patient.then_some(ReleaseReason::ForecastFell)
        }
    }

    /// Adds a shortfall when it is new, has changed by a tenth, or was told long ago.
    fn tell_shortfall(&mut self, draft: &mut Draft<'_>, verdict: &Verdict, uncovered: Watts) {
        if uncovered == Watts::ZERO {
            self.told.remove(&verdict.rack);
            return;
        }
        let now = draft.inputs.now;
        let known = self.told.get(&verdict.rack).is_some_and(|(told, at)| {
            let change = (told.get() - uncovered.get()).abs();
            change * 10 < told.get() && now.saturating_sub(*at) < SHORTFALL_REPEAT
        });
        if !known {
            self.told.insert(verdict.rack, (uncovered, now));
            draft.plan.shortfalls.push(Shortfall { rack: verdict.rack, risk: verdict.risk, uncovered });
        }
    }
}

/// The rack's transfer, unless it ends before the next entry is applied.
fn standing<'a>(inputs: &Inputs<'a>, rack: RackId) -> Option<&'a Transfer> {
    inputs.ledger.transfer(rack).filter(|transfer| transfer.until > inputs.ledger_now)
}

/// A transfer must be granted anew when it no longer covers the need, is half over, or rests on a failed source.
fn must_change(inputs: &Inputs<'_>, verdict: &Verdict, transfer: &Transfer) -> bool {
    verdict.need > delivered(&transfer.grant.legs) || due(inputs, transfer)
}

/// Whether a transfer cannot simply go on: it is half over, or rests on a failed source.
fn due(inputs: &Inputs<'_>, transfer: &Transfer) -> bool {
    let left = transfer.until.saturating_sub(inputs.ledger_now);
    left < Millis::new(transfer.grant.hold.get() / 2) || rests_on_failed(inputs, transfer)
}

fn rests_on_failed(inputs: &Inputs<'_>, transfer: &Transfer) -> bool {
    transfer.grant.legs.iter().any(|leg| (inputs.excluded)(leg.kesm))
}

fn delivered(legs: &[Leg]) -> Watts {
    legs.iter().map(|leg| leg.delivered).sum()
}

impl<'a> Draft<'a> {
    fn new(inputs: Inputs<'a>, at_risk: Vec<RackId>) -> Self {
        let left = |transfer: &Transfer| transfer.until.saturating_sub(inputs.ledger_now).or_zero();
        let entry = |transfer: &Transfer| (transfer.grant.rack, (transfer.grant.legs.clone(), left(transfer)));
        let standing =
            inputs.ledger.transfers().filter(|transfer| transfer.until > inputs.ledger_now).map(entry).collect();
        Self { inputs, standing, usage: Usage::default(), at_risk, plan: Plan::default() }
    }

    fn site(&self) -> &'a Site {
        self.inputs.ledger.site()
    }

    /// Grants what covers the need, as far as sources allow. Returns what is not covered.
    fn cover(&mut self, verdict: &Verdict) -> Watts {
        self.usage = self.usage_without(Some(verdict.rack));
        let legs = self.keep_legs(verdict).unwrap_or_else(|| self.find_legs(verdict.rack, ask(verdict.need)));
        if self.is_worth_an_entry(verdict.rack, &legs) {
            let hold = self.site().policy.transfer_hold;
            self.standing.insert(verdict.rack, (legs.clone(), hold));
            let help_above = self.site().hold(verdict.rack);
            self.plan.grants.push(Grant { rack: verdict.rack, legs, help_above, risk: verdict.risk, hold });
        }
        let covered = self.standing.get(&verdict.rack).map_or(Watts::ZERO, |(legs, _)| delivered(legs));
        verdict.need.saturating_sub(covered).or_zero()
    }

    /// Whether these legs are better than letting go on what the rack has.
    fn is_worth_an_entry(&self, rack: RackId, legs: &[Leg]) -> bool {
        let Some(transfer) = standing(&self.inputs, rack) else { return !legs.is_empty() };
        !legs.is_empty() && (due(&self.inputs, transfer) || delivered(legs) > delivered(&transfer.grant.legs))
    }

    fn usage_without(&self, rack: Option<RackId>) -> Usage {
        let mut usage = Usage::default();
        for (_, (legs, span)) in self.standing.iter().filter(|(other, _)| Some(**other) != rack) {
            usage.add(self.inputs.ledger.site(), legs, *span);
        }
        usage
    }

    /// The legs that the transfer has, when they cover the need, are not far too much and can go on: a plan that
    /// works is not exchanged for an equal one.
    fn keep_legs(&self, verdict: &Verdict) -> Option<Vec<Leg>> {
        let transfer = standing(&self.inputs, verdict.rack)?;
        let legs = &transfer.grant.legs;
        let covered = delivered(legs);
        let need = verdict.need;
        let fits = need <= covered && covered.get() <= need.get().saturating_mul(2).max(4 * STEP_WATTS);
        let holds = legs.iter().all(|leg| self.can_supply(leg.kesm, verdict.rack) >= leg.supplied);
        (fits && holds && self.ties_have_room(legs)).then(|| legs.clone())
    }

    fn ties_have_room(&self, legs: &[Leg]) -> bool {
        let mut after = self.usage.clone();
        after.add(self.site(), legs, Millis::ZERO);
        after.ties.iter().all(|(&tie, (flow, ways))| *flow <= self.site().tie(tie).rated && ways.len() == 1)
    }

    /// Sources and paths of least loss, taken greedily: the whole need from one source if there is one, else the
    /// largest halves that fit.
    fn find_legs(&self, rack: RackId, need: Watts) -> Vec<Leg> {
        let site = self.site();
        let mut usage = self.usage.clone();
        let mut legs: Vec<Leg> = Vec::new();
        let mut left = need;
        let mut chunk = need;
        while left > Watts::ZERO && chunk >= LEAST_LEG && legs.len() < LEGS_MAX {
            let capacity = |kesm: KesmId| {
                let taken = legs.iter().any(|leg| leg.kesm == kesm);
                if taken { Watts::ZERO } else { self.can_supply(kesm, rack) }
            };
            match route::cheapest(site, &usage, rack, chunk.min(left), &capacity) {
                Some(leg) => {
                    usage.add(site, std::slice::from_ref(&leg), site.policy.transfer_hold);
                    left = left.saturating_sub(leg.delivered);
                    legs.push(leg);
                }
                None => chunk = Watts::new(chunk.get() / 2 / STEP_WATTS * STEP_WATTS),
            }
        }
        legs
    }

    /// What a module can still promise to this rack for a whole hold: within its rating, above its reserve, and not
    /// when its own rack needs it.
    fn can_supply(&self, kesm: KesmId, rack: RackId) -> Watts {
        let module = self.site().kesm(kesm);
        let own_rack_first = module.rack != rack && self.at_risk.contains(&module.rack);
        if own_rack_first || (self.inputs.excluded)(kesm) {
            return Watts::ZERO;
        }
        let Some(stored) = self.inputs.view.stored(kesm, self.inputs.now) else { return Watts::ZERO };
        let promised = self.usage.energy.get(&kesm).copied().unwrap_or_default();
        let energy = stored.saturating_sub(module.reserve).saturating_sub(promised);
        let in_use = self.usage.kesms.get(&kesm).copied().unwrap_or_default();
        let by_rating = module.rated.saturating_sub(in_use).or_zero();
        by_rating.min(self.by_energy(kesm, energy))
    }

    /// The most that `energy` holds through one hold. The converter's losses at the rating bound those below it.
    fn by_energy(&self, kesm: KesmId, energy: Joules) -> Watts {
        let module = self.site().kesm(kesm);
        let whole = electrical::stored_for(module, module.rated, self.site().policy.transfer_hold);
        if energy >= whole {
            return module.rated;
        }
        let share =
            i128::from(energy.or_zero().get()) * i128::from(module.rated.get()) / i128::from(whole.get().max(1));
        // The fixed loss weighs more at low power; a twentieth of the rating is kept back for it.
        let kept_back = module.rated.get() / 20;
        Watts::new(i64::try_from(share).unwrap_or(0) - kept_back).or_zero()
    }

    /// Says what every named module stores, so that replicas and auditors can judge the plan by the same numbers.
    fn attach_evidence(&mut self) {
        let granted = self.plan.grants.iter().flat_map(|grant| &grant.legs).map(|leg| leg.kesm);
        let mut named: Vec<KesmId> = granted.chain(self.plan.charges.iter().map(|charge| charge.kesm)).collect();
        named.sort_unstable();
        named.dedup();
        let (view, now) = (self.inputs.view, self.inputs.now);
        let evidence =
            named.into_iter().filter_map(|kesm| Some(StoredEnergy { kesm, stored: view.stored(kesm, now)? }));
        self.plan.stored = evidence.collect();
    }
}

/// What to ask for so that the need is covered for a while.
fn ask(need: Watts) -> Watts {
    let need = need.saturating_add(need.permille(SLACK_PERMILLE));
    Watts::new(need.get().saturating_add(STEP_WATTS - 1) / STEP_WATTS * STEP_WATTS)
}

/// The numbers behind a verdict, as the log keeps them.
fn risk_of(inputs: &Inputs<'_>, rack: RackId, present: Watts, forecast: RackForecast) -> Risk {
    let limit = inputs.ledger.site().rack(rack).limit;
    Risk { present, forecast, limit, margin: limit.saturating_sub(inputs.ledger.site().hold(rack)) }
}

#[cfg(test)]
mod tests {
    use crate::command::Command;
    use crate::example::{HOLD, World, forecast};
    use crate::ledger::Effect;
    use crate::site::RackId;
    use crate::units::Watts;

    fn surging(rack: u16, watts: i64) -> World {
        let mut world = World::new();
        world.stored(0, 2_000_000);
        world.stored(1, 2_000_000);
        world.forecasts[usize::from(rack)] = forecast(watts);
        world
    }

    #[test]
    fn a_calm_site_is_left_alone() {
        let mut world = surging(2, 10_000);
        assert!(world.plan().is_empty());
    }

    #[test]
    fn a_forecast_surge_is_covered_before_it_comes_over_the_nearest_ties() {
        let mut world = surging(1, 32_000);
        assert!(matches!(world.tick(), Some(Effect::Admitted { orders: 2 })), "the module and one tie");
        assert!(world.granted(1).get() >= 32_000 - HOLD);
        let transfer = world.ledger.transfer(RackId(1)).expect("granted");
        assert_eq!(transfer.grant.legs.len(), 1);
        assert_eq!(transfer.grant.legs[0].kesm.0, 0, "K0 is one tie away, K1 is four");
        assert!(transfer.grant.legs[0].supplied > transfer.grant.legs[0].delivered, "the way costs something");
    }

    #[test]
    fn a_rack_already_over_its_hold_is_helped_whatever_the_forecast_says() {
        let mut world = surging(4, 5_000);
        world.load(4, 30_000);
        world.tick();
        assert!(world.granted(4).get() >= 30_000 - HOLD);
    }

    #[test]
    fn a_forecast_within_the_margin_of_the_present_is_no_surge() {
        let mut world = surging(3, 23_000);
        world.load(3, 22_500);
        assert!(world.plan().is_empty(), "23 kW is not above 22.5 kW by the margin of 1.2 kW");
    }

    #[test]
    fn more_than_one_source_serves_a_need_too_large_for_one_tie() {
        let mut world = surging(3, 60_000);
        world.load(3, 60_000);
        world.tick();
        let transfer = world.ledger.transfer(RackId(3)).expect("granted");
        assert_eq!(transfer.grant.legs.len(), 2, "each tie carries 25 kW");
    }

    #[test]
    fn what_cannot_be_covered_is_said_once() {
        let mut world = surging(3, 90_000);
        world.load(3, 90_000);
        let plan = world.plan();
        assert_eq!(plan.shortfalls.len(), 1);
        assert!(plan.shortfalls[0].uncovered.get() > 10_000);
        world.commit(Command::Plan(plan));
        assert!(world.plan().is_empty(), "nothing new to say a moment later");
    }

    #[test]
    fn a_plan_that_works_is_renewed_not_replaced() {
        let mut world = surging(1, 32_000);
        world.tick();
        let before = world.ledger.transfer(RackId(1)).expect("granted").clone();
        for _ in 0..30 {
            world.pass(100);
            assert!(world.plan().is_empty(), "no entry while nothing changes");
        }
        world.pass(2_000);
        world.tick();
        let after = world.ledger.transfer(RackId(1)).expect("renewed");
        assert_eq!(after.first, before.id);
        assert_eq!(after.grant.legs, before.grant.legs);
        assert!(after.until > before.until);
    }

    #[test]
    fn a_calm_rack_is_released_after_a_while_and_its_devices_are_told() {
        let mut world = surging(1, 32_000);
        world.tick();
        world.forecasts[1] = forecast(12_000);
        world.pass(100);
        assert!(world.plan().is_empty(), "patience first");
        world.pass(3_100);
        world.tick();
        assert_eq!(world.granted(1), Watts::ZERO);
        let idle = world.ledger.orders().all(|order| !order.get().setpoint.raises(None));
        assert!(idle, "every order in force is an order to do nothing");
    }

    #[test]
    fn the_reserve_is_not_touched() {
        let mut world = surging(1, 32_000);
        world.stored(0, 640_000);
        world.stored(1, 640_000);
        world.tick();
        for leg in world.ledger.transfers().flat_map(|transfer| &transfer.grant.legs) {
            assert!(leg.supplied < Watts::new(6_000), "40 kJ over the reserve do not hold 9 kW for 8 s");
        }
    }

    #[test]
    fn a_module_serves_its_own_rack_first() {
        let mut world = surging(0, 40_000);
        world.forecasts[1] = forecast(30_000);
        world.tick();
        let own = world.ledger.transfer(RackId(0)).expect("granted");
        assert!(own.grant.legs.iter().any(|leg| leg.kesm.0 == 0 && leg.path.is_empty()));
        let other = world.ledger.transfer(RackId(1)).expect("granted");
        assert!(other.grant.legs.iter().all(|leg| leg.kesm.0 == 1), "K0 is busy at home");
    }

    #[test]
    fn stale_modules_are_not_relied_on() {
        let mut world = surging(1, 32_000);
        world.now = world.now.saturating_add(crate::units::Millis::new(600));
        world.load(1, 12_000);
        let plan = world.plan();
        assert!(plan.grants.is_empty());
        assert!(plan.shortfalls.iter().any(|shortfall| shortfall.rack == RackId(1)));
    }

    #[test]
    fn empty_wheels_spin_up_from_headroom_and_stop_for_a_transfer() {
        let mut world = surging(1, 10_000);
        world.stored(0, 1_000_000);
        world.tick();
        let charge = world.ledger.charge(crate::site::KesmId(0)).expect("K0 charges");
        assert!(charge.charge_max.get() >= 10_000 && charge.charge_max.get() <= 12_800);
        assert_eq!(world.plan().stored.len(), 0, "nothing to add");
        world.forecasts[1] = forecast(32_000);
        world.stored(0, 1_900_000);
        world.tick();
        assert!(world.ledger.charge(crate::site::KesmId(0)).is_none());
    }
}
