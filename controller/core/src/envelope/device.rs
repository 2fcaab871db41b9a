//! The part of the envelope that a device checks by itself, whoever commands it. The ledger asserts it of every order that
//! it derives, so that no honest order is ever refused for it.

use crate::capping;
use crate::device::{DeviceId, Setpoint};
use crate::site::{Site, TIER_MAX};
use crate::units::Watts;

/// Whether a setpoint is of the device's kind and within its own limits.
pub fn admits(site: &Site, device: DeviceId, setpoint: &Setpoint) -> bool {
    if site.device_slot(device).is_none() {
        return false;
    }
    let within = |value: Watts, most: Watts| (Watts::ZERO..=most).contains(&value);
    match (device, *setpoint) {
        (DeviceId::Kesm(id), Setpoint::Kesm { supply_max, charge_max, hold }) => {
            let kesm = site.kesm(id);
            within(supply_max, kesm.rated)
                && within(charge_max, kesm.charge_rated)
                && within(hold, site.rack(kesm.rack).limit)
        }
        (DeviceId::Tie(id), Setpoint::Tie { direction, flow_max, hold }) => {
            let tie = site.tie(id);
            within(flow_max, tie.rated) && within(hold, site.rack(tie.sink(direction)).limit)
        }
        (DeviceId::Pdu(id), Setpoint::Pdu { cap, keep_tiers }) => {
            // Less than the floors of what is kept on cannot be had by capping, and more than the nameplate means
            // nothing.
            let reachable = capping::rack_floor(site, id, keep_tiers)..=site.rack(id).nameplate;
            keep_tiers <= TIER_MAX && reachable.contains(&cap)
        }
        (DeviceId::Supply(_), Setpoint::Supply { .. }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Direction, GeneratorDuty};
    use crate::example::site;
    use crate::site::{FeedId, KesmId, RackId, TieId};

    #[test]
    fn a_device_takes_what_is_of_its_kind_and_within_its_limits() {
        let site = site();
        let kesm = |supply, charge, hold| Setpoint::Kesm {
            supply_max: Watts::new(supply),
            charge_max: Watts::new(charge),
            hold: Watts::new(hold),
        };
        let tie = |flow, hold| Setpoint::Tie {
            direction: Direction::Forward,
            flow_max: Watts::new(flow),
            hold: Watts::new(hold),
        };
        let pdu = |cap, keep_tiers| Setpoint::Pdu { cap: Watts::new(cap), keep_tiers };
        let check = |device, setpoint: Setpoint, expected| {
            assert_eq!(admits(&site, device, &setpoint), expected, "{device:?} {setpoint:?}");
        };
        let (module, cable, rack) = (DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(0)), DeviceId::Pdu(RackId(0)));
        check(module, kesm(50_000, 15_000, 24_000), true);
        check(module, kesm(50_001, 0, 0), false);
        check(module, kesm(0, 15_001, 0), false);
        check(module, kesm(0, 0, 24_001), false);
        check(module, kesm(-1, 0, 0), false);
        check(cable, tie(25_000, 24_000), true);
        check(cable, tie(25_001, 0), false);
        check(rack, pdu(42_000, 4), true);
        check(rack, pdu(21_000, 2), true);
        check(rack, pdu(20_999, 2), false);
        check(rack, pdu(0, 1), true);
        check(rack, pdu(42_000, 5), false);
        check(DeviceId::Supply(FeedId(0)), Setpoint::Supply { generator: GeneratorDuty::Run }, true);
        check(DeviceId::Supply(FeedId(1)), Setpoint::Supply { generator: GeneratorDuty::Run }, false);
        check(cable, kesm(1, 0, 0), false);
    }
}
