//! One field device, and a witness beside it that forgets nothing and decides nothing.

use ridethrough_core::device::Fence;
use ridethrough_core::units::Millis;
use ridethrough_protocol::device::{Allegiance, Bearing};

use super::log::{GONE, Log};
use super::rules::{FenceRule, Lease, Memory, Rules};
use super::wire::Frame;

/// How many devices there are.
pub const DEVICES: usize = 2;
/// Place of the KESM that gives.
pub const SOURCE: usize = 0;
/// Place of the tie that draws from it.
pub const SINK: usize = 1;

/// How far a device is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It is told to do nothing.
    Rests,
    /// What the grant says.
    Gives,
}

/// An order in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InForce {
    /// Term of the leader whose order was executed.
    pub by: u8,
    /// Index of the entry.
    pub index: u8,
    /// Term of the entry.
    pub entry_term: u8,
    /// What it does.
    pub level: Level,
    /// Ticks until it expires.
    pub left: u8,
}

/// What happened at a device since the beginning, over all its lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The highest leader term of an order that it executed or confirmed.
    pub term: u8,
    /// The highest index of an order that it executed.
    pub index: u8,
    /// Bit `n`: the order of entry `n` was executed. Forgotten once it has expired.
    pub executed: u16,
    /// It once executed an order below one that it had accepted.
    pub went_back: bool,
    /// It once executed the order of one entry a second time.
    pub twice: bool,
}

impl Witness {
    /// Forgets what cannot be executed again, because its time is over.
    pub fn forget(&mut self, committed: &Log) {
        for (index, entry) in (1_u8..).zip(committed.entries()) {
            if entry.age == GONE {
                self.executed &= !(1 << index);
            }
        }
    }
}

/// One field device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Device {
    /// Fence, as its memory has it: leader term and index.
    fence: (u8, u8),
    /// The highest leader term it has heard.
    term: u8,
    /// Ticks until its lease ends.
    pub lease: u8,
    /// What it does; nothing while it follows its local safe rule.
    pub in_force: Option<InForce>,
    /// What it did.
    pub witness: Witness,
}

impl Device {
    /// What the rules that ship decide by. The model's present is the time 0.
    pub fn allegiance(&self) -> Allegiance {
        Allegiance {
            fence: fence(self.fence.0, self.fence.1),
            term: u64::from(self.term),
            lease_until: Millis::new(i64::from(self.lease)),
        }
    }

    /// Term of the last accepted order's leader.
    pub const fn fence_term(&self) -> u8 {
        self.fence.0
    }

    /// Index of the last accepted order.
    pub const fn fence_index(&self) -> u8 {
        self.fence.1
    }

    /// How an order stands to what it has accepted.
    pub fn judge(&self, frame: Frame, rules: Rules) -> Bearing {
        match rules.fence {
            FenceRule::Ships => self.allegiance().judge(fence(frame.leader_term, frame.index)),
            FenceRule::Absent => Bearing::Ahead,
            FenceRule::LeaderTermFirst | FenceRule::EntryTermFirst => match fence_of(frame, rules).cmp(&self.fence) {
                std::cmp::Ordering::Less => Bearing::Past,
                std::cmp::Ordering::Equal => Bearing::Repeated,
                std::cmp::Ordering::Greater => Bearing::Ahead,
            },
        }
    }

    /// Whether nothing that this order could do is left, in this life of the device and in every later one.
    pub fn is_done_with(&self, frame: Frame) -> bool {
        let (term, index) = self.fence;
        frame.leader_term < term || frame.index < index || (frame.leader_term == term && frame.index == index)
    }

    /// An order comes.
    pub fn take_order(&mut self, frame: Frame, rules: Rules) {
        match self.judge(frame, rules) {
            Bearing::Repeated => self.confirm(frame, rules),
            Bearing::Ahead if self.allegiance().holds_lease(Millis::ZERO) => self.execute(frame, rules),
            Bearing::Ahead | Bearing::Past => {}
        }
    }

    /// A leader's beat comes.
    pub fn take_beat(&mut self, term: u8, left: u8, lease: u8, rules: Rules) {
        let until = if rules.lease == Lease::FromArrival { lease } else { left };
        let mut allegiance = self.allegiance();
        if allegiance.renew(u64::from(term), Millis::new(i64::from(until)), Millis::ZERO).is_ok() {
            self.take_over(&allegiance);
        }
    }

    /// It loses power and comes back.
    pub fn reboot(&mut self, rules: Rules) {
        if rules.memory == Memory::LostAtReboot {
            self.fence = (0, 0);
        }
        self.take_over(&Allegiance::remembered(self.allegiance().fence));
        self.in_force = None;
    }

    /// A tick passes: what is due lapses.
    pub fn age(&mut self) {
        self.lease = self.lease.saturating_sub(1);
        let lease = self.lease;
        let aged = self.in_force.map(|order| InForce { left: order.left - 1, ..order });
        self.in_force = aged.filter(|order| order.left.min(lease) > 0);
    }

    fn confirm(&mut self, frame: Frame, rules: Rules) {
        if self.in_force.is_some() {
            self.witness.term = self.witness.term.max(frame.leader_term);
            if frame.leader_term > self.fence.0 {
                self.accept(frame, rules);
            }
        }
    }

    fn execute(&mut self, frame: Frame, rules: Rules) {
        let Frame { leader_term: by, index, entry_term, level, left, .. } = frame;
        self.accept(frame, rules);
        self.in_force = Some(InForce { by, index, entry_term, level, left });
        let Witness { term: highest_term, index: highest_index, executed, .. } = self.witness;
        self.witness.went_back |= by < highest_term || index < highest_index;
        self.witness.twice |= executed & (1 << index) != 0;
        self.witness.executed |= 1 << index;
        self.witness.term = highest_term.max(by);
        self.witness.index = highest_index.max(index);
    }

    fn accept(&mut self, frame: Frame, rules: Rules) {
        if rules.fence == FenceRule::Ships {
            let mut allegiance = self.allegiance();
            allegiance.accept(fence(frame.leader_term, frame.index));
            self.take_over(&allegiance);
        } else {
            self.fence = fence_of(frame, rules);
        }
    }

    fn take_over(&mut self, allegiance: &Allegiance) {
        self.fence = (small(allegiance.fence.term), small(allegiance.fence.index));
        self.term = small(allegiance.term);
        self.lease = small(allegiance.lease_until.get().unsigned_abs());
    }
}

const fn fence(term: u8, index: u8) -> Fence {
    Fence { term: term as u64, index: index as u64 }
}

fn fence_of(frame: Frame, rules: Rules) -> (u8, u8) {
    let term = if rules.fence == FenceRule::EntryTermFirst { frame.entry_term } else { frame.leader_term };
    (term, frame.index)
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or_else(|_| panic!("{number} is beyond the model's bounds"))
}
