//! The replica's half of DPCN: a session with every device, the orders that are not yet answered, and what to send when.
//!
//! ```text
//!   device unheard ─greeting─► offered ─telemetry that names our session and a beat sent since─► live
//!                      ▲                                                                          │
//!                      └──────────── greeting: the device rebooted, or lost our session ──────────┘
//!
//!   order: submitted ─device live─► sent ─5, 10, 20 … 200 ms─► sent again
//!          ends when answered, superseded by a newer one, out of its time, or when leadership ends
//! ```
//!
//! A replica that does not lead may endorse what its own log has committed, in the same schedule, until the device shows
//! that it has acted; beside that it says its term, so that devices know which leader a majority has elected.
//!
//! Only a [`Committed`](ridethrough_core::ledger::Committed) order can be submitted (I1), and only a replica that was
//! told it leads, and lately, sends any.

mod clock;
mod endpoint;
mod event;
mod outstanding;
mod remote;
mod role;
mod schedule;

pub use endpoint::ControllerEndpoint;
pub use event::{Event, Telemetry};

use std::fmt;

use ridethrough_core::device::DeviceId;
use ridethrough_core::units::Millis;

use crate::header::Kind;
use crate::limits::{EXPIRY_AHEAD_MAX, LEASE_MAX};

/// Leave to lead the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The leader's term, above zero.
    pub term: u64,
    /// For how long a device may go on without hearing from this leader.
    pub lease: Millis,
    /// For how long this leave lasts unless it is given again: a replica whose consensus has stalled must fall silent.
    /// Zero takes it back at once; orders wait for it to be given again in the same term.
    pub valid_for: Millis,
}

/// One frame to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// To whom.
    pub device: DeviceId,
    /// To which of its addresses.
    pub route: Route,
    /// What it is, for metrics.
    pub kind: Kind,
    /// One for the first transmission of an order or an endorsement, two for the second; zero for what is not repeated.
    pub transmission: u32,
    /// The frame.
    pub bytes: &'a [u8],
}

/// Which address of a device a frame goes to. A greeting may be a recording that came from anywhere, so its address
/// must not displace that of a live device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Where its newest telemetry or ack came from.
    Live,
    /// Where its newest greeting came from.
    Greeting,
}

/// Why leadership was not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadRefused {
    /// The term is below one that this replica has led in before.
    StaleTerm {
        /// The highest so far.
        highest: u64,
    },
    /// The lease is not above zero or longer than [`LEASE_MAX`].
    LeaseOutOfRange,
}

impl fmt::Display for LeadRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleTerm { highest } => write!(f, "the term is not above zero or below {highest}, led in before"),
            Self::LeaseOutOfRange => write!(f, "a lease lasts more than nothing and at most {LEASE_MAX}"),
        }
    }
}

impl std::error::Error for LeadRefused {}

/// Why an order was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitRefused {
    /// This replica shares no key with the device.
    UnknownDevice(DeviceId),
    /// This replica was not told to lead in that term, or has stepped down since.
    NotLeading,
    /// This replica was not told to follow, or has taken up leadership since.
    NotFollowing,
    /// The order's entry is of a later term than its sender's, or has no index.
    Fence,
    /// The device is of another kind than the setpoint.
    WrongKind,
    /// An order of a later entry is outstanding for the device.
    Overtaken {
        /// Its index.
        by: u64,
    },
    /// The time given is not above zero or longer than [`EXPIRY_AHEAD_MAX`].
    ValidityOutOfRange,
}

impl fmt::Display for SubmitRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownDevice(device) => write!(f, "no key is shared with device {:#x}", device.to_wire()),
            Self::NotLeading => f.write_str("this replica does not lead in that term"),
            Self::NotFollowing => f.write_str("this replica does not follow in any term"),
            Self::Fence => f.write_str("the entry is later than its sender, or has no index"),
            Self::WrongKind => f.write_str("the setpoint is for another kind of device"),
            Self::Overtaken { by } => write!(f, "the order of entry {by} is outstanding"),
            Self::ValidityOutOfRange => write!(f, "an order lasts more than nothing and at most {EXPIRY_AHEAD_MAX}"),
        }
    }
}

impl std::error::Error for SubmitRefused {}
