//! What people read: each thing has words of its own.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::alarm::{AlarmKind, Priority};
use crate::command::{CapReason, ReleaseReason, TransferId};
use crate::drill::DrillStage;
use crate::envelope::{Refusal, Violation};
use crate::example::site;
use crate::forecast::{Engine, ForecastSource, RuleReason};
use crate::ledger::Phase;
use crate::mode::{Mode, ModeReason};
use crate::model::{ModelFault, ModelId, ModelRefusal};
use crate::site::{FeedId, RackId, Site};
use crate::trust::Fault;

fn check<T: Display>(all: impl IntoIterator<Item = T>) {
    let words: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    assert!(words.iter().all(|word| word.len() > 2 && word != "xyzzy"), "{words:?}");
    assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len(), "{words:?}");
}

#[test]
fn reasons_phases_and_modes() {
    use CapReason::{GeneratorFull, Insecure, RackUncovered, RowUncovered, TimeLeft};
    use ReleaseReason::{AckMissing, DeviceFailed, ForecastFell, NoLongerFeasible};
    check(
        [ForecastFell, DeviceFailed, AckMissing, NoLongerFeasible, ReleaseReason::Operator].map(ReleaseReason::as_str),
    );
    check([RackUncovered, RowUncovered, Insecure, TimeLeft, GeneratorFull, CapReason::Operator].map(CapReason::as_str));
    check([Phase::Supplying, Phase::Drawing, Phase::Held].map(Phase::as_str));
    check([Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery]);
    check([
        ModeReason::UtilityLost { witnesses: 2, of: 3 },
        ModeReason::GeneratorCarries,
        ModeReason::GeneratorLost,
        ModeReason::TimeIsUp,
        ModeReason::UtilityBack,
        ModeReason::Recharged,
    ]);
    check(DrillStage::ALL.map(DrillStage::as_str));
}

#[test]
fn forecasts_and_models() {
    check(Engine::ALL.map(Engine::as_str));
    check(Engine::ALL.map(Engine::label));
    check(RuleReason::ALL.map(RuleReason::as_str));
    check(RuleReason::ALL.map(ForecastSource::Rule));
    assert_eq!(Engine::ALL.map(Engine::place), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(ForecastSource::Model { hash8: [0xab; 8] }.to_string(), "model abababab");
    check(ModelFault::ALL.map(ModelFault::as_str));
    let model = ModelId { sha256: [0xcd; 32], version: 3 };
    assert_eq!(model.to_string(), "cdcdcdcd version 3");
    check([
        ModelRefusal::BelowMinimum { model, minimum: 4 },
        ModelRefusal::Active(model),
        ModelRefusal::NotInShadow { model, shadow: None },
        ModelRefusal::NotInShadow { model, shadow: Some(model) },
        ModelRefusal::NothingToRollBack,
        ModelRefusal::MinimumOutOfRange { asked: 1, least: 2, most: 3 },
    ]);
}

#[test]
fn alarms_and_faults() {
    check(AlarmKind::ALL.map(AlarmKind::as_str));
    check(AlarmKind::ALL.map(AlarmKind::what));
    assert_eq!(Priority::ALL.map(Priority::number), [1, 2, 3]);
    check([Fault::Refused, Fault::Unable, Fault::Silent, Fault::NotFollowing, Fault::NotAddingUp, Fault::Still]);
    assert_eq!(TransferId { index: 184, nth: 2 }.to_string(), "184.2");
}

#[test]
fn refusals_and_site_files() {
    let known = Refusal::one(Violation::NoGenerator(FeedId(0)));
    assert_eq!(known.describe(&site()), "feed u has no generator");
    assert_eq!(Refusal::one(Violation::NoGenerator(FeedId(9))).describe(&site()), "feed #9 has no generator");
    assert!(known.to_string().contains("NoGenerator"));
    let two = Refusal { violations: vec![Violation::Manual, Violation::NoTransfer(RackId(1))] };
    assert!(two.describe(&site()).ends_with("; rack R1 has no transfer"));
    let wrong = Site::parse("row.toml", "name = 3\n").expect_err("no site").to_string();
    assert!(wrong.starts_with("row.toml:1: "), "{wrong}");
}
