//! The committed model against the values that JAX computed, and NaN through every entrance.

use std::path::PathBuf;

use super::{Answer, OnnxForecast, are_finite};
use crate::calibration::At;
use crate::files::ModelFiles;
use crate::forecast::Keep;
use crate::golden::{golden, own};

const TOLERANCE: f64 = 1e-4;

fn committed() -> OnnxForecast {
    let fetched = own("../.runtime/onnxruntime/libonnxruntime.so.1.28.0");
    let runtime = std::env::var_os("RIDETHROUGH_ORT_LIB").map_or(fetched, PathBuf::from);
    let files = ModelFiles { model: &own("forecast.onnx"), manifest: &own("forecast.json"), runtime: &runtime };
    match OnnxForecast::load(files) {
        Ok(model) => model,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn golden_values_of_training_are_met() {
    let (mut model, mut answer, golden) = (committed(), Answer::default(), golden());
    assert_eq!(golden.steps.len(), 24);
    for step in &golden.steps {
        model.run_all(&step.power, Keep::Committed, &mut answer).expect("runs");
        step.check(&answer.quantiles, &answer.maxima, &state(&mut model), TOLERANCE);
    }
}

#[test]
fn nan_is_seen_in_its_rack_and_in_no_other() {
    let (mut model, mut answer) = (committed(), Answer::default());
    for power in [[0.5, 0.5], [f32::NAN, 0.5]] {
        model.run_all(&power, Keep::Provisional, &mut answer).expect("runs");
    }
    assert!(answer.quantiles[..15].iter().chain(&answer.maxima[..12]).all(|part| part.is_nan()));
    assert!(is_finite(&answer, 1));
}

#[test]
fn nan_does_not_outlive_the_step_that_brought_it() {
    let (mut model, mut answer) = (committed(), Answer::default());
    for power in [[0.5, 0.5], [f32::NAN, 0.5], [0.5, 0.5]] {
        model.run_all(&power, Keep::Committed, &mut answer).expect("runs");
    }
    let (mut fresh, mut cold) = (committed(), Answer::default());
    fresh.run_all(&[0.5], Keep::Committed, &mut cold).expect("runs");
    assert_eq!(said(&answer, 0), said(&cold, 0), "the rack started cold");
    assert!(is_finite(&answer, 1));
}

#[test]
fn nan_anywhere_in_the_state_is_seen() {
    let (mut model, mut answer) = (committed(), Answer::default());
    let width = model.manifest.state;
    let mut hidden = Vec::new();
    for place in 0..width {
        model.run_all(&[0.5], Keep::Committed, &mut answer).expect("runs");
        poison(&mut model, place);
        model.run_all(&[0.5], Keep::Committed, &mut answer).expect("runs");
        if is_finite(&answer, 0) {
            hidden.push(place);
        }
        model.reset(0);
    }
    assert_eq!(hidden, Vec::<usize>::new(), "NaN in these places of the state did not reach the forecast");
}

#[test]
fn a_batch_of_none_is_never_run() {
    let (mut model, mut answer) = (committed(), Answer::default());
    assert_eq!(model.run_all(&[], Keep::Committed, &mut answer), Ok(()));
    assert_eq!(said(&answer, 0), None);
}

fn said(answer: &Answer, rack: usize) -> Option<Vec<At>> {
    let mut said = answer.room();
    answer.row(rack, &mut said).then_some(said)
}

fn is_finite(answer: &Answer, rack: usize) -> bool {
    said(answer, rack).is_some_and(|said| are_finite(&said))
}

fn state(model: &mut OnnxForecast) -> Vec<f32> {
    model.states.all_for_test().to_vec()
}

fn poison(model: &mut OnnxForecast, place: usize) {
    model.states.all_for_test()[place] = f32::NAN;
}
