//! The newest reading of every device, with its age. Unknown is not zero and not failed: it is `None`.

use crate::device::{DeviceId, Reading};
use crate::site::{KesmId, RackId, Site};
use crate::units::{Joules, Millis, Watts};

/// What was measured.
#[derive(Clone, Debug)]
pub struct View {
    readings: Vec<Option<Timed>>,
    kesms_at: usize,
    stale_after: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Timed {
    reading: Reading,
    at: Millis,
}

impl View {
    /// A view that has seen nothing yet.
    pub fn new(site: &Site) -> Self {
        Self {
            readings: vec![None; site.devices().count()],
            kesms_at: site.racks.len(),
            stale_after: site.policy.stale_after,
        }
    }

    /// Takes in a reading that arrived at `at`, on the monotonic clock that later `now`s are told in. A device that
    /// the site does not have, or a reading of another kind of device, is ignored.
    pub fn observe(&mut self, site: &Site, device: DeviceId, reading: Reading, at: Millis) {
        let fits = matches!(
            (device, reading),
            (DeviceId::Pdu(_), Reading::Pdu { .. })
                | (DeviceId::Kesm(_), Reading::Kesm { .. })
                | (DeviceId::Tie(_), Reading::Tie { .. })
                | (DeviceId::Supply(_), Reading::Supply { .. })
        );
        if let Some(slot) = site.device_slot(device).filter(|_| fits) {
            self.readings[slot] = Some(Timed { reading, at });
        }
    }

    /// What the servers of a rack take, if freshly measured.
    pub fn load(&self, rack: RackId, now: Millis) -> Option<Watts> {
        match self.fresh(rack.index(), now)? {
            Reading::Pdu { load, .. } => Some(load),
            _ => None,
        }
    }

    /// What comes through a rack's breaker, if freshly measured.
    pub fn draw(&self, rack: RackId, now: Millis) -> Option<Watts> {
        match self.fresh(rack.index(), now)? {
            Reading::Pdu { draw, .. } => Some(draw),
            _ => None,
        }
    }

    /// Usable energy of a module that can act, if freshly measured.
    pub fn stored(&self, kesm: KesmId, now: Millis) -> Option<Joules> {
        match self.fresh(self.kesms_at + kesm.index(), now)? {
            Reading::Kesm { stored, available: true, .. } => Some(stored),
            _ => None,
        }
    }

    /// The newest reading in this slot of [`Site::devices`], fresh or not, with its age.
    pub fn latest(&self, slot: usize, now: Millis) -> Option<(Reading, Millis)> {
        let timed = self.readings.get(slot)?.as_ref()?;
        Some((timed.reading, now.saturating_sub(timed.at)))
    }

    /// Whether the device in this slot was heard lately.
    pub fn heard(&self, slot: usize, now: Millis) -> bool {
        self.fresh(slot, now).is_some()
    }

    fn fresh(&self, slot: usize, now: Millis) -> Option<Reading> {
        self.latest(slot, now).filter(|(_, age)| *age <= self.stale_after).map(|(reading, _)| reading)
    }
}
