//! The outlets of PDUs: what each feeds, and what its meter says of it.

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::RackId;
use ridethrough_core::units::Watts;
use ridethrough_protocol::Outlet;

use super::World;
use crate::plant::random::{bell, mix};
use crate::plant::whole;

impl World {
    /// What each outlet of a rack's PDU truly feeds, in W, in the order of the rack's servers; `None` where its switch
    /// is open. Together they are the load of the rack.
    pub fn outlet_watts(&self, rack: RackId) -> Vec<Option<f64>> {
        let place = self.places.racks.get(rack.index());
        place.map(|&(row, place)| self.rows[row].racks[place].outlet_watts().collect()).unwrap_or_default()
    }

    /// What the meters at a PDU's outlets find now: noise as of the rack's own meter, which they share nothing with, in
    /// steps of 1 W. A fault of that meter is none of theirs. `None` of a device without outlets.
    pub fn read_outlets(&self, device: DeviceId) -> Option<Vec<Outlet>> {
        let DeviceId::Pdu(rack) = device else { return None };
        let noise = |nth: u64| {
            let key = mix(mix(u64::from(device.to_wire()) << 32 | nth) ^ self.now_ms);
            1.0 + self.meter_spec.power_noise_share * bell(key)
        };
        let outlet = |(nth, watts): (u64, Option<f64>)| match watts {
            Some(watts) => Outlet::Metered(Watts::new(whole(watts * noise(nth)))),
            None => Outlet::Open,
        };
        Some((0..).zip(self.outlet_watts(rack)).map(outlet).collect())
    }

    /// How long a device's meters take from a conversion until they tell of it, in ms; `None` when the site has no such
    /// device.
    pub fn latency_ms(&self, device: DeviceId) -> Option<u64> {
        Some(self.meter(device)?.latency_ms())
    }
}
