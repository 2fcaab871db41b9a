//! How faults begin and end.

use std::fs;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::plan::{Fault, Kind};
use super::run::{LATENCY_MAX, Run, SYNC_US};
use super::ways::address;
use crate::tear::tear;

/// How long the leader stays cut off in the second act of a fault.
const SECOND_ACT_MS: u64 = 1_500;
/// A follower without a leader wants to be elected after so long.
const WANTS_MS: u64 = 500;
/// A voter that starts again is back within this, while what it promised holds.
const BACK_MS_MAX: u64 = 30;
/// How wrong a clock runs, in millionths for each millisecond of how hard a fault is.
const DRIFT_PPM: i64 = 500;

impl Run<'_> {
    pub(super) fn begin(&mut self, fault: Fault) -> io::Result<()> {
        // Who leads is known only now; where nobody does, it is whoever was drawn.
        let drawn = self.seat(fault.whom);
        let leader = self.book.borrow().leader().filter(|id| self.seats.contains(id)).unwrap_or(drawn);
        let whom = if fault.kind.is_of_the_leader() { leader } else { drawn };
        let other = [fault.other, fault.other % 3 + 1].map(|seat| self.seat(seat));
        let other = if other[0] == whom { other[1] } else { other[0] };
        let fault = Fault { whom, other, ..fault };
        let took_effect = match fault.kind {
            Kind::Kill | Kind::KillLeader => self.kill(whom),
            Kind::KillAll => self.seats.map(|id| self.kill(id)).into_iter().fold(false, |any, killed| any | killed),
            Kind::PowerCut => self.cut_power(whom)?,
            Kind::PowerCutAll => {
                let mut any = false;
                for id in self.seats {
                    any |= self.cut_power(id)?;
                }
                any
            }
            Kind::DiskLost => self.lose_disk(whom)?,
            Kind::Partition | Kind::OneWay | Kind::Isolate | Kind::Hold => true,
            Kind::TurnedTables | Kind::RestartedVoter => self.runs(whom),
            Kind::Freeze | Kind::FreezeLeader => self.freeze(whom, fault.until_ms),
            Kind::FreezeAll => {
                self.seats.map(|id| self.freeze(id, fault.until_ms)).into_iter().fold(false, |any, frozen| any | frozen)
            }
            Kind::ReplaceStopped => self.replace(whom, true),
            Kind::ReplaceLiving => self.replace(whom, false),
            Kind::Drift => {
                self.members[&whom].drift_ppm.set(fault.drift_ppm());
                true
            }
            Kind::Weather => {
                let hard = Duration::from_millis(fault.hard_ms);
                self.sim.set_link_max_message_latency(address(whom), address(other), hard);
                true
            }
            Kind::SlowDisk => {
                self.members[&whom].sync_us.store(fault.hard_ms * 1_000, Ordering::Relaxed);
                true
            }
            Kind::HandOver => {
                self.members[&whom].hand_over.set(Some(other));
                self.runs(whom)
            }
            Kind::Compact => {
                self.members[&whom].compact.set(true);
                self.runs(whom)
            }
        };
        if took_effect {
            *self.counts.entry(fault.kind).or_default() += 1;
            self.active.push(fault);
            self.follow();
        }
        Ok(())
    }

    pub(super) fn end_those_due(&mut self, now_ms: u64) -> io::Result<()> {
        let (ended, active): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.active).into_iter().partition(|fault| fault.until_ms <= now_ms);
        self.active = active;
        if ended.is_empty() {
            return Ok(());
        }
        for fault in ended {
            match fault.kind {
                Kind::Weather => {
                    self.sim.set_link_max_message_latency(address(fault.whom), address(fault.other), LATENCY_MAX);
                }
                Kind::SlowDisk => self.members[&fault.whom].sync_us.store(SYNC_US, Ordering::Relaxed),
                Kind::Drift => self.members[&fault.whom].drift_ppm.set(0),
                _ => {}
            }
        }
        self.follow();
        for id in self.seats {
            let replaced = self.operation.as_ref().is_some_and(|operation| operation.keeps_down(id));
            if !self.runs(id) && !replaced && !self.active.iter().any(|fault| fault.keeps_down(id)) {
                self.start(id)?;
            }
        }
        Ok(())
    }

    /// What some faults become when their moment has come.
    pub(super) fn second_acts(&mut self, now_ms: u64) -> io::Result<()> {
        let leader = self.book.borrow().leader();
        let is_due = |fault: &Fault| match fault.kind {
            Kind::TurnedTables => leader.is_some_and(|id| id != fault.whom),
            Kind::RestartedVoter => now_ms >= fault.at_ms + WANTS_MS,
            _ => false,
        };
        let Some(nth) = self.active.iter().position(is_due) else { return Ok(()) };
        let fault = self.active.remove(nth);
        let turned = fault.kind == Kind::TurnedTables;
        let leads = if turned { leader.unwrap_or(fault.whom) } else { fault.whom };
        let follows = if turned { fault.whom } else { fault.other };
        let Some(voter) = self.seats.into_iter().find(|id| *id != leads && *id != follows) else { return Ok(()) };
        let back_ms = now_ms + if turned { fault.hard_ms } else { fault.hard_ms.min(BACK_MS_MAX) };
        self.active.push(Fault { kind: Kind::Isolate, whom: leads, until_ms: back_ms + SECOND_ACT_MS, ..fault });
        let kind = if turned && fault.nth.is_multiple_of(2) { Kind::PowerCut } else { Kind::Kill };
        let went_down = if kind == Kind::Kill { self.kill(voter) } else { self.cut_power(voter)? };
        if went_down {
            self.active.push(Fault { kind, whom: voter, until_ms: back_ms, ..fault });
        }
        self.follow();
        Ok(())
    }

    /// The host of a seat from 1 to 3.
    fn seat(&self, number: u16) -> u16 {
        self.seats[usize::from(number + 2) % self.seats.len()]
    }

    pub(super) fn runs(&self, id: u16) -> bool {
        self.processes.contains_key(&id)
    }

    pub(super) fn start(&mut self, id: u16) -> io::Result<()> {
        if !self.sim.is_host_running(address(id)) {
            self.sim.bounce(address(id));
        }
        self.processes.insert(id, self.members[&id].start()?);
        Ok(())
    }

    /// The host's kernel closes its connections and refuses calls.
    pub(super) fn kill(&mut self, id: u16) -> bool {
        self.book.borrow_mut().gives_up(id);
        self.kernels[&id].process_ends();
        self.processes.remove(&id).is_some()
    }

    fn freeze(&mut self, id: u16, until_ms: u64) -> bool {
        self.processes.get_mut(&id).map(|process| process.freeze(until_ms)).is_some()
    }

    /// The host falls silent first, so that nobody hears that its connections end, and nobody refuses calls there.
    fn cut_power(&mut self, id: u16) -> io::Result<bool> {
        self.ways.silence(&self.sim, id);
        let cut = self.kill(id);
        if cut {
            self.sim.crash(address(id));
            self.lost_sectors += tear(&self.members[&id].journal, &mut self.dice)?.lost_sectors;
        }
        Ok(cut)
    }

    fn lose_disk(&mut self, id: u16) -> io::Result<bool> {
        // Another loss while a newcomer has yet to get everything is more than three replicas bear.
        if self.operation.is_some() || !self.all_are_whole() {
            return Ok(false);
        }
        let killed = self.kill(id);
        let dir = &self.members[&id].dir;
        if killed && dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        if killed {
            self.is_frail(id);
        }
        Ok(killed)
    }

    /// Brings what lies between hosts, and who proposes, to what the active faults make of it.
    fn follow(&mut self) {
        // Nobody would vote for a follower that lacks what was committed meanwhile.
        let quiet = self.active.iter().any(|fault| fault.kind == Kind::RestartedVoter);
        self.members.values().for_each(|member| member.quiet.set(quiet));
        self.ways.follow(&self.sim, &self.active);
    }
}

impl Fault {
    fn keeps_down(&self, id: u16) -> bool {
        match self.kind {
            Kind::Kill | Kind::KillLeader | Kind::PowerCut | Kind::DiskLost => self.whom == id,
            Kind::KillAll | Kind::PowerCutAll => true,
            _ => false,
        }
    }

    /// How much too fast a clock is, in millionths: at least what is bad for a quartz; at most a tenth, which the leases bear.
    fn drift_ppm(&self) -> i64 {
        let amount = i64::try_from(self.hard_ms).unwrap_or(0) * DRIFT_PPM;
        if self.nth.is_multiple_of(2) { amount } else { -amount }
    }
}
