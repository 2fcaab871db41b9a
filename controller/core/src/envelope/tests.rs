use super::*;
use crate::command::{Action, Command, Operation, Release, ReleaseReason, Shortfall, StoredEnergy};
use crate::device::{Direction, GeneratorDuty};
use crate::example::{World, forecast};
use crate::mode::{Mode, ModeReason};
use crate::site::{FeedId, TieId};

/// A plan of the planner for R2, from K0 over T0 and T1, with everything that it may have besides.
fn good() -> (World, Plan) {
    let mut world = World::new();
    world.stored(1, 1_000_000);
    world.forecasts[2] = forecast(32_000);
    let mut plan = world.plan();
    assert_eq!((plan.grants.len(), plan.charges.len()), (1, 1));
    plan.caps = vec![cap(4, 30_000)];
    plan.modes =
        vec![ModeChange { feed: FeedId(0), to: Mode::RideThrough, reason: ModeReason::UtilityBack, time_left: None }];
    (world, plan)
}

fn cap(rack: u16, watts: i64) -> CapGrant {
    let (rack, cap) = (RackId(rack), Watts::new(watts));
    let reason = crate::command::CapReason::RackUncovered;
    CapGrant { rack, cap, keep_tiers: crate::site::TIER_MAX, reason, hold: Millis::seconds(8) }
}

/// What is wrong with the good plan after this change.
fn broken(change: impl FnOnce(&mut Plan)) -> Vec<Violation> {
    let (world, mut plan) = good();
    change(&mut plan);
    admit(&world.ledger, &plan).err().map(|refusal| refusal.violations).unwrap_or_default()
}

#[test]
fn a_good_plan_is_admitted() {
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn a_grant_is_of_the_sites_limit_in_time_and_gives_something() {
    let rack = RackId(2);
    let help = |watts| broken(|plan| plan.grants[0].help_above = Watts::new(watts));
    let too_late = Violation::HelpTooLate { rack, latest: Watts::new(22_800) };
    assert_eq!((help(0), help(22_800)), (vec![], vec![]));
    assert_eq!((help(-1), help(22_801)), (vec![too_late.clone()], vec![too_late]));
    assert_eq!(broken(|plan| plan.grants[0].risk.limit = Watts::new(24_001)), [Violation::OtherLimit(rack)]);
    assert!(broken(|plan| plan.grants[0].legs.clear()).contains(&Violation::NothingGranted(rack)));
    assert!(broken(|plan| plan.grants[0].legs[0].delivered = Watts::ZERO).contains(&Violation::NothingGranted(rack)));
    let nothing_of_one = |plan: &mut Plan| {
        let leg = plan.grants[0].legs[0].clone();
        plan.grants[0].legs.push(Leg { delivered: Watts::ZERO, ..leg });
    };
    assert!(broken(nothing_of_one).contains(&Violation::NothingGranted(rack)));
}

#[test]
fn a_hold_is_longer_than_nothing_and_no_longer_than_ten_minutes() {
    let out_of_range = |hold| vec![Violation::HoldOutOfRange(hold)];
    let longer = HOLD_MAX.saturating_add(Millis::new(1));
    for hold in [Millis::ZERO, longer] {
        assert_eq!(broken(|plan| plan.caps[0].hold = hold), out_of_range(hold));
        assert_eq!(broken(|plan| plan.charges[0].hold = hold), out_of_range(hold));
        assert!(broken(|plan| plan.grants[0].hold = hold).contains(&Violation::HoldOutOfRange(hold)));
    }
    assert_eq!(broken(|plan| plan.caps[0].hold = HOLD_MAX), []);
    assert_eq!(broken(|plan| plan.charges[0].hold = Millis::new(1)), []);
}

#[test]
fn a_path_leads_from_the_source_to_the_receiver_and_its_losses_are_covered() {
    let path_broken = Violation::PathBroken { kesm: KesmId(0), rack: RackId(2) };
    assert!(broken(|plan| plan.grants[0].legs[0].path.truncate(1)).contains(&path_broken));
    assert!(broken(|plan| plan.grants[0].legs[0].path.reverse()).contains(&path_broken));
    let backward = |plan: &mut Plan| plan.grants[0].legs[0].path[1].direction = Direction::Backward;
    assert!(broken(backward).contains(&path_broken));
    let (_, plan) = good();
    let needed = plan.grants[0].legs[0].supplied;
    let less = broken(|plan| plan.grants[0].legs[0].supplied = needed.saturating_sub(Watts::new(1)));
    assert_eq!(less, [Violation::LossesNotCovered { kesm: KesmId(0), needed }]);
}

#[test]
fn a_module_charges_no_faster_than_its_rating_and_not_at_nothing() {
    let too_fast = vec![Violation::ChargeOverRating { kesm: KesmId(1), rated: Watts::new(15_000) }];
    let charge = |watts| broken(|plan| plan.charges[0].charge_max = Watts::new(watts));
    assert_eq!([charge(1), charge(15_000)], [vec![], vec![]]);
    assert_eq!([charge(0), charge(15_001)], [too_fast.clone(), too_fast]);
}

#[test]
fn a_feed_goes_from_mode_to_mode_as_the_picture_has_it() {
    let to = |to| broken(|plan| plan.modes[0].to = to);
    let no_step = |to| vec![Violation::ModeStep { feed: FeedId(0), from: Mode::Normal, to }];
    assert_eq!(to(Mode::RideThrough), []);
    assert_eq!(to(Mode::Generator), no_step(Mode::Generator));
    assert_eq!(to(Mode::Recovery), no_step(Mode::Recovery));
}

#[test]
fn nothing_is_named_that_is_not_there_and_no_list_is_longer_than_it_may_be() {
    let unknown = |what, index| Violation::Unknown { what, index };
    let kesm = |index| broken(|plan| plan.grants[0].legs[0].kesm = KesmId(index));
    assert_eq!(kesm(2), [unknown("kesm", 2)]);
    let tie = |index| broken(|plan| plan.grants[0].legs[0].path[0].tie = TieId(index));
    assert_eq!(tie(5), [unknown("tie", 5)]);
    let stored = StoredEnergy { kesm: KesmId(2), stored: Joules::ZERO };
    assert_eq!(broken(|plan| plan.stored.push(stored)), [unknown("kesm", 2)]);
    let hops = broken(|plan| {
        let hop = plan.grants[0].legs[0].path[0];
        plan.grants[0].legs[0].path = vec![hop; HOPS_MAX + 1];
    });
    assert!(hops.contains(&Violation::TooMany { what: "hops", max: HOPS_MAX }));
    let legs = |count| {
        broken(|plan| {
            let leg = plan.grants[0].legs[0].clone();
            plan.grants[0].legs = vec![leg; count];
        })
    };
    assert!(legs(LEGS_MAX + 1).contains(&Violation::TooMany { what: "legs", max: LEGS_MAX }));
    assert!(!legs(LEGS_MAX).contains(&Violation::TooMany { what: "legs", max: LEGS_MAX }));
    let many = Violation::TooMany { what: "items in a plan", max: PLAN_ITEMS_MAX };
    let shortfalls = |count| {
        broken(|plan| {
            let short = Shortfall { rack: RackId(2), risk: plan.grants[0].risk, uncovered: Watts::new(1) };
            plan.shortfalls = vec![short; count];
        })
    };
    assert!(shortfalls(PLAN_ITEMS_MAX + 1).contains(&many) && !shortfalls(PLAN_ITEMS_MAX).contains(&many));
}

#[test]
fn while_an_operator_has_the_site_only_ends_are_carried_out() {
    let (mut world, plan) = good();
    let (actor, reason) = ("anna".into(), "works on the bus".into());
    world.commit(Command::Operation(Operation { request: None, actor, reason, action: Action::ManualOn }));
    let only = |part: Plan| admit(&world.ledger, &part).err().map(|refusal| refusal.violations).unwrap_or_default();
    let Plan { grants, charges, caps, stored, loads, .. } = plan;
    assert_eq!(only(Plan { grants, stored, loads, ..Plan::default() }), [Violation::Manual]);
    assert_eq!(only(Plan { charges, ..Plan::default() }), [Violation::Manual]);
    assert_eq!(only(Plan { caps, ..Plan::default() }), [Violation::Manual]);
    let (feed, duty, hold) = (FeedId(0), GeneratorDuty::Run, Millis::seconds(20));
    let generators = vec![crate::command::GeneratorGrant { feed, duty, hold }];
    assert!(only(Plan { generators, ..Plan::default() }).contains(&Violation::Manual));
    let releases = vec![Release { rack: RackId(2), reason: ReleaseReason::ForecastFell }];
    assert_eq!(only(Plan { releases, ..Plan::default() }), []);
}

#[test]
fn what_stays_in_use_is_what_no_grant_or_release_replaces() {
    let mut world = World::new();
    (world.forecasts[2], world.forecasts[4]) = (forecast(32_000), forecast(32_000));
    world.tick();
    let kept = |plan: &Plan| {
        let usage = Usage::kept(&world.ledger, plan);
        let supply = |id| usage.kesms.get(&KesmId(id)).map_or(0, |watts| watts.get());
        (supply(0) > 0, supply(1) > 0, usage.ties.keys().map(|tie| tie.0).collect::<Vec<_>>())
    };
    let release = |rack| Release { rack: RackId(rack), reason: ReleaseReason::ForecastFell };
    assert_eq!(kept(&Plan::default()), (true, true, vec![0, 1, 4]));
    assert_eq!(kept(&Plan { releases: vec![release(2)], ..Plan::default() }), (false, true, vec![4]));
    let grants = vec![world.ledger.transfer(RackId(4)).expect("granted").grant.clone()];
    assert_eq!(kept(&Plan { grants, ..Plan::default() }), (true, false, vec![0, 1]));
}

#[test]
fn what_is_taken_back_of_what_is_in_use_was_added_before() {
    let (world, plan) = good();
    let (site, legs, hold) = (world.ledger.site(), &plan.grants[0].legs, Millis::seconds(8));
    let mut usage = Usage::default();
    usage.add(site, legs, hold);
    let once = usage.clone();
    usage.add(site, legs, hold);
    usage.remove(site, legs, hold);
    assert_eq!((&usage.ties, &usage.kesms, &usage.energy), (&once.ties, &once.kesms, &once.energy));
    usage.remove(site, legs, hold);
    assert!(usage.ties.is_empty(), "a tie that carries nothing may be used either way");
    assert_eq!((usage.kesms[&KesmId(0)], usage.energy[&KesmId(0)]), (Watts::ZERO, Joules::ZERO));
}
