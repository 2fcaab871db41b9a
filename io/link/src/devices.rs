//! What the link knows of every device: where it is, learned only from frames that were believed; how it answers; and
//! on which networks it is heard.

use std::net::SocketAddr;

use ridethrough_core::device::DeviceId;
use ridethrough_protocol::Route;

use crate::supervision::Networks;
use crate::timing::Timing;
use ridethrough_protocol::Lan;

/// An address on each network, where one is known.
pub(crate) type Places = [Option<SocketAddr>; 2];

/// Every device of the site, in the order of wire numbers.
pub(crate) struct Devices {
    /// Apart, because it is searched often.
    wires: Vec<u32>,
    devices: Vec<Remote>,
}

/// One of them.
pub(crate) struct Remote {
    pub(crate) device: DeviceId,
    live: Places,
    greeting: Places,
    /// How many frames it has heard on each network, as it last said.
    pub(crate) heard: [u32; 2],
    pub(crate) timing: Timing,
    pub(crate) networks: Networks,
}

impl Devices {
    pub(crate) fn new(devices: &[DeviceId]) -> Self {
        let mut devices = devices.to_vec();
        devices.sort_unstable_by_key(|device| device.to_wire());
        devices.dedup();
        let wires = devices.iter().map(|device| device.to_wire()).collect();
        Self { wires, devices: devices.into_iter().map(Remote::new).collect() }
    }

    /// The number of a device, counted from 0 without a gap.
    pub(crate) fn slot(&self, device: DeviceId) -> Option<usize> {
        self.wires.binary_search(&device.to_wire()).ok()
    }

    /// A device and its number.
    pub(crate) fn find(&mut self, device: DeviceId) -> Option<(usize, &mut Remote)> {
        let slot = self.slot(device)?;
        self.devices.get_mut(slot).map(|remote| (slot, remote))
    }

    pub(crate) fn as_slice(&self) -> &[Remote] {
        &self.devices
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Remote] {
        &mut self.devices
    }
}

impl Remote {
    fn new(device: DeviceId) -> Self {
        Self {
            device,
            live: Places::default(),
            greeting: Places::default(),
            heard: [0; 2],
            timing: Timing::default(),
            networks: Networks::new(),
        }
    }

    pub(crate) fn learn(&mut self, route: Route, lan: Lan, from: SocketAddr) {
        let places = match route {
            Route::Live => &mut self.live,
            Route::Greeting => &mut self.greeting,
        };
        places[lan.index()] = Some(from);
    }

    pub(crate) const fn places(&self, route: Route) -> Places {
        match route {
            Route::Live => self.live,
            Route::Greeting => self.greeting,
        }
    }
}
