//! What a device's own clock reads now, told so that the answer is never too late.

use ridethrough_core::units::Millis;

use crate::limits::{CLOCK_ROUNDING, HEARD_AGE_MAX};

/// One reading of a device's clock and when it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeviceClock {
    pub(super) device_at: Millis,
    pub(super) heard_at: Millis,
}

impl DeviceClock {
    /// A time that the device's clock has reached when ours reads `now`; nothing when it was heard too long ago to
    /// tell. The frame spent time on its way, so this is early by at least that, and what is computed from it expires
    /// early, never late.
    pub(super) fn at(&self, now: Millis) -> Option<Millis> {
        let age = now.saturating_sub(self.heard_at).or_zero();
        let estimate = self.device_at.saturating_add(age).saturating_sub(CLOCK_ROUNDING);
        (age <= HEARD_AGE_MAX).then_some(estimate.or_zero())
    }
}
