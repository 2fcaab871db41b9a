//! Where what is heard is kept.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError, RawConfig};

/// What recorded telemetry takes at the most where the file does not say, MiB; and what it may say.
pub(super) const RECORD_MIB: u64 = 2_048;
const RECORD_MIB_MIN: u64 = 16;
const RECORD_MIB_MAX: u64 = 16 << 20;

/// How what a replica hears is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// The folder of segments.
    pub directory: PathBuf,
    /// They take no more, MiB.
    pub disk_mib_max: u64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    directory: Option<PathBuf>,
    disk_mib_max: Option<Spanned<u64>>,
}

impl Checker<'_> {
    /// 0 MiB switches it off.
    pub(super) fn record(&self, raw: &RawConfig) -> Result<Option<RecordConfig>, ConfigError> {
        let disk_mib_max = raw.record.disk_mib_max.as_ref().map_or(RECORD_MIB, |told| *told.get_ref());
        if let Some(told) = &raw.record.disk_mib_max
            && disk_mib_max != 0
            && !(RECORD_MIB_MIN..=RECORD_MIB_MAX).contains(&disk_mib_max)
        {
            let reason =
                format!("{disk_mib_max}, expected {RECORD_MIB_MIN} to {RECORD_MIB_MAX}, or 0 to record nothing");
            return Err(self.wrong(told, "record.disk_mib_max", reason));
        }
        let default = || self.beside(&raw.data_dir).join("record");
        let directory = raw.record.directory.as_ref().map_or_else(default, |folder| self.beside(folder));
        Ok((disk_mib_max > 0).then_some(RecordConfig { directory, disk_mib_max }))
    }
}
