//! `ridectl audit export`: the entries as a file for other tools, written as they are read.

mod row;
mod sheet;

use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use ridethrough_core::site::Site;
use serde::Serialize;
use tempfile::{Builder, NamedTempFile};

use self::row::{COLUMNS, Row};
use self::sheet::Sheet;
use super::facts::Facts;
use super::filter::Filter;
use super::history::{History, Item};
use crate::output::Output;

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON Lines: one object for each entry, with every field.
    Jsonl,
    /// CSV (RFC 4180): one line for each entry, flat columns.
    Csv,
    /// Parquet: the same columns, typed.
    Parquet,
}

#[derive(Serialize)]
struct Report {
    out: Option<String>,
    entries: u64,
    first_index: Option<u64>,
    last_index: Option<u64>,
    committed_index: u64,
}

/// Exports; a negative answer, and no file, where no entry is asked for.
pub fn run(history: &History, filter: &Filter, format: Format, out: &Path, output: Output) -> Result<bool> {
    let unfinished = unfinished(out)?;
    let mut writer = Writer::create(format, unfinished.as_file().try_clone()?)?;
    let mut told = Report { out: None, entries: 0, first_index: None, last_index: None, committed_index: 0 };
    told.committed_index = history.committed_index;
    filter.on(&history.site)?.walk(history, |item| {
        writer.add(item, &history.site)?;
        told.entries += 1;
        told.first_index.get_or_insert(item.at.index);
        told.last_index = Some(item.at.index);
        let enough = filter.limit.is_some_and(|limit| told.entries >= limit);
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    writer.finish()?;
    if told.entries > 0 {
        put_in_place(unfinished, out)?;
        told.out = Some(out.display().to_string());
    }
    output.print(&told, || words(&told))?;
    Ok(told.entries > 0)
}

/// A file beside the one that is wanted, which is gone unless it is put in its place: whoever looks sees all or nothing.
fn unfinished(out: &Path) -> Result<NamedTempFile> {
    if out.symlink_metadata().is_ok() {
        bail!("{}: is there; nothing is overwritten", out.display());
    }
    let name = out.file_name().with_context(|| format!("{}: is no name for a new file", out.display()))?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(PathBuf::from("."), PathBuf::from);
    let prefix = format!(".{}.", name.to_string_lossy());
    // As any new file of this user: the log itself is no secret to whoever may read the folder.
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".unfinished").permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(&folder).with_context(|| format!("{}: cannot be made", out.display()))
}

fn put_in_place(unfinished: NamedTempFile, out: &Path) -> Result<()> {
    // Fails where somebody has made a file of this name meanwhile.
    let put = unfinished.persist_noclobber(out).map_err(|failed| failed.error);
    put.with_context(|| format!("{}: cannot be put in place; nothing is overwritten", out.display()))?;
    Ok(())
}

fn words(told: &Report) -> String {
    let committed = told.committed_index;
    match (&told.out, told.first_index, told.last_index) {
        (Some(out), Some(first), Some(last)) => {
            format!(
                "exported   {out}: {} entries, {first} to {last} of those committed up to {committed}\n",
                told.entries
            )
        }
        _ => format!("exported   nothing: no entry up to {committed} is asked for\n"),
    }
}

/// What takes one entry after the other.
enum Writer {
    Jsonl(BufWriter<File>),
    Csv(Box<csv::Writer<File>>),
    Parquet(Box<Sheet>),
}

impl Writer {
    fn create(format: Format, file: File) -> Result<Self> {
        Ok(match format {
            Format::Jsonl => Self::Jsonl(BufWriter::with_capacity(1 << 20, file)),
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new();
                let mut writer = writer.terminator(csv::Terminator::CRLF).buffer_capacity(1 << 20).from_writer(file);
                writer.write_record(COLUMNS)?;
                Self::Csv(Box::new(writer))
            }
            Format::Parquet => Self::Parquet(Box::new(Sheet::create(file)?)),
        })
    }

    fn add(&mut self, item: &Item, site: &Site) -> Result<()> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &Facts::of(item, site))?;
                out.write_all(b"\n")?;
            }
            Self::Csv(out) => out.write_record(Row::of(item, site).texts())?,
            Self::Parquet(sheet) => sheet.add(Row::of(item, site))?,
        }
        Ok(())
    }

    /// Ends the file, and has it on the disk.
    fn finish(self) -> Result<()> {
        match self {
            Self::Jsonl(out) => out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?,
            Self::Csv(out) => out.into_inner().map_err(csv::IntoInnerError::into_error)?.sync_all()?,
            Self::Parquet(sheet) => sheet.finish()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
