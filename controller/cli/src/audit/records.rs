//! The devices' own records against the log: was everything that they executed committed (I1), did fences only rise
//! (I2), was every order done once (I4)?

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use ridethrough_core::audit::Replay;
use ridethrough_core::command::Command;
use ridethrough_core::device::{DeviceId, Direction, Fence, GeneratorDuty, Setpoint, Verdict};
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;
use serde::{Deserialize, Serialize};

/// A line longer than this is no record.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// So many faults are told in words; the rest is counted.
const FAULTS_MAX: usize = 20;

/// What the records came to.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    /// Devices that kept records.
    pub devices: usize,
    /// Orders executed.
    pub orders_executed: u64,
    /// Orders refused, for whatever reason.
    pub orders_refused: u64,
    /// Executed orders that the log does not explain.
    pub uncommitted_executed: u64,
    /// Orders executed more than once.
    pub executed_twice: u64,
    /// Executed orders whose fence was not above the last.
    pub fences_not_rising: u64,
    /// Orders that the log says a device executed, and that its own record does not hold.
    pub unrecorded: u64,
    /// The first faults, in words.
    #[serde(skip)]
    pub faults: Vec<String>,
    #[serde(skip)]
    done: BTreeSet<(DeviceId, u64, u64)>,
}

#[derive(Deserialize)]
struct Line {
    device: u32,
    #[serde(flatten)]
    act: Act,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Act {
    Order {
        verdict: String,
        fence_term: u64,
        fence_index: u64,
        entry_term: u64,
        setpoint: SetpointLine,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SetpointLine {
    Kesm { supply_max_w: i64, charge_max_w: i64, hold_w: i64 },
    Tie { direction: WayLine, flow_max_w: i64, hold_w: i64 },
    Pdu { cap_w: i64, keep_tiers: u8 },
    Supply { generator: DutyLine },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DutyLine {
    Auto,
    Run,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WayLine {
    Forward,
    Backward,
}

impl From<SetpointLine> for Setpoint {
    fn from(line: SetpointLine) -> Self {
        match line {
            SetpointLine::Kesm { supply_max_w, charge_max_w, hold_w } => Self::Kesm {
                supply_max: Watts::new(supply_max_w),
                charge_max: Watts::new(charge_max_w),
                hold: Watts::new(hold_w),
            },
            SetpointLine::Tie { direction, flow_max_w, hold_w } => Self::Tie {
                direction: match direction {
                    WayLine::Forward => Direction::Forward,
                    WayLine::Backward => Direction::Backward,
                },
                flow_max: Watts::new(flow_max_w),
                hold: Watts::new(hold_w),
            },
            SetpointLine::Pdu { cap_w, keep_tiers } => Self::Pdu { cap: Watts::new(cap_w), keep_tiers },
            SetpointLine::Supply { generator } => Self::Supply {
                generator: match generator {
                    DutyLine::Auto => GeneratorDuty::Auto,
                    DutyLine::Run => GeneratorDuty::Run,
                },
            },
        }
    }
}

/// Checks every `*.jsonl` in the folder.
pub fn check(folder: &Path, replay: &Replay, site: &Site) -> Result<Checked> {
    let listed = std::fs::read_dir(folder).with_context(|| format!("--records {}", folder.display()))?;
    let mut files = listed.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    if files.is_empty() {
        bail!("--records {}: no *.jsonl in this folder", folder.display());
    }
    let mut checked = Checked::default();
    for file in files {
        checked.devices += 1;
        check_file(&file, replay, site, &mut checked)?;
    }
    checked.vouched(replay, site);
    Ok(checked)
}

fn check_file(file: &Path, replay: &Replay, site: &Site, checked: &mut Checked) -> Result<()> {
    let opened = File::open(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let mut last = Fence::default();
    let mut done = BTreeSet::new();
    for (nth, line) in BufReader::new(opened).lines().enumerate() {
        let place = || format!("{}:{}", file.display(), nth + 1);
        let line = line.with_context(place)?;
        if line.len() > LINE_BYTES_MAX {
            bail!("{}: longer than {LINE_BYTES_MAX} bytes", place());
        }
        let line: Line = serde_json::from_str(&line).with_context(place)?;
        let Some(device) = DeviceId::from_wire(line.device) else {
            bail!("{}: device: {} is none", place(), line.device)
        };
        let Act::Order { verdict, fence_term, fence_index, entry_term, setpoint } = line.act else { continue };
        let fence = Fence { term: fence_term, index: fence_index };
        match verdict.as_str() {
            "executed" => {
                let who = format!("{} on fence {fence}", site.device_name(device));
                checked.executed(
                    &who,
                    replay.was_committed(device, fence, entry_term, &setpoint.into()),
                    last,
                    fence,
                    done.insert(fence.index),
                );
                checked.done.insert((device, fence.term, fence.index));
                last = fence;
            }
            "duplicate" => {}
            _ => checked.orders_refused += 1,
        }
    }
    Ok(())
}

impl Checked {
    /// The findings in a line.
    pub fn words(&self) -> String {
        format!(
            "devices    {} kept records: {} orders executed, {} refused; {} not in the log, {} executed twice, {} fences \
             not rising, {} missing",
            self.devices,
            self.orders_executed,
            self.orders_refused,
            self.uncommitted_executed,
            self.executed_twice,
            self.fences_not_rising,
            self.unrecorded,
        )
    }

    /// A record from which lines were taken away: the log holds the acks that the devices sent for them.
    fn vouched(&mut self, replay: &Replay, site: &Site) {
        for record in &replay.records {
            let Command::Outcome(outcome) = &record.entry.command else { continue };
            for ack in outcome.acks.iter().map(|timed| &timed.ack) {
                let held = self.done.contains(&(ack.device, ack.fence.term, ack.fence.index));
                if ack.verdict == Verdict::Executed && !held {
                    self.unrecorded += 1;
                    let (name, index) = (site.device_name(ack.device), record.position.index);
                    self.fault(format!(
                        "{name} has no record of the order on fence {} that entry {index} says it executed",
                        ack.fence
                    ));
                }
            }
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    fn executed(&mut self, who: &str, committed: bool, last: Fence, fence: Fence, first_time: bool) {
        self.orders_executed += 1;
        let rises = fence.index > last.index && fence.term >= last.term;
        let findings = [
            (committed, &mut self.uncommitted_executed, "executed an order that was not committed"),
            (first_time, &mut self.executed_twice, "executed an order twice"),
            (rises, &mut self.fences_not_rising, "accepted a fence that was not above its last"),
        ];
        let mut faults = Vec::new();
        for (holds, counter, fault) in findings {
            if !holds {
                *counter += 1;
                faults.push(format!("{who} {fault}"));
            }
        }
        for fault in faults {
            self.fault(fault);
        }
    }
}
