//! Which of the two networks is failing: the one that brings nothing while the other one does.

use ridethrough_core::units::Millis;

use ridethrough_protocol::Lan;

/// When something was last heard in one place, and since when without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ear {
    last: Option<Millis>,
    since: Millis,
}

impl Ear {
    fn hear(&mut self, now: Millis, silent_after: Millis) {
        if !self.hears(now, silent_after) {
            self.since = now;
        }
        self.last = Some(now);
    }

    fn hears(&self, now: Millis, silent_after: Millis) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) <= silent_after)
    }

    /// Whether it has been hearing for long enough to say what another one misses.
    fn testifies(&self, now: Millis, silent_after: Millis) -> bool {
        self.hears(now, silent_after) && now.saturating_sub(self.since) > silent_after
    }
}

/// Both networks, compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    ears: [Ear; 2],
    up: [bool; 2],
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self { ears: [Ear::default(); 2], up: [true; 2] }
    }

    pub(crate) fn hear(&mut self, lan: Lan, now: Millis, silent_after: Millis) {
        self.ears[lan.index()].hear(now, silent_after);
    }

    /// Compares them. While neither brings anything, nothing is known of either, and what was known stays.
    pub(crate) fn judge(&mut self, now: Millis, silent_after: Millis) {
        for lan in Lan::ALL {
            let (own, other) = (self.ears[lan.index()], self.ears[1 - lan.index()]);
            if own.hears(now, silent_after) {
                self.up[lan.index()] = true;
            } else if other.testifies(now, silent_after) {
                self.up[lan.index()] = false;
            }
        }
    }

    pub(crate) const fn is_up(&self, lan: Lan) -> bool {
        self.up[lan.index()]
    }

    /// How long nothing has been heard, if ever something was.
    pub(crate) fn age(&self, lan: Lan, now: Millis) -> Option<Millis> {
        self.ears[lan.index()].last.map(|last| now.saturating_sub(last))
    }
}

/// Both directions of both networks: what comes here, and what the devices say that comes to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Networks {
    from_devices: Pair,
    to_devices: Pair,
}

impl Networks {
    pub(crate) fn new() -> Self {
        Self { from_devices: Pair::new(), to_devices: Pair::new() }
    }

    /// A frame came on this network.
    pub(crate) fn heard(&mut self, lan: Lan, now: Millis, silent_after: Millis) {
        self.from_devices.hear(lan, now, silent_after);
    }

    /// A device says that it has heard more on this network than before.
    pub(crate) fn told(&mut self, lan: Lan, now: Millis, silent_after: Millis) {
        self.to_devices.hear(lan, now, silent_after);
    }

    pub(crate) fn judge(&mut self, now: Millis, silent_after: Millis) {
        self.from_devices.judge(now, silent_after);
        self.to_devices.judge(now, silent_after);
    }

    pub(crate) const fn is_up(&self, lan: Lan) -> bool {
        self.from_devices.is_up(lan) && self.to_devices.is_up(lan)
    }

    /// How long nothing has come here, if ever something did.
    pub(crate) fn age(&self, lan: Lan, now: Millis) -> Option<Millis> {
        self.from_devices.age(lan, now)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SILENT_AFTER: Millis = Millis::seconds(1);

    /// What both networks are said to be, a judgement every 100 ms, when these bring a frame every 100 ms.
    fn judged(networks: &mut Networks, from_ms: i64, to_ms: i64, heard: &[Lan]) -> [bool; 2] {
        for at in (from_ms..to_ms).step_by(100).map(Millis::new) {
            for lan in heard {
                networks.heard(*lan, at, SILENT_AFTER);
            }
            networks.judge(at, SILENT_AFTER);
        }
        Lan::ALL.map(|lan| networks.is_up(lan))
    }

    #[test]
    fn the_one_that_falls_silent_is_failing_until_it_speaks_again() {
        let mut networks = Networks::new();
        assert_eq!(judged(&mut networks, 0, 5_000, &Lan::ALL), [true; 2]);
        assert_eq!(judged(&mut networks, 5_000, 5_900, &[Lan::A]), [true; 2], "not yet");
        assert_eq!(judged(&mut networks, 5_900, 7_000, &[Lan::A]), [true, false]);
        assert_eq!(judged(&mut networks, 7_000, 7_100, &Lan::ALL), [true; 2]);
    }

    #[test]
    fn silence_of_both_says_nothing_of_either() {
        let mut networks = Networks::new();
        judged(&mut networks, 0, 3_000, &[Lan::B]);
        assert_eq!(judged(&mut networks, 3_000, 9_000, &[]), [false, true]);
        assert_eq!(networks.age(Lan::B, Millis::seconds(9)), Some(Millis::new(6_100)));
        assert_eq!(networks.age(Lan::A, Millis::seconds(9)), None);
    }

    #[test]
    fn the_first_frame_accuses_nobody() {
        let mut networks = Networks::new();
        assert_eq!(judged(&mut networks, 9_000, 9_500, &[Lan::A]), [true; 2]);
        assert_eq!(judged(&mut networks, 9_500, 10_200, &[Lan::A]), [true, false]);
    }

    #[test]
    fn what_devices_do_not_hear_is_a_failure_too() {
        let mut networks = Networks::new();
        for at in (0..4_000).step_by(100).map(Millis::new) {
            for lan in Lan::ALL {
                networks.heard(lan, at, SILENT_AFTER);
            }
            networks.told(Lan::B, at, SILENT_AFTER);
            networks.judge(at, SILENT_AFTER);
        }
        assert_eq!(Lan::ALL.map(|lan| networks.is_up(lan)), [false, true]);
    }
}
