use proptest::prelude::*;

use super::*;

fn told(baseline: &mut Baseline, seconds: std::ops::Range<u32>, load: impl Fn(u32) -> i64) {
    for at_s in seconds {
        baseline.observe(0, Heard { at_s, watts: load(at_s) }).expect("a new second");
    }
}

#[test]
fn a_jump_is_rare_and_what_lasts_becomes_usual() {
    let mut baseline = Baseline::new(10_000);
    told(&mut baseline, 1_000_000..1_007_200, |at_s| 4_000 + i64::from(at_s % 7) * 10);
    assert!(baseline.outlook().anomaly < 20, "{:?}", baseline.outlook());
    told(&mut baseline, 1_007_200..1_007_201, |_| 8_000);
    assert_eq!(baseline.outlook().anomaly, 77, "never within two hours: 20 log10(7,200)");
    assert_eq!(baseline.outlook().expected_watts / 100, 40);
    told(&mut baseline, 1_007_201..1_010_800, |_| 8_000);
    assert!(baseline.outlook().anomaly < 20, "{:?}", baseline.outlook());
    assert_eq!(baseline.outlook().drift, 100, "an hour at twice the level of before");
}

#[test]
fn a_late_sample_fills_its_gap_once() {
    let mut baseline = Baseline::new(10_000);
    told(&mut baseline, 1_000..1_100, |_| 4_000);
    told(&mut baseline, 1_105..1_110, |_| 4_000);
    let late = Heard { at_s: 1_102, watts: 4_000 };
    assert_eq!(baseline.observe(0, late), Ok(()));
    let before = baseline;
    assert_eq!(baseline.observe(0, late), Err(Refused::Duplicate));
    assert_eq!(baseline.observe(0, Heard { at_s: 1_109, watts: 9_000 }), Err(Refused::Duplicate));
    assert_eq!(baseline.observe(0, Heard { at_s: 1_000_000, watts: -1 }), Err(Refused::Absurd));
    assert_eq!(baseline, before);
    assert_eq!(baseline.observe(0, Heard { at_s: 1_040, watts: 1 }), Err(Refused::TooOld));
}

#[test]
fn a_clock_that_went_back_is_believed_after_a_minute() {
    let mut baseline = Baseline::new(10_000);
    told(&mut baseline, 10_000_000..10_001_000, |_| 4_000);
    for at_s in 1_000..1_060 {
        assert_eq!(baseline.observe(0, Heard { at_s, watts: 4_000 }), Err(Refused::TooOld));
    }
    told(&mut baseline, 1_060..1_100, |_| 4_000);
    assert_eq!(baseline.expected_watts(1_100), Some(4_000));
}

#[test]
fn the_day_before_is_expected_where_the_level_fails() {
    let mut baseline = Baseline::new(10_000);
    let load = |at_s: u32| if (at_s / 1_800).is_multiple_of(2) { 2_000 } else { 8_000 };
    told(&mut baseline, 0..2 * 86_400, load);
    let ahead = baseline.expected_watts(2 * 86_400 + 1_800 + 300).expect("heard");
    assert!((7_900..=8_100).contains(&ahead), "{ahead}");
}

fn any_heard() -> impl Strategy<Value = Heard> {
    let seconds = prop_oneof![8 => 1_000_000..1_003_000_u32, 1 => any::<u32>()];
    let watts = prop_oneof![8 => 0..20_000_i64, 1 => any::<i64>()];
    (seconds, watts).prop_map(|(at_s, watts)| Heard { at_s, watts })
}

proptest! {
    #[test]
    fn whatever_comes_scores_stay_in_range(limit in any::<u32>(), heard in prop::collection::vec(any_heard(), 0..600)) {
        let mut baseline = Baseline::new(limit);
        for sample in heard {
            let before = baseline;
            let refused = baseline.observe(sample.at_s, sample).is_err();
            let outlook = baseline.outlook();
            prop_assert!(outlook.anomaly <= 100 && outlook.drift <= 100);
            prop_assert!(outlook.expected_watts >= 0 && outlook.expected_watts <= 4 * i64::from(limit.max(1)) + 4);
            prop_assert!(!refused || before.fast == baseline.fast, "a refusal teaches nothing");
        }
    }

    /// A second copy of any sample, anywhere within the minute after the first, changes nothing.
    #[test]
    fn duplicates_change_nothing(
        watts in prop::collection::vec(0..20_000_i64, 1..400),
        copies in prop::collection::vec((0..400_usize, 0..60_usize), 0..100),
    ) {
        let (mut plain, mut doubled) = (Baseline::new(10_000), Baseline::new(10_000));
        let sample = |at: usize| Heard { at_s: 1_000_000 + u32::try_from(at).expect("small"), watts: watts[at] };
        for at in 0..watts.len() {
            plain.observe(0, sample(at)).expect("new");
            doubled.observe(0, sample(at)).expect("new");
            for (of, _) in copies.iter().filter(|(of, after)| of + after == at) {
                prop_assert_eq!(doubled.observe(0, sample(*of)), Err(Refused::Duplicate));
            }
        }
        prop_assert_eq!(plain, doubled);
    }
}
