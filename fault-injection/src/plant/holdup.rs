//! The hold-up of a rack's server supplies: how long servers live on a bus that gives less than they need.
//!
//! 10 ms at full load and 12 ms at 70 % (physics page); between and beyond the line through these, at most 20 ms.
//! What is taken from the supplies' capacitors is owed to the bus and refilled when it is good again.

/// No supply holds up longer than this, in s.
const HOLDUP_SECONDS_MAX: f64 = 0.020;
/// A good bus restores a used hold-up in so many s.
const RECOVERY_SECONDS: f64 = 0.05;

/// What supplies of servers are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldUpSpec {
    /// How long they hold at full load, in s.
    pub full_seconds: f64,
    /// How long they hold at 70 % of it, in s.
    pub seventy_seconds: f64,
}

/// The supplies of one rack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HoldUp {
    used_share: f64,
    owed_joules: f64,
}

impl HoldUp {
    /// What its capacitors lack, in J.
    pub fn owed_joules(&self) -> f64 {
        self.owed_joules
    }

    /// How much of the hold-up is used: 0 fresh, 1 the servers fail.
    pub fn used_share(&self) -> f64 {
        self.used_share
    }

    /// What it takes from a good bus to refill, in W.
    pub fn refill_watts(&self) -> f64 {
        self.owed_joules / RECOVERY_SECONDS
    }

    /// One step on a bus that lacks `missing_watts` of what the servers need at `load_share` of full load. Tells
    /// whether they fail now.
    pub fn starve(
        &mut self,
        spec: &HoldUpSpec,
        missing_watts: f64,
        needed_watts: f64,
        load_share: f64,
        step_seconds: f64,
    ) -> bool {
        self.owed_joules += missing_watts * step_seconds;
        if needed_watts > 0.0 {
            self.used_share += step_seconds / spec.seconds(load_share) * (missing_watts / needed_watts).clamp(0.0, 1.0);
        }
        self.used_share >= 1.0 - 1e-9
    }

    /// One step on a bus that lacks nothing.
    pub fn recover(&mut self, step_seconds: f64) {
        self.used_share = (self.used_share - step_seconds / RECOVERY_SECONDS).max(0.0);
    }

    /// One step in which the bus gave `refill_watts` on top of the load.
    pub fn refill(&mut self, refill_watts: f64, step_seconds: f64) {
        self.owed_joules -= refill_watts * step_seconds;
    }
}

impl HoldUpSpec {
    /// How long supplies hold at this share of full load, in s.
    pub fn seconds(&self, load_share: f64) -> f64 {
        let slope = (self.seventy_seconds - self.full_seconds) / 0.3;
        (self.full_seconds + (1.0 - load_share) * slope).clamp(1e-3, HOLDUP_SECONDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: HoldUpSpec = HoldUpSpec { full_seconds: 0.010, seventy_seconds: 0.012 };

    fn fails_after_ms(missing_share: f64, load_share: f64) -> u32 {
        let mut holdup = HoldUp::default();
        let mut steps = 1;
        while !holdup.starve(&SPEC, 1_000.0 * missing_share, 1_000.0, load_share, 0.001) {
            steps += 1;
            assert!(steps < 1_000, "never fails");
        }
        assert!((holdup.owed_joules() - f64::from(steps) * missing_share).abs() < 1e-9);
        steps
    }

    /// The two figures of the physics page, and half a deficit lasts twice as long.
    #[test]
    fn servers_fail_when_the_hold_up_is_used() {
        assert_eq!(fails_after_ms(1.0, 1.0), 10);
        assert_eq!(fails_after_ms(1.0, 0.7), 12);
        assert_eq!(fails_after_ms(0.5, 1.0), 20);
        assert_eq!(fails_after_ms(1.0, 0.0), 17, "no load at all is beyond what was measured");
    }

    #[test]
    fn a_good_bus_restores_it_and_what_was_taken_comes_back() {
        let mut holdup = HoldUp::default();
        for _ in 0..5 {
            assert!(!holdup.starve(&SPEC, 1_000.0, 1_000.0, 1.0, 0.001));
        }
        let mut refilled_joules = 0.0;
        for _ in 0..2_000 {
            let refill_watts = holdup.refill_watts();
            refilled_joules += refill_watts * 0.001;
            holdup.refill(refill_watts, 0.001);
            holdup.recover(0.001);
        }
        assert!(holdup.used_share() <= 0.0 && holdup.owed_joules() < 1e-9 && (refilled_joules - 5.0).abs() < 1e-9);
    }
}
