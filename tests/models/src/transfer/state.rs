//! Everything at one moment.

use super::Bounds;
use super::book::{Book, Standing};
use super::device::{DEVICES, Device};
use super::log::Log;
use super::replica::{Leaving, REPLICAS, Replica, Role};
use super::rules::{Begins, FenceRule, Leaves, Memory, Rules, Sends};
use super::wire::{Frame, Wire};

/// Everything at one moment. Times are told in ticks from now, so that the same situation later is the same state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The controllers.
    pub replicas: [Replica; REPLICAS],
    /// The source and the sink.
    pub devices: [Device; DEVICES],
    /// What may yet arrive at them.
    pub wire: Wire,
    /// What a leader has once known to be committed.
    pub committed: Log,
    /// Two leaders have known different entries to be committed at one index.
    pub forked: bool,
    /// Ticks since a leader last had the right to send, up to a lease.
    pub unled: u8,
    /// The highest term whose leader's process has ended: whoever comes back in its place leads no more in it.
    pub vacant: u8,
}

impl State {
    /// Replica 0 was elected in term 1 and has founded the log; no device has heard of anybody.
    pub fn first(bounds: &Bounds) -> Self {
        let log = Log::founded();
        let mut replicas = [Replica::new(log); REPLICAS];
        replicas[0].role = Role::Leader;
        replicas[0].commit = 1;
        let devices = [Device::default(); DEVICES];
        Self { replicas, devices, wire: Wire::default(), committed: log, forked: false, unled: bounds.lease, vacant: 0 }
    }

    /// Whether a replica may send to devices now.
    pub fn may_send(&self, replica: usize, rules: Rules) -> bool {
        let replica = &self.replicas[replica];
        let begun = rules.begins == Begins::AtOnce || replica.is_caught_up();
        let stays = replica.leaving == Leaving::No || rules.leaves == Leaves::ToldFirst;
        replica.leads() && replica.right > 0 && begun && stays
    }

    /// Takes out what makes no difference: which replica is which, and frames that can do nothing any more.
    pub fn reduce(&mut self, rules: Rules) {
        for replica in self.replicas.iter_mut().filter(|replica| !replica.leads() && rules.begins == Begins::Ships) {
            // A leader learns it anew before it sends, so what a follower knows of it makes no difference.
            replica.commit = 0;
        }
        self.replicas.sort_unstable();
        if self.replicas.iter().all(|replica| replica.term > self.vacant) {
            self.vacant = 0;
        }
        if rules.fence != FenceRule::Ships || rules.memory != Memory::Ships {
            return;
        }
        let devices = &self.devices;
        self.wire.orders.retain(|frame| !devices[usize::from(frame.device)].is_done_with(*frame));
        let lowest = devices.iter().map(Device::fence_term).min().unwrap_or(0);
        self.wire.beats[..usize::from(lowest)].fill(0);
    }

    /// Whoever may send does, at once. It could wait, but whatever arrives then may also arrive late from here.
    pub fn send(&mut self, book: &Book, bounds: &Bounds, rules: Rules) {
        for place in 0..REPLICAS {
            if !self.may_send(place, rules) {
                continue;
            }
            let replica = self.replicas[place];
            let upto = if rules.sends == Sends::Uncommitted { replica.log.last_index() } else { replica.commit };
            for order in book.standing(&replica.log.up_to(upto), replica.known, rules) {
                self.wire.send(frame(replica.term, order));
            }
            self.wire.beat(replica.term, bounds.lease);
            self.unled = 0;
        }
    }

    /// A leader learns that its whole log lies with a majority.
    pub fn commit(&mut self, leader: usize) {
        let log = self.replicas[leader].log;
        self.replicas[leader].commit = log.last_index();
        if self.committed.begins(&log) {
            self.committed = log;
        } else {
            self.forked |= !log.begins(&self.committed);
        }
    }
}

fn frame(leader_term: u8, order: Standing) -> Frame {
    let Standing { device, index, entry_term, level, left } = order;
    let device = u8::try_from(device).unwrap_or(u8::MAX);
    Frame { device, leader_term, index, entry_term, level, left }
}
