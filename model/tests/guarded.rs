//! The engine over the committed model and the real runtime.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::units::Watts;
use ridethrough_model::{Decisive, Forecast, Guarded, HORIZON, Keep, RACKS_MAX, RuleForecast, Sample};
use support::{committed, missing, sample};

/// Seconds after which the model speaks of a rack.
const WARM_S: usize = 30;

fn run(engine: &mut impl Forecast, samples: &[Sample], seconds: usize) -> Vec<RackForecast> {
    let mut out = Vec::new();
    for _ in 0..seconds {
        engine.step(samples, Keep::Committed, &mut out);
    }
    out
}

fn is_model(forecast: &RackForecast) -> bool {
    matches!(forecast.source, ForecastSource::Model { .. })
}

#[track_caller]
fn check_rule(forecast: &RackForecast, reason: RuleReason) {
    assert_eq!(forecast.source, ForecastSource::Rule(reason));
}

#[test]
fn the_model_speaks_after_half_a_minute() {
    let mut engine = Guarded::new(Some(committed()));
    check_rule(&run(&mut engine, &[sample(600, 1_000)], WARM_S - 1)[0], RuleReason::ColdStart);
    let forecast = run(&mut engine, &[sample(600, 1_000)], 1)[0];
    assert!(is_model(&forecast), "{forecast:?}");
    assert!(forecast.peak_p99 >= Watts::new(600), "the bound includes the present");
    assert_eq!(forecast.horizon, HORIZON);
    assert_eq!(engine.last_failure(), None);
}

#[test]
fn an_explanation_adds_up_to_the_forecast() {
    let mut engine = Guarded::new(Some(committed()));
    assert_eq!(engine.explain(0), None, "nothing was said yet");
    let mut out = Vec::new();
    for second in 0..200 {
        let watts = if second % 20 < 12 { 900 } else { 400 };
        engine.step(&[sample(watts, 1_000), sample(500, 1_000)], Keep::Committed, &mut out);
    }
    engine.step(&[sample(400, 1_000), sample(500, 1_000)], Keep::Provisional, &mut out);
    for (rack, forecast) in out.iter().enumerate() {
        assert!(is_model(forecast), "{forecast:?}");
        let told = engine.explain(rack).expect("the model speaks");
        for number in [|it: &Decisive| it.peak_p50, |it: &Decisive| it.peak_p99] {
            let parts: Watts = told.drivers.iter().map(|(_, adds)| number(adds)).sum();
            let sum = number(&told.flat).saturating_add(parts).saturating_add(number(&told.calibration));
            assert_eq!(sum, number(&told.issued), "{told:?}");
        }
        let apart = (told.issued.peak_p99.get() - forecast.peak_p99.get()).abs();
        assert!(apart <= 2, "{told:?} explains {forecast:?}");
    }
    let swinging = engine.explain(0).expect("the model speaks");
    let driven: i64 = swinging.drivers.iter().map(|(_, adds)| adds.peak_p50.get()).sum();
    assert!(driven > 100, "its past makes it expect the next swing: {swinging:?}");
    assert_eq!(engine.explain(2), None, "there is no such rack");
}

#[test]
fn a_lost_rack_falls_back_alone_and_comes_back() {
    let mut engine = Guarded::new(Some(committed()));
    let (well, lost) = ([sample(600, 1_000); 2], [sample(600, 1_000), missing(1_000)]);
    assert!(run(&mut engine, &well, WARM_S).iter().all(is_model));
    assert!(run(&mut engine, &lost, 3).iter().all(is_model), "a reading is held for 3 s");
    let after = run(&mut engine, &lost, 1);
    assert!(is_model(&after[0]));
    check_rule(&after[1], RuleReason::ColdStart);
    assert!(after[1].peak_p99 >= Watts::new(1_000), "an unknown rack is taken to draw its limit");
    check_rule(&run(&mut engine, &well, WARM_S - 1)[1], RuleReason::ColdStart);
    assert!(is_model(&run(&mut engine, &well, 1)[1]));
}

#[test]
fn a_provisional_step_changes_nothing_that_follows() {
    let (mut looked, mut plain) = (Guarded::new(Some(committed())), Guarded::new(Some(committed())));
    let mut out = Vec::new();
    for second in 0..40 {
        for tick in 0..9 {
            looked.step(&[sample(500 + 40 * tick, 1_000)], Keep::Provisional, &mut out);
        }
        let now = [sample(500 + 10 * second, 1_000)];
        assert_eq!(run(&mut looked, &now, 1), run(&mut plain, &now, 1), "second {second}");
    }
}

#[test]
fn absurd_power_is_the_rules() {
    let mut engine = Guarded::new(Some(committed()));
    let forecast = run(&mut engine, &[sample(3_500, 1_000)], WARM_S)[0];
    check_rule(&forecast, RuleReason::OutOfRange);
    assert_eq!(forecast.peak_p99, Watts::new(3_000));
    check_rule(&run(&mut engine, &[sample(10, 0)], WARM_S)[0], RuleReason::OutOfRange);
    check_rule(&run(&mut engine, &[sample(10, -5)], WARM_S)[0], RuleReason::OutOfRange);
    assert!(is_model(&run(&mut engine, &[sample(800, 1_000)], WARM_S)[0]), "and it recovers");
}

#[test]
fn the_forecast_does_not_depend_on_the_limit() {
    let mut engine = Guarded::new(Some(committed()));
    let forecasts = run(&mut engine, &[sample(600_000, 1_000_000), sample(600_000, 700_000)], 60);
    assert!(forecasts.iter().all(is_model));
    let apart = (forecasts[0].peak_p99.get() - forecasts[1].peak_p99.get()).abs();
    assert!(apart < 100, "{forecasts:?}");
}

#[test]
fn without_a_model_the_rule_says_so() {
    let mut engine = Guarded::new(None);
    let mut rule = RuleForecast::new(RuleReason::NoModel);
    let samples = [sample(600, 1_000), missing(500)];
    assert_eq!(run(&mut engine, &samples, 20), run(&mut rule, &samples, 20));
}

#[test]
fn one_rack_and_a_thousand_agree() {
    let series =
        |rack: i64, second: i64| sample(300_000 + 137 * rack + 5_000 * ((second * (rack % 7 + 1)) % 11), 900_000);
    let (mut alone, mut together) = (Guarded::new(Some(committed())), Guarded::new(Some(committed())));
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for second in 0..35 {
        alone.step(&[series(777, second)], Keep::Committed, &mut one);
        let samples: Vec<Sample> = (0..1_000).map(|rack| series(rack, second)).collect();
        together.step(&samples, Keep::Committed, &mut all);
    }
    assert!(is_model(&one[0]));
    assert_eq!(one[0].source, all[777].source);
    for (a, b) in [(one[0].p50, all[777].p50), (one[0].p99, all[777].p99), (one[0].peak_p99, all[777].peak_p99)] {
        // A tolerance of a few watts in 300 kW: kernels for wide batches may sum in another order on other processors.
        assert!((a.get() - b.get()).abs() <= 3, "{a} and {b}");
    }
}

#[test]
fn none_and_too_many_racks_are_answered() {
    let mut engine = Guarded::new(Some(committed()));
    assert!(run(&mut engine, &[], 3).is_empty());
    let many = vec![sample(500, 1_000); RACKS_MAX + 1];
    let out = run(&mut engine, &many, 1);
    assert_eq!(out.len(), many.len());
    for forecast in &out {
        check_rule(forecast, RuleReason::RuntimeFailed);
    }
    assert!(engine.last_failure().is_some());
    assert!(is_model(&run(&mut engine, &[sample(500, 1_000)], WARM_S)[0]));
}

fn any_watts() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..3_000_i64, 1 => -10..10_i64, 1 => any::<i64>()]
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (proptest::option::weighted(0.8, any_watts()), any_watts())
        .prop_map(|(power, limit)| Sample { power: power.map(Watts::new), limit: Watts::new(limit) })
}

fn any_keep() -> impl Strategy<Value = Keep> {
    prop_oneof![Just(Keep::Provisional), Just(Keep::Committed)]
}

fn within(forecast: &RackForecast, limit: Watts) -> bool {
    let most = Watts::new(limit.or_zero().get().saturating_mul(3));
    let parts = [Watts::ZERO, forecast.p50, forecast.p90, forecast.p99, forecast.peak_p99, most];
    parts.is_sorted()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn anything_in_gives_ordered_watts_within_three_limits(
        steps in vec((vec(any_sample(), 3), any_keep()), 1..40),
        limit in any_watts(),
    ) {
        let (mut guarded, mut rule) = (Guarded::new(Some(committed())), RuleForecast::new(RuleReason::Late));
        // One rack has a steady limit and is warm, so that the model gets to speak of wild power, too.
        let limit = limit.saturating_abs();
        run(&mut guarded, &[sample(limit / 2, limit), missing(5), missing(5)], WARM_S);
        let mut out = Vec::new();
        for (mut samples, keep) in steps {
            samples[0].limit = Watts::new(limit);
            for engine in [&mut guarded as &mut dyn Forecast, &mut rule] {
                engine.step(&samples, keep, &mut out);
                prop_assert_eq!(out.len(), samples.len());
                for (forecast, sample) in out.iter().zip(&samples) {
                    prop_assert!(within(forecast, sample.limit), "{:?} for {:?}", forecast, sample);
                }
            }
        }
    }
}
