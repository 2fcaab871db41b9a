//! Recordings of the data directory, each read once and shared by all who play it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::{Checker, Wrong, listed};
use crate::plant::server::Sample;
use crate::scenario::workload::{Workload, WorkloadPlayback};
use crate::trace::{self, Trace};

/// What was read so far.
pub(super) struct Recordings {
    data: PathBuf,
    traces: BTreeMap<String, Result<Trace, String>>,
    workloads: BTreeMap<String, Result<Arc<Workload>, String>>,
    playbacks: BTreeMap<(String, usize), Arc<WorkloadPlayback>>,
}

/// A span of one series of a trace.
pub(super) struct Piece<'r> {
    /// The table that errors name.
    pub table: &'static str,
    pub trace: &'r Spanned<String>,
    pub series: Option<&'r Spanned<String>>,
    pub from_s: Option<&'r Spanned<f64>>,
    pub to_s: Option<&'r Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorkload {
    trace: Spanned<String>,
    from_s: Option<Spanned<f64>>,
}

impl Recordings {
    pub(super) fn new(data: PathBuf) -> Self {
        Self { data, traces: BTreeMap::new(), workloads: BTreeMap::new(), playbacks: BTreeMap::new() }
    }

    fn trace(&mut self, name: &str) -> Result<&Trace, String> {
        let path = self.data.join(name);
        let read = || Trace::read(&path).map_err(|error| error.to_string());
        self.traces.entry(name.to_owned()).or_insert_with(read).as_ref().map_err(String::clone)
    }

    fn workload(&mut self, name: &str) -> Result<Arc<Workload>, String> {
        let path = self.data.join(name);
        let read = || Workload::read(&path).map(Arc::new).map_err(|error| error.to_string());
        self.workloads.entry(name.to_owned()).or_insert_with(read).clone()
    }
}

impl Checker<'_> {
    /// The samples of a piece and its length in ms: from the start and to the end of the recording unless given.
    pub(super) fn cut(&mut self, piece: &Piece) -> Option<(Vec<Sample>, u64)> {
        let from_ms = self.moment(piece.from_s, &format!("{}.from_s", piece.table));
        let to_ms = self.moment(piece.to_s, &format!("{}.to_s", piece.table));
        let cut = self.recordings.cut(piece, from_ms, piece.to_s.map(|_| to_ms));
        self.or_fault(cut)
    }

    /// A workload, shared by all who begin at the same second of it.
    pub(super) fn workload(&mut self, raw: &RawWorkload, table: &str) -> Option<Arc<WorkloadPlayback>> {
        let from_ms = self.moment(raw.from_s.as_ref(), &format!("{table}.workload.from_s"));
        let from_seconds = usize::try_from(from_ms / 1_000).unwrap_or(usize::MAX);
        let name = raw.trace.get_ref();
        if let Some(known) = self.recordings.playbacks.get(&(name.clone(), from_seconds)) {
            return Some(Arc::clone(known));
        }
        let wrong = |reason| Wrong { field: format!("{table}.workload.trace"), span: raw.trace.span(), reason };
        let read = self.recordings.workload(name).map_err(wrong);
        let workload = self.or_fault(read)?;
        let seconds = workload.seconds();
        let begun = WorkloadPlayback::new(workload, from_seconds).ok_or_else(|| Wrong {
            field: format!("{table}.workload.from_s"),
            span: raw.from_s.as_ref().map_or_else(|| raw.trace.span(), Spanned::span),
            reason: format!("{from_seconds} s, expected less than the {seconds} s of {name}"),
        });
        let playback = Arc::new(self.or_fault(begun)?);
        self.recordings.playbacks.insert((name.clone(), from_seconds), Arc::clone(&playback));
        Some(playback)
    }
}

impl Recordings {
    fn cut(&mut self, piece: &Piece, from_ms: u64, to_ms: Option<u64>) -> Result<(Vec<Sample>, u64), Wrong> {
        let wrong = |key: &str, span, reason| Wrong { field: format!("{}.{key}", piece.table), span, reason };
        let name = piece.trace.get_ref();
        let series = piece.series.map_or("", |series| series.get_ref());
        let trace = self.trace(name).map_err(|reason| wrong("trace", piece.trace.span(), reason))?;
        let Some(samples) = trace.series.get(series) else {
            let span = piece.series.map_or(piece.trace.span(), Spanned::span);
            let there = listed(trace.series.keys().map(String::as_str));
            return Err(wrong("series", span, format!("no series `{series}` in {name}; there is {there}")));
        };
        let end_ms = samples.last().map_or(0, |sample| sample.at_ms);
        let to_ms = to_ms.unwrap_or(end_ms);
        let cut = trace::window(samples, from_ms, to_ms).ok_or_else(|| {
            let span = piece.to_s.or(piece.from_s).map_or(piece.trace.span(), Spanned::span);
            let [from, to] = [from_ms, to_ms].map(seconds);
            let end = end_ms / 1_000;
            wrong("to_s", span, format!("{from} s to {to} s, expected a span within 0 to {end} s of {name}"))
        })?;
        Ok((cut, to_ms - from_ms))
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a recording stay far below 2^52")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
