//! What users asked of servers: recorded requests to a language model, counted by the second.
//!
//! The requests were recorded in production, on other machines than the power of a scenario: no recording has both.
//! So the load of a server and its workload are each real, and that they meet in one server is composed. Data on
//! network traffic does not exist in the recordings at all, so there is none here.

use std::path::Path;
use std::sync::Arc;

use crate::trace::{self, TraceError};

/// The header of a request log.
const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";
/// A log may span so many seconds: a week.
const SECONDS_MAX: usize = 7 * 86_400;

/// Requests by the second, from the second of the first one on. All three lists are equally long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// How many requests arrived.
    pub requests: Vec<u32>,
    /// How many tokens they brought.
    pub context_tokens: Vec<u32>,
    /// How many tokens were generated for them.
    pub generated_tokens: Vec<u32>,
}

/// What arrived in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many requests.
    pub requests: u32,
    /// How many tokens they brought.
    pub context_tokens: u32,
    /// How many tokens were generated for them.
    pub generated_tokens: u32,
}

/// A loop of recorded requests. Clones share the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPlayback {
    from_seconds: usize,
    workload: Arc<Workload>,
}

impl Workload {
    /// Reads a gzipped request log.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        Self::parse(path, &trace::unpacked(path)?)
    }

    /// Reads unpacked text; `path` is the name that errors carry.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TraceError> {
        let mut lines = text.lines().enumerate();
        if let Some((nth, line)) = lines.next().filter(|(_, line)| line.trim() != HEADER) {
            return Err(trace::unexpected(path, nth, line, HEADER));
        }
        let mut rows = Vec::new();
        for (nth, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let expected = "YYYY-MM-DD HH:MM:SS.fffffff,tokens,tokens";
            rows.push(row(line).ok_or_else(|| trace::unexpected(path, nth, line, expected))?);
        }
        let Some(start_seconds) = rows.iter().map(|&(seconds, _)| seconds).min() else {
            return Err(TraceError::Empty { path: path.to_owned(), wanted: "a request" });
        };
        Self::by_second(start_seconds, &rows).ok_or_else(|| TraceError::Long(path.to_owned()))
    }

    /// How many seconds it spans.
    pub fn seconds(&self) -> usize {
        self.requests.len()
    }

    fn by_second(start_seconds: i64, rows: &[(i64, [u32; 2])]) -> Option<Self> {
        let place = |seconds: i64| usize::try_from(seconds - start_seconds).ok().filter(|&nth| nth < SECONDS_MAX);
        let last = rows.iter().map(|&(seconds, _)| seconds).max()?;
        let none = vec![0_u32; place(last)? + 1];
        let mut to = Self { requests: none.clone(), context_tokens: none.clone(), generated_tokens: none };
        for &(seconds, [context, generated]) in rows {
            let nth = place(seconds)?;
            let add = |counts: &mut Vec<u32>, more: u32| counts[nth] = counts[nth].saturating_add(more);
            add(&mut to.requests, 1);
            add(&mut to.context_tokens, context);
            add(&mut to.generated_tokens, generated);
        }
        Some(to)
    }
}

impl WorkloadPlayback {
    /// A loop over the whole recording that begins `from_seconds` into it. `None` when it is not so long.
    pub fn new(workload: Arc<Workload>, from_seconds: usize) -> Option<Self> {
        (from_seconds < workload.seconds()).then_some(Self { from_seconds, workload })
    }

    /// What arrives in the second of `now_ms`, in ms of scenario time.
    pub fn at(&self, now_ms: u64) -> Requests {
        let into_run = usize::try_from(now_ms / 1_000).unwrap_or(0);
        let nth = (into_run + self.from_seconds) % self.workload.seconds();
        Requests {
            requests: self.workload.requests[nth],
            context_tokens: self.workload.context_tokens[nth],
            generated_tokens: self.workload.generated_tokens[nth],
        }
    }
}

/// The second of a request since 1970, and its tokens.
fn row(line: &str) -> Option<(i64, [u32; 2])> {
    let mut cells = line.trim().split(',');
    let (time, context, generated) = (cells.next()?, cells.next()?, cells.next()?);
    let (date, time) = time.split_once(' ')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let date = [date.next()??, date.next()??, date.next()??];
    let clock = time.split_once('.').map_or(time, |(clock, _)| clock);
    let tokens = [context.parse().ok()?, generated.parse().ok()?];
    cells.next().is_none().then_some((trace::seconds_since_1970(date, clock)?, tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rows: &str) -> Result<Workload, TraceError> {
        Workload::parse(Path::new("w.csv.gz"), &format!("{HEADER}\n{rows}"))
    }

    #[test]
    fn requests_are_counted_by_the_second_and_loop() {
        let rows = "2023-11-16 23:59:58.9000000,374,44\n2023-11-17 00:00:01.0000000,10,1\n\
                    2023-11-16 23:59:58.1,396,109\r\n";
        let workload = Arc::new(parse(rows).expect("good"));
        assert_eq!(workload.requests, [2, 0, 0, 1]);
        assert_eq!(workload.context_tokens, [770, 0, 0, 10]);
        assert_eq!(workload.generated_tokens, [153, 0, 0, 1]);
        let playback = WorkloadPlayback::new(Arc::clone(&workload), 3).expect("within");
        let requests = [0, 999, 1_000, 2_000, 4_000].map(|now_ms| playback.at(now_ms).requests);
        assert_eq!(requests, [1, 1, 2, 0, 1]);
        assert_eq!(WorkloadPlayback::new(workload, 4), None, "it is four seconds long");
    }

    #[test]
    fn bad_rows_are_named() {
        let check = |rows: &str, expected: &str| {
            let error = parse(rows).expect_err(expected).to_string();
            assert!(error.contains(expected), "expected `{expected}` in: {error}");
        };
        check("2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:46.68,-1,44\n", "w.csv.gz:3: found `2023-11-16");
        check("2023-13-16 18:15:46.68,374,44\n", "w.csv.gz:2");
        check("2023-11-16 18:15:46.68,374\n", "w.csv.gz:2");
        check("", "no row with a request");
        check("2023-11-16 18:15:46.68,1,1\n2024-11-16 18:15:46.68,1,1\n", "longer than");
        let error = Workload::parse(Path::new("w.csv.gz"), "series,time_ms,watts\n").expect_err("power").to_string();
        assert!(error.contains("w.csv.gz:1: found `series,time_ms,watts`"), "{error}");
    }
}
