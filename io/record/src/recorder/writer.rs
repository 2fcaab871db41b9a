//! The recorder's thread: rows become blocks, blocks go to the segment of their hour.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use metrics::{Counter, Gauge, counter, gauge};

use super::Settings;
use crate::block::{self, ROWS_MAX, Row};
use crate::files;
use crate::segment::header;

const HOUR_MS: i64 = 3_600_000;
/// A segment holds no more than this share of all, so that there is always something old to delete.
const OF_ALL_MAX: u64 = 8;
/// Nor more than this, so that it can be read whole. Bytes.
const SEGMENT_BYTES_MAX: u64 = 256 << 20;

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    hour: i64,
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// Writes rows; failures are counted and told, and cost rows.
#[derive(Debug)]
pub struct Writer {
    settings: Settings,
    rows: Vec<Row>,
    current: Option<Current>,
    failing: bool,
    written: Counter,
    failed: Counter,
    lost: Counter,
    deleted: Counter,
    bytes: Gauge,
}

impl Writer {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            rows: Vec::with_capacity(ROWS_MAX),
            current: None,
            failing: false,
            written: counter!("ridethrough_record_rows_total"),
            failed: counter!("ridethrough_record_errors_total"),
            lost: counter!("ridethrough_record_rows_lost_total", "why" => "disk"),
            deleted: counter!("ridethrough_record_segments_deleted_total"),
            bytes: gauge!("ridethrough_record_bytes"),
        }
    }

    /// Takes a row, and writes a block when it is full or the hour is over.
    pub fn add(&mut self, row: Row) {
        if self.rows.first().is_some_and(|first| hour(first) != hour(&row)) {
            self.flush();
        }
        self.rows.push(row);
        if self.rows.len() == ROWS_MAX {
            self.flush();
        }
    }

    /// Writes what is left.
    pub fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let Some(first) = rows.first() else { return };
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        match self.write(hour(first), &rows) {
            Ok(()) => {
                self.written.increment(count);
                if std::mem::take(&mut self.failing) {
                    tracing::info!(folder = %self.settings.folder.display(), "telemetry is recorded again");
                }
            }
            Err(error) => {
                self.failed.increment(1);
                self.lost.increment(count);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(folder = %self.settings.folder.display(), %error, "TELEMETRY IS NOT RECORDED");
                }
            }
        }
    }

    fn write(&mut self, hour: i64, rows: &[Row]) -> io::Result<()> {
        let block = block::encode(&self.settings.columns, rows).map_err(io::Error::other)?;
        let length = u64::try_from(block.len()).unwrap_or(u64::MAX);
        let segment_max = (self.settings.bytes_max / OF_ALL_MAX).min(SEGMENT_BYTES_MAX);
        if self.current.as_ref().is_some_and(|current| current.hour != hour || current.bytes + length > segment_max) {
            self.current = None;
        }
        if self.current.is_none() {
            fs::create_dir_all(&self.settings.folder)?;
            // Before anything new: on a full disk this is what helps.
            self.make_room(length)?;
            self.current = Some(begin(&self.settings, hour)?);
        }
        self.make_room(length)?;
        let Some(current) = &mut self.current else { return Err(io::Error::other("no segment")) };
        let appended = current.file.write_all(&block);
        if appended.is_ok() {
            current.bytes += length;
        } else if current.file.set_len(current.bytes).is_err() {
            // Half a block stays; what comes next goes to another file.
            self.current = None;
        }
        appended
    }

    fn make_room(&self, wanted: u64) -> io::Result<()> {
        let current = self.current.as_ref().map(|current| current.path.as_path());
        let (bytes, deleted) =
            files::make_room(&self.settings.folder, self.settings.bytes_max.saturating_sub(wanted), current)?;
        self.deleted.increment(deleted);
        #[expect(clippy::cast_precision_loss, reason = "a gauge for people")]
        self.bytes.set((bytes + wanted) as f64);
        Ok(())
    }
}

fn begin(settings: &Settings, hour: i64) -> io::Result<Current> {
    let head = header(settings.replica, &settings.columns);
    let (path, mut file) = files::create(&settings.folder, hour)?;
    if let Err(error) = file.write_all(&head) {
        // It holds nothing: with a full disk there would be one for every try.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    // Appended from here on, also after a failed block was cut off again.
    let file = fs::OpenOptions::new().append(true).open(&path)?;
    Ok(Current { hour, path, file, bytes: u64::try_from(head.len()).unwrap_or(u64::MAX) })
}

fn hour(row: &Row) -> i64 {
    row.unix_ms.div_euclid(HOUR_MS)
}
