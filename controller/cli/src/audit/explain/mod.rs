//! `ridectl audit explain`: one entry, whatever it is, or one transfer, from the numbers that asked for it to the
//! devices that acted.

mod entry;
mod transfer;

use anyhow::{Result, bail};
use ridethrough_core::audit::Record;
use ridethrough_core::device::{Direction, Order, Setpoint};
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;
use serde::Serialize;

use self::entry::EntryStory;
use self::transfer::TransferStory;
use super::Wanted;
use super::open::Opened;
use super::words::{self, reasons};
use crate::output::Output;

/// What is printed, as JSON or in words.
#[derive(Serialize)]
struct Stories {
    /// The entry, when it was asked for as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryStory>,
    /// Its transfers, or the one that was asked for.
    transfers: Vec<TransferStory>,
}

/// Explains the entry or the transfer that was asked for.
pub fn run(opened: &Opened, wanted: &Wanted, output: Output) -> Result<bool> {
    let stories = tell(opened, wanted)?;
    output.print(&stories, || stories.words())?;
    Ok(true)
}

fn tell(opened: &Opened, wanted: &Wanted) -> Result<Stories> {
    let Some(record) = opened.replay.record(wanted.index) else {
        bail!("the log has no entry {}; `ridectl audit log` lists them", wanted.index)
    };
    Ok(match wanted.nth {
        None => Stories { entry: Some(EntryStory::of(opened, record)), transfers: all(opened, record) },
        Some(nth) => Stories { entry: None, transfers: vec![one(opened, record, nth)?] },
    })
}

fn all(opened: &Opened, record: &Record) -> Vec<TransferStory> {
    let grants = record.grants().iter().enumerate();
    grants.map(|(nth, grant)| TransferStory::of(opened, record, nth, grant)).collect()
}

fn one(opened: &Opened, record: &Record, nth: u16) -> Result<TransferStory> {
    let nth = usize::from(nth);
    if let Some(grant) = record.grants().get(nth) {
        return Ok(TransferStory::of(opened, record, nth, grant));
    }
    let (index, said) = (record.position.index, words::lines(record, &opened.site).join("; "));
    let none = if record.grants().is_empty() { "no transfer" } else { "no such transfer" };
    bail!("entry {index} grants {none}: {said}")
}

impl Stories {
    fn words(&self) -> String {
        let entry = self.entry.iter().map(EntryStory::words);
        entry.chain(self.transfers.iter().map(TransferStory::words)).collect()
    }
}

/// Every limit that a refused entry broke.
fn binding(record: &Record, site: &Site) -> Vec<String> {
    match &record.effect {
        Effect::Refused(refusal) => refusal.violations.iter().map(|violation| violation.describe(site)).collect(),
        _ => Vec::new(),
    }
}

/// What a device was told, in words.
fn order_line(site: &Site, order: &Order) -> String {
    let what = match order.setpoint {
        Setpoint::Kesm { supply_max, charge_max, .. } if charge_max > Watts::ZERO => {
            format!("supply up to {}, charge up to {}", supply_max.kilo(), charge_max.kilo())
        }
        Setpoint::Kesm { supply_max, .. } => format!("supply up to {}", supply_max.kilo()),
        Setpoint::Tie { direction, flow_max, hold } => {
            let way = if direction == Direction::Forward { "forward" } else { "backward" };
            format!("pass up to {} {way}, hold the receiver at {}", flow_max.kilo(), hold.kilo())
        }
        Setpoint::Pdu { cap, keep_tiers } => {
            format!("let the servers take up to {}, {}", cap.kilo(), reasons::tiers(keep_tiers))
        }
        Setpoint::Supply { generator } => format!("generator: {}", reasons::duty(generator)),
    };
    format!("{}: {what}", site.device_name(order.device))
}

#[cfg(test)]
mod tests;
