//! An entry in flat columns, for CSV and Parquet. Several things in one column are separated by `;`.

use ridethrough_core::audit::Record;
use ridethrough_core::command::{Command, TransferId};
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;

use super::super::about;
use super::super::facts::effect;
use super::super::history::Item;
use super::super::kind::Kind;
use super::super::words::{self, names};
use crate::output::{hex, wall_time};

/// The names of the columns, in order.
pub const COLUMNS: [&str; 19] = [
    "index",
    "term",
    "leader",
    "proposed",
    "proposed_by",
    "ledger_ms",
    "kinds",
    "effect",
    "actor",
    "reason",
    "racks",
    "devices",
    "transfers",
    "delivered_max_watts",
    "uncovered_watts",
    "what",
    "state_hash",
    "leaf_hash",
    "entry_bytes",
];

/// One entry.
#[derive(Debug)]
pub struct Row {
    pub index: u64,
    pub term: u64,
    pub leader: String,
    pub proposed_unix_ms: Option<i64>,
    pub proposed_by: Option<String>,
    pub ledger_ms: Option<i64>,
    pub kinds: String,
    pub effect: Option<&'static str>,
    pub actor: Option<String>,
    pub reason: Option<String>,
    pub racks: String,
    pub devices: String,
    pub transfers: String,
    pub delivered_max_watts: Option<i64>,
    pub uncovered_watts: Option<i64>,
    pub what: String,
    pub state_hash: Option<String>,
    pub leaf_hash: String,
    pub entry_bytes: u64,
}

impl Row {
    /// The row of an entry.
    pub fn of(item: &Item, site: &Site) -> Self {
        let record = item.record();
        let (kinds, what): (Vec<&str>, _) =
            (Kind::of(item).into_iter().map(Kind::as_str).collect(), words::of(item, site));
        let (actor, reason) = record.and_then(asked).unzip();
        Self {
            index: item.at.index,
            term: item.at.term,
            leader: item.at.leader.to_string(),
            proposed_unix_ms: record.map(|record| record.entry.stamp.wall_unix_ms),
            proposed_by: record.map(|record| record.entry.by.to_string()),
            ledger_ms: record.map(|record| record.entry.stamp.at.get()),
            kinds: kinds.join(";"),
            effect: record.map(|record| effect(&record.effect)),
            actor,
            reason,
            racks: record.map(|record| racks(record, item, site)).unwrap_or_default(),
            devices: record.map(|record| devices(record, site)).unwrap_or_default(),
            transfers: record.map(transfers).unwrap_or_default(),
            delivered_max_watts: record.and_then(delivered),
            uncovered_watts: record.and_then(uncovered),
            what: what.join(";"),
            state_hash: record.map(|record| hex(&record.after.hash)),
            leaf_hash: hex(&item.leaf),
            entry_bytes: item.bytes as u64,
        }
    }

    /// The fields as text, in the order of [`COLUMNS`]; what there is not is empty.
    pub fn texts(self) -> [String; COLUMNS.len()] {
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        [
            self.index.to_string(),
            self.term.to_string(),
            self.leader,
            self.proposed_unix_ms.map(wall_time).unwrap_or_default(),
            self.proposed_by.unwrap_or_default(),
            number(self.ledger_ms),
            self.kinds,
            self.effect.unwrap_or_default().to_owned(),
            self.actor.unwrap_or_default(),
            self.reason.unwrap_or_default(),
            self.racks,
            self.devices,
            self.transfers,
            number(self.delivered_max_watts),
            number(self.uncovered_watts),
            self.what,
            self.state_hash.unwrap_or_default(),
            self.leaf_hash,
            self.entry_bytes.to_string(),
        ]
    }
}

fn asked(record: &Record) -> Option<(String, String)> {
    match &record.entry.command {
        Command::Operation(operation) => Some((operation.actor.clone(), operation.reason.clone())),
        _ => None,
    }
}

fn racks(record: &Record, item: &Item, site: &Site) -> String {
    let racks = about::racks(record, &|transfer| item.rack_of(transfer));
    racks.into_iter().map(|rack| names::rack(site, rack)).collect::<Vec<_>>().join(";")
}

fn devices(record: &Record, site: &Site) -> String {
    let mut devices = about::devices(record);
    devices.sort_unstable();
    devices.dedup();
    devices.into_iter().map(|device| site.device_name(device)).collect::<Vec<_>>().join(";")
}

/// The transfers that it grants, or the one whose outcome it is.
fn transfers(record: &Record) -> String {
    if let Command::Outcome(outcome) = &record.entry.command {
        return outcome.transfer.to_string();
    }
    let index = record.position.index;
    let granted = (0..).zip(record.grants()).map(|(nth, _)| TransferId { index, nth }.to_string());
    granted.collect::<Vec<_>>().join(";")
}

/// What all its grants together may deliver; a refused entry delivers nothing.
fn delivered(record: &Record) -> Option<i64> {
    if record.grants().is_empty() {
        return None;
    }
    let legs = record.grants().iter().flat_map(|grant| &grant.legs);
    let sum: Watts = legs.map(|leg| leg.delivered).sum();
    Some(if matches!(record.effect, Effect::Refused(_)) { 0 } else { sum.get() })
}

fn uncovered(record: &Record) -> Option<i64> {
    match &record.entry.command {
        Command::Plan(plan) if !plan.shortfalls.is_empty() => {
            Some(plan.shortfalls.iter().map(|shortfall| shortfall.uncovered).sum::<Watts>().get())
        }
        _ => None,
    }
}
