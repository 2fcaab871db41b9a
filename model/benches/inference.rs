//! Time of one step of the whole engine, guards included, beside a floor.
//!
//! `cargo bench -p ridethrough-model -- --quick` takes under 3 s. The floor is a plain Rust loop that does as many
//! multiplications and additions as the model's matrices need, on one thread, without sigmoid, tanh or guards.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridethrough_core::forecast::ForecastSource;
use ridethrough_core::units::Watts;
use ridethrough_model::{Forecast, Guarded, Keep, ModelFiles, OnnxForecast, Sample};

/// Rows and columns of the model's three matrices.
const MATRICES: [(usize, usize); 3] = [(44, 128), (44, 48), (48, 14)];

fn main() {
    // `cargo test --benches` runs it too, without `--bench`: small, so that it never rots.
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let quick = has("--quick") || !has("--bench");
    let budget = Duration::from_millis(if quick { 100 } else { 2_000 });
    println!("{:>6} {:12} {:>10} {:>10} {:>10} {:>7}", "racks", "step", "p50", "p99", "max", "runs");
    for racks in [1, 24, 1_000, 10_000] {
        let samples = samples(racks);
        let mut engine = engine();
        let mut out = Vec::new();
        // Until the model speaks of all racks.
        for _ in 0..30 {
            engine.step(&samples, Keep::Committed, &mut out);
        }
        assert!(out.iter().all(|forecast| matches!(forecast.source, ForecastSource::Model { .. })));
        for (name, keep) in [("provisional", Keep::Provisional), ("committed", Keep::Committed)] {
            report(racks, name, &measure(budget, || engine.step(black_box(&samples), keep, &mut out)));
        }
        let mut floor = Floor::new(racks);
        report(racks, "floor", &measure(budget / 2, || floor.run()));
    }
}

fn samples(racks: usize) -> Vec<Sample> {
    let power = |rack: usize| Some(Watts::new(5_000 + i64::try_from(rack % 997).unwrap_or_default()));
    (0..racks).map(|rack| Sample { power: power(rack), limit: Watts::new(10_000) }).collect()
}

fn engine() -> Guarded {
    let own = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let fetched = own("../.runtime/onnxruntime/libonnxruntime.so.1.28.0");
    let runtime = std::env::var_os("RIDETHROUGH_ORT_LIB").map_or(fetched, PathBuf::from);
    let files = ModelFiles { model: &own("forecast.onnx"), manifest: &own("forecast.json"), runtime: &runtime };
    match OnnxForecast::load(files) {
        Ok(model) => Guarded::new(Some(model)),
        Err(error) => panic!("{error}"),
    }
}

/// Sorted times of as many runs as fit in `budget`, at least five.
fn measure(budget: Duration, mut run: impl FnMut()) -> Vec<Duration> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || began.elapsed() < budget {
        let start = Instant::now();
        run();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
}

fn report(racks: usize, name: &str, times: &[Duration]) {
    let at = |permille: usize| times[(times.len() - 1) * permille / 1_000].as_nanos() as f64 / 1_000.0;
    let (p50, p99, max) = (at(500), at(990), at(1_000));
    println!("{racks:>6} {name:12} {p50:>7.1} µs {p99:>7.1} µs {max:>7.1} µs {:>7}", times.len());
}

/// Multiplies each rack's row with matrices of the model's size.
struct Floor {
    racks: usize,
    input: [f32; 48],
    weights: Vec<Vec<f32>>,
    sums: [f32; 128],
}

impl Floor {
    fn new(racks: usize) -> Self {
        let weights = MATRICES.iter().map(|(rows, columns)| vec![0.01; rows * columns]).collect();
        Self { racks, input: [0.5; 48], weights, sums: [0.0; 128] }
    }

    fn run(&mut self) {
        for _ in 0..self.racks {
            for ((rows, columns), weights) in MATRICES.iter().zip(&self.weights) {
                let sums = &mut self.sums[..*columns];
                sums.fill(0.0);
                for (input, row) in self.input[..*rows].iter().zip(weights.chunks_exact(*columns)) {
                    for (sum, weight) in sums.iter_mut().zip(row) {
                        *sum += input * weight;
                    }
                }
                black_box(&mut self.sums);
            }
        }
    }
}
