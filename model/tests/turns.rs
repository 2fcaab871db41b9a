//! The engine on a site that is too large to be stepped whole in every tick.

mod support;

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::units::Watts;
use ridethrough_model::{Forecast, Guarded, Keep, Sample};
use support::{committed, missing, sample};

/// More than are stepped whole, few enough for a test.
const RACKS: usize = 1_600;
const TICKS: usize = 10;
/// Racks that are stepped for having moved, at most.
const MOVED_MAX: usize = 512;

/// A rack that draws 500 of 1,000 and moves a little from second to second.
fn steady(rack: usize, second: usize) -> Sample {
    sample(500_000 + i64::try_from((rack * 7 + second * 13) % 5_000).unwrap_or_default(), 1_000_000)
}

fn site(second: usize) -> Vec<Sample> {
    (0..RACKS).map(|rack| steady(rack, second)).collect()
}

/// A second of ticks; the samples are those of its beginning.
fn second(engine: &mut Guarded, samples: &[Sample]) -> Vec<RackForecast> {
    let mut out = Vec::new();
    for tick in 0..TICKS {
        engine.step(samples, if tick == 0 { Keep::Committed } else { Keep::Provisional }, &mut out);
    }
    out
}

fn warm() -> Guarded {
    let mut engine = Guarded::new(Some(committed()));
    let mut out = Vec::new();
    for now in 0..31 {
        engine.step(&site(now), Keep::Committed, &mut out);
    }
    for now in 31..34 {
        out = second(&mut engine, &site(now));
    }
    assert!(out.iter().all(is_model));
    engine
}

fn is_model(forecast: &RackForecast) -> bool {
    matches!(forecast.source, ForecastSource::Model { .. })
}

#[test]
fn a_rack_is_forecast_as_if_it_were_alone() {
    let (mut engine, mut alone) = (warm(), Guarded::new(Some(committed())));
    let rack = RACKS - 1;
    let mut one = Vec::new();
    (0..34).for_each(|now| alone.step(&[steady(rack, now)], Keep::Committed, &mut one));
    let all = second(&mut engine, &site(34));
    alone.step(&[steady(rack, 34)], Keep::Committed, &mut one);
    for number in [|it: &RackForecast| it.p50, |it: &RackForecast| it.peak_p50, |it: &RackForecast| it.peak_p99] {
        let apart = (number(&all[rack]).get() - number(&one[0]).get()).abs();
        // A batch of another size may sum in another order: some watts of a megawatt.
        assert!(apart <= 5, "{:?} and {one:?}", all[rack]);
    }
}

#[test]
fn a_surge_is_seen_in_the_tick_it_comes_in() {
    let mut engine = warm();
    let mut samples = site(33);
    let mut out = Vec::new();
    engine.step(&samples, Keep::Committed, &mut out);
    samples[RACKS - 1].power = Some(Watts::new(950_000));
    engine.step(&samples, Keep::Provisional, &mut out);
    let surged = out[RACKS - 1];
    assert!(is_model(&surged), "it was stepped although its turn comes later: {surged:?}");
    assert!(surged.peak_p99 >= Watts::new(950_000), "{surged:?}");
}

#[test]
fn where_more_surge_than_can_be_stepped_the_rule_speaks_for_the_rest() {
    let mut engine = warm();
    let samples = site(33);
    let mut out = Vec::new();
    engine.step(&samples, Keep::Committed, &mut out);
    // The later ones rise further; all above what was foreseen.
    let higher = |rack: usize| 800_000 + i64::try_from(rack * 50).unwrap_or_default();
    let surge: Vec<Sample> = (0..RACKS).map(|rack| sample(higher(rack), 1_000_000)).collect();
    engine.step(&surge, Keep::Provisional, &mut out);
    let late = |forecast: &RackForecast| forecast.source == ForecastSource::Rule(RuleReason::Late);
    assert_eq!(out.iter().filter(|forecast| !late(forecast)).count(), MOVED_MAX + RACKS.div_ceil(TICKS));
    assert!(out[RACKS - MOVED_MAX..].iter().all(is_model), "who rose furthest was stepped");
    for (forecast, sample) in out.iter().zip(&surge).filter(|(forecast, _)| late(forecast)) {
        assert!(forecast.peak_p50 >= sample.power.expect("known"), "the rule knows the newest reading: {forecast:?}");
    }
    // Loads stand still now: the others have their turn in the ticks that follow.
    for _ in 0..RACKS.div_ceil(MOVED_MAX) {
        engine.step(&surge, Keep::Provisional, &mut out);
    }
    assert!(out.iter().all(|forecast| !late(forecast)));
}

#[test]
fn an_answer_that_stands_reaches_what_is_drawn_now() {
    let mut engine = warm();
    let mut samples = site(33);
    let mut out = Vec::new();
    engine.step(&samples, Keep::Committed, &mut out);
    let before = out[RACKS - 1].peak_p99;
    // Within a hundredth of the limit: it is not stepped, whatever was said.
    let drawn = samples[RACKS - 1].power.expect("known").saturating_add(Watts::new(9_900));
    samples[RACKS - 1].power = Some(drawn);
    engine.step(&samples, Keep::Provisional, &mut out);
    assert_eq!(out[RACKS - 1].peak_p99, before.max(drawn));
}

#[test]
fn a_lost_rack_falls_back_whosever_turn_it_is() {
    let mut engine = warm();
    let mut samples = site(33);
    samples[RACKS - 1] = missing(1_000_000);
    (0..3).for_each(|_| drop(second(&mut engine, &samples)));
    let out = second(&mut engine, &samples);
    assert_eq!(out[RACKS - 1].source, ForecastSource::Rule(RuleReason::ColdStart));
    assert!(is_model(&out[0]));
}
