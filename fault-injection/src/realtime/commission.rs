//! Devices are given other keys while everything runs.

use ridethrough_protocol::Keyring;

use super::Plant;

/// Secrets on their way to the devices.
pub(super) struct Commissioning {
    keyring: Keyring,
    next_slot: usize,
}

impl Plant {
    /// Commissions every device from these secrets, one in a turn, as whoever goes from one to the next.
    pub fn commission(&mut self, keyring: Keyring) {
        self.commissioning = Some(Commissioning { keyring, next_slot: 0 });
    }

    pub(super) fn commission_next(&mut self) {
        let Some(Commissioning { keyring, next_slot }) = &mut self.commissioning else { return };
        let Some(station) = self.stations.get_mut(*next_slot) else {
            self.commissioning = None;
            return;
        };
        let replicas: Vec<_> = self.replicas.iter().map(|to| to.id).collect();
        let keys = keyring.device(station.device.device(), &replicas);
        station.device.commission(keys, &mut self.world);
        *next_slot += 1;
    }
}
