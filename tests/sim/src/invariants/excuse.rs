//! What a fault of the plant excuses: a meter that lies is not believed, and who is stuck does not do as told.

use ridethrough_core::device::DeviceId;
use ridethrough_fault_injection::plant::fault::{DeviceFault, Happening};

use crate::faults::{Fault, Kind, What};

/// After an outage sources hand their racks back to the feed for so long, in ms.
const WALK_IN_MS: u64 = 6_000;

/// The faults of the plant, with their times.
pub struct Excuses(Vec<Fault>);

impl Excuses {
    /// Of these faults.
    pub fn new(faults: &[Fault]) -> Self {
        Self(faults.iter().filter(|fault| matches!(fault.kind, Kind::Device | Kind::Outage)).copied().collect())
    }

    /// Whether a utility is lost, or was so lately that sources still bridge.
    pub fn is_bridging(&self, now_ms: u64) -> bool {
        self.0
            .iter()
            .any(|fault| fault.kind == Kind::Outage && (fault.at_ms..fault.until_ms + WALK_IN_MS).contains(&now_ms))
    }

    /// When the next of these bridgings is over.
    pub fn bridging_ends_ms(&self, now_ms: u64) -> u64 {
        let outages = self.0.iter().filter(|fault| fault.kind == Kind::Outage);
        outages.map(|fault| fault.until_ms + WALK_IN_MS).filter(|end_ms| *end_ms > now_ms).min().unwrap_or(u64::MAX)
    }

    /// Whether this device's meter has ever told something else than is.
    pub fn has_lied(&self, device: DeviceId, now_ms: u64) -> bool {
        self.of(device)
            .any(|(at, _, fault)| at <= now_ms && matches!(fault, DeviceFault::Lying { .. } | DeviceFault::Frozen))
    }

    /// Whether it has ever taken orders without following them: it goes on by what it was told before.
    pub fn has_stuck(&self, device: DeviceId, now_ms: u64) -> bool {
        self.of(device).any(|(at, _, fault)| at <= now_ms && fault == DeviceFault::Stuck)
    }

    fn of(&self, device: DeviceId) -> impl Iterator<Item = (u64, u64, DeviceFault)> + '_ {
        self.0.iter().filter_map(move |fault| match fault.what {
            What::Plant(Happening::Device { device: of, fault: what }) if of == device => {
                Some((fault.at_ms, fault.until_ms, what))
            }
            _ => None,
        })
    }
}
