//! How much of a receiver's time one sender on one network may take: a flood must not cost the receiver its own control
//! loop, and a forger must not be able to spend what is the true sender's.

use ridethrough_vocabulary::units::Millis;

use crate::limits::{FRAMES_BURST, FRAMES_PER_MS, MACS_BURST, MACS_PER_MS};

/// Leave for one sender on one network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// For MACs, right or wrong.
    macs: Leave<MACS_PER_MS, MACS_BURST>,
    /// For frames whose MAC was right.
    frames: Leave<FRAMES_PER_MS, FRAMES_BURST>,
}

/// Something that is refilled with time, at a rate in one millisecond and up to a burst.
#[derive(Clone, Copy, Debug)]
struct Leave<const PER_MS: u32, const BURST: u32> {
    left: u32,
    filled_at: Millis,
}

impl Budget {
    pub(crate) const fn full() -> Self {
        Self { macs: Leave::full(), frames: Leave::full() }
    }

    /// Takes leave to compute one MAC; false when there is none.
    pub(crate) fn may_check(&mut self, now: Millis) -> bool {
        self.macs.spend(now)
    }

    /// Takes leave for one frame whose MAC was right; false when there is none.
    pub(crate) fn may_speak(&mut self, now: Millis) -> bool {
        self.frames.spend(now)
    }
}

impl<const PER_MS: u32, const BURST: u32> Leave<PER_MS, BURST> {
    const fn full() -> Self {
        Self { left: BURST, filled_at: Millis::ZERO }
    }

    fn spend(&mut self, now: Millis) -> bool {
        let passed = u32::try_from(now.saturating_sub(self.filled_at).or_zero().get()).unwrap_or(u32::MAX);
        if passed > 0 {
            self.left = self.left.saturating_add(passed.saturating_mul(PER_MS)).min(BURST);
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
        let mut leave = Leave::<8, 64>::full();
        let granted = |leave: &mut Leave<8, 64>, now| (0..1000).filter(|_| leave.spend(Millis::new(now))).count();
        assert_eq!(granted(&mut leave, 0), 64);
        assert_eq!(granted(&mut leave, 0), 0);
        assert_eq!(granted(&mut leave, 1), 8);
        assert_eq!(granted(&mut leave, 1_000_000), 64, "a quiet sender saves up no more");
        assert_eq!(granted(&mut leave, 999_000), 0);
        assert_eq!(granted(&mut leave, 1_000_000), 0, "nor does a clock that goes back and forth");
    }
}
