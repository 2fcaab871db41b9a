//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::Limits;

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are too many connections.
    All,
    /// There are too many from this address.
    Address,
}

/// The connections that there are.
#[derive(Debug)]
pub struct Places {
    taken: Mutex<(usize, HashMap<IpAddr, u16>)>,
    limits: Limits,
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), limits })
    }

    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, of) = &mut *taken;
        if *all >= self.limits.connections_max {
            return Err(Full::All);
        }
        let own = of.entry(address).or_default();
        if *own >= self.limits.connections_of_address_max {
            return Err(Full::Address);
        }
        *own += 1;
        *all += 1;
        drop(taken);
        Ok(Place { places: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, of) = &mut *taken;
        *all = all.saturating_sub(1);
        if let Some(own) = of.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                of.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_for_each_address_and_come_back() {
        let limits = Limits { connections_max: 3, connections_of_address_max: 2, ..Limits::default() };
        let places = Places::new(limits);
        let [one, two]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let held = [places.take(one).expect("room"), places.take(one).expect("room")];
        assert_eq!(places.take(one).err(), Some(Full::Address));
        let last = places.take(two).expect("room");
        assert_eq!(places.take(two).err(), Some(Full::All));
        drop(held);
        assert!(places.take(one).is_ok());
        drop(last);
        assert!(places.taken.lock().expect("whole").1.is_empty(), "addresses are forgotten");
    }
}
