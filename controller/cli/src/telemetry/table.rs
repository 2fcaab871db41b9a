//! A Parquet file of telemetry: one row for each value that was heard.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ridethrough_record::{Column, Row};

use crate::parquet_file::ParquetFile;

const SCHEMA: &str = "message telemetry {
    required int64 time (TIMESTAMP(MILLIS, true));
    required binary kind (STRING);
    required binary name (STRING);
    required binary signal (STRING);
    required binary source (STRING);
    required double value;
}";
/// Values of one row group: what is held in memory.
const GROUP_MAX: usize = 500_000;
/// Names, in the schema's order.
const TEXTS: usize = 4;

/// Writes one file.
pub struct Table {
    file: ParquetFile,
    times: Vec<i64>,
    texts: [Vec<ByteArray>; TEXTS],
    values: Vec<f64>,
    written: u64,
}

impl Table {
    /// Begins a file that is not there yet.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            file: ParquetFile::create(file, SCHEMA)?,
            times: Vec::new(),
            texts: Default::default(),
            values: Vec::new(),
            written: 0,
        })
    }

    /// Adds what a row heard; `texts` are those of [`texts`] for its columns.
    pub fn add(&mut self, texts: &[[ByteArray; TEXTS]], row: &Row) -> Result<()> {
        for (texts, value) in texts.iter().zip(&row.values) {
            let Some(value) = value else { continue };
            self.times.push(row.unix_ms);
            self.values.push(*value);
            self.texts.iter_mut().zip(texts).for_each(|(column, text)| column.push(text.clone()));
        }
        if self.times.len() >= GROUP_MAX { self.write_group() } else { Ok(()) }
    }

    /// Ends the file, has it on the disk, and says how many rows it has.
    pub fn finish(mut self) -> Result<u64> {
        self.write_group()?;
        self.file.finish()?;
        Ok(self.written)
    }

    fn write_group(&mut self) -> Result<()> {
        if self.times.is_empty() {
            return Ok(());
        }
        self.file.group(|group| {
            group.put::<Int64Type>(&self.times)?;
            for texts in &self.texts {
                group.put::<ByteArrayType>(texts)?;
            }
            group.put::<DoubleType>(&self.values)
        })?;
        self.written += u64::try_from(self.times.len())?;
        self.times.clear();
        self.texts.iter_mut().for_each(Vec::clear);
        self.values.clear();
        Ok(())
    }
}

/// The words of each column: kind, name, signal, source.
pub fn texts(columns: &[Column]) -> Vec<[ByteArray; TEXTS]> {
    let of = |column: &Column| {
        [column.part.as_str(), &column.name, column.signal.as_str(), column.source.as_str()].map(ByteArray::from)
    };
    columns.iter().map(of).collect()
}
