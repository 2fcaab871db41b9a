use super::*;
use crate::command::{Command, ModeChange};
use crate::device::Reading;
use crate::example::{World, forecast};
use crate::mode::ModeReason;
use crate::planner::judge;
use crate::units::Millivolts;

/// R1 has a transfer of K0 over T0, which holds for 8 s.
fn helped() -> World {
    let mut world = World::new();
    world.forecasts[1] = forecast(32_000);
    world.tick();
    assert!(world.granted(1) > Watts::ZERO);
    world
}

fn drafted<T>(world: &World, work: impl FnOnce(&mut Draft<'_>, &[Verdict]) -> T) -> T {
    world.with_inputs(&|_| None, |inputs| {
        let verdicts: Vec<Verdict> = inputs.ledger.site().rack_ids().map(|rack| judge(inputs, rack)).collect();
        work(&mut Draft::new(*inputs), &verdicts)
    })
}

#[test]
fn a_feed_does_what_the_plan_says_and_else_what_the_ledger_says() {
    let mut world = World::new();
    let change = |to| ModeChange { feed: FeedId(0), to, reason: ModeReason::UtilityBack, time_left: None };
    let modes = |draft: &Draft<'_>| (draft.mode(FeedId(0)), draft.mode_of_row(RowId(0)));
    assert_eq!(drafted(&world, |draft, _| modes(draft)), (Mode::Normal, Mode::Normal));
    world.commit(Command::Plan(Plan { modes: vec![change(Mode::RideThrough)], ..Plan::default() }));
    assert_eq!(drafted(&world, |draft, _| modes(draft)), (Mode::RideThrough, Mode::RideThrough));
    let planned = drafted(&world, |draft, _| {
        draft.plan.modes.push(change(Mode::Recovery));
        modes(draft)
    });
    assert_eq!(planned, (Mode::Recovery, Mode::Recovery));
}

#[test]
fn a_transfer_counts_until_it_ends() {
    let mut world = helped();
    let until = world.ledger.transfer(RackId(1)).expect("granted").until;
    let counts = |world: &World| {
        drafted(world, |draft, _| {
            let delivered = draft.delivered(RackId(1)).get();
            (draft.in_ledger(RackId(1)).is_some(), draft.standing(RackId(1)).is_some(), delivered)
        })
    };
    world.now = until.saturating_sub(Millis::new(1));
    assert_eq!(counts(&world), (true, true, 10_500));
    world.now = until;
    assert_eq!(counts(&world), (false, false, 0));
    // Also for whoever has not told his ledger the time.
    let counts = world.with_inputs(&|_| None, |inputs| {
        let draft = Draft::new(Inputs { ledger: &world.ledger, ..*inputs });
        (draft.in_ledger(RackId(1)).is_some(), draft.standing(RackId(1)).is_some())
    });
    assert_eq!(counts, (false, false));
}

#[test]
fn an_end_is_told_once_and_only_of_what_is_in_force() {
    let world = helped();
    let ends = drafted(&world, |draft, _| {
        draft.release(RackId(1), ReleaseReason::DeviceFailed);
        draft.release(RackId(1), ReleaseReason::NoLongerFeasible);
        draft.release(RackId(2), ReleaseReason::DeviceFailed);
        assert_eq!(draft.delivered(RackId(1)), Watts::ZERO);
        draft.plan.releases.clone()
    });
    assert_eq!(ends, [Release { rack: RackId(1), reason: ReleaseReason::DeviceFailed }]);
}

#[test]
fn a_grant_that_is_taken_back_leaves_the_others() {
    let world = World::new();
    let left = drafted(&world, |draft, verdicts| {
        draft.grant(&verdicts[1], Vec::new(), Watts::ZERO);
        draft.grant(&verdicts[2], Vec::new(), Watts::ZERO);
        draft.release(RackId(1), ReleaseReason::NoLongerFeasible);
        draft.plan.grants.iter().map(|grant| grant.rack).collect::<Vec<_>>()
    });
    assert_eq!(left, [RackId(2)]);
}

#[test]
fn what_a_row_draws_is_known_when_all_its_racks_are_heard() {
    let mut world = World::new();
    world.pdu(2, 30_000, 22_000);
    let racks: Vec<RackId> = world.ledger.site().rack_ids().collect();
    let drawn = |world: &World| drafted(world, |draft, _| draft.measured_draw(&racks));
    assert_eq!(drawn(&world), Some(Watts::new(5 * 10_000 + 22_000)));
    world.now = world.now.saturating_add(Millis::new(600));
    (0..5).for_each(|rack| world.load(rack, 10_000));
    assert_eq!(drawn(&world), None);
}

/// Racks of which news is told to those who judge single failures, when R1's transfer stays as it is.
fn risen(change: impl FnOnce(&mut World), plan: impl FnOnce(&mut Draft<'_>, &[Verdict])) -> Vec<u16> {
    let mut world = helped();
    change(&mut world);
    drafted(&world, |draft, verdicts| {
        plan(draft, verdicts);
        let mut told: Vec<u16> = draft.risen(verdicts).iter().map(|rack| rack.0).collect();
        told.dedup();
        told
    })
}

fn heat(world: &mut World, rack: u16, breaker_permille: u16) {
    let (load, bus) = (Watts::new(10_000), Millivolts::new(800_000));
    let reading = Reading::Pdu { load, draw: load, bus, breaker_permille, tripped: false };
    world.view.observe(world.ledger.site(), DeviceId::Pdu(RackId(rack)), reading, world.now);
}

#[test]
fn racks_that_a_standing_transfer_touches_are_told_anew_when_they_may_take_more_or_are_hotter() {
    let as_it_is = |_: &mut Draft<'_>, _: &[Verdict]| ();
    assert_eq!(risen(|_| (), as_it_is), [0u16; 0]);
    assert_eq!(risen(|world| world.forecasts[0] = forecast(10_001), as_it_is), [0]);
    assert_eq!(risen(|world| world.forecasts[1] = forecast(32_001), as_it_is), [1]);
    assert_eq!(risen(|world| world.forecasts[1] = forecast(31_999), as_it_is), [0u16; 0], "less is no news");
    assert_eq!(risen(|world| world.forecasts[2] = forecast(32_001), as_it_is), [0u16; 0], "nothing touches R2");
    assert_eq!(risen(|world| heat(world, 0, 1), as_it_is), [0]);
    assert_eq!(risen(|world| heat(world, 2, 1), as_it_is), [0u16; 0]);
    let rising = |world: &mut World| world.forecasts[1] = forecast(33_000);
    let ended = |draft: &mut Draft<'_>, _: &[Verdict]| draft.release(RackId(1), ReleaseReason::ForecastFell);
    assert_eq!(risen(rising, ended), [0u16; 0]);
    let replaced =
        |draft: &mut Draft<'_>, verdicts: &[Verdict]| draft.grant(&verdicts[1], Vec::new(), Watts::new(22_800));
    assert_eq!(risen(rising, replaced), [0u16; 0]);
}
