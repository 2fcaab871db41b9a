//! When the link was given each device's newest orders, to tell how long their acks took.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ridethrough_core::device::DeviceId;

/// The two newest orders of each device: the one that is outstanding and the one that it superseded, whose ack may
/// still come.
pub(crate) struct Timing {
    given: HashMap<DeviceId, [Option<(u64, Instant)>; 2]>,
}

impl Timing {
    pub(crate) fn new(devices: &[DeviceId]) -> Self {
        Self { given: devices.iter().map(|&device| (device, [None; 2])).collect() }
    }

    /// Notes when the order of this entry was given; the first time counts.
    pub(crate) fn given(&mut self, device: DeviceId, index: u64, at: Instant) {
        let Some(newest) = self.given.get_mut(&device) else { return };
        if newest.iter().flatten().all(|(known, _)| *known != index) {
            *newest = [Some((index, at)), newest[0]];
        }
    }

    /// How long ago that was, if it is one of the two.
    pub(crate) fn since(&self, device: DeviceId, index: u64, now: Instant) -> Option<Duration> {
        let newest = self.given.get(&device)?.iter().flatten();
        newest.clone().find(|(known, _)| *known == index).map(|(_, at)| now.saturating_duration_since(*at))
    }
}
