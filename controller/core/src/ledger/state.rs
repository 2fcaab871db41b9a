//! What stands in the ledger.

use std::collections::BTreeSet;

use crate::command::{CapReason, Grant, Outcome, ReleaseReason, TransferId};
use crate::device::{DeviceId, GeneratorDuty};
use crate::mode::{Mode, ModeReason};
use crate::site::RackId;
use crate::units::{Millis, Watts};

/// A transfer in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The entry that granted it in its present form.
    pub id: TransferId,
    /// The first entry of the unbroken row of renewals and changes that it belongs to.
    pub first: TransferId,
    /// Ledger time of that first entry.
    pub since: Millis,
    /// What was granted.
    pub grant: Grant,
    /// Ledger time at which it ends.
    pub until: Millis,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the word of all its devices is on record.
    pub noted: bool,
}

/// How far a transfer has come. A plan that was refused, and a transfer that has ended, are no longer here; how they
/// ended is in the log ([`crate::audit`]).
///
/// ```text
///  proposed ──admitted──► supplying ──sources act──► drawing ──ties act──► held ──renewed──┐
///      │                      │                         │                   │ ▲            │
///   refused                   ├─────────────────────────┴───────────────────┤ └────────────┘
///                             ▼                                             ▼
///                   releasing (released, aborted) ──devices idle──► done    expired
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Admitted; its sources are being told.
    Supplying,
    /// Its sources act; its ties are being told.
    Drawing,
    /// All its devices act.
    Held,
}

/// A transfer that was released, whose devices are being told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Which it was.
    pub transfer: TransferId,
    /// Whose.
    pub rack: RackId,
    /// Why it ended.
    pub reason: ReleaseReason,
    /// Its devices.
    pub devices: Vec<DeviceId>,
    /// Ledger time at which their last orders end in any case.
    pub until: Millis,
}

/// Less for the servers of a rack, in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// At most so much for its servers together.
    pub cap: Watts,
    /// Servers of a higher tier shut down.
    pub keep_tiers: u8,
    /// Why.
    pub reason: CapReason,
    /// Ledger time since which its tiers have been shut down as they are now.
    pub since: Millis,
    /// Ledger time at which it ends.
    pub until: Millis,
}

/// Less for the servers of a rack, as an operator asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shedding {
    /// At most so much for its servers together.
    pub cap: Watts,
    /// Ledger time at which it ends.
    pub until: Millis,
}

/// What a generator was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorRule {
    /// What it is to do.
    pub duty: GeneratorDuty,
    /// Ledger time at which it follows its own rule again.
    pub until: Millis,
}

/// What a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedMode {
    /// Its mode.
    pub mode: Mode,
    /// Ledger time since which it has it.
    pub since: Millis,
    /// Why; none before the first change.
    pub reason: Option<ModeReason>,
}

/// A flywheel's leave to spin up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// At most so much from the bus.
    pub charge_max: Watts,
    /// Ledger time at which it ends.
    pub until: Millis,
}

impl Transfer {
    /// Its modules and ties.
    pub fn devices(&self) -> BTreeSet<DeviceId> {
        self.grant.devices().collect()
    }

    /// Whether it rests on this device, or is for its rack.
    pub(super) fn uses(&self, device: DeviceId) -> bool {
        device == DeviceId::Pdu(self.grant.rack) || self.grant.devices().any(|used| used == device)
    }

    /// Takes in the word of its devices.
    pub(super) fn hear(&mut self, outcome: &Outcome) {
        let acts = |device: DeviceId| {
            outcome.acks.iter().any(|timed| timed.ack.device == device && timed.ack.verdict.in_force())
        };
        let devices = self.devices();
        self.noted = devices.iter().all(|device| outcome.acks.iter().any(|timed| timed.ack.device == *device));
        let sources_act = devices.iter().filter(|device| matches!(device, DeviceId::Kesm(_))).all(|kesm| acts(*kesm));
        self.phase = match (sources_act, devices.iter().all(|device| acts(*device))) {
            (_, true) => Phase::Held,
            (true, false) => Phase::Drawing,
            (false, false) => Phase::Supplying,
        };
    }
}

impl Phase {
    /// The phase as metrics and people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supplying => "supplying",
            Self::Drawing => "drawing",
            Self::Held => "held",
        }
    }
}
