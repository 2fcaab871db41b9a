//! `ridectl audit log`.

use anyhow::Result;
use ridethrough_core::audit::Record;
use ridethrough_core::command::TransferId;
use ridethrough_core::site::RackId;
use serde::Serialize;

use super::open::Opened;
use super::words;
use crate::output::{Output, hex, wall_time};

#[derive(Serialize)]
struct Line {
    index: u64,
    term: u64,
    leader: String,
    wall_time: String,
    ledger_ms: i64,
    what: Vec<String>,
    state_hash: String,
}

/// Prints the entries that were asked for.
pub fn run(opened: &Opened, rack: Option<&str>, last: Option<usize>, output: Output) -> Result<bool> {
    let rack = rack.map(|name| opened.rack(name)).transpose()?;
    let transfers = |id: TransferId| rack_of(opened, id);
    let about = |record: &&Record| rack.is_none_or(|rack| words::concerns(record, rack, &opened.site, &transfers));
    let mut lines: Vec<Line> = opened.replay.records.iter().filter(about).map(|record| line(opened, record)).collect();
    if let Some(last) = last {
        lines.drain(..lines.len().saturating_sub(last));
    }
    output.print(&lines, || words_of(&lines))?;
    Ok(true)
}

fn rack_of(opened: &Opened, id: TransferId) -> Option<RackId> {
    opened.replay.record(id.index)?.grants().get(usize::from(id.nth)).map(|grant| grant.rack)
}

fn line(opened: &Opened, record: &Record) -> Line {
    Line {
        index: record.position.index,
        term: record.position.term,
        leader: record.position.leader.to_string(),
        wall_time: wall_time(record.entry.stamp.wall_unix_ms),
        ledger_ms: record.entry.stamp.at.get(),
        what: words::lines(record, &opened.site),
        state_hash: hex(&record.after.hash),
    }
}

fn words_of(lines: &[Line]) -> String {
    let mut text =
        format!("{:<7} {:<5} {:<6} {:<24} {:<9} WHAT\n", "INDEX", "TERM", "LED BY", "PROPOSED (UTC)", "STATE");
    for Line { index, term, leader, wall_time, what, state_hash, .. } in lines {
        let state = &state_hash[..8];
        let mut start = format!("{index:<7} {term:<5} {leader:<6} {wall_time:<24} {state:<9}");
        for what in what {
            text += &format!("{start} {what}\n");
            start = " ".repeat(start.chars().count());
        }
    }
    text
}
