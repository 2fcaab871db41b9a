//! Who may still ask: buckets that fill with time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Instant;

use ridethrough_door::Pace;

/// Addresses share so many buckets. Senders can make up addresses, so there is no bucket for each; where they are to be found,
/// nobody outside can know.
const BUCKETS: usize = 1_024;

/// A bucket for everybody, and shared ones for addresses.
#[derive(Debug)]
pub struct Paces {
    all: Pace,
    each: Vec<Pace>,
    places: RandomState,
}

impl Paces {
    pub fn new(per_second: u32, per_second_each: u32, now: Instant) -> Self {
        let each = vec![Pace::new(per_second_each, now); BUCKETS];
        Self { all: Pace::new(per_second, now), each, places: RandomState::new() }
    }

    /// Whether one more datagram of this address may be read.
    pub fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        let place = self.place(from);
        // One address alone does not use up what is everybody's.
        self.each.get_mut(place).is_some_and(|each| each.take(now)) && self.all.take(now)
    }

    fn place(&self, from: IpAddr) -> usize {
        let [low, high, ..] = self.places.hash_one(from).to_le_bytes();
        usize::from(u16::from_le_bytes([low, high])) % BUCKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_the_others_their_share() {
        let now = Instant::now();
        let mut paces = Paces::new(100, 10, now);
        let one = IpAddr::from([10, 0, 0, 1]);
        let mut others = (2..=255).map(|last| IpAddr::from([10, 0, 0, last]));
        let other = others.find(|other| paces.place(*other) != paces.place(one)).expect("not all share a bucket");
        for asks in [one, other] {
            assert_eq!((0..1_000).filter(|_| paces.take(asks, now)).count(), 10);
        }
        let made_up = (0..100_000_u32).filter(|nth| paces.take(IpAddr::from(nth.to_be_bytes()), now)).count();
        assert_eq!(made_up, 80, "all together have 100");
        assert_eq!(paces.each.len(), BUCKETS, "no room for more");
    }
}
