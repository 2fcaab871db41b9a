//! Wrong passwords, by the address that they come from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits::Limits;

/// So many addresses are remembered; above that, the one whose first wrong password is the longest ago is forgotten.
const ADDRESSES_MAX: usize = 1_024;

/// Who has been wrong how often.
#[derive(Debug)]
pub(crate) struct Doubts {
    limits: Limits,
    by_address: Mutex<HashMap<IpAddr, Doubt>>,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    wrong: u32,
    since: Instant,
}

impl Doubts {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, by_address: Mutex::default() }
    }

    /// Seconds until passwords from this address are looked at again; none where they are looked at now.
    pub(crate) fn barred_s(&self, address: IpAddr, now: Instant) -> Option<u64> {
        let all = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let doubt = all.get(&address).filter(|doubt| doubt.wrong >= self.limits.wrong_max)?;
        let left = self.limits.wrong_window.checked_sub(now.saturating_duration_since(doubt.since))?;
        Some(left.as_secs() + 1)
    }

    /// Somebody there was wrong.
    pub(crate) fn wrong(&self, address: IpAddr, now: Instant) {
        let mut all = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |doubt: &Doubt| now.saturating_duration_since(doubt.since) <= self.limits.wrong_window;
        if all.len() >= ADDRESSES_MAX && !all.contains_key(&address) {
            all.retain(|_, doubt| fresh(doubt));
            let oldest = all.iter().min_by_key(|(_, doubt)| doubt.since).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| all.len() >= ADDRESSES_MAX) {
                all.remove(&oldest);
            }
        }
        let doubt = all.entry(address).or_insert(Doubt { wrong: 0, since: now });
        if !fresh(doubt) {
            *doubt = Doubt { wrong: 0, since: now };
        }
        doubt.wrong += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_that_is_wrong_too_often_is_not_listened_to_for_a_while() {
        let limits = Limits { wrong_max: 3, wrong_window: Duration::from_mins(1), ..Limits::default() };
        let (doubts, now) = (Doubts::new(limits), Instant::now());
        let [one, two]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        for _ in 0..2 {
            doubts.wrong(one, now);
            assert_eq!(doubts.barred_s(one, now), None);
        }
        doubts.wrong(one, now);
        assert_eq!((doubts.barred_s(one, now), doubts.barred_s(two, now)), (Some(61), None));
        let later = now + Duration::from_secs(61);
        assert_eq!(doubts.barred_s(one, later), None);
        doubts.wrong(one, later);
        assert_eq!(doubts.barred_s(one, later), None, "it begins anew");
    }

    #[test]
    fn however_many_addresses_are_wrong_little_is_remembered() {
        let (doubts, now) = (Doubts::new(Limits { wrong_max: 1, ..Limits::default() }), Instant::now());
        let address = |nth: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(0x0a00_0000 + nth));
        let many = u32::try_from(2 * ADDRESSES_MAX).expect("few");
        for nth in 0..many {
            doubts.wrong(address(nth), now + Duration::from_micros(nth.into()));
        }
        assert_eq!(doubts.by_address.lock().expect("whole").len(), ADDRESSES_MAX);
        assert_eq!(doubts.barred_s(address(0), now), None);
        assert!(doubts.barred_s(address(many - 1), now).is_some());
    }
}
