//! The law that devices follow by themselves, in milliseconds; the controller only sets its ceilings.
//!
//! For a rack bus, `need = export + max(0, load − hold)`: what leaves through ties, and what the rack's own breaker
//! is not to carry. The sources at the bus (the module that sits there, ties that come in) share the need in
//! proportion to what each may and can give. Physically this is droop: a source with twice the ceiling has half the
//! slope, and where one has nothing left the others see the same bus and take over.
//!
//! Exports are those of the step before: that is the physical delay along a path, and it needs no order of buses.

/// What the local law knows of one bus.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BusView {
    /// What the servers take in W.
    pub load_watts: f64,
    /// What left through ties in the step before, in W.
    pub export_watts: f64,
    /// The sum of what all sources of this bus may and can give, in W.
    pub ceilings_watts: f64,
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

/// What droop gives on a sagging bus, without asking anyone: nothing above 97 % of nominal, the whole rating from
/// 2 % below that (droop as on the physics page), and never more than the bus itself takes, in W.
pub fn sag_watts(volts: f64, nominal_volts: f64, rated_watts: f64, bus: &BusView) -> f64 {
    const BEGINS: f64 = 0.97;
    const DROOP: f64 = 0.02;
    let depth = (BEGINS - volts / nominal_volts) / DROOP;
    (rated_watts * depth.clamp(0.0, 1.0)).min(bus.load_watts + bus.export_watts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(load: f64, export: f64, ceilings: [f64; 2], expected: [f64; 2]) {
        let bus = BusView { load_watts: load, export_watts: export, ceilings_watts: ceilings[0] + ceilings[1] };
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
        let bus = |load, export| BusView { load_watts: load, export_watts: export, ceilings_watts: 50_000.0 };
        assert!((charge_watts(&bus(12_000.0, 0.0), 22_800.0, 15_000.0) - 10_800.0).abs() < 1e-9);
        assert!((charge_watts(&bus(5_000.0, 0.0), 22_800.0, 15_000.0) - 15_000.0).abs() < 1e-9);
        assert!(charge_watts(&bus(12_000.0, 100.0), 22_800.0, 15_000.0) <= 0.0, "not while it exports");
        assert!(charge_watts(&bus(23_000.0, 0.0), 22_800.0, 15_000.0) <= 0.0);
    }

    #[test]
    fn a_sag_brings_standby_power_and_no_backfeed() {
        let bus = BusView { load_watts: 12_000.0, ..BusView::default() };
        assert!(sag_watts(790.0, 800.0, 50_000.0, &bus) <= 0.0);
        assert!((sag_watts(774.4, 800.0, 50_000.0, &bus) - 5_000.0).abs() < 1e-6);
        assert!((sag_watts(700.0, 800.0, 50_000.0, &bus) - 12_000.0).abs() < 1e-9);
    }
}
