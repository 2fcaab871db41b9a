//! The committed model's step in Rust against the values that JAX computed.

use super::*;
use crate::golden::{golden, own};

const TOLERANCE: f64 = 2e-5;

/// Room for the answers of so many racks.
struct Room {
    quantiles: Vec<f32>,
    maxima: Vec<f32>,
    state: Vec<f32>,
}

impl Room {
    fn new(step: &NativeStep, racks: usize) -> Self {
        let (horizons, spans) = step.outputs();
        let room = |width: usize| vec![0.0; racks * width];
        Self { quantiles: room(horizons * 3), maxima: room(spans * 3), state: room(step.state()) }
    }

    fn out(&mut self) -> Out<'_> {
        Out { quantiles: &mut self.quantiles, maxima: &mut self.maxima, state: &mut self.state }
    }
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(own(file)).expect("a committed file")
}

fn committed() -> NativeStep {
    NativeStep::read(&read("forecast.onnx")).expect("the committed model")
}

#[test]
fn golden_values_of_training_are_met() {
    let (mut step, golden) = (committed(), golden());
    let racks = golden.steps[0].power.len();
    let mut state = vec![0.0; racks * step.state()];
    let mut room = Room::new(&step, racks);
    for expected in &golden.steps {
        step.run(&expected.power, &state, &mut room.out());
        expected.check(&room.quantiles, &room.maxima, &room.state, TOLERANCE);
        state.copy_from_slice(&room.state);
    }
}

#[test]
fn a_rack_is_forecast_the_same_alone_and_among_others() {
    let mut step = committed();
    let power = [0.2, 0.4, 0.6, 0.8, 1.0, 0.3, 0.7, 0.9];
    let state = vec![0.0; power.len() * step.state()];
    let mut all = Room::new(&step, power.len());
    step.run(&power, &state, &mut all.out());
    for (rack, power) in power.iter().enumerate() {
        let mut one = Room::new(&step, 1);
        step.run(&[*power], &state[..step.state()], &mut one.out());
        assert_eq!(one.state, all.state[rack * step.state()..][..step.state()]);
        assert_eq!(one.quantiles, all.quantiles[rack * one.quantiles.len()..][..one.quantiles.len()]);
    }
}

#[test]
fn nan_anywhere_is_seen_in_its_rack_and_in_no_other() {
    let mut step = committed();
    let width = step.state();
    for place in 0..=width {
        let mut state = vec![0.5; 2 * width];
        let mut power = [0.5, 0.5];
        *state.get_mut(place).filter(|_| place < width).unwrap_or(&mut power[0]) = f32::NAN;
        let mut room = Room::new(&step, 2);
        step.run(&power, &state, &mut room.out());
        let (first, second) = room.quantiles.split_at(room.quantiles.len() / 2);
        assert!(first.iter().any(|part| part.is_nan()), "place {place} hides NaN");
        assert!(second.iter().all(|part| part.is_finite()));
    }
}

#[test]
fn what_is_no_model_of_ours_is_refused() {
    assert_eq!(NativeStep::read(&[0xff; 40]).err(), Some(WeightsFault::NotOnnx));
    assert_eq!(NativeStep::read(&[]).err(), Some(WeightsFault::NotOnnx));
    let fault = NativeStep::read(&read("testdata/wrong_shape.onnx")).expect_err("no weights in it");
    assert!(fault.to_string().contains("gates_b"), "{fault}");
}
