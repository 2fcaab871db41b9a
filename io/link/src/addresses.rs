//! Where each device is, learned only from frames that were believed.

use std::net::SocketAddr;

use ridethrough_core::device::DeviceId;
use ridethrough_protocol::Route;

/// The newest addresses of every device of the site.
pub(crate) struct Addresses {
    /// In the order of the devices' wire numbers.
    devices: Vec<(u32, Places)>,
}

#[derive(Clone, Copy, Default)]
struct Places {
    live: Option<SocketAddr>,
    greeting: Option<SocketAddr>,
}

impl Addresses {
    pub(crate) fn new(devices: &[DeviceId]) -> Self {
        let mut devices: Vec<_> = devices.iter().map(|device| (device.to_wire(), Places::default())).collect();
        devices.sort_unstable_by_key(|(wire, _)| *wire);
        devices.dedup_by_key(|(wire, _)| *wire);
        Self { devices }
    }

    pub(crate) fn learn(&mut self, device: DeviceId, route: Route, from: SocketAddr) {
        let Some(slot) = self.slot(device) else { return };
        if let Some((_, places)) = self.devices.get_mut(slot) {
            match route {
                Route::Live => places.live = Some(from),
                Route::Greeting => places.greeting = Some(from),
            }
        }
    }

    pub(crate) fn of(&self, device: DeviceId, route: Route) -> Option<SocketAddr> {
        let (_, places) = self.devices.get(self.slot(device)?)?;
        match route {
            Route::Live => places.live,
            Route::Greeting => places.greeting,
        }
    }

    fn slot(&self, device: DeviceId) -> Option<usize> {
        self.devices.binary_search_by_key(&device.to_wire(), |(wire, _)| *wire).ok()
    }
}
