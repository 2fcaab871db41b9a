//! Who has locked a device: as with padlocks on an isolator, each who works at it hangs his own, and it is not planned with
//! until all of them are off and somebody releases it.

use std::collections::{BTreeMap, BTreeSet};

use crate::canon::Canon;
use crate::device::DeviceId;

/// So many people at most may have locked a device at once.
pub const LOCKS_MAX: usize = 8;

/// All locks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locks(BTreeMap<DeviceId, BTreeSet<String>>);

impl Locks {
    /// Locks as a snapshot holds them.
    pub fn from_rows(rows: impl IntoIterator<Item = (DeviceId, String)>) -> Self {
        let mut locks = Self::default();
        rows.into_iter().for_each(|(device, person)| locks.lock(device, &person));
        locks
    }

    /// Each lock: at what, and whose.
    pub fn rows(&self) -> impl Iterator<Item = (DeviceId, &str)> {
        self.0.iter().flat_map(|(device, people)| people.iter().map(|person| (*device, person.as_str())))
    }

    /// Who has locked this device.
    pub fn of(&self, device: DeviceId) -> impl Iterator<Item = &str> {
        self.0.get(&device).into_iter().flatten().map(String::as_str)
    }

    /// Whether this person has locked it.
    pub fn has(&self, device: DeviceId, person: &str) -> bool {
        self.of(device).any(|one| one == person)
    }

    pub(super) fn lock(&mut self, device: DeviceId, person: &str) {
        self.0.entry(device).or_default().insert(person.to_owned());
    }

    pub(super) fn unlock(&mut self, device: DeviceId, person: &str) {
        let Some(people) = self.0.get_mut(&device) else { return };
        people.remove(person);
        if people.is_empty() {
            self.0.remove(&device);
        }
    }

    /// Nothing where there are none, as in logs from before they could be.
    pub(super) fn sign(&self, canon: &mut Canon) {
        if self.0.is_empty() {
            return;
        }
        canon.words("locks");
        canon.count(self.rows().count());
        for (device, person) in self.rows() {
            canon.unsigned(u64::from(device.to_wire()));
            canon.words(person);
        }
    }
}
