//! The law that devices follow by themselves, in milliseconds; the controller only sets its ceilings.
//!
//! For a rack bus, `need = export + max(0, load − hold)`: what leaves through ties, and what the rack's own breaker
//! is not to carry. The sources at the bus (the module that sits there, ties that come in) share the need in
//! proportion to what each may and can give. Physically this is droop: a source with twice the ceiling has half the
//! slope, and where one has nothing left the others see the same bus and take over.
//!
//! On a sag of the feed the same law holds with nothing to hold the breaker at (`hold = 0`) and without asking
//! anyone: every source may give what it can. That is *bridging*; it begins within a step and is handed back to the
//! feed slowly.
//!
//! Exports are those of the step before: that is the physical delay along a path, and it needs no order of buses.

/// Below this share of nominal a feed sags.
pub const SAG_SHARE: f64 = 0.97;
/// So much below [`SAG_SHARE`], a bridging source gives all it can (droop as on the physics page).
const SAG_DROOP: f64 = 0.02;
/// A bridging tie gives way when the bus that it takes from is below this share of nominal.
const TIE_YIELDS_SHARE: f64 = 0.96;
/// It waits so long for that bus to come up, in s: longer than converters take to ramp.
const TIE_PATIENCE_SECONDS: f64 = 0.008;
/// How fast it gives way, and how fast it tries again, per second.
const TIE_YIELD_PER_SECOND: f64 = 200.0;
const TIE_RETRY_PER_SECOND: f64 = 2.0;

/// What the local law knows of one bus.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BusView {
    /// What the servers take in W.
    pub load_watts: f64,
    /// What left through ties in the step before, in W.
    pub export_watts: f64,
    /// The sum of what all sources of this bus may and can give under orders, in W.
    pub ceilings_watts: f64,
    /// The sum of what all sources of this bus could give while bridging, in W.
    pub bridges_watts: f64,
}

/// What a source without slope would give: its share of the need in W.
pub fn share_watts(bus: &BusView, hold_watts: f64, ceiling_watts: f64) -> f64 {
    let need_watts = need_watts(bus, hold_watts);
    if need_watts <= 0.0 || bus.ceilings_watts <= 0.0 {
        return 0.0;
    }
    ceiling_watts * (need_watts / bus.ceilings_watts).min(1.0)
}

/// `export + max(0, load − hold)` in W.
pub fn need_watts(bus: &BusView, hold_watts: f64) -> f64 {
    bus.export_watts + (bus.load_watts - hold_watts).max(0.0)
}

/// What a module may take to spin up: it fills its rack's own draw up to the hold level and never beyond, in W.
pub fn charge_watts(bus: &BusView, hold_watts: f64, charge_max_watts: f64) -> f64 {
    if need_watts(bus, hold_watts) > 0.0 {
        return 0.0;
    }
    (hold_watts - bus.load_watts - bus.export_watts).clamp(0.0, charge_max_watts.max(0.0))
}

/// What a source gives while it bridges with this strength: its share of all that the bus takes, in W.
pub fn bridge_watts(bus: &BusView, strength: f64, ceiling_watts: f64) -> f64 {
    if bus.bridges_watts <= 0.0 {
        return 0.0;
    }
    let need_watts = (bus.load_watts + bus.export_watts) * strength;
    ceiling_watts * (need_watts / bus.bridges_watts).min(1.0)
}

/// How strongly the sources of a row bridge: 0 not at all, 1 as far as they can.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bridge {
    strength: f64,
}

impl Bridge {
    /// 0 to 1.
    pub fn strength(self) -> f64 {
        self.strength
    }

    /// Whether the sources of the row bridge at all.
    pub fn is_on(self) -> bool {
        self.strength > 0.0
    }

    /// One step with the feed at this share of nominal. A sag is answered at once, in proportion to its depth; a feed
    /// that is back gets its load over `walk_in_seconds`, so that it meets no step.
    pub fn step(&mut self, feed_share: f64, walk_in_seconds: f64, step_seconds: f64) {
        let depth = ((SAG_SHARE - feed_share) / SAG_DROOP).clamp(0.0, 1.0);
        self.strength = depth.max(self.strength - step_seconds / walk_in_seconds).max(0.0);
    }
}

/// How far a bridging tie trusts the bus that it takes from: it gives way fast when that bus gives out, for the racks
/// before it come first, and tries again slowly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trust {
    share: f64,
    low_seconds: f64,
}

impl Default for Trust {
    fn default() -> Self {
        Self { share: 1.0, low_seconds: 0.0 }
    }
}

impl Trust {
    /// 0 to 1.
    pub fn share(self) -> f64 {
        self.share
    }

    /// One step with the source bus at this share of nominal.
    pub fn step(&mut self, source_share: f64, step_seconds: f64) {
        if source_share >= TIE_YIELDS_SHARE {
            self.low_seconds = 0.0;
            self.share = (self.share + TIE_RETRY_PER_SECOND * step_seconds).min(1.0);
            return;
        }
        self.low_seconds += step_seconds;
        if self.low_seconds > TIE_PATIENCE_SECONDS {
            self.share = (self.share - TIE_YIELD_PER_SECOND * step_seconds).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(load: f64, export: f64, ceilings: [f64; 2], expected: [f64; 2]) {
        let ceilings_watts = ceilings[0] + ceilings[1];
        let bus = BusView { load_watts: load, export_watts: export, ceilings_watts, bridges_watts: 0.0 };
        for (ceiling, expected) in ceilings.into_iter().zip(expected) {
            let found = share_watts(&bus, 22_800.0, ceiling);
            assert!((found - expected).abs() < 1e-9, "load {load}, ceilings {ceilings:?}: {found}, not {expected}");
        }
    }

    #[test]
    fn sources_share_in_proportion_and_take_over_from_the_empty() {
        check(20_000.0, 0.0, [10_000.0, 20_000.0], [0.0, 0.0]);
        check(25_800.0, 0.0, [10_000.0, 20_000.0], [1_000.0, 2_000.0]);
        check(20_000.0, 3_000.0, [10_000.0, 20_000.0], [1_000.0, 2_000.0]);
        check(25_800.0, 0.0, [0.0, 20_000.0], [0.0, 3_000.0]);
        check(62_800.0, 0.0, [10_000.0, 20_000.0], [10_000.0, 20_000.0]);
    }

    #[test]
    fn charging_fills_up_to_the_hold_level_only() {
        let bus = |load_watts, export_watts| BusView { load_watts, export_watts, ..BusView::default() };
        assert!((charge_watts(&bus(12_000.0, 0.0), 22_800.0, 15_000.0) - 10_800.0).abs() < 1e-9);
        assert!((charge_watts(&bus(5_000.0, 0.0), 22_800.0, 15_000.0) - 15_000.0).abs() < 1e-9);
        assert!(charge_watts(&bus(12_000.0, 100.0), 22_800.0, 15_000.0) <= 0.0, "not while it exports");
        assert!(charge_watts(&bus(23_000.0, 0.0), 22_800.0, 15_000.0) <= 0.0);
    }

    #[test]
    fn a_sag_is_answered_in_proportion_and_handed_back_slowly() {
        let mut bridge = Bridge::default();
        for (share, expected) in [(1.0, 0.0), (0.98, 0.0), (0.96, 0.5), (0.5, 1.0), (1.0, 0.999_8)] {
            bridge.step(share, 5.0, 0.001);
            assert!((bridge.strength() - expected).abs() < 1e-9, "at {share}: {}", bridge.strength());
        }
        for _ in 0..5_000 {
            bridge.step(1.0, 5.0, 0.001);
        }
        assert!(!bridge.is_on());
    }

    #[test]
    fn bridging_sources_share_all_that_the_bus_takes() {
        let bus = BusView { load_watts: 12_000.0, export_watts: 6_000.0, ceilings_watts: 0.0, bridges_watts: 60_000.0 };
        assert!((bridge_watts(&bus, 1.0, 40_000.0) - 12_000.0).abs() < 1e-9);
        assert!((bridge_watts(&bus, 0.5, 20_000.0) - 3_000.0).abs() < 1e-9);
        assert!(bridge_watts(&BusView::default(), 1.0, 0.0) <= 0.0, "nothing can bridge");
    }

    #[test]
    fn a_tie_gives_way_fast_and_tries_again_slowly() {
        let mut trust = Trust::default();
        for _ in 0..8 {
            trust.step(0.3, 0.001);
        }
        assert!((trust.share() - 1.0).abs() < 1e-9, "that is how long a ramp may take");
        for _ in 0..5 {
            trust.step(0.9, 0.001);
        }
        assert!(trust.share() < 1e-9);
        trust.step(0.98, 0.001);
        assert!((trust.share() - 0.002).abs() < 1e-9);
    }
}
