//! A model's file that is another one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::super::stage::Stage;
use super::Fault;
use super::process::restart;

/// The model's file is swapped, and one replica starts with it.
pub(super) struct Swapped {
    id: u16,
    file: Option<(PathBuf, Vec<u8>)>,
}

impl Swapped {
    pub(super) fn new(id: u16) -> Self {
        Self { id, file: None }
    }
}

impl Fault for Swapped {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let [model, ..] = stage.model.clone().context("replicas run without a model: `model = true` is missing")?;
        let bytes = fs::read(&model).with_context(|| format!("cannot read {}", model.display()))?;
        let mut other = bytes.clone();
        // As large as before and no longer what was signed.
        if let Some(byte) = other.get_mut(bytes.len() / 2) {
            *byte ^= 1;
        }
        fs::write(&model, other)?;
        self.file = Some((model, bytes));
        restart(stage, self.id)
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let refused = stage.cluster.snapshot(self.id).and_then(|snapshot| snapshot.models.refused);
        Ok(refused.map(|why| format!("n{} refuses it: {why}", self.id)))
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        let Some((file, bytes)) = self.file.take() else { return Ok(()) };
        fs::write(file, bytes)?;
        restart(stage, self.id)
    }
}
