//! Who has logged in to which UPS.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Everybody who is logged in, by UPS.
#[derive(Debug)]
pub struct Logins(Mutex<Vec<Vec<IpAddr>>>);

/// One login, which ends when it is dropped.
#[derive(Debug)]
pub struct Login {
    logins: Arc<Logins>,
    ups: usize,
    from: IpAddr,
}

impl Logins {
    /// Nobody, for so many UPSes.
    pub fn new(upses: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(vec![Vec::new(); upses])))
    }

    /// Adds one. There is one for each connection at the most, so connections bound them.
    pub fn enter(self: &Arc<Self>, ups: usize, from: IpAddr) -> Login {
        if let Some(list) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(ups) {
            list.push(from);
        }
        Login { logins: Arc::clone(self), ups, from }
    }

    /// Who is logged in to this UPS.
    pub fn of(&self, ups: usize) -> Vec<IpAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(ups).cloned().unwrap_or_default()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let mut all = self.logins.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = all.get_mut(self.ups);
        let place = list.as_ref().and_then(|list| list.iter().position(|from| *from == self.from));
        if let (Some(list), Some(place)) = (list, place) {
            list.swap_remove(place);
        }
    }
}
