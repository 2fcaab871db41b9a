//! Why a frame was not believed or an order not taken, and how often that happened.

use core::fmt;

/// What made a datagram no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Not as long as its kind is.
    Length,
    /// It does not begin like a frame.
    Magic,
    /// Of a version that is not spoken here.
    Version,
    /// Of no known kind.
    Kind,
    /// No device has this number.
    Device,
    /// Key epochs begin at one.
    Epoch,
    /// A byte that must be zero is not.
    Reserved,
    /// A field has a value that it cannot have.
    Field,
}

/// Why a receiver took nothing from a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is no frame.
    Malformed(Malformed),
    /// For another receiver, of an unknown sender, or reflected.
    Misaddressed,
    /// Of a key epoch that is not in use here.
    UnknownEpoch,
    /// Its MAC is not the one that the sender's key gives.
    BadMac,
    /// Of an earlier life of either end, or heard before, or overtaken.
    Replay,
    /// More than the sender may send in this time.
    Flooded,
    /// A beat of a leader that another has replaced.
    StaleTerm,
    /// An order to a device that holds no lease. It is not answered: the sender repeats it, and a beat will come.
    NoLease,
    /// An order, or a leader's term, that too few replicas have spoken for yet. It is not answered: the others may.
    Unendorsed,
}

impl Refusal {
    /// Every reason, once each.
    pub const NAMES: [&'static str; 10] = [
        "malformed",
        "version",
        "misaddressed",
        "unknown_epoch",
        "bad_mac",
        "replay",
        "flooded",
        "stale_term",
        "no_lease",
        "unendorsed",
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed(Malformed::Version) => "version",
            Self::Malformed(_) => "malformed",
            Self::Misaddressed => "misaddressed",
            Self::UnknownEpoch => "unknown_epoch",
            Self::BadMac => "bad_mac",
            Self::Replay => "replay",
            Self::Flooded => "flooded",
            Self::StaleTerm => "stale_term",
            Self::NoLease => "no_lease",
            Self::Unendorsed => "unendorsed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl core::error::Error for Refusal {}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// How often a device refused something since it booted, by reason. Counts stop at their maximum; they never wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Datagrams that were no frames.
    pub malformed: u32,
    /// Frames for another device, of an unknown replica, or reflected.
    pub misaddressed: u32,
    /// Frames whose MAC was wrong, or of a key epoch that is not in use.
    pub bad_mac: u32,
    /// Frames heard before, overtaken, or of an earlier life.
    pub replay: u32,
    /// Frames over the rate that is authenticated.
    pub flooded: u32,
    /// Orders and beats of a replaced leader.
    pub stale_fence: u32,
    /// Orders without a lease.
    pub no_lease: u32,
    /// Orders past their expiry, or void since.
    pub expired: u32,
    /// Orders outside the device's own limits.
    pub beyond_limits: u32,
    /// Orders to a device that has failed, is locked by somebody at it, or cannot store its fence.
    pub unavailable: u32,
    /// Orders and terms of leaders that too few replicas had spoken for when they came.
    pub unendorsed: u32,
}

impl Refusals {
    /// How many reasons are told apart.
    pub const REASONS: usize = 11;

    /// The counts in the order of the wire.
    pub const fn to_counts(self) -> [u32; Self::REASONS] {
        let Self {
            malformed,
            misaddressed,
            bad_mac,
            replay,
            flooded,
            stale_fence,
            no_lease,
            expired,
            beyond_limits,
            unavailable,
            unendorsed,
        } = self;
        [
            malformed,
            misaddressed,
            bad_mac,
            replay,
            flooded,
            stale_fence,
            no_lease,
            expired,
            beyond_limits,
            unavailable,
            unendorsed,
        ]
    }

    /// What [`Self::to_counts`] gave.
    pub const fn from_counts(counts: [u32; Self::REASONS]) -> Self {
        let [
            malformed,
            misaddressed,
            bad_mac,
            replay,
            flooded,
            stale_fence,
            no_lease,
            expired,
            beyond_limits,
            unavailable,
            unendorsed,
        ] = counts;
        Self {
            malformed,
            misaddressed,
            bad_mac,
            replay,
            flooded,
            stale_fence,
            no_lease,
            expired,
            beyond_limits,
            unavailable,
            unendorsed,
        }
    }

    pub(crate) fn count(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Malformed(_) => &mut self.malformed,
            Refusal::Misaddressed => &mut self.misaddressed,
            Refusal::UnknownEpoch | Refusal::BadMac => &mut self.bad_mac,
            Refusal::Replay => &mut self.replay,
            Refusal::Flooded => &mut self.flooded,
            Refusal::StaleTerm => &mut self.stale_fence,
            Refusal::NoLease => &mut self.no_lease,
            Refusal::Unendorsed => &mut self.unendorsed,
        };
        *counter = counter.saturating_add(1);
    }
}
