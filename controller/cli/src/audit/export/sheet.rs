//! The flat columns as Parquet.

use std::fs::File;

use anyhow::{Context, Result};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};

use super::row::Row;
use crate::parquet_file::{Group, ParquetFile};

const SCHEMA: &str = "message audit {
    required int64 index;
    required int64 term;
    required binary leader (STRING);
    optional int64 proposed (TIMESTAMP(MILLIS, true));
    optional binary proposed_by (STRING);
    optional int64 ledger_ms;
    required binary kinds (STRING);
    optional binary effect (STRING);
    optional binary actor (STRING);
    optional binary reason (STRING);
    required binary racks (STRING);
    required binary devices (STRING);
    required binary transfers (STRING);
    optional int64 delivered_max_watts;
    optional int64 uncovered_watts;
    required binary what (STRING);
    optional binary state_hash (STRING);
    required binary leaf_hash (STRING);
    required int64 entry_bytes;
}";
/// Rows of one row group: what is held in memory.
const GROUP_MAX: usize = 20_000;

/// A file that is being written.
pub struct Sheet {
    file: ParquetFile,
    rows: Vec<Row>,
}

impl Sheet {
    /// Begins it.
    pub fn create(file: File) -> Result<Self> {
        Ok(Self { file: ParquetFile::create(file, SCHEMA)?, rows: Vec::new() })
    }

    /// Adds a row.
    pub fn add(&mut self, row: Row) -> Result<()> {
        self.rows.push(row);
        if self.rows.len() >= GROUP_MAX { self.write_group() } else { Ok(()) }
    }

    /// Ends it, and has it on the disk.
    pub fn finish(mut self) -> Result<()> {
        self.write_group()?;
        self.file.finish()
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        self.file.group(|group| {
            numbers(group, &rows, |row| row.index)?;
            numbers(group, &rows, |row| row.term)?;
            texts(group, &rows, |row| &row.leader)?;
            group.put_optional::<Int64Type>(rows.iter().map(|row| row.proposed_unix_ms).collect())?;
            optional(group, &rows, |row| row.proposed_by.as_deref())?;
            group.put_optional::<Int64Type>(rows.iter().map(|row| row.ledger_ms).collect())?;
            texts(group, &rows, |row| &row.kinds)?;
            optional(group, &rows, |row| row.effect)?;
            optional(group, &rows, |row| row.actor.as_deref())?;
            optional(group, &rows, |row| row.reason.as_deref())?;
            texts(group, &rows, |row| &row.racks)?;
            texts(group, &rows, |row| &row.devices)?;
            texts(group, &rows, |row| &row.transfers)?;
            group.put_optional::<Int64Type>(rows.iter().map(|row| row.delivered_max_watts).collect())?;
            group.put_optional::<Int64Type>(rows.iter().map(|row| row.uncovered_watts).collect())?;
            texts(group, &rows, |row| &row.what)?;
            optional(group, &rows, |row| row.state_hash.as_deref())?;
            texts(group, &rows, |row| &row.leaf_hash)?;
            numbers(group, &rows, |row| row.entry_bytes)
        })
    }
}

fn numbers(group: &mut Group, rows: &[Row], of: impl Fn(&Row) -> u64) -> Result<()> {
    let numbers = rows.iter().map(|row| i64::try_from(of(row)).context("more than Parquet's int64 holds"));
    group.put::<Int64Type>(&numbers.collect::<Result<Vec<_>>>()?)
}

fn texts(group: &mut Group, rows: &[Row], of: impl Fn(&Row) -> &str) -> Result<()> {
    group.put::<ByteArrayType>(&rows.iter().map(|row| ByteArray::from(of(row))).collect::<Vec<_>>())
}

fn optional<'a>(group: &mut Group, rows: &'a [Row], of: impl Fn(&'a Row) -> Option<&'a str>) -> Result<()> {
    group.put_optional::<ByteArrayType>(rows.iter().map(|row| of(row).map(ByteArray::from)).collect())
}
