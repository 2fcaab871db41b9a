//! Whether baselines know more than the newest sample: mean errors five minutes ahead on recorded power.
//!
//! `baselines DATA`: every `.csv.gz` (columns `series,time_ms,watts`) and `.spl.txt.gz` below DATA whose series last
//! for 20 minutes or longer. Each sample is told at its own second and held to the next, as a controller hears it. All
//! errors are in per cent of the series' highest power.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use ridethrough_model::{Baseline, Heard};

const AHEAD_S: usize = 300;
const SECONDS_LEAST: usize = 1_200;
/// What is learned before anything is judged.
const WARM_S: usize = 600;
/// A value held for longer is no measurement to be judged by.
const HELD_S_MAX: u32 = 4;

/// Sums of errors 300 s ahead, and of those where a period was known.
#[derive(Default)]
struct Score {
    judged: u32,
    baseline: f64,
    persistence: f64,
    periodic: u32,
    baseline_periodic: f64,
    persistence_periodic: f64,
    anomalies: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("baselines DATA")?;
    let mut folders: BTreeMap<String, (u32, Score)> = BTreeMap::new();
    for file in files(Path::new(&folder))? {
        let mut text = String::new();
        GzDecoder::new(std::fs::File::open(&file)?).read_to_string(&mut text)?;
        let name = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        for series in series(&text, file.to_string_lossy().ends_with(".spl.txt.gz")) {
            if series.last().is_some_and(|last| last.at_s as usize >= SECONDS_LEAST) {
                let (count, score) = folders.entry(name.clone().unwrap_or_default()).or_default();
                *count += 1;
                judge(&series, score);
            }
        }
    }
    println!(
        "| recordings | series | seconds judged | baseline | persistence | with a period | baseline there | persistence there | seconds of score ≥ 60 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, (count, score)) in folders {
        let mean = |sum: f64, count: u32| 100.0 * sum / f64::from(count.max(1));
        println!(
            "| {name} | {count} | {} | {:.2} % | {:.2} % | {:.0} % | {:.2} % | {:.2} % | {:.2} % |",
            score.judged,
            mean(score.baseline, score.judged),
            mean(score.persistence, score.judged),
            mean(f64::from(score.periodic), score.judged),
            mean(score.baseline_periodic, score.periodic),
            mean(score.persistence_periodic, score.periodic),
            mean(f64::from(score.anomalies), score.judged),
        );
    }
    Ok(())
}

fn judge(samples: &[Heard], score: &mut Score) {
    let highest = samples.iter().map(|heard| heard.watts).max().unwrap_or(1).max(1);
    let mut baseline = Baseline::new(u32::try_from(highest).unwrap_or(u32::MAX));
    let mut ahead: BTreeMap<u32, (i64, i64, bool)> = BTreeMap::new();
    for pair in samples.windows(2) {
        let [now, next] = [pair[0], pair[1]];
        for at_s in now.at_s..next.at_s.min(now.at_s + HELD_S_MAX) {
            // A refusal is a reading that cannot be; it teaches nothing, and is judged all the same.
            let _ = baseline.observe(0, Heard { at_s, ..now });
            if let Some((expected, newest, periodic)) = ahead.remove(&at_s) {
                let error = |told: i64| (told - now.watts).abs() as f64 / highest as f64;
                score.judged += 1;
                score.baseline += error(expected);
                score.persistence += error(newest);
                score.periodic += u32::from(periodic);
                score.baseline_periodic += if periodic { error(expected) } else { 0.0 };
                score.persistence_periodic += if periodic { error(newest) } else { 0.0 };
                score.anomalies += u32::from(baseline.outlook().anomaly >= 60);
            }
            let then_s = at_s + u32::try_from(AHEAD_S).expect("minutes");
            if at_s as usize >= WARM_S
                && let Some(expected) = baseline.expected_watts(then_s)
            {
                ahead.insert(then_s, (expected, now.watts, baseline.period_s().is_some()));
            }
        }
    }
}

/// Recordings below a folder, by name.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            out.extend(files(&path)?);
        } else if path.extension().is_some_and(|kind| kind == "gz") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// Every series of a recording, its seconds counted from its first sample.
fn series(text: &str, analyser: bool) -> Vec<Vec<Heard>> {
    let mut named: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        let read = if analyser { analyser_row(&cells).map(|row| ("wall", row)) } else { csv_row(&cells) };
        if let Some((name, row)) = read {
            named.entry(name).or_default().push(row);
        }
    }
    named.into_values().map(seconds).collect()
}

fn seconds(mut rows: Vec<(f64, f64)>) -> Vec<Heard> {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let first = rows.first().map_or(0.0, |row| row.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the casts saturate")]
    let heard = |(at_s, watts): (f64, f64)| Heard { at_s: (at_s - first) as u32, watts: watts as i64 };
    rows.into_iter().map(heard).collect()
}

fn csv_row<'a>(cells: &[&'a str]) -> Option<(&'a str, (f64, f64))> {
    let [name, time_ms, watts] = cells else { return None };
    Some((name, (time_ms.parse::<f64>().ok()? / 1_000.0, watts.parse().ok()?)))
}

/// Seconds of the month are enough: no recording passes the end of one.
fn analyser_row(cells: &[&str]) -> Option<(f64, f64)> {
    let (date, time) = cells.get(1)?.split_once(' ')?;
    let day: f64 = date.split('-').nth(1)?.parse().ok()?;
    let of_day = time.split(':').try_fold(0.0, |sum, part| Some(60.0 * sum + part.parse::<f64>().ok()?))?;
    let watts: f64 = cells.get(3)?.parse().ok()?;
    // The analyser writes 0 or -1 where it could not read.
    (watts > 0.0).then_some((86_400.0 * day + of_day, watts))
}
