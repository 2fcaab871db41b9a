//! When a replica could first know that a rack draws too much: the sample of its PDU that says so.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::Watts;

/// The first sample of a rack over its limit.
#[derive(Clone, Copy, Debug)]
pub struct Surge {
    /// When it was about to be sent, to the first of the replicas.
    pub at: Instant,
    /// Of which rack.
    pub rack: RackId,
    /// What its servers take.
    pub load: Watts,
}

/// Which racks were over their limits when they last spoke.
pub(super) struct Surges {
    racks: Vec<(Watts, bool)>,
    to: SyncSender<Surge>,
}

impl Surges {
    pub(super) fn new(site: &Site, to: SyncSender<Surge>) -> Self {
        Self { racks: site.racks.iter().map(|rack| (rack.limit, false)).collect(), to }
    }

    /// A device is about to say this.
    pub(super) fn look(&mut self, device: DeviceId, reading: &Reading) {
        let (DeviceId::Pdu(rack), Reading::Pdu { load, .. }) = (device, reading) else { return };
        let Some((limit, over)) = self.racks.get_mut(rack.index()) else { return };
        let was_over = std::mem::replace(over, load > limit);
        if *over && !was_over {
            // Whoever has gone away or is behind misses it.
            let _ = self.to.try_send(Surge { at: Instant::now(), rack, load: *load });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridethrough_core::units::Millivolts;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_surge_is_told_once_until_it_is_over() {
        let text = "name = 's'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
                    stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n[[feed]]\nid = 'u'\nlimit_watts = 90000\n[[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = 90000\n\
                    bus_volts = 800\n[[rack]]\nid = 'A1'\nrow = 'A'\nlimit_watts = 20000\n[[server]]\nid = 's'\nrack = 'A1'\n\
                    rated_watts = 20000\n";
        let site = Site::parse("s.toml", text).expect("a small site");
        let (to, told) = sync_channel(8);
        let mut surges = Surges::new(&site, to);
        for watts in [19_000, 20_001, 25_000, 20_000, 21_000] {
            let (load, bus) = (Watts::new(watts), Millivolts::new(800_000));
            let reading = Reading::Pdu { load, draw: load, bus, breaker_permille: 0, tripped: false };
            surges.look(DeviceId::Pdu(RackId(0)), &reading);
        }
        let told: Vec<i64> = told.try_iter().map(|surge: Surge| surge.load.get()).collect();
        assert_eq!(told, [20_001, 21_000]);
    }
}
