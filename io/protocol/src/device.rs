//! The device's half of DPCN: what a device accepts, answers, does, and when it falls back to its local safe rule.
//!
//! ```text
//!                  Order: fence above the last, not expired, lease held, within limits, fence stored
//!         ┌──────┐ ───────────────────────────────────────────────────────────────────────────► ┌──────────┐
//!         │ Safe │                                                                              │ In force │ ─┐ newer
//!         └──────┘ ◄─────────────────────────────────────────────────────────────────────────── └──────────┘ ◄┘ order
//!                  expiry reached, or lease lapsed: `apply(None)`; the order never comes back
//! ```
//!
//! An order that cannot be judged yet waits: for a lease, or for another replica's endorsement where the device demands
//! the word of two. The next order takes its place.
//!
//! A device starts in its safe rule and tells every replica its telemetry from the start; a replica can open a
//! session only with what it heard there.

mod agreement;
mod allegiance;
mod endpoint;
mod peer;

pub use agreement::Orders;
pub use allegiance::{Allegiance, Bearing, StaleBeat};
pub use endpoint::DeviceEndpoint;

use core::fmt;

use ridethrough_vocabulary::device::{Fence, ReplicaId, Setpoint, Verdict};
use ridethrough_vocabulary::units::Millis;

use crate::refusal::Refusal;

/// What carries a setpoint out: a converter, real or emulated.
pub trait Actuator {
    /// The device's own limits, asked before a new order is accepted: an error is the verdict that refuses it.
    /// [`Verdict::BeyondLimits`], [`Verdict::Unavailable`] and [`Verdict::LockedOut`] are meant; any other counts as
    /// beyond limits.
    fn check(&self, setpoint: &Setpoint) -> Result<(), Verdict>;

    /// Puts a setpoint in force, or with `None` the local safe rule. Called once for each change.
    fn apply(&mut self, setpoint: Option<Setpoint>);
}

/// Memory that keeps the last accepted fence over a reboot of the device. Without it a recorded or late order could run
/// twice (I2, I4).
pub trait FenceMemory {
    /// What was last stored; the lowest fence if nothing ever was.
    fn load(&self) -> Fence;

    /// Stores a fence durably. Only after it returned does the device act.
    fn store(&mut self, fence: Fence) -> Result<(), StoreFailed>;
}

/// The fence could not be stored; the order that needed it is refused as unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;

impl fmt::Display for StoreFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fence memory did not take the fence")
    }
}

impl core::error::Error for StoreFailed {}

/// The device shares no key with this replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReplica(pub ReplicaId);

impl fmt::Display for UnknownReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no key is shared with replica {}", self.0)
    }
}

impl core::error::Error for UnknownReplica {}

/// Why a device does not tell what its outlets feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSaid {
    /// It shares no key with this replica.
    UnknownReplica(ReplicaId),
    /// The replica has no session with it yet: it would not believe the frame. Telemetry leads to one.
    NoSession(ReplicaId),
    /// The device speaks a version without it.
    Version,
    /// It is no PDU.
    NoOutlets,
}

impl fmt::Display for NotSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownReplica(replica) => UnknownReplica(*replica).fmt(f),
            Self::NoSession(replica) => write!(f, "no session is open with replica {replica}"),
            Self::Version => f.write_str("the device speaks a version without the power of outlets"),
            Self::NoOutlets => f.write_str("only a PDU has outlets"),
        }
    }
}

impl core::error::Error for NotSaid {}

/// A fence memory that lasts as long as its owner keeps it: for tests, and for devices without storage, which then
/// may repeat an order after a reboot. An emulated reboot passes the old memory on to keep the fence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolatileFence(pub Fence);

impl FenceMemory for VolatileFence {
    fn load(&self) -> Fence {
        self.0
    }

    fn store(&mut self, fence: Fence) -> Result<(), StoreFailed> {
        self.0 = fence;
        Ok(())
    }
}

/// An order that was answered, whatever the answer, for a device's own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedOrder {
    /// Term of the leader that sent it, and index of the entry.
    pub fence: Fence,
    /// Term of the entry.
    pub entry_term: u64,
    /// When it is void, on the device's clock.
    pub expires_at: Millis,
    /// What it asked for.
    pub setpoint: Setpoint,
}

/// What became of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Believed; there is nothing to send.
    Nothing,
    /// Believed before: the second copy, of the other network.
    Copy,
    /// This replica has opened a session. Send it telemetry now rather than at the next tick: it can lead the device
    /// only once it has heard its own session named.
    Opened(ReplicaId),
    /// `out` holds an ack for this replica.
    Answer {
        /// Whom to send it to.
        replica: ReplicaId,
        /// What it says.
        verdict: Verdict,
    },
    /// Not believed, or an order that cannot be judged yet; counted, there is nothing to send.
    Ignored(Refusal),
}
