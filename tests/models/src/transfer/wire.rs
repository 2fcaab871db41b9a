//! What is on its way to the devices.
//!
//! A set that frames never leave by being delivered: whatever was sent once may come at any later time, in any order,
//! any number of times, or never. So loss, delay, repetition and reordering need no actions of their own. A frame leaves
//! when its time is over, because a device then takes nothing from it.

use super::device::{DEVICES, Level};

/// No model has more terms.
pub const TERMS_MAX: usize = 4;

/// An order on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// Place of the device that it is for.
    pub device: u8,
    /// Term of the leader that sends it.
    pub leader_term: u8,
    /// Index of the entry that it comes from.
    pub index: u8,
    /// Term of that entry.
    pub entry_term: u8,
    /// What the device is to do.
    pub level: Level,
    /// Ticks until it expires.
    pub left: u8,
}

/// Everything that may yet arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wire {
    /// Orders, sorted.
    pub orders: Vec<Frame>,
    /// By leader term: a set of beats, bit `n` for one whose lease ends in `n` ticks.
    pub beats: [u8; TERMS_MAX + 1],
}

impl Wire {
    /// An order is sent, or sent again.
    pub fn send(&mut self, frame: Frame) {
        if let Err(place) = self.orders.binary_search(&frame) {
            self.orders.insert(place, frame);
        }
    }

    /// A beat is sent to every device.
    pub fn beat(&mut self, leader_term: u8, lease: u8) {
        self.beats[usize::from(leader_term)] |= 1 << lease;
    }

    /// Beats that may arrive: leader term, and ticks until their lease ends.
    pub fn beats(&self) -> impl Iterator<Item = (u8, u8)> {
        let terms = (0_u8..).zip(self.beats);
        terms.flat_map(|(term, set)| (1..8).filter(move |left| set & (1 << left) != 0).map(move |left| (term, left)))
    }

    /// Orders for one device.
    pub fn orders_for(&self, device: usize) -> impl Iterator<Item = Frame> {
        assert!(device < DEVICES, "there is no device {device}");
        self.orders.iter().copied().filter(move |frame| usize::from(frame.device) == device)
    }

    /// A tick passes: what has expired is gone.
    pub fn age_orders(&mut self) {
        self.orders.retain_mut(|frame| {
            frame.left -= 1;
            frame.left > 0
        });
        self.orders.sort_unstable();
    }

    /// A tick passes: beats whose lease has ended are gone.
    pub fn age_beats(&mut self) {
        for set in &mut self.beats {
            *set = (*set >> 1) & !1;
        }
    }
}
