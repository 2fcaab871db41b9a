//! How many frames of one sender on one network are worth a MAC: a flood must not cost the receiver its own control loop.

use ridethrough_vocabulary::units::Millis;

use crate::limits::{FRAMES_BURST, FRAMES_PER_MS};

/// Leave to authenticate frames of one sender, refilled with time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: u32,
    filled_at: Millis,
}

impl Budget {
    pub(crate) const fn full() -> Self {
        Self { left: FRAMES_BURST, filled_at: Millis::ZERO }
    }

    /// Takes leave for one frame; false when there is none.
    pub(crate) fn spend(&mut self, now: Millis) -> bool {
        let passed = u32::try_from(now.saturating_sub(self.filled_at).or_zero().get()).unwrap_or(u32::MAX);
        if passed > 0 {
            self.left = self.left.saturating_add(passed.saturating_mul(FRAMES_PER_MS)).min(FRAMES_BURST);
            self.filled_at = now;
        }
        let enough = self.left > 0;
        self.left = self.left.saturating_sub(1);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_the_burst_and_then_the_rate() {
        let mut budget = Budget::full();
        let granted = |budget: &mut Budget, now| (0..1000).filter(|_| budget.spend(Millis::new(now))).count();
        assert_eq!(granted(&mut budget, 0), FRAMES_BURST as usize);
        assert_eq!(granted(&mut budget, 0), 0);
        assert_eq!(granted(&mut budget, 1), FRAMES_PER_MS as usize);
        assert_eq!(granted(&mut budget, 1_000_000), FRAMES_BURST as usize, "a quiet sender saves up no more");
    }
}
