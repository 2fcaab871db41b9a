//! The emulated converter behind a protocol endpoint.

use ridethrough_core::device::{DeviceId, Setpoint, Verdict};
use ridethrough_protocol::Actuator;

use crate::plant::World;

/// One device of the world, while its endpoint works.
pub(super) struct WorldActuator<'w> {
    world: &'w mut World,
    device: DeviceId,
    /// Whether the endpoint fell back to the local safe rule.
    pub(super) released: bool,
}

impl<'w> WorldActuator<'w> {
    pub(super) fn new(world: &'w mut World, device: DeviceId) -> Self {
        Self { world, device, released: false }
    }
}

impl Actuator for WorldActuator<'_> {
    fn check(&self, setpoint: &Setpoint) -> Result<(), Verdict> {
        self.world.check(self.device, setpoint)
    }

    fn apply(&mut self, setpoint: Option<Setpoint>) {
        match setpoint {
            None => {
                self.released = true;
                self.world.release(self.device);
            }
            Some(setpoint) => {
                let verdict = self.world.order(self.device, &setpoint);
                // The endpoint asked `check` in the same call, and nothing steps the world in between.
                assert_eq!(verdict, Verdict::Executed, "an order that was checked is taken");
            }
        }
    }
}
