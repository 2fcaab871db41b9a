//! What a fault can be done to, and what can be wrong, as files of drills call it.

use std::fmt;

use ridethrough_protocol::Lan;
use serde::Deserialize;

use crate::plant::fault::DeviceFault;

/// A replica, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Whoever acts when the fault begins.
    Leader,
    /// Some follower, drawn by the seed.
    Follower,
    /// Every one.
    All,
    /// The first.
    N1,
    /// The second.
    N2,
    /// The third.
    N3,
}

impl Target {
    /// How many that are.
    pub const fn replicas(self) -> usize {
        match self {
            Self::All => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "the leader",
            Self::Follower => "a follower",
            Self::All => "every replica",
            Self::N1 => "n1",
            Self::N2 => "n2",
            Self::N3 => "n3",
        })
    }
}

/// One of the two programs of a drill that mixes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    /// The one that lies beside `drill`.
    #[default]
    Own,
    /// The one that whoever runs the drill has named.
    Other,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "the own one",
            Self::Other => "the other one",
        })
    }
}

/// One of two ways, seen from the replica that is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WayName {
    /// What it is told.
    In,
    /// What it tells.
    Out,
}

/// One of the two field networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LanName {
    /// The first.
    A,
    /// The second.
    B,
}

/// What is wrong with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceFaultName {
    /// It does not work.
    Broken,
    /// It says yes and does nothing.
    Stuck,
    /// Somebody at it has locked it.
    LockedOut,
    /// Its meter repeats its last word.
    Frozen,
    /// It says nothing.
    Mute,
    /// Its meter tells this share of the truth.
    Lying,
    /// It talks so many times as often.
    Babbling,
    /// It is off, then boots with its memory.
    Reboot,
    /// It is off, then boots without its memory.
    RebootForgetful,
}

impl fmt::Display for DeviceFaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "broken",
            Self::Stuck => "stuck",
            Self::LockedOut => "locked",
            Self::Frozen => "frozen",
            Self::Mute => "mute",
            Self::Lying => "lying",
            Self::Babbling => "babbling",
            Self::Reboot => "rebooting",
            Self::RebootForgetful => "rebooting without its memory",
        })
    }
}

impl DeviceFaultName {
    /// The fault with its parameter; an error that says which one it lacks.
    pub fn with(self, share: Option<f64>, times: Option<u32>) -> Result<DeviceFault, String> {
        let lacks = |what: &str| format!("`{what}` is missing: a {self} device needs it");
        if let (Some(_), false) = (share, self == Self::Lying) {
            return Err(format!("`share`: a {self} device has none"));
        }
        if let (Some(_), false) = (times, self == Self::Babbling) {
            return Err(format!("`times`: a {self} device has none"));
        }
        Ok(match self {
            Self::Broken => DeviceFault::Broken,
            Self::Stuck => DeviceFault::Stuck,
            Self::LockedOut => DeviceFault::LockedOut,
            Self::Frozen => DeviceFault::Frozen,
            Self::Mute => DeviceFault::Mute,
            Self::Lying => DeviceFault::Lying { share: share.ok_or_else(|| lacks("share"))? },
            Self::Babbling => DeviceFault::Babbling { times: times.ok_or_else(|| lacks("times"))? },
            Self::Reboot => DeviceFault::Reboot { keeps_memory: true },
            Self::RebootForgetful => DeviceFault::Reboot { keeps_memory: false },
        })
    }
}

impl LanName {
    /// The network that it names.
    pub(super) const fn lan(self) -> Lan {
        match self {
            Self::A => Lan::A,
            Self::B => Lan::B,
        }
    }
}
