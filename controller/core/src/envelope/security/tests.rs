use super::*;
use crate::command::CapReason;
use crate::example::{World, forecast};

/// R2 takes 32 kW at the most and is helped by K0 over T0 and T1; R0 and R1 take 10 kW.
fn planned() -> (World, Plan) {
    let mut world = World::new();
    world.forecasts[2] = forecast(32_000);
    let plan = world.plan();
    assert_eq!(insecurities(&world.ledger, &plan), Ok(vec![]));
    (world, plan)
}

/// What is insecure when a rack is so hot and may take so much: what is lost, where it shows, what the breaker would carry.
fn found(rack: u16, peak: i64, heat_permille: u16) -> Vec<(Contingency, u16, i64)> {
    let (world, mut plan) = planned();
    let load = plan.loads.iter_mut().find(|load| load.rack == RackId(rack)).expect("touched");
    (load.peak, load.heat_permille) = (Watts::new(peak), heat_permille);
    let all = insecurities(&world.ledger, &plan).expect("known");
    assert_eq!(assess(&world.ledger, &plan).is_ok(), all.is_empty());
    all.into_iter().map(|one| (one.lost, one.rack.0, one.draw.get())).collect()
}

const K0: Contingency = Contingency::Kesm(KesmId(0));
const T0: Contingency = Contingency::Tie(TieId(0));
const T1: Contingency = Contingency::Tie(TieId(1));

#[test]
fn each_failure_shows_where_power_no_longer_comes_or_still_leaves() {
    let (world, plan) = planned();
    let leg = &plan.grants[0].legs[0];
    let flows = electrical::path_flows(world.ledger.site(), &leg.path, leg.delivered);
    // The receiver gets nothing, whichever of the three is lost.
    assert_eq!(found(2, 32_000, 999), [(K0, 2, 32_000), (T0, 2, 32_000), (T1, 2, 32_000)]);
    // What K0 gives no longer leaves R0 by its own breaker until T0 is told to stop.
    assert_eq!(found(0, 24_000, 999), [(K0, 0, 24_000 + leg.supplied.get())]);
    // Without T0, T1 takes its flow out of R1.
    assert_eq!(found(1, 24_000, 999), [(T0, 1, 24_000 + flows[1].get())]);
    assert_eq!(found(1, 24_000, 0), [], "a cold breaker bears it until something is done");
}

#[test]
fn a_plan_that_no_failure_can_hurt_is_secure_and_another_is_refused_with_each() {
    let (world, mut plan) = planned();
    assert_eq!(assess(&world.ledger, &plan), Ok(()));
    plan.loads.iter_mut().for_each(|load| load.heat_permille = 999);
    let refusal = assess(&world.ledger, &plan).expect_err("R2 would be over its limit");
    assert!(matches!(refusal.violations[..], [Violation::NotSecure(_), ..]), "{refusal}");
    plan.loads.retain(|load| load.rack != RackId(1));
    let refusal = assess(&world.ledger, &plan).expect_err("nothing is known of R1");
    assert_eq!(refusal.violations, [Violation::LoadUnknown(RackId(1))]);
}

#[test]
fn a_cap_makes_a_rack_secure_until_it_is_lifted() {
    let (mut world, mut plan) = planned();
    plan.loads.iter_mut().find(|load| load.rack == RackId(2)).expect("told").heat_permille = 999;
    let insecure = |world: &World, plan: &Plan| !insecurities(&world.ledger, plan).expect("known").is_empty();
    assert!(insecure(&world, &plan));
    let (rack, cap, hold) = (RackId(2), Watts::new(24_000), Millis::seconds(8));
    let cap = CapGrant { rack, cap, keep_tiers: TIER_MAX, reason: CapReason::Insecure, hold };
    let capped = Plan { caps: vec![cap], ..plan.clone() };
    assert!(!insecure(&world, &capped));
    world.commit(crate::command::Command::Plan(Plan { caps: vec![cap], ..Plan::default() }));
    assert!(!insecure(&world, &plan), "the one that stands holds as well");
    plan.lifts = vec![rack];
    assert!(insecure(&world, &plan));
}

#[test]
fn what_stands_is_judged_with_what_is_planned_until_it_is_replaced_or_ends() {
    let (mut world, plan) = planned();
    let mut loads = plan.loads.clone();
    world.commit(crate::command::Command::Plan(plan));
    for load in &mut loads {
        load.heat_permille = 999;
    }
    let found = |plan: &Plan| insecurities(&world.ledger, plan).expect("known").len();
    assert!(found(&Plan { loads: loads.clone(), ..Plan::default() }) > 0);
    let reason = crate::command::ReleaseReason::ForecastFell;
    let releases = vec![crate::command::Release { rack: RackId(2), reason }];
    assert_eq!(found(&Plan { releases, loads, ..Plan::default() }), 0);
}

#[test]
fn a_module_on_the_receivers_own_bus_leaves_nothing_behind_at_its_rack() {
    let mut world = World::new();
    world.forecasts[0] = forecast(32_000);
    let mut plan = world.plan();
    assert!(plan.grants[0].legs[0].path.is_empty());
    plan.loads[0].heat_permille = 999;
    let found = insecurities(&world.ledger, &plan).expect("known");
    let told: Vec<(Contingency, i64)> = found.iter().map(|one| (one.lost, one.draw.get())).collect();
    assert_eq!(told, [(K0, 32_000)], "what it takes, and no flow besides");
}

#[test]
fn people_are_told_what_would_be_lost_where_and_for_how_long_it_is_borne() {
    let site = crate::example::site();
    let mut insecurity = Insecurity {
        lost: K0,
        rack: RackId(2),
        draw: Watts::new(32_000),
        limit: Watts::new(24_000),
        bears: Some(Millis::new(900)),
        bearable_peak: Watts::new(24_000),
        can_be_taken_back: true,
    };
    let told = insecurity.describe(&site);
    assert!(
        told.starts_with("without K0, rack R2 would draw 32.0 kW of 24.0 kW, which its breaker bears for "),
        "{told}"
    );
    insecurity = Insecurity { lost: T0, bears: None, can_be_taken_back: false, ..insecurity };
    let told = insecurity.describe(&site);
    assert!(told.starts_with("without T0, ") && told.ends_with("for ever, and caps cannot take it back"), "{told}");
}
