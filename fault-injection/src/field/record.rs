//! A device's own record of what it was asked and what it did: one JSON object a line.
//!
//! Auditors compare these records with the committed log: an executed order that no committed entry explains would be
//! the worst finding there is.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use ridethrough_core::device::{Direction, GeneratorDuty, Setpoint};
use serde::Serialize;

/// One thing that a device did or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The device's number on the wire.
    pub device: u32,
    /// What people call it.
    pub name: String,
    /// The device's own clock, in ms.
    pub device_ms: i64,
    /// Scenario time, in ms.
    pub scenario_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub act: Act,
}

/// What a record tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Act {
    /// An order was believed and judged.
    Order {
        /// `executed`, `duplicate`, or why it was refused.
        verdict: &'static str,
        /// The replica that sent it, counted from 1.
        replica: u16,
        /// Term of the leader that sent it.
        fence_term: u64,
        /// Log index of the entry.
        fence_index: u64,
        /// Term of the entry.
        entry_term: u64,
        /// When it is void, on the device's clock, in ms.
        expires_ms: i64,
        /// What it asked for.
        setpoint: SetpointRecord,
    },
    /// The order in force expired, or the lease did: the device follows its local safe rule.
    Lapsed,
}

/// A setpoint with its watts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SetpointRecord {
    /// For a module.
    Kesm {
        /// At most so much is given to the bus.
        supply_max_w: i64,
        /// At most so much is taken from the bus.
        charge_max_w: i64,
        /// The draw above which supply begins.
        hold_w: i64,
    },
    /// For a tie.
    Tie {
        /// `forward` or `backward`.
        direction: &'static str,
        /// At most so much leaves the source bus.
        flow_max_w: i64,
        /// The draw of the receiver above which the tie gives.
        hold_w: i64,
    },
    /// For a PDU.
    Pdu {
        /// At most so much goes to the rack's servers together.
        cap_w: i64,
        /// Servers of a higher tier shut down.
        keep_tiers: u8,
    },
    /// For a supply.
    Supply {
        /// `auto` or `run`.
        generator: &'static str,
    },
}

impl From<Setpoint> for SetpointRecord {
    fn from(setpoint: Setpoint) -> Self {
        match setpoint {
            Setpoint::Kesm { supply_max, charge_max, hold } => {
                Self::Kesm { supply_max_w: supply_max.get(), charge_max_w: charge_max.get(), hold_w: hold.get() }
            }
            Setpoint::Tie { direction, flow_max, hold } => Self::Tie {
                direction: match direction {
                    Direction::Forward => "forward",
                    Direction::Backward => "backward",
                },
                flow_max_w: flow_max.get(),
                hold_w: hold.get(),
            },
            Setpoint::Pdu { cap, keep_tiers } => Self::Pdu { cap_w: cap.get(), keep_tiers },
            Setpoint::Supply { generator } => Self::Supply {
                generator: match generator {
                    GeneratorDuty::Auto => "auto",
                    GeneratorDuty::Run => "run",
                },
            },
        }
    }
}

/// The file of one device's records; it only grows.
#[derive(Debug)]
pub struct RecordFile(File);

impl RecordFile {
    /// Opens `<folder>/<name>.jsonl` for appending.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(format!("{}.jsonl", file_stem(name)));
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Appends a record in one write, so that a killed process leaves whole lines.
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

/// A device's name as a file name: what is not a letter, a digit or a hyphen becomes a hyphen.
pub(super) fn file_stem(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
}
