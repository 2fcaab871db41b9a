//! In what portions the log is kept.

use ridethrough_raft::LogSize;
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, ConfigError};

const SEGMENT_KIB_MIN: u64 = 4;
const SEGMENT_KIB_MAX: u64 = 64 << 10;
/// A snapshot costs as much as some hundreds of entries; and no more may wait for one than the log holds.
const SNAPSHOT_ENTRIES_MIN: u64 = 100;
const SNAPSHOT_ENTRIES_MAX: u64 = 1_000_000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    segment_kib: Option<Spanned<u64>>,
    snapshot_entries: Option<Spanned<u64>>,
}

impl Checker<'_> {
    pub(super) fn log(&self, raw: &RawLog) -> Result<LogSize, ConfigError> {
        let usual = LogSize::default();
        let within = |told: &Option<Spanned<u64>>, name: &str, usual: u64, min: u64, max: u64| match told {
            Some(told) if !(min..=max).contains(told.get_ref()) => {
                Err(self.wrong(told, name, format!("{}, expected {min} to {max}", told.get_ref())))
            }
            told => Ok(told.as_ref().map_or(usual, |told| *told.get_ref())),
        };
        let usual_kib = usual.segment_bytes >> 10;
        let segment_kib = within(&raw.segment_kib, "log.segment_kib", usual_kib, SEGMENT_KIB_MIN, SEGMENT_KIB_MAX)?;
        let (min, max) = (SNAPSHOT_ENTRIES_MIN, SNAPSHOT_ENTRIES_MAX);
        let snapshot_entries = within(&raw.snapshot_entries, "log.snapshot_entries", usual.snapshot_entries, min, max)?;
        Ok(LogSize { segment_bytes: segment_kib << 10, snapshot_entries })
    }
}
