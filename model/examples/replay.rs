//! Runs the engine as it is shipped over recorded series, for `training/bench.py`.
//!
//! `replay MODEL SERIES FORECASTS`: MODEL is a folder with `forecast.onnx` and `forecast.json`. SERIES is binary: the
//! number of series as `u32`, then for each sample one `f32` per series, in watts, NaN where a series has ended; all
//! little-endian. FORECASTS gets, for each sample and series, P50, P90 and P99 of the value and of the maximum at each horizon as
//! `f32` in watts (NaN where the model says nothing), then 1.0 where the engine answered by the model and 0.0 where by the rule.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ridethrough_core::forecast::ForecastSource;
use ridethrough_core::units::Watts;
use ridethrough_model::{Forecast, Guarded, Keep, ModelFiles, OnnxForecast, Sample};

/// The engine counts whole watts; a tenth of one matters on a small server, so it is shown tenths.
const TENTHS: f32 = 10.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, series, forecasts] = arguments.as_slice() else { return Err("replay MODEL SERIES FORECASTS".into()) };
    let (count, watts) = read(Path::new(series))?;
    let mut engine = engine(Path::new(model))?;
    let mut out = BufWriter::new(File::create(forecasts)?);
    let highest = (0..count).map(|at| watts.iter().skip(at).step_by(count).copied().fold(1.0, f32::max));
    let limits: Vec<Watts> = highest.map(|watts| tenths(watts).expect("finite")).collect();
    let mut answers = Vec::new();
    for row in watts.chunks_exact(count) {
        let sample = |(watts, limit): (&f32, &Watts)| Sample { power: tenths(*watts), limit: *limit };
        let samples: Vec<Sample> = row.iter().zip(&limits).map(sample).collect();
        engine.step(&samples, Keep::Committed, &mut answers);
        for (rack, answer) in answers.iter().enumerate() {
            write(&mut out, &engine, rack, matches!(answer.source, ForecastSource::Model { .. }))?;
        }
    }
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<(usize, Vec<f32>), Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (words, _) = bytes.as_chunks::<4>();
    let (first, rest) = words.split_first().ok_or("an empty file")?;
    let count = usize::try_from(u32::from_le_bytes(*first))?;
    if count == 0 {
        return Err("no series".into());
    }
    Ok((count, rest.iter().map(|word| f32::from_le_bytes(*word)).collect()))
}

fn engine(folder: &Path) -> Result<Guarded, Box<dyn Error>> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.runtime/onnxruntime/libonnxruntime.so.1.28.0");
    let runtime = std::env::var_os("RIDETHROUGH_ORT_LIB").map_or(fetched, PathBuf::from);
    let (model, manifest) = (folder.join("forecast.onnx"), folder.join("forecast.json"));
    Ok(Guarded::new(Some(OnnxForecast::load(ModelFiles { model: &model, manifest: &manifest, runtime: &runtime })?)))
}

#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and power fits")]
fn tenths(watts: f32) -> Option<Watts> {
    watts.is_finite().then(|| Watts::new((watts * TENTHS).round() as i64))
}

#[allow(clippy::cast_precision_loss, reason = "figures for a comparison")]
fn write(out: &mut impl Write, engine: &Guarded, rack: usize, by_model: bool) -> std::io::Result<()> {
    let mut said = [f32::NAN; 30];
    for (place, at) in said.as_chunks_mut::<6>().0.iter_mut().zip(engine.horizons(rack)) {
        *place =
            [at.p50, at.p90, at.p99, at.peak_p50, at.peak_p90, at.peak_p99].map(|watts| watts.get() as f32 / TENTHS);
    }
    let flag = [f32::from(u8::from(by_model))];
    said.iter().chain(&flag).try_for_each(|value| out.write_all(&value.to_le_bytes()))
}
