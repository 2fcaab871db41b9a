//! Time of one step of the whole engine, guards and calibration included: by ONNX Runtime and by the crate's own step,
//! beside a floor.
//!
//! `cargo bench-inference [--output json] [--quick] [--ticks]`. What the forecast's thread does in a tick of a whole site is
//! in [`tick`]; with `--ticks`, that alone is measured. The floor is a plain Rust loop that does as many multiplications and
//! additions as the model's matrices need, on one thread, without anything else.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod tick;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridethrough_core::forecast::ForecastSource;
use ridethrough_core::units::Watts;
use ridethrough_model::{Forecast, Guarded, Keep, ModelFiles, OnnxForecast, SERVER_TURNS, Sample};

/// Rows and columns of the model's matrices: gates, head, its second layer, outputs.
const MATRICES: [(usize, usize); 4] = [(22, 64), (182, 133), (128, 96), (96, 27)];
/// Every second of a rack's life is stepped once, and every tick looked ahead from it: both are measured.
const KEEPS: [(&str, Keep); 2] = [("provisional", Keep::Provisional), ("committed", Keep::Committed)];

fn main() {
    // `cargo test --benches` runs it too, without `--bench`: small, so that it never rots.
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let quick = has("--quick") || !has("--bench");
    let json = arguments.windows(2).any(|pair| pair == ["--output", "json"]);
    let budget = Duration::from_millis(if quick { 100 } else { 3_000 });
    let tick_sizes: &[usize] = if quick { &[100] } else { &[1_000, 10_000] };
    if has("--ticks") {
        let ticks = tick::measure(tick_sizes, budget, json);
        if json {
            println!("{}", serde_json::json!({ "ticks": ticks }));
        }
        return;
    }
    let sizes: &[usize] = if quick { &[1, 1_000] } else { &[1, 24, 1_000, 10_000] };
    let mut racks = serde_json::Map::new();
    if !json {
        println!("{:>6} {:24} {:>10} {:>10} {:>10} {:>7}", "racks", "step", "p50", "p99", "max", "runs");
    }
    for &size in sizes {
        let mut figures = serde_json::Map::new();
        let note = |name: &str, times: &[Duration]| {
            let [p50, p99, max] = [500, 990, 1_000].map(|permille| micros(times, permille));
            if !json {
                println!("{size:>6} {name:24} {p50:>7.1} µs {p99:>7.1} µs {max:>7.1} µs {:>7}", times.len());
            }
            (p50, p99)
        };
        for (by, native) in [("ort", false), ("rust", true)] {
            let mut engine = warm(size, native);
            for (keep_name, keep) in KEEPS {
                let (samples, mut out) = (samples(size, 0), Vec::new());
                let times = measure(budget, || engine.step(black_box(&samples), keep, &mut out));
                let (p50, p99) = note(&format!("{by}, {keep_name}"), &times);
                if keep == Keep::Committed {
                    figures.insert(format!("{by}_p50_us"), p50.into());
                    figures.insert(format!("{by}_p99_us"), p99.into());
                }
            }
        }
        let mut floor = Floor::new(size);
        let (p50, _) = note("floor", &measure(budget / 2, || floor.run()));
        figures.insert("floor_p50_us".into(), p50.into());
        racks.insert(size.to_string(), figures.into());
    }
    let servers = servers(if quick { &[1_000] } else { &[8_000, 80_000] }, budget, json);
    let ticks = tick::measure(tick_sizes, budget, json);
    if json {
        println!("{}", serde_json::json!({ "racks": racks, "servers": servers, "ticks": ticks }));
    }
}

/// Times of one turn of so many servers, of which each has one in [`SERVER_TURNS`].
fn servers(sizes: &[usize], budget: Duration, json: bool) -> serde_json::Map<String, serde_json::Value> {
    let mut figures = serde_json::Map::new();
    for &size in sizes {
        let mut all = engine(true).servers((0..size).map(|_| Watts::new(10_000))).expect("the model speaks of servers");
        let mut turn = 0;
        let mut take = || {
            all.take(turn, |server| samples(1, server + turn)[0].power);
            turn += 1;
        };
        (0..12 * SERVER_TURNS).for_each(|_| take());
        let times = measure(budget, take);
        let [p50, p99, max] = [500, 990, 1_000].map(|permille| micros(&times, permille));
        let bytes = all.bytes_per_server();
        if !json {
            println!("{size:>6} {:24} {p50:>7.1} µs {p99:>7.1} µs {max:>7.1} µs {:>7}", "servers, a turn", times.len());
        }
        let told = serde_json::json!({ "turn_p50_us": p50, "turn_p99_us": p99, "bytes_per_server": bytes });
        figures.insert(size.to_string(), told);
    }
    figures
}

/// A made-up load that moves a little, so that no meter looks frozen.
fn samples(racks: usize, second: usize) -> Vec<Sample> {
    let power =
        |rack: usize| Some(Watts::new(5_000 + i64::try_from((rack * 31 + second * 97) % 997).unwrap_or_default()));
    (0..racks).map(|rack| Sample { power: power(rack), limit: Watts::new(10_000) }).collect()
}

/// An engine that speaks of all racks.
fn warm(racks: usize, native: bool) -> Guarded {
    let mut engine = engine(native);
    let mut out = Vec::new();
    for second in 0..70 {
        engine.step(&samples(racks, second), Keep::Committed, &mut out);
    }
    let by_model = out.iter().filter(|forecast| matches!(forecast.source, ForecastSource::Model { .. })).count();
    assert!(by_model * 2 > racks, "the model speaks of {by_model} of {racks} racks");
    engine
}

fn engine(native: bool) -> Guarded {
    let own = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let fetched = own("../.runtime/onnxruntime/libonnxruntime.so.1.28.0");
    let runtime = std::env::var_os("RIDETHROUGH_ORT_LIB").map_or(fetched, PathBuf::from);
    let runtime = if native { PathBuf::from("/nonexistent") } else { runtime };
    let files = ModelFiles { model: &own("forecast.onnx"), manifest: &own("forecast.json"), runtime: &runtime };
    match OnnxForecast::load_or_native(files) {
        Ok((model, fault)) => {
            assert_eq!(model.is_native(), native, "{fault:?}");
            Guarded::new(Some(model))
        }
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

fn micros(times: &[Duration], permille: usize) -> f64 {
    (times[(times.len() - 1) * permille / 1_000].as_nanos() as f64 / 100.0).round() / 10.0
}

/// Multiplies each rack's row with matrices of the model's size.
struct Floor {
    racks: usize,
    input: [f32; 182],
    weights: Vec<Vec<f32>>,
    sums: [f32; 133],
}

impl Floor {
    fn new(racks: usize) -> Self {
        let weights = MATRICES.iter().map(|(rows, columns)| vec![0.01; rows * columns]).collect();
        Self { racks, input: [0.5; 182], weights, sums: [0.0; 133] }
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
