//! `ridectl audit log`.

use std::collections::VecDeque;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;

use anyhow::{Result, bail};
use serde::{Serialize, Serializer};
use serde_json::ser::PrettyFormatter;

use super::filter::Filter;
use super::history::{History, Item};
use super::kind::Kind;
use super::words;
use crate::output::{Output, hex, reader_left, wall_time};

/// What is told newest first is held until all of it is known: at most so many entries.
const HELD_MAX: usize = 20_000;

/// In which order, and where to stop.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Oldest first.
    OldestFirst,
    /// Newest first.
    NewestFirst,
    /// Only the last so many, oldest first.
    Last(usize),
}

#[derive(Clone, Debug, Serialize)]
struct Line {
    index: u64,
    term: u64,
    leader: String,
    kinds: Vec<&'static str>,
    wall_time: Option<String>,
    ledger_ms: Option<i64>,
    what: Vec<String>,
    state_hash: Option<String>,
}

/// Prints the entries that are asked for.
pub fn run(history: &History, filter: &Filter, order: Order, output: Output) -> Result<bool> {
    let out = BufWriter::new(std::io::stdout().lock());
    // A reader that has seen enough (`| head`) is no error.
    match tell(history, filter, order, output, out) {
        Err(error) if reader_left(&error) => Ok(true),
        told => told.map(|()| true),
    }
}

fn tell(history: &History, filter: &Filter, order: Order, output: Output, out: impl Write) -> Result<()> {
    match output {
        Output::Json => {
            let mut json = serde_json::Serializer::with_formatter(out, PrettyFormatter::new());
            let mut list = json.serialize_seq(None)?;
            each(history, filter, order, |line| Ok(serde::ser::SerializeSeq::serialize_element(&mut list, line)?))?;
            serde::ser::SerializeSeq::end(list)?;
            let mut out = json.into_inner();
            out.write_all(b"\n")?;
            Ok(out.flush()?)
        }
        Output::Jsonl => {
            let mut out = out;
            each(history, filter, order, |line| {
                serde_json::to_writer(&mut out, line)?;
                Ok(out.write_all(b"\n")?)
            })?;
            Ok(out.flush()?)
        }
        Output::Table | Output::Wide => {
            let mut out = out;
            out.write_all(head().as_bytes())?;
            each(history, filter, order, |line| Ok(out.write_all(line.words().as_bytes())?))?;
            Ok(out.flush()?)
        }
    }
}

/// Gives every line in the order asked for.
fn each(history: &History, filter: &Filter, order: Order, mut take: impl FnMut(&Line) -> Result<()>) -> Result<()> {
    let wanted = filter.on(&history.site)?;
    let limit = filter.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (mut held, mut told) = (VecDeque::new(), 0);
    wanted.walk(history, |item| {
        let line = Line::of(item, history);
        let keep = match order {
            Order::OldestFirst => {
                take(&line)?;
                told += 1;
                return Ok(if told < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) });
            }
            Order::NewestFirst => limit,
            Order::Last(last) => last.min(limit),
        };
        held.push_back(line);
        if held.len() > keep {
            held.pop_front();
        }
        if held.len() > HELD_MAX {
            bail!("more than {HELD_MAX} entries would be told from the newest on: name --limit, or fewer by --since");
        }
        Ok(ControlFlow::Continue(()))
    })?;
    match order {
        Order::NewestFirst => held.iter().rev().try_for_each(take),
        Order::OldestFirst | Order::Last(_) => held.iter().try_for_each(take),
    }
}

impl Line {
    fn of(item: &Item, history: &History) -> Self {
        let record = item.record();
        Self {
            index: item.at.index,
            term: item.at.term,
            leader: item.at.leader.to_string(),
            kinds: Kind::of(item).into_iter().map(Kind::as_str).collect(),
            wall_time: record.map(|record| wall_time(record.entry.stamp.wall_unix_ms)),
            ledger_ms: record.map(|record| record.entry.stamp.at.get()),
            what: words::of(item, &history.site),
            state_hash: record.map(|record| hex(&record.after.hash)),
        }
    }

    fn words(&self) -> String {
        let (wall_time, hash) = (self.wall_time.as_deref().unwrap_or("-"), self.state_hash.as_deref().unwrap_or("-"));
        let (index, term, leader, state) = (self.index, self.term, &self.leader, hash.get(..8).unwrap_or(hash));
        let mut start = format!("{index:<7} {term:<5} {leader:<6} {wall_time:<24} {state:<9}");
        let mut text = String::new();
        for what in &self.what {
            text += &format!("{start} {what}\n");
            start = " ".repeat(start.chars().count());
        }
        if self.what.is_empty() { start + " -\n" } else { text }
    }
}

fn head() -> String {
    format!("{:<7} {:<5} {:<6} {:<24} {:<9} WHAT\n", "INDEX", "TERM", "LED BY", "PROPOSED (UTC)", "STATE")
}

#[cfg(test)]
mod tests;
