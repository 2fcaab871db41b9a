//! Recorded power, read from the data directory: `series,time_ms,watts` tables and power analyser logs, gzipped.
//!
//! Rows with power at or below nothing are faults of the meter, not of the load: they are dropped, and the value
//! before is held. Loggers now and then write a row late or twice: rows are put in order of time and the later of
//! two at one time counts.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::plant::server::Sample;

/// The header of a table.
const TABLE_HEADER: &str = "series,time_ms,watts";
/// A trace longer than this, unpacked, is refused.
const UNPACKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A trace file: one recording per series, each with times in ms since its own first sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// By name; an analyser log has the one series `""`.
    pub series: BTreeMap<String, Vec<Sample>>,
}

/// A trace that cannot be used.
#[derive(Debug)]
pub enum TraceError {
    /// The file cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line means nothing.
    Line {
        /// In which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What was found and what was expected.
        reason: String,
    },
    /// It is longer than what is taken into memory.
    Long(
        /// Which.
        PathBuf,
    ),
    /// There is no usable row in it.
    Empty {
        /// Which.
        path: PathBuf,
        /// What a usable row would have.
        wanted: &'static str,
    },
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "cannot read the trace {}: {error}", path.display()),
            Self::Line { path, line, reason } => write!(f, "{}:{line}: {reason}", path.display()),
            Self::Long(path) => {
                write!(f, "{}: unpacked, it is longer than {UNPACKED_BYTES_MAX} bytes", path.display())
            }
            Self::Empty { path, wanted } => write!(f, "{}: there is no row with {wanted} in it", path.display()),
        }
    }
}

impl std::error::Error for TraceError {}

impl Trace {
    /// Reads a gzipped trace file.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        Self::parse(path, &unpacked(path)?)
    }

    /// Reads unpacked text; `path` is the name that errors carry.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TraceError> {
        let is_table = text.starts_with(TABLE_HEADER);
        let mut rows: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
        for (nth, line) in text.lines().enumerate().skip(usize::from(is_table)) {
            if line.trim().is_empty() {
                continue;
            }
            let row = if is_table { table_row(line) } else { analyser_row(line) };
            let Some((series, time_ms, watts)) = row else {
                let expected = if is_table { TABLE_HEADER } else { "Time,MM-DD-YYYY HH:MM:SS.mmm,Watts,…" };
                return Err(unexpected(path, nth, line, expected));
            };
            if watts > 0.0 {
                rows.entry(series.to_owned()).or_default().push((time_ms, watts));
            }
        }
        if rows.is_empty() {
            return Err(TraceError::Empty { path: path.to_owned(), wanted: "power" });
        }
        Ok(Self { series: rows.into_iter().map(|(name, rows)| (name, in_order(rows))).collect() })
    }
}

/// The text of a gzipped file.
pub(crate) fn unpacked(path: &Path) -> Result<String, TraceError> {
    let failed = |error| TraceError::Read { path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a text of exactly the limit is told from a longer one.
    let mut decoder = flate2::read::GzDecoder::new(file).take(UNPACKED_BYTES_MAX + 1);
    decoder.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(TraceError::Long(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}

/// The fault of a line, the `nth` from 0.
pub(crate) fn unexpected(path: &Path, nth: usize, line: &str, expected: &str) -> TraceError {
    let reason = format!("found `{}`, expected `{expected}`", line.chars().take(60).collect::<String>());
    TraceError::Line { path: path.to_owned(), line: nth + 1, reason }
}

/// The part of a recording from `from_ms` up to `to_ms`, its times counted from `from_ms`; it begins with the value
/// that was held there. `None` when the recording does not reach so far.
pub fn window(samples: &[Sample], from_ms: u64, to_ms: u64) -> Option<Vec<Sample>> {
    if from_ms >= to_ms || samples.last()?.at_ms < to_ms {
        return None;
    }
    let held = samples.iter().rev().find(|sample| sample.at_ms <= from_ms)?;
    let inside = samples.iter().filter(|sample| (from_ms + 1..to_ms).contains(&sample.at_ms));
    let shifted = inside.map(|sample| Sample { at_ms: sample.at_ms - from_ms, watts: sample.watts });
    Some(std::iter::once(Sample { at_ms: 0, watts: held.watts }).chain(shifted).collect())
}

fn in_order(mut rows: Vec<(i64, f64)>) -> Vec<Sample> {
    rows.sort_by_key(|&(time_ms, _)| time_ms);
    let start_ms = rows.first().map_or(0, |&(time_ms, _)| time_ms);
    let mut samples: Vec<Sample> = Vec::with_capacity(rows.len());
    for (time_ms, watts) in rows {
        let at_ms = u64::try_from(time_ms - start_ms).unwrap_or(0);
        match samples.last_mut() {
            Some(last) if last.at_ms == at_ms => last.watts = watts,
            _ => samples.push(Sample { at_ms, watts }),
        }
    }
    samples
}

fn table_row(line: &str) -> Option<(&str, i64, f64)> {
    let mut cells = line.trim().split(',');
    let (series, time, watts) = (cells.next()?, cells.next()?, cells.next()?);
    let watts: f64 = watts.parse().ok()?;
    (cells.next().is_none() && watts.is_finite()).then_some((series, time.parse().ok()?, watts))
}

fn analyser_row(line: &str) -> Option<(&str, i64, f64)> {
    let mut cells = line.trim().split(',');
    let ("Time", time, "Watts", watts) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?) else {
        return None;
    };
    let watts: f64 = watts.parse().ok()?;
    if !watts.is_finite() {
        return None;
    }
    Some(("", wall_clock_ms(time)?, watts))
}

/// `MM-DD-YYYY HH:MM:SS.mmm` in ms since 1970.
fn wall_clock_ms(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (month, day, year) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, millis) = time.split_once('.')?;
    if millis.len() != 3 {
        return None;
    }
    Some(seconds_since_1970([year, month, day], clock)? * 1000 + millis.parse::<i64>().ok()?)
}

/// A day (year, month, day) and `HH:MM:SS` of it, in s since 1970.
pub(crate) fn seconds_since_1970([year, month, day]: [i64; 3], clock: &str) -> Option<i64> {
    let mut clock = clock.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && (1970..=9999).contains(&year);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    (is_date && is_time).then(|| ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Trace, TraceError> {
        Trace::parse(Path::new("t.csv.gz"), text)
    }

    fn samples(pairs: &[(u64, f64)]) -> Vec<Sample> {
        pairs.iter().map(|&(at_ms, watts)| Sample { at_ms, watts }).collect()
    }

    #[test]
    fn tables_are_read_by_series_and_meter_faults_dropped() {
        let trace = parse("series,time_ms,watts\nb,5000,10\na,1000,1\na,3000,-12\na,5000,3\na,4000,2\na,5000,4\n");
        let trace = trace.expect("good");
        assert_eq!(trace.series["a"], samples(&[(0, 1.0), (3_000, 2.0), (4_000, 4.0)]));
        assert_eq!(trace.series["b"], samples(&[(0, 10.0)]));
    }

    #[test]
    fn analyser_logs_are_read_across_midnight() {
        let row = |time: &str, watts: f64| format!("Time,{time},Watts,{watts},Volts,-1.0\n");
        let text = row("02-28-2024 23:59:59.500", 1503.2) + &row("02-29-2024 00:00:00.500", 1511.4) + "\n";
        let trace = parse(&text).expect("good");
        assert_eq!(trace.series[""], samples(&[(0, 1503.2), (1_000, 1511.4)]));
        assert_eq!(wall_clock_ms("07-12-2024 07:18:53.356"), Some(1_720_768_733_356));
    }

    #[test]
    fn bad_rows_are_named() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).expect_err(expected).to_string();
            assert!(error.contains(expected), "expected `{expected}` in: {error}");
        };
        check("series,time_ms,watts\na,1,2\na,x,2\n", "t.csv.gz:3: found `a,x,2`");
        check("Time,13-01-2024 00:00:00.000,Watts,1\n", "t.csv.gz:1");
        check("series,time_ms,watts\na,1,NaN\n", "t.csv.gz:2");
        check("series,time_ms,watts\na,1,0\n", "no row with power");
        let missing = Trace::read(Path::new("/nowhere/t.csv.gz")).expect_err("no such file").to_string();
        assert!(missing.contains("cannot read the trace /nowhere/t.csv.gz"), "{missing}");
    }

    #[test]
    fn a_window_begins_with_the_value_held_there() {
        let whole = samples(&[(0, 1.0), (1_000, 2.0), (2_000, 3.0), (3_000, 4.0)]);
        assert_eq!(window(&whole, 500, 2_500), Some(samples(&[(0, 1.0), (500, 2.0), (1_500, 3.0)])));
        assert_eq!(window(&whole, 1_000, 2_000), Some(samples(&[(0, 2.0)])));
        assert_eq!(window(&whole, 1_000, 3_001), None, "beyond the end");
        assert_eq!(window(&whole, 2_000, 2_000), None, "empty");
    }
}
