//! The meters at the outlets of a PDU: all convert once a second, and what they found is told a latency later.

use ridethrough_core::device::DeviceId;
use ridethrough_protocol::{OUTLETS_PER_FRAME, Outlet, OutletPage};

use crate::plant::World;
use crate::plant::random::mix;

/// Between two conversions, in ms.
const PERIOD_MS: u64 = 1_000;

/// The meters at one PDU's outlets.
#[derive(Clone, Debug)]
pub(super) struct OutletMeters {
    device: DeviceId,
    due_ms: u64,
    taken: Option<Taken>,
}

/// One conversion that has not been told yet.
#[derive(Clone, Debug)]
struct Taken {
    at_ms: u64,
    outlets: Vec<Outlet>,
}

impl OutletMeters {
    /// Meters that convert at a phase of their PDU's own.
    pub(super) fn new(device: DeviceId) -> Self {
        Self { device, due_ms: mix(device.to_wire().into()) % PERIOD_MS, taken: None }
    }

    /// What is to be told now: nothing most of the time, and nothing ever of a device without outlets.
    pub(super) fn pages(&mut self, true_ms: u64, world: &World) -> Vec<OutletPage> {
        let latency_ms = world.latency_ms(self.device).unwrap_or(0);
        // Before the next conversion, and none is lost to it: however rarely it is asked, each is told.
        let taken = self.taken.take_if(|taken| taken.at_ms + latency_ms <= true_ms);
        if self.due_ms <= true_ms && self.taken.is_none() {
            // A late conversion is made once and not made up for.
            self.due_ms += ((true_ms - self.due_ms) / PERIOD_MS + 1) * PERIOD_MS;
            self.taken = world.read_outlets(self.device).map(|outlets| Taken { at_ms: true_ms, outlets });
        }
        let Some(taken) = taken else { return Vec::new() };
        let age_ms = u16::try_from(true_ms - taken.at_ms).unwrap_or(u16::MAX);
        let page = |(nth, outlets)| {
            let first = u16::try_from(nth * OUTLETS_PER_FRAME).ok()?;
            // Beyond the last page of the protocol nothing can be told.
            OutletPage::new(first, outlets, age_ms).ok()
        };
        taken.outlets.chunks(OUTLETS_PER_FRAME).enumerate().map_while(page).collect()
    }
}
