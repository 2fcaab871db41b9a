//! An operator who replaces a replica: forgets it, starts another with an empty folder, and adds that one.
//!
//! There are four hosts for three members, so whoever is out is the next to come in. The operator asks whoever leads, again
//! and again, and goes on only when a change is known to be committed.

use std::fs;
use std::io;
use std::net::SocketAddr;

use ridethrough_core::device::ReplicaId;
use ridethrough_core::members::MemberChange;

use super::run::{PORT, Run};
use super::ways::address;

/// The hosts of all who may be members, now or later.
pub(super) const HOSTS: [u16; 4] = [1, 2, 3, 4];
/// Who found the cluster.
pub(super) const SEATS: [u16; 3] = [1, 2, 3];
/// How long the operator waits before asking again.
const PAUSE_MS: u64 = 250;
/// Who has to get everything anew votes once it has what a leader had committed when it first heard from it, which is a little
/// more than what was acknowledged when it began.
const FRAIL_ENTRIES: u64 = 50;

/// What the operator is at.
pub(super) struct Operation {
    /// Who is to go.
    out: u16,
    /// Who comes instead.
    into: u16,
    /// Whether it has been stopped; else it runs on and finds out.
    stopped: bool,
    change: MemberChange,
    /// Counts changes through the whole run, so that an answer is never taken for another's.
    number: u64,
    asks_ms: u64,
}

impl Operation {
    /// Whether a replica is not to be started.
    pub(super) fn keeps_down(&self, id: u16) -> bool {
        self.stopped && id == self.out && matches!(self.change, MemberChange::Forget { .. })
    }
}

impl Run<'_> {
    /// Begins to replace a member, dead or alive, if the other two and their disks are whole.
    pub(super) fn replace(&mut self, out: u16, stopped: bool) -> bool {
        let others_run = self.seats.iter().all(|id| *id == out || self.runs(*id));
        let into = HOSTS.into_iter().find(|id| !self.seats.contains(id));
        let Some(into) = into.filter(|_| others_run && self.all_are_whole() && self.operation.is_none()) else {
            return false;
        };
        if stopped {
            self.kill(out);
        }
        let change = MemberChange::Forget { replica: ReplicaId(out), although_alive: !stopped };
        self.operation = Some(Operation { out, into, stopped, change, number: self.next_number(), asks_ms: 0 });
        true
    }

    /// Whether nobody still lacks what it had to get anew: a second loss could then be one too many.
    pub(super) fn all_are_whole(&mut self) -> bool {
        let book = self.book.borrow();
        self.frail.retain(|(id, index)| !book.has(*id, *index));
        self.frail.is_empty()
    }

    /// The replica holds nothing.
    pub(super) fn is_frail(&mut self, id: u16) {
        let index = self.book.borrow_mut().forgets(id);
        self.frail.push((id, index + FRAIL_ENTRIES));
    }

    /// Goes on with what the operator is at.
    pub(super) fn operate(&mut self, now_ms: u64) -> io::Result<()> {
        let Some(mut operation) = self.operation.take() else { return Ok(()) };
        if self.changes_made.get() < operation.number {
            self.ask(&mut operation, now_ms);
            self.operation = Some(operation);
            return Ok(());
        }
        if let MemberChange::Forget { .. } = operation.change {
            // Who comes may have been forgotten alive; its port is free a tick later.
            if self.kill(operation.into) {
                self.operation = Some(operation);
                return Ok(());
            }
            self.take_the_seat(operation.out, operation.into)?;
            let address = SocketAddr::new(address(operation.into), PORT);
            operation.change = MemberChange::Add { replica: ReplicaId(operation.into), address };
            operation.number = self.next_number();
            self.operation = Some(operation);
        } else {
            self.replaced += 1;
        }
        Ok(())
    }

    fn ask(&self, operation: &mut Operation, now_ms: u64) {
        let leader = self.book.borrow().leader().filter(|id| self.runs(*id));
        if let Some(leader) = leader.filter(|_| operation.asks_ms <= now_ms) {
            operation.asks_ms = now_ms + PAUSE_MS;
            self.members[&leader].change.set(Some((operation.number, operation.change)));
        }
    }

    /// The newcomer starts with an empty folder, whatever it was before; who is out is left as it is.
    fn take_the_seat(&mut self, out: u16, into: u16) -> io::Result<()> {
        let dir = &self.members[&into].dir;
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        for seat in self.seats.iter_mut().filter(|seat| **seat == out) {
            *seat = into;
        }
        let peers = self.seats.map(|id| (ReplicaId(id), SocketAddr::new(address(id), PORT)));
        self.members.values().for_each(|member| drop(member.peers.replace(peers.into())));
        self.is_frail(into);
        self.book.borrow_mut().members = self.seats.into();
        self.start(into)
    }

    fn next_number(&mut self) -> u64 {
        self.changes_begun += 1;
        self.changes_begun
    }
}
