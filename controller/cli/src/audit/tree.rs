//! What witnesses signed of the log, for `ridectl audit verify`.

use std::path::PathBuf;

use anyhow::Result;
use ridethrough_raft::audit_tree::verify::{Verified, verify as compare};
use ridethrough_witness::WitnessKey;
use serde::Serialize;

use crate::output::{Output, wall_time};

/// What was found.
#[derive(Serialize)]
pub struct Tree {
    /// Whether the logs are what was signed.
    pub verified: bool,
    origin: String,
    signed_entries: u64,
    /// Checkpoints that no named witness has signed.
    strangers: usize,
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Log {
    dir: String,
    entries: u64,
}

#[derive(Serialize)]
struct Witness {
    name: String,
    checkpoints: usize,
    entries: u64,
    signed_at: Option<String>,
}

/// Compares the logs with what these witnesses signed; none when no witness was named.
pub fn verify(dirs: &[PathBuf], witnesses: &[WitnessKey]) -> Result<Option<Tree>> {
    if witnesses.is_empty() {
        return Ok(None);
    }
    Ok(Some(compare(dirs, witnesses)?.into()))
}

impl From<Verified> for Tree {
    fn from(found: Verified) -> Self {
        let log = |(dir, entries): (PathBuf, u64)| Log { dir: dir.display().to_string(), entries };
        let witnesses = found.witnesses.iter().map(|one| Witness {
            name: one.name.clone(),
            checkpoints: one.checkpoints,
            entries: one.entries,
            signed_at: (one.checkpoints > 0).then(|| time(one.unix_s)),
        });
        Self {
            verified: found.holds(),
            signed_entries: found.signed_entries,
            strangers: found.strangers,
            witnesses: witnesses.collect(),
            faults: found.faults.iter().map(ToString::to_string).collect(),
            logs: found.logs.into_iter().map(log).collect(),
            origin: found.origin,
        }
    }
}

impl Tree {
    /// The words for people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("signed     the first {} entries of {}", self.signed_entries, self.origin)];
        lines.extend(self.witnesses.iter().map(|one| match &one.signed_at {
            Some(at) => {
                format!("witness    {}: {} checkpoints, {} entries at {at}", one.name, one.checkpoints, one.entries)
            }
            None => format!("witness    {}: no checkpoint found", one.name),
        }));
        if self.strangers > 0 {
            lines.push(format!("unknown    {} checkpoints by nobody who was named", self.strangers));
        }
        lines.extend(self.faults.iter().map(|fault| format!("FAULT      {fault}")));
        lines
    }

    /// Prints what does not hold; the answer is no.
    pub fn refuse(&self, output: Output) -> Result<bool> {
        output.print(self, || {
            let logs = self.logs.iter().map(|log| format!("log        {}: {} entries", log.dir, log.entries));
            let verdict = ["verdict    DOES NOT HOLD, and is not replayed\n".to_owned()];
            logs.chain(self.lines()).chain(verdict).collect::<Vec<_>>().join("\n")
        })?;
        Ok(false)
    }
}

/// Seconds since 1970 as a UTC time for people.
pub fn time(unix_s: u64) -> String {
    wall_time(i64::try_from(unix_s.saturating_mul(1_000)).unwrap_or(i64::MAX))
}
