//! Genuine ends of DPCN, what they truly say to each other, and what an attacker makes of it.
//!
//! Nobody outside `ridethrough-protocol` can seal a frame, so the targets run genuine endpoints against each other once
//! ([`tape`]), play what happened into fresh ones, and send changed frames in between ([`attack`]). Everything is a
//! function of the input: a crash repeats.

pub mod attack;
pub mod tape;

use arbitrary::Arbitrary;
use attack::Shot;

/// Forged frames in one run: few enough that no sender's budget of MACs runs out.
pub const SHOTS_MAX: usize = 8;

/// One run: which tape, up to where it is played before the attack, and the attack.
#[derive(Arbitrary, Debug)]
pub struct Case {
    /// Whether the device demands the word of two replicas.
    pub two: bool,
    /// Which replica is attacked, where that is the question.
    pub second: bool,
    position: u8,
    shots: Vec<Shot>,
}

impl Case {
    /// How many calls of a tape are played before the attack.
    pub fn position(&self, calls: usize) -> usize {
        usize::from(self.position) % (calls + 1)
    }

    /// The forged frames.
    pub fn shots(&self) -> impl Iterator<Item = &Shot> {
        self.shots.iter().take(SHOTS_MAX)
    }
}
