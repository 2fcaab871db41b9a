use super::*;
use crate::command::{Command, ModeChange, Plan};
use crate::example::{World, forecast, row_of, two_rows};
use crate::mode::ModeReason;
use crate::planner::judge;
use crate::site::FeedId;
use crate::trust::Fault;

const RACK: RackId = RackId(1);

/// The example with modules that hold their reserve and no more, so that nothing but caps helps.
fn without_storage(row_limit: i64) -> World {
    let mut world = World::of(&row_of(row_limit));
    (0..2).for_each(|kesm| world.stored(kesm, 600_000));
    world
}

/// Ticks for so long; every cap and lift, with the milliseconds since they began.
fn run(world: &mut World, span: i64) -> Vec<String> {
    let begun = world.now;
    let mut told = Vec::new();
    while world.now.saturating_sub(begun).get() < span {
        let plan = world.plan();
        let at = world.now.saturating_sub(begun).get();
        told.extend(words(&plan).into_iter().map(|words| format!("{at}: {words}")));
        if !plan.is_empty() {
            world.commit(Command::Plan(plan));
        }
        world.pass(100);
    }
    told
}

fn words(plan: &Plan) -> Vec<String> {
    let caps = plan.caps.iter().map(|cap| {
        let tiers = if cap.keep_tiers < TIER_MAX { format!(" tiers up to {}", cap.keep_tiers) } else { String::new() };
        format!("R{} at {}{tiers}, {:?}", cap.rack.0, cap.cap.get(), cap.reason)
    });
    caps.chain(plan.lifts.iter().map(|rack| format!("R{} free", rack.0))).collect()
}

#[test]
fn a_rack_over_its_limit_for_three_tenths_of_a_second_is_held_to_what_its_breaker_and_storage_carry() {
    let told = |load, draw| {
        let mut world = without_storage(150_000);
        world.pdu(1, load, draw);
        run(&mut world, 500)
    };
    assert_eq!(told(24_000, 24_000), [""; 0], "at its limit it may stay for ever");
    assert_eq!(told(24_001, 24_001), ["300: R1 at 22800, RackUncovered"]);
    assert_eq!(told(30_000, 25_000), ["300: R1 at 27800, RackUncovered"], "5 kW come from storage already");
    assert_eq!(told(30_000, 23_000), [""; 0], "what is covered needs no cap");
}

#[test]
fn a_row_over_its_limit_for_as_long_is_brought_below_it_as_far_as_servers_come_down() {
    let told = |last: i64| {
        let mut world = without_storage(130_000);
        (0..6).zip([21_600, 21_600, 21_600, 21_600, 21_600, last]).for_each(|(rack, load)| world.load(rack, load));
        run(&mut world, 500)
    };
    assert_eq!(told(22_000), [""; 0], "130 kW are its limit");
    let floors: Vec<String> = (0..6).map(|rack| format!("300: R{rack} at 21000, RowUncovered")).collect();
    assert_eq!(told(22_001), floors, "1 W and the margin of 6.5 kW are more than all of them can give");
}

#[test]
fn a_row_of_which_one_rack_is_not_heard_is_not_shed() {
    let mut world = without_storage(100_000);
    (0..6).for_each(|rack| world.load(rack, 22_000));
    for _ in 0..10 {
        world.now = world.now.saturating_add(Millis::new(100));
        (0..5).for_each(|rack| world.load(rack, 22_000));
        if world.now > Millis::new(1_700) {
            assert_eq!(words(&world.plan()), [""; 0], "unknown is not over");
        }
    }
}

#[test]
fn each_row_gets_its_share_of_a_generator_that_does_not_carry_all() {
    let told = |loads: [i64; 4], modes: &[Mode]| {
        let mut world = World::of(&two_rows());
        for &to in modes {
            let reason = ModeReason::GeneratorCarries;
            let change = ModeChange { feed: FeedId(0), to, reason, time_left: None };
            world.commit(Command::Plan(Plan { modes: vec![change], ..Plan::default() }));
        }
        (0..4).zip(loads).for_each(|(rack, load)| world.load(rack, load));
        run(&mut world, 500)
    };
    let on_generator = [Mode::RideThrough, Mode::Generator];
    // 30 kW are for row A, 15 kW for row B.
    assert_eq!(told([10_000, 10_000, 10_000, 15_000], &on_generator), [""; 0]);
    // 2 kW too much and the margin of 1.5 kW, of what matters least, the larger first.
    let expected = ["300: R2 at 7500, GeneratorFull"];
    assert_eq!(told([11_000, 10_000, 11_000, 15_000], &on_generator), expected);
    assert_eq!(told([11_000, 10_000, 11_000, 15_000], &[]), [""; 0], "the utility carries it");
    assert_eq!(told([10_000, 10_000, 10_000, 16_000], &on_generator), ["300: R3 at 14250, GeneratorFull"]);
    assert_eq!(told([23_000, 24_100, 24_100, 16_000], &[Mode::RideThrough]), [""; 0], "while modules bridge, they do");
}

#[test]
fn what_matters_least_is_cut_first_and_no_cut_is_smaller_than_a_step() {
    let site = two_rows();
    let mut world = World::of(&site);
    [12_000, 10_000, 11_000, 0].into_iter().zip(0..).for_each(|(load, rack)| world.load(rack, load));
    let verdicts: Vec<Verdict> =
        world.with_inputs(&|_| None, |inputs| site.rack_ids().map(|rack| judge(inputs, rack)).collect());
    let racks: Vec<RackId> = (0..3).map(RackId).collect();
    let cut = |watts| -> Vec<(u16, i64)> {
        let cuts = cut_least_important(&site, &racks, &verdicts, Watts::new(watts), CapReason::RowUncovered);
        cuts.into_iter().map(|(rack, cap, _)| (rack.0, cap.get())).collect()
    };
    assert_eq!(cut(499), []);
    assert_eq!(cut(500), [(2, 10_500)]);
    assert_eq!(cut(7_000), [(2, 4_000)]);
    assert_eq!(cut(7_499), [(2, 4_000)]);
    assert_eq!(cut(8_000), [(2, 4_000), (1, 9_000)]);
    assert_eq!(cut(14_000), [(2, 4_000), (1, 4_000), (0, 11_000)]);
    assert_eq!(cut(99_000), [(2, 4_000), (1, 4_000), (0, 4_000)]);
}

fn wanted(cap: i64, keep_tiers: u8, reason: CapReason) -> Wanted {
    Wanted { cap: Watts::new(cap), keep_tiers, reason }
}

#[test]
fn of_two_caps_the_lower_holds_with_the_fewer_tiers_and_its_reason() {
    let row = wanted(9_000, 4, CapReason::RowUncovered);
    let rack = |cap| wanted(cap, 4, CapReason::RackUncovered);
    assert_eq!(tighter(None, row), row);
    assert_eq!(tighter(Some(rack(8_999)), row), rack(8_999));
    assert_eq!(tighter(Some(rack(9_000)), row), rack(9_000));
    assert_eq!(tighter(Some(rack(9_001)), row), row);
    let asked = |cap| Some(wanted(cap, 4, CapReason::Operator));
    assert_eq!(tighter_of(None, asked(9_000)), asked(9_000));
    assert_eq!(tighter_of(Some(row), None), Some(row));
    assert_eq!(tighter_of(Some(row), asked(9_000)), Some(row));
    assert_eq!(tighter_of(Some(row), asked(9_001)), Some(row));
    assert_eq!(tighter_of(Some(row), asked(8_999)), asked(8_999));
    let shut = wanted(9_000, 2, CapReason::TimeLeft);
    assert_eq!(tighter_of(Some(shut), asked(8_000)), Some(wanted(8_000, 2, CapReason::TimeLeft)));
}

/// A cap that stands on R1.
#[derive(Clone, Copy)]
struct Standing {
    cap: Wanted,
    age_ms: i64,
}

/// What is said about R1, which takes so much, of what stands and what is wanted.
fn said_with(
    standing: Option<Standing>,
    load: i64,
    want: Option<Wanted>,
    fault: Option<Fault>,
    transfer: bool,
) -> Vec<String> {
    let mut world = World::new();
    if transfer {
        world.forecasts[1] = forecast(42_000);
        world.tick();
        assert!(world.granted(1).get() >= 19_200);
        world.forecasts[1] = forecast(10_000);
    }
    if let Some(Standing { cap: Wanted { cap, keep_tiers, reason }, age_ms }) = standing {
        let grant = CapGrant { rack: RACK, cap, keep_tiers, reason, hold: HOLD };
        let effect = world.commit(Command::Plan(Plan { caps: vec![grant], ..Plan::default() }));
        assert!(matches!(effect, crate::ledger::Effect::Admitted { .. }), "{effect:?}");
        world.pass(age_ms);
    }
    world.load(1, load);
    world.with_inputs(&|device| fault.filter(|_| device == DeviceId::Pdu(RACK)), |inputs| {
        let mut draft = Draft::new(*inputs);
        reconcile(&mut draft, &judge(inputs, RACK), want);
        words(&draft.finish())
    })
}

fn said(standing: Option<Standing>, load: i64, want: Option<Wanted>) -> Vec<String> {
    said_with(standing, load, want, None, false)
}

const fn standing(cap: i64, keep_tiers: u8, reason: CapReason, age_ms: i64) -> Standing {
    Standing { cap: Wanted { cap: Watts::new(cap), keep_tiers, reason }, age_ms }
}

#[test]
fn a_cap_is_moved_down_at_once_by_more_than_a_step_and_renewed_in_the_second_half_of_its_hold() {
    let reason = CapReason::RackUncovered;
    let check = |age_ms, want: Wanted, expected: &[&str]| {
        let told = said(Some(standing(30_000, 4, reason, age_ms)), 30_000, Some(want));
        assert_eq!(told, expected, "{want:?} after {age_ms} ms");
    };
    assert_eq!(said(None, 30_000, Some(wanted(30_000, 4, reason))), ["R1 at 30000, RackUncovered"]);
    assert_eq!(said(None, 30_000, None), [""; 0]);
    check(0, wanted(29_500, 4, reason), &[]);
    check(0, wanted(29_499, 4, reason), &["R1 at 29499, RackUncovered"]);
    check(0, wanted(35_000, 4, reason), &[]);
    check(0, wanted(30_000, 2, CapReason::TimeLeft), &["R1 at 30000 tiers up to 2, TimeLeft"]);
    check(4_000, wanted(30_000, 4, reason), &[]);
    check(4_001, wanted(30_000, 4, reason), &["R1 at 30000, RackUncovered"]);
    check(4_001, wanted(35_000, 4, reason), &["R1 at 30000, RackUncovered"]);
    check(8_000, wanted(35_000, 4, reason), &["R1 at 35000, RackUncovered"]);
}

#[test]
fn what_an_operator_asked_for_is_changed_at_once_either_way() {
    let check = |want: Wanted, expected: &[&str]| {
        assert_eq!(said(Some(standing(30_000, 4, CapReason::Operator, 0)), 30_000, Some(want)), expected, "{want:?}");
    };
    check(wanted(30_000, 4, CapReason::Operator), &[]);
    check(wanted(30_001, 4, CapReason::Operator), &["R1 at 30001, Operator"]);
    check(wanted(29_999, 4, CapReason::Operator), &["R1 at 29999, Operator"]);
}

#[test]
fn a_cap_that_nothing_asks_for_is_lifted_or_eased() {
    let check = |stands, load, expected: &[&str]| assert_eq!(said(Some(stands), load, None), expected, "at {load} W");
    let (rack, row) = (CapReason::RackUncovered, CapReason::RowUncovered);
    // A margin of 1.2 kW below the cap it is free; at the cap it gets what its breaker carries, or a margin more.
    check(standing(21_500, 4, rack, 0), 20_299, &["R1 free"]);
    check(standing(21_500, 4, rack, 0), 20_300, &["R1 at 22800, RackUncovered"]);
    check(standing(21_500, 4, row, 0), 20_300, &["R1 at 22700, RowUncovered"]);
    check(standing(22_299, 4, rack, 0), 22_000, &["R1 at 22800, RackUncovered"]);
    check(standing(22_300, 4, rack, 0), 22_000, &[]);
    check(standing(22_300, 4, rack, 4_000), 22_000, &[]);
    check(standing(22_300, 4, rack, 4_001), 22_000, &["R1 at 22800, RackUncovered"]);
    check(standing(30_000, 2, CapReason::TimeLeft, 0), 30_000, &["R1 free"]);
    check(standing(30_000, 4, CapReason::Operator, 0), 30_000, &["R1 free"]);
    check(standing(30_000, 4, rack, 8_000), 30_000, &[]);
}

#[test]
fn what_storage_has_come_to_cover_frees_a_rack() {
    let stands = standing(30_000, 4, CapReason::RackUncovered, 0);
    assert_eq!(said_with(Some(stands), 30_000, None, None, true), ["R1 free"]);
}

#[test]
fn a_pdu_that_is_not_to_be_relied_on_is_told_nothing() {
    let want = Some(wanted(20_000, 4, CapReason::RackUncovered));
    assert_eq!(said_with(None, 30_000, want, Some(Fault::Silent), false), [""; 0]);
    let stands = standing(30_000, 4, CapReason::Operator, 0);
    assert_eq!(said_with(Some(stands), 10_000, None, Some(Fault::Silent), false), [""; 0]);
}

#[test]
fn a_cap_lies_between_the_floors_of_a_racks_servers_and_what_they_can_take() {
    let floor = capping::rack_floor(World::new().ledger.site(), RACK, TIER_MAX).get();
    let told = |cap| said(None, 30_000, Some(wanted(cap, 4, CapReason::RackUncovered)));
    assert_eq!(told(floor - 1), [format!("R1 at {floor}, RackUncovered")]);
    assert_eq!(told(42_001), ["R1 at 42000, RackUncovered"]);
}
