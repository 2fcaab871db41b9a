//! Faults as they begin and end in a run.

use ridethrough_core::device::DeviceId;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Happening};

use super::Run;
use crate::consensus::MEMBERS;
use crate::consensus::disk::Disk;
use crate::faults::{Fault, What};
use crate::net::{Packet, Weather};
use crate::replica::Ailments;

/// Whom a fault struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Struck {
    /// One replica.
    Replica(usize),
    /// The wires, the plant, or all replicas.
    All,
}

impl Run<'_> {
    pub(super) fn do_faults(&mut self) {
        while let Some(fault) =
            self.plan.faults.get(self.next_fault).copied().filter(|fault| fault.at_ms <= self.now_ms)
        {
            self.next_fault += 1;
            if let Some(struck) = self.begin(fault) {
                *self.outcome.faults.entry(fault.kind).or_default() += 1;
                self.begun.push((fault, struck));
            }
        }
    }

    pub(super) fn undo_faults(&mut self) {
        if self.begun.iter().all(|(fault, _)| fault.until_ms > self.now_ms) {
            return;
        }
        let (over, on): (Vec<_>, Vec<_>) = self.begun.drain(..).partition(|(fault, _)| fault.until_ms <= self.now_ms);
        self.begun = on;
        for (fault, struck) in over {
            self.finish(fault, struck);
        }
    }

    /// Whoever commands, or stands best to.
    pub(super) fn leader(&self) -> Option<usize> {
        self.led_by.filter(|seat| self.seats[*seat].replica.is_some())
    }

    /// Begins a fault; none where it could not take effect, and else whom it struck.
    fn begin(&mut self, fault: Fault) -> Option<Struck> {
        match fault.what {
            What::Kill(whom) => {
                let seat = whom.or_else(|| self.leader()).filter(|seat| self.seats[*seat].replica.is_some())?;
                self.kill(seat);
                Some(Struck::Replica(seat))
            }
            What::KillAll => {
                (0..3).for_each(|seat| self.kill(seat));
                Some(Struck::All)
            }
            What::Pause(whom) => {
                let seat = whom.or_else(|| self.leader()).filter(|seat| !self.seats[*seat].paused)?;
                self.seats[seat].paused = true;
                Some(Struck::Replica(seat))
            }
            What::Cut { from, to, both } => {
                self.wires.cut[from][to] = true;
                self.wires.cut[to][from] |= both;
                Some(Struck::All)
            }
            What::Peers(weather) => {
                self.wires.peers = weather;
                Some(Struck::All)
            }
            What::Field(weather) => {
                self.wires.field = weather;
                Some(Struck::All)
            }
            What::LanDead(lan) => {
                self.wires.dead[lan] = true;
                Some(Struck::All)
            }
            What::Away(seat) => {
                self.wires.away[seat] = true;
                Some(Struck::All)
            }
            What::SlowDisk(seat, ms) => {
                self.ail(seat, |ailments| ailments.slow_disk_ms = ms);
                Some(Struck::Replica(seat))
            }
            What::FullDisk(seat) => {
                self.ail(seat, |ailments| ailments.full_disk = true);
                Some(Struck::Replica(seat))
            }
            What::RottenDisk(seat) => self.rot(seat),
            What::LostVote => self.cut_leader_off(),
            What::DeviceStep(device, by) => {
                self.field.step_clock(device, by);
                Some(Struck::All)
            }
            What::DeviceDrift(device, ppm) => {
                self.field.drift_clock(device, ppm, self.now_ms);
                Some(Struck::All)
            }
            What::Drift(seat, ppm) => {
                self.ail(seat, |ailments| ailments.drift_ppm = ppm);
                Some(Struck::Replica(seat))
            }
            What::WallOff(seat, ms) => {
                self.ail(seat, |ailments| ailments.wall_off_ms = ms);
                Some(Struck::Replica(seat))
            }
            What::Lies(seat) => {
                self.ail(seat, |ailments| ailments.forecast_lies = true);
                Some(Struck::Replica(seat))
            }
            What::Plant(Happening::Device { device, fault: DeviceFault::Reboot { keeps_memory: false } }) => {
                self.forget(device);
                Some(Struck::All)
            }
            What::Plant(_) => Some(Struck::All),
        }
    }

    fn finish(&mut self, fault: Fault, struck: Struck) {
        match (fault.what, struck) {
            (What::Kill(_), Struck::Replica(seat)) => self.start_again(seat),
            (What::Pause(_), Struck::Replica(seat)) => self.resume(seat),
            (What::RottenDisk(_), Struck::Replica(seat)) => self.replace_disk(seat),
            (What::KillAll, _) => (0..3).for_each(|seat| self.start_again(seat)),
            (what, _) => self.clear(what),
        }
    }

    fn clear(&mut self, what: What) {
        match what {
            What::Cut { from, to, .. } => (self.wires.cut[from][to], self.wires.cut[to][from]) = (false, false),
            What::Peers(_) => self.wires.peers = Weather::default(),
            What::Field(_) => self.wires.field = Weather::default(),
            What::LanDead(lan) => self.wires.dead[lan] = false,
            What::Away(seat) => self.wires.away[seat] = false,
            What::SlowDisk(seat, _) => self.ail(seat, |ailments| ailments.slow_disk_ms = 0),
            What::FullDisk(seat) => self.ail(seat, |ailments| ailments.full_disk = false),
            What::LostVote => self.reunite(),
            What::DeviceDrift(device, _) => self.field.drift_clock(device, 0, self.now_ms),
            What::Drift(seat, _) => self.ail(seat, |ailments| ailments.drift_ppm = 0),
            What::WallOff(seat, _) => self.ail(seat, |ailments| ailments.wall_off_ms = 0),
            What::Lies(seat) => self.ail(seat, |ailments| ailments.forecast_lies = false),
            What::Kill(_)
            | What::KillAll
            | What::Pause(_)
            | What::RottenDisk(_)
            | What::DeviceStep(..)
            | What::Plant(_) => {}
        }
    }

    fn ail(&mut self, seat: usize, change: impl FnOnce(&mut Ailments)) {
        let (at, now_ms) = (&mut self.seats[seat], self.now_ms);
        change(&mut at.ailments);
        if let Some(replica) = &mut at.replica {
            replica.suffer(at.ailments, now_ms);
        }
    }

    /// What a disk holds is damaged: the replica finds it by its checksums and halts, until its disk is replaced. Only where the
    /// disks of the others are whole, since no majority survives the loss of two.
    fn rot(&mut self, seat: usize) -> Option<Struck> {
        let others_whole = (0..3).filter(|other| *other != seat).all(|other| self.disk(other).is_whole());
        if self.seats[seat].replica.is_none() || !others_whole {
            return None;
        }
        self.kill(seat);
        self.seats[seat].disk.rot();
        Some(Struck::Replica(seat))
    }

    /// Somebody puts an empty disk in its place; the others forget the replica and add it again.
    pub(super) fn replace_disk(&mut self, seat: usize) {
        self.seats[seat].disk = Disk::replacement();
        self.wires.hang_up(seat);
        for at in &mut self.seats {
            at.kept.retain(|packet| !matches!(packet, Packet::Peer { from, .. } if *from == seat));
            if let Some(replica) = &mut at.replica {
                replica.forget(MEMBERS[seat]);
            }
        }
        self.start_again(seat);
    }

    /// Replicas that ended by themselves are started again, as the system's supervisor does.
    pub(super) fn revive(&mut self) {
        for seat in 0..3 {
            if self.seats[seat].revive_at_ms.is_some_and(|at_ms| at_ms <= self.now_ms) {
                self.seats[seat].revive_at_ms = None;
                self.start_again(seat);
            }
        }
    }

    fn start_again(&mut self, seat: usize) {
        if self.seats[seat].replica.is_none() && !self.seats[seat].disk.is_rotten() {
            self.start(seat);
        }
    }

    fn resume(&mut self, seat: usize) {
        self.seats[seat].paused = false;
        for packet in std::mem::take(&mut self.seats[seat].kept) {
            self.hand(seat, packet);
        }
    }

    fn forget(&mut self, device: DeviceId) {
        if let Some(device) = self.setting.site.device_slot(device) {
            self.watch.forgot(device);
        }
    }
}
