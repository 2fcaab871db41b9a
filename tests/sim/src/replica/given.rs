//! What a turn of a replica gives to the world, and what of it invariants look at.

use ridethrough_core::command::{Command, Plan};
use ridethrough_core::device::{DeviceId, ReplicaId};
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::KesmId;
use ridethrough_core::units::{Joules, Millis};

use crate::consensus::message::{Item, Word};

/// What a turn of a replica gave.
#[derive(Debug, Default)]
pub struct Given {
    /// To peers.
    pub words: Vec<(ReplicaId, Word)>,
    /// To devices.
    pub frames: Vec<(DeviceId, Vec<u8>)>,
    /// Entries that it applied, with the state after each.
    pub applied: Vec<Applied>,
    /// What the plan rests on that it has just proposed.
    pub relied: Vec<Relied>,
}

/// What a plan says that a module stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relied {
    /// Which module.
    pub kesm: KesmId,
    /// What it was told to store.
    pub stored: Joules,
    /// How long ago this replica last heard it, on its own clock; none if it never has.
    pub age: Option<Millis>,
}

/// One entry that a replica applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its index.
    pub index: u64,
    /// What the log holds there.
    pub item: Item,
    /// Hash of the state after it.
    pub hash: [u8; 32],
    /// What it did; nothing where the entry carries nothing.
    pub effect: Option<Effect>,
}

impl Applied {
    /// The plan that the entry carries, if it carries one.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.item.entry.as_ref()?.command {
            Command::Plan(plan) => Some(plan),
            _ => None,
        }
    }

    /// Whether it is in force now.
    pub const fn is_admitted(&self) -> bool {
        matches!(self.effect, Some(Effect::Admitted { .. }))
    }
}
