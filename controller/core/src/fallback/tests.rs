use super::*;
use crate::example::site;
use crate::units::Watts;

const MODEL: ForecastSource = ForecastSource::Model { hash8: [1; 8] };

const fn rule(reason: RuleReason) -> ForecastSource {
    ForecastSource::Rule(reason)
}

fn forecasts(sources: &[ForecastSource]) -> Vec<RackForecast> {
    let forecast = |&source: &ForecastSource| RackForecast::flat(Watts::ZERO, Millis::seconds(30), source);
    sources.iter().map(forecast).collect()
}

/// A second, the engine then, the racks, the one row, and what is told.
type Look<'a> = (i64, Engine, &'a [ForecastSource], ForecastSource, &'a [&'a str]);

#[track_caller]
fn check(looks: &[Look<'_>]) {
    let mut watch = FallbackWatch::default();
    for (second, engine, racks, row, expected) in looks {
        let note = watch.look(Millis::seconds(*second), *engine, &forecasts(racks), &forecasts(&[*row]));
        let told = note.map(|note| note.lines(&site())).unwrap_or_default();
        assert_eq!(told, *expected, "second {second}");
    }
}

const FROZEN: ForecastSource = rule(RuleReason::FrozenMeter);
const COLD: ForecastSource = rule(RuleReason::ColdStart);
const WELL: Engine = Engine::Configured;

#[test]
fn a_rack_is_told_when_it_falls_and_when_it_comes_back() {
    let frozen = "R0, row A forecast by the rule (meter frozen)";
    check(&[
        (0, WELL, &[COLD, COLD], COLD, &[]),
        (30, WELL, &[MODEL, MODEL], MODEL, &[]),
        (31, WELL, &[FROZEN, MODEL], FROZEN, &[frozen]),
        (32, WELL, &[FROZEN, MODEL], FROZEN, &[]),
        (33, WELL, &[MODEL, COLD], FROZEN, &["R0 forecast by the model again", "R1 forecast by the rule (cold start)"]),
        (34, WELL, &[MODEL, MODEL], MODEL, &["R1, row A forecast by the model again"]),
    ]);
}

#[test]
fn what_flutters_is_told_once_a_minute_and_what_stands_is_told_at_last() {
    let (falls, comes) = (["R0 forecast by the rule (meter frozen)"], ["R0 forecast by the model again"]);
    check(&[
        (0, WELL, &[FROZEN], MODEL, &falls),
        (1, WELL, &[MODEL], MODEL, &comes),
        (2, WELL, &[FROZEN], MODEL, &[]),
        (3, WELL, &[MODEL], MODEL, &[]),
        (59, WELL, &[FROZEN], MODEL, &[]),
        (60, WELL, &[FROZEN], MODEL, &falls),
        (61, WELL, &[MODEL], MODEL, &comes),
        (119, WELL, &[FROZEN], MODEL, &[]),
        (120, WELL, &[rule(RuleReason::Drift)], MODEL, &["R0 forecast by the rule (model drifts)"]),
    ]);
}

#[test]
fn what_concerns_all_is_told_of_the_engine_and_of_no_rack() {
    let (late, failed) = (rule(RuleReason::Late), rule(RuleReason::RuntimeFailed));
    check(&[
        (0, WELL, &[MODEL, FROZEN], MODEL, &["R1 forecast by the rule (meter frozen)"]),
        (1, Engine::Late, &[late, late], late, &[Engine::Late.as_str()]),
        (2, WELL, &[MODEL, FROZEN], MODEL, &[Engine::Configured.as_str()]),
        (3, Engine::Late, &[late, late], late, &[]),
        (
            4,
            Engine::RuntimeHung,
            &[COLD, FROZEN],
            MODEL,
            &[Engine::RuntimeHung.as_str(), "R0 forecast by the rule (cold start)"],
        ),
        (5, Engine::Failed, &[failed, failed], failed, &[Engine::Failed.as_str()]),
        (61, Engine::Late, &[late, late], late, &[Engine::Late.as_str()]),
    ]);
}

#[test]
fn many_are_counted_and_notes_keep_their_distance() {
    let mut watch = FallbackWatch::default();
    let racks = vec![FROZEN; 1_000];
    let mut look = |ms: i64, source| {
        let racks: Vec<ForecastSource> = racks.iter().map(|_| source).collect();
        watch.look(Millis::new(ms), WELL, &forecasts(&racks), &[])
    };
    let note = look(0, FROZEN).expect("news");
    assert_eq!(note.changes.len(), CHANGES_MAX);
    let tally = Tally { rule: Some(RuleReason::FrozenMeter), parts: 1_000 - 64 };
    assert_eq!(note.more, [tally]);
    assert_eq!(look(999, MODEL), None);
    assert!(look(1_000, MODEL).is_some_and(|note| note.more[0].rule.is_none()));
}

#[test]
fn whoever_forgot_tells_what_stands_anew() {
    let mut watch = FallbackWatch::default();
    let look = |watch: &mut FallbackWatch, second, engine| {
        watch.look(Millis::seconds(second), engine, &forecasts(&[FROZEN, MODEL, COLD]), &[])
    };
    let first = look(&mut watch, 0, Engine::NoRuntime);
    assert!(first.as_ref().is_some_and(|note| note.engine.is_some() && note.changes.len() == 1));
    assert_eq!(look(&mut watch, 1, Engine::NoRuntime), None);
    watch.forget();
    assert_eq!(look(&mut watch, 2, Engine::NoRuntime), first);
}

#[test]
fn every_engine_has_its_place() {
    for (place, engine) in Engine::ALL.into_iter().enumerate() {
        assert_eq!(engine.place(), place);
    }
}

#[test]
fn a_row_concerns_its_own_racks() {
    let site = site();
    let concerns = |part: Part, rack| part.concerns(RackId(rack), &site);
    assert!(concerns(Part::Rack(RackId(1)), 1) && !concerns(Part::Rack(RackId(1)), 2));
    assert!(
        concerns(Part::Row(RowId(0)), 1) && !concerns(Part::Row(RowId(1)), 1) && !concerns(Part::Row(RowId(0)), 99)
    );
}

#[test]
fn a_line_names_those_that_one_reason_concerns_and_counts_the_rest() {
    let change = |rack, rule| Change { part: Part::Rack(RackId(rack)), rule };
    let (cold, frozen) = (Some(RuleReason::ColdStart), Some(RuleReason::FrozenMeter));
    let note = ForecastNote {
        engine: None,
        changes: vec![change(0, cold), change(1, frozen), change(2, cold)],
        more: vec![Tally { rule: frozen, parts: 7 }, Tally { rule: None, parts: 3 }],
    };
    let expected = [
        "R0, R2 forecast by the rule (cold start)",
        "R1, 7 more forecast by the rule (meter frozen)",
        "3 more forecast by the model again",
    ];
    assert_eq!(note.lines(&site()), expected);
}
