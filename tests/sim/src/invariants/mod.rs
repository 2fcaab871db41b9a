//! What must hold at every moment of every run, whatever is wrong: one list for all of them (I1 to I9 of ARCHITECTURE.md).
//!
//! | | what is looked at |
//! |---|---|
//! | I1 | every order that a device executes is of an entry that is committed, in its term |
//! | I2 | no device goes back behind a leader or an order |
//! | I3, I9 | the ledger asserts limits and admits by single failures itself; a panic of any code is a violation |
//! | I4 | no device executes the order of one entry twice |
//! | I5 | what was once committed stays what it was, at every replica |
//! | I6 | replicas that have applied the same entries have the same state, by its hash |
//! | I7 | without a leader, every device is in its safe rule one lease later; never do two replicas command for long |
//! | I8 | plans come whatever the forecast says: a run ends with a leader that serves |
//!
//! A device that lost its fence's memory is excused from what it did before.

use std::fmt;

use ridethrough_core::units::Millis;
use ridethrough_fault_injection::field::Act;
use serde::Serialize;

use crate::replica::Applied;

/// Beyond a lease, for clocks that differ and the millisecond that everything takes, in ms.
const LEASE_SLACK_MS: u64 = 100;
/// Two leaders may overlap by what their clocks may differ within a lease, in ms.
const OVERLAP_MAX_MS: u64 = 3;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// When, in ms.
    pub at_ms: u64,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms: {}", self.invariant, self.at_ms, self.what)
    }
}

/// What has been seen so far.
#[derive(Debug)]
pub struct Watch {
    lease_ms: u64,
    committed: Vec<Known>,
    devices: Vec<Obeyed>,
    unled_ms: u64,
    overlap_ms: u64,
    found: Vec<Violation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    term: u64,
    hash: [u8; 32],
}

/// The newest order that a device has accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Obeyed {
    leader_term: u64,
    index: u64,
}

impl Watch {
    /// Over so many devices with leases of this length.
    pub fn new(devices: usize, lease: Millis) -> Self {
        Self {
            lease_ms: lease.get().unsigned_abs(),
            committed: Vec::new(),
            devices: vec![Obeyed::default(); devices],
            unled_ms: 0,
            overlap_ms: 0,
            found: Vec::new(),
        }
    }

    /// Everything that was found.
    pub fn found(&self) -> &[Violation] {
        &self.found
    }

    /// How many entries have been committed.
    pub fn committed(&self) -> usize {
        self.committed.len()
    }

    /// Something else that must not be.
    pub fn note(&mut self, invariant: &'static str, at_ms: u64, what: String) {
        self.found.push(Violation { invariant, at_ms, what });
    }

    /// A replica has applied an entry.
    pub fn applied(&mut self, replica: usize, applied: &Applied, at_ms: u64) {
        let Applied { index, item, hash, diverged } = applied;
        let now = Known { term: item.term, hash: *hash };
        if *diverged {
            self.note("I6", at_ms, format!("n{}: the proposer of entry {index} had seen another state", replica + 1));
        }
        let place = usize::try_from(index - 1).unwrap_or(usize::MAX);
        match self.committed.get(place).copied() {
            None if place == self.committed.len() => self.committed.push(now),
            None => self.note("I5", at_ms, format!("n{} applied entry {index} before those before it", replica + 1)),
            Some(known) if known.term != now.term => {
                let what =
                    format!("n{}: entry {index} was of term {} and is of term {}", replica + 1, known.term, now.term);
                self.note("I5", at_ms, what);
            }
            Some(known) if known.hash != now.hash => {
                self.note("I6", at_ms, format!("n{}: another state after entry {index}", replica + 1));
            }
            Some(_) => {}
        }
    }

    /// A device has judged an order, or let go.
    pub fn acted(&mut self, device: usize, name: &str, act: &Act, at_ms: u64) {
        let Act::Order { verdict: "executed", fence_term, fence_index, entry_term, .. } = act else { return };
        let (leader_term, index) = (*fence_term, *fence_index);
        let place = usize::try_from(index).unwrap_or(0).checked_sub(1);
        let known = place.and_then(|place| self.committed.get(place)).map(|known| known.term);
        if known != Some(*entry_term) {
            let what = format!("{name} executed entry {index} of term {entry_term}; committed there: {known:?}");
            self.note("I1", at_ms, what);
        }
        let before = self.devices[device];
        if index == before.index {
            self.note("I4", at_ms, format!("{name} executed entry {index} twice"));
        } else if leader_term < before.leader_term || index < before.index {
            let what = format!(
                "{name} executed entry {index} of leader {leader_term} after entry {} of leader {}",
                before.index, before.leader_term
            );
            self.note("I2", at_ms, what);
        }
        self.devices[device] = Obeyed { leader_term, index };
    }

    /// A device has lost its fence.
    pub fn forgot(&mut self, device: usize) {
        self.devices[device] = Obeyed::default();
    }

    /// A millisecond has passed in which so many replicas commanded, and these devices had orders in force.
    pub fn passed(&mut self, commanding: usize, in_force: impl Iterator<Item = usize>, at_ms: u64) {
        self.unled_ms = if commanding > 0 { 0 } else { self.unled_ms + 1 };
        self.overlap_ms = if commanding > 1 { self.overlap_ms + 1 } else { 0 };
        if self.overlap_ms == OVERLAP_MAX_MS + 1 {
            self.note("I7", at_ms, format!("{commanding} replicas command"));
        }
        if self.unled_ms == self.lease_ms + LEASE_SLACK_MS {
            let left: Vec<usize> = in_force.collect();
            if !left.is_empty() {
                let what = format!("{} ms without a leader, and devices {left:?} still obey", self.unled_ms);
                self.note("I7", at_ms, what);
            }
        }
    }
}
