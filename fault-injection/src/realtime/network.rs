//! What the emulated field network does to datagrams on purpose: it loses, doubles, damages and delays them.
//!
//! Without an impairment nothing is drawn and nothing is copied. The dice are seeded; which datagram meets which of them is up
//! to the real clock, so two runs of one seed are alike and not the same.

use std::collections::VecDeque;

use ridethrough_core::device::ReplicaId;
use ridethrough_protocol::Lan;
use serde::Serialize;

use crate::plant::random::mix;

/// At most so many impairments at once.
pub const IMPAIRMENTS_MAX: usize = 8;
/// At most so many datagrams wait; what comes beside them is lost.
const HELD_MAX: usize = 8_192;

/// So many datagrams are remembered by somebody who listens.
const OVERHEARD_MAX: usize = 512;

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a device.
    ToReplica,
    /// From a replica.
    ToDevice,
}

/// What is wrong with the network while it lasts. Shares are in thousandths of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// On this network only; on both when none.
    pub lan: Option<Lan>,
    /// With this replica only; with all when none.
    pub replica: Option<ReplicaId>,
    /// This way only; both ways when none.
    pub way: Option<Way>,
    /// Lost.
    pub lost_permille: u16,
    /// Delivered twice.
    pub doubled_permille: u16,
    /// With one bit flipped.
    pub damaged_permille: u16,
    /// Delivered later than the next ones, which reorders them.
    pub late_permille: u16,
    /// By so many ms.
    pub late_ms: u16,
}

/// What has been done to datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// Lost.
    pub lost: u64,
    /// Delivered twice.
    pub doubled: u64,
    /// With one bit flipped.
    pub damaged: u64,
    /// Delivered late.
    pub late: u64,
}

impl Touched {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.lost + self.doubled + self.damaged + self.late
    }
}

/// The place of one datagram on the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    pub(super) slot: usize,
    pub(super) lan: Lan,
    pub(super) replica: ReplicaId,
    pub(super) way: Way,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is delivered so many times.
    Delivered(u8),
    /// It comes later, or never.
    Gone,
}

/// A datagram that waits.
struct Held {
    due_ms: u64,
    passing: Passing,
    bytes: Box<[u8]>,
}

/// The network's faults.
#[derive(Default)]
pub(super) struct Network {
    impairments: Vec<(u32, Impairment)>,
    next: u32,
    drawn: u64,
    seed: u64,
    touched: Touched,
    held: VecDeque<Held>,
    /// What devices were sent last, while somebody listens.
    overheard: Option<VecDeque<(usize, Box<[u8]>)>>,
}

impl Network {
    /// Adds one; its name ends it. None when there are too many.
    pub(super) fn impair(&mut self, impairment: Impairment, seed: u64) -> Option<u32> {
        if self.impairments.len() == IMPAIRMENTS_MAX {
            return None;
        }
        self.next += 1;
        self.seed = seed;
        self.impairments.push((self.next, impairment));
        Some(self.next)
    }

    /// Ends one.
    pub(super) fn mend(&mut self, name: u32) {
        self.impairments.retain(|(other, _)| *other != name);
    }

    pub(super) fn touched(&self) -> Touched {
        self.touched
    }

    /// Remembers from now on what devices are sent.
    pub(super) fn eavesdrop(&mut self) {
        self.overheard.get_or_insert_default();
    }

    /// What devices were sent last, with the place of each in the plant.
    pub(super) fn overheard(&self) -> impl Iterator<Item = (usize, Box<[u8]>)> + '_ {
        self.overheard.iter().flatten().cloned()
    }

    /// Somebody may listen.
    pub(super) fn hear(&mut self, slot: usize, bytes: &[u8]) {
        let Some(overheard) = &mut self.overheard else { return };
        if overheard.len() == OVERHEARD_MAX {
            overheard.pop_front();
        }
        overheard.push_back((slot, bytes.into()));
    }

    /// Judges a datagram and may damage it.
    pub(super) fn pass(&mut self, passing: Passing, bytes: &mut [u8], now_ms: u64) -> Fate {
        if self.impairments.is_empty() {
            return Fate::Delivered(1);
        }
        let mut copies = 1;
        for nth in 0..self.impairments.len() {
            let (_, impairment) = self.impairments[nth];
            if !impairment.concerns(passing) {
                continue;
            }
            if self.draw(impairment.lost_permille) {
                self.touched.lost += 1;
                return Fate::Gone;
            }
            if self.draw(impairment.damaged_permille) && !bytes.is_empty() {
                self.damage(bytes);
            }
            if self.draw(impairment.doubled_permille) {
                self.touched.doubled += 1;
                copies = 2;
            }
            if self.draw(impairment.late_permille) {
                self.hold(now_ms + u64::from(impairment.late_ms), passing, bytes);
                return Fate::Gone;
            }
        }
        Fate::Delivered(copies)
    }

    /// A datagram that is due by now.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<(Passing, Box<[u8]>)> {
        let place = self.held.iter().position(|held| held.due_ms <= now_ms)?;
        self.held.remove(place).map(|held| (held.passing, held.bytes))
    }

    fn hold(&mut self, due_ms: u64, passing: Passing, bytes: &[u8]) {
        if self.held.len() == HELD_MAX {
            self.touched.lost += 1;
            return;
        }
        self.touched.late += 1;
        self.held.push_back(Held { due_ms, passing, bytes: bytes.into() });
    }

    #[allow(clippy::cast_possible_truncation, reason = "a place in a datagram")]
    fn damage(&mut self, bytes: &mut [u8]) {
        let bits = self.bits();
        let place = bits as usize % bytes.len();
        bytes[place] ^= 1 << (bits >> 61);
        self.touched.damaged += 1;
    }

    fn draw(&mut self, permille: u16) -> bool {
        permille > 0 && self.bits() % 1_000 < u64::from(permille)
    }

    fn bits(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed ^ mix(self.drawn))
    }
}

impl Impairment {
    fn concerns(&self, passing: Passing) -> bool {
        self.lan.is_none_or(|lan| lan == passing.lan)
            && self.replica.is_none_or(|replica| replica == passing.replica)
            && self.way.is_none_or(|way| way == passing.way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSING: Passing = Passing { slot: 0, lan: Lan::A, replica: ReplicaId(2), way: Way::ToDevice };

    fn passed(network: &mut Network, passing: Passing) -> (Fate, Vec<u8>) {
        let mut bytes = vec![0; 16];
        let fate = network.pass(passing, &mut bytes, 10);
        (fate, bytes)
    }

    #[test]
    fn only_what_an_impairment_concerns_is_touched_and_only_while_it_lasts() {
        let mut network = Network::default();
        let dead = Impairment { lan: Some(Lan::A), lost_permille: 1_000, ..Impairment::default() };
        let name = network.impair(dead, 7).expect("room");
        assert_eq!(passed(&mut network, PASSING).0, Fate::Gone);
        assert_eq!(passed(&mut network, Passing { lan: Lan::B, ..PASSING }).0, Fate::Delivered(1));
        network.mend(name);
        assert_eq!(passed(&mut network, PASSING).0, Fate::Delivered(1));
        assert_eq!(network.touched(), Touched { lost: 1, ..Touched::default() });
        let one_way = Impairment { way: Some(Way::ToReplica), lost_permille: 1_000, ..Impairment::default() };
        network.impair(one_way, 7).expect("room");
        assert_eq!(passed(&mut network, PASSING).0, Fate::Delivered(1));
    }

    #[test]
    fn shares_are_about_what_they_say() {
        let mut network = Network::default();
        let half =
            Impairment { lost_permille: 300, doubled_permille: 500, damaged_permille: 100, ..Impairment::default() };
        network.impair(half, 42).expect("room");
        let passes = 10_000;
        let damaged = (0..passes).filter(|_| passed(&mut network, PASSING).1.iter().any(|byte| *byte != 0)).count();
        let Touched { lost, doubled, .. } = network.touched();
        assert!((2_800..3_200).contains(&lost), "{lost}");
        assert!((3_300..3_700).contains(&doubled), "half of what is left: {doubled}");
        assert!((600..800).contains(&damaged), "a tenth of what is left: {damaged}");
    }

    #[test]
    fn what_is_late_comes_later_and_no_more_than_there_is_room_for() {
        let mut network = Network::default();
        let late = Impairment { late_permille: 1_000, late_ms: 50, ..Impairment::default() };
        network.impair(late, 1).expect("room");
        for _ in 0..HELD_MAX + 3 {
            assert_eq!(passed(&mut network, PASSING).0, Fate::Gone);
        }
        assert!(network.due(59).is_none());
        assert_eq!(network.due(60).expect("due").1.len(), 16);
        assert_eq!(network.touched().lost, 3);
    }
}
