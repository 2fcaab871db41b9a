//! `ridectl audit compare`: checkpoints that were collected from replicas, against one log.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ridethrough_raft::audit_tree::compare::{Judged, Verdict, compare};
use ridethrough_witness::WitnessKey;
use serde::Serialize;

use super::tree::time;
use crate::output::Output;

#[derive(Serialize)]
struct Report {
    consistent: bool,
    origin: String,
    log: String,
    entries: u64,
    checkpoints: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    file: String,
    signed_entries: u64,
    signed_by: Vec<Signed>,
    verdict: &'static str,
    words: String,
}

#[derive(Serialize)]
struct Signed {
    witness: String,
    at: String,
}

/// Compares; a negative answer unless every checkpoint is known to be a prefix of the log.
pub fn run(dir: &Path, named: &[PathBuf], witnesses: &[WitnessKey], output: Output) -> Result<bool> {
    let found = compare(dir, named, witnesses)?;
    let report = Report {
        consistent: found.holds(),
        log: dir.display().to_string(),
        entries: found.entries,
        checkpoints: found.checkpoints.iter().map(Told::of).collect(),
        origin: found.origin,
    };
    output.print(&report, || words(&report))?;
    Ok(report.consistent)
}

impl Told {
    fn of(judged: &Judged) -> Self {
        let signed = |(witness, unix_s): &(String, u64)| Signed { witness: witness.clone(), at: time(*unix_s) };
        Self {
            file: judged.file.display().to_string(),
            signed_entries: judged.size,
            signed_by: judged.signed_by.iter().map(signed).collect(),
            verdict: match judged.verdict {
                Verdict::Prefix => "prefix",
                Verdict::Fork | Verdict::AheadFork { .. } => "fork",
                Verdict::Ahead => "ahead",
                Verdict::Stranger => "stranger",
                Verdict::Bad { .. } => "bad",
            },
            words: judged.verdict.to_string(),
        }
    }
}

fn words(report: &Report) -> String {
    let mut lines = vec![format!("log        {}: {} entries of {}", report.log, report.entries, report.origin)];
    for told in &report.checkpoints {
        let by: Vec<String> = told.signed_by.iter().map(|one| format!("{} at {}", one.witness, one.at)).collect();
        let by = if by.is_empty() { "nobody who was named".into() } else { by.join(", ") };
        lines.push(format!("checkpoint {}: {} entries, by {by}", told.file, told.signed_entries));
        lines.push(format!("           {}", told.words));
    }
    lines.push(format!("verdict    {}\n", if report.consistent { "CONSISTENT" } else { "NOT KNOWN TO BE CONSISTENT" }));
    lines.join("\n")
}
