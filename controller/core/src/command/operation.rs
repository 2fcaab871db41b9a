//! What operators ask for.

use super::grant::Grant;
use super::plan::{RackLoad, StoredEnergy};
use crate::alarm::AlarmKey;
use crate::device::{DeviceId, ReplicaId};
use crate::drill::DrillNote;
use crate::members::MemberChange;
use crate::model::ModelAction;
use crate::request::RequestId;
use crate::site::RackId;
use crate::units::{Millis, Watts};

/// An operator's name or reason has at most so many bytes.
pub const WORDS_BYTES_MAX: usize = 256;

/// What an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What the request is known by, where whoever asks has numbered it: it is carried out once at the most.
    pub request: Option<RequestId>,
    /// Who.
    pub actor: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// What.
    pub action: Action,
}

/// What an operator can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A transfer of the operator's choice. The legs are the planner's.
    Transfer(Grant, Vec<StoredEnergy>, Vec<RackLoad>),
    /// The end of a rack's transfer.
    End(RackId),
    /// A device is left alone from now on: what it was told ends, and nothing is planned with it.
    Hold(DeviceId),
    /// The device may be planned with again.
    Resume(DeviceId),
    /// The device is left alone, and stays so until whoever asks has unlocked it and somebody resumes it.
    Lock(DeviceId),
    /// A lock is taken off. The device stays held.
    Unlock {
        /// At what.
        device: DeviceId,
        /// Whose it is.
        of: String,
    },
    /// The whole site is left alone, but for the end of what is in force.
    ManualOn,
    /// The controller plans again.
    ManualOff,
    /// Which model decides, or is tried beside it.
    Model(ModelAction),
    /// This replica is to lead instead of the one that does. A record: consensus does it, once this is committed.
    HandOver(ReplicaId),
    /// Who belongs to the cluster. A record: consensus does it, once this is committed.
    Members(MemberChange),
    /// Somebody causes faults on purpose, or was refused to. A record.
    Drill(DrillNote),
    /// The servers of a rack get less, until then or until the operator says otherwise.
    Shed(Shed),
    /// The operator asks no longer for less.
    Restore(RackId),
    /// An alarm has been seen by the operator.
    Acknowledge(AlarmKey),
    /// An alarm is put aside for so long.
    Shelve(AlarmKey, Millis),
    /// An alarm is put aside no longer.
    Unshelve(AlarmKey),
    /// Somebody asked for what his role does not allow, and was refused. A record.
    Denied(String),
}

/// Less for the servers of a rack, as an operator asks for it. The controller keeps it by caps of its own, which end when it does; where
/// it must cap further, it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shed {
    /// Which rack.
    pub rack: RackId,
    /// At most so much for its servers together.
    pub cap: Watts,
    /// For how long, from the entry's stamp; at most [`crate::operate::SHED_MAX`].
    pub hold: Millis,
}
