//! What is wrong with a device, apart from its physics.

use super::fault::DeviceFault;
use super::voice::Voice;

/// The condition of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// How it talks, and whether it is on.
    pub(super) voice: Voice,
    /// Somebody at it has locked it.
    pub(super) locked: bool,
    broken: bool,
}

impl Condition {
    /// Takes a fault on, or off.
    pub(super) fn set(&mut self, fault: DeviceFault, on: bool) {
        match fault {
            DeviceFault::Broken => self.broken = on,
            DeviceFault::LockedOut => self.locked = on,
            other => self.voice.set(other, on),
        }
    }

    /// Whether it may carry anything.
    pub(super) fn can_carry(&self) -> bool {
        !self.broken && !self.locked
    }
}
