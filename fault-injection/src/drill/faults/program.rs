//! Another build of the program in a replica's place, as in an upgrade, or in one that is taken back.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::super::stage::Stage;
use super::Fault;

/// Whether a replica runs what it ran before once the fault is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTheEnd {
    Back,
    Stays,
}

/// A replica runs the other of two builds.
pub(super) struct OtherProgram {
    id: u16,
    at_the_end: AtTheEnd,
    before: Option<PathBuf>,
    committed_before: u64,
}

impl OtherProgram {
    pub(super) fn new(id: u16, at_the_end: AtTheEnd) -> Self {
        Self { id, at_the_end, before: None, committed_before: 0 }
    }

    fn run(&self, stage: &mut Stage, program: PathBuf) -> Result<()> {
        stage.cluster.stop_one(self.id)?;
        stage.cluster.node_mut(self.id)?.program = program;
        stage.cluster.start(self.id)
    }
}

impl Fault for OtherProgram {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let before = stage.cluster.node(self.id)?.program.clone();
        let next = stage.builds()?.but(&before).program.clone();
        self.before = Some(before);
        self.run(stage, next)?;
        // Of those that were not stopped: what is applied beyond it, this program has applied.
        self.committed_before = stage.snapshots().iter().flatten().map(|one| one.commit_index).max().unwrap_or(0);
        Ok(())
    }

    /// The system says that the process runs the other file, and the replica has applied what was committed only then.
    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let (Some(process), Some(before)) = (stage.cluster.process(self.id), &self.before) else { return Ok(None) };
        let (id, builds) = (self.id, stage.builds()?);
        let (next, before) = (builds.but(before), builds.at(before));
        if !next.is_run_by(process) {
            return Ok(None);
        }
        let applied = stage.cluster.snapshot(id).map_or(0, |one| one.applied_index);
        let Some(leader) = stage.leader().filter(|_| applied > self.committed_before) else { return Ok(None) };
        let led_by = builds.at(&stage.cluster.node(leader.replica)?.program);
        let whose = if led_by == next { "the same" } else { "the other program" };
        Ok(Some(format!(
            "process {process} of n{id} runs {next} in place of {before}; it has applied entry {applied}, committed were {} before; \
             n{} leads and runs {whose}",
            self.committed_before, leader.replica
        )))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        match (self.at_the_end, self.before.take()) {
            (AtTheEnd::Back, Some(before)) => self.run(stage, before).context("to what it ran before"),
            _ => Ok(()),
        }
    }
}
