//! Which committed orders may go out now: make the supply first, then raise the draw.

use crate::device::{DeviceId, Order, Setpoint};
use crate::ledger::{Committed, Ledger};
use crate::units::Millis;

/// What a device says is in force there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// Log index of the last order it accepted.
    pub index: u64,
    /// Its instruction; none when it follows its local safe rule.
    pub setpoint: Option<Setpoint>,
}

/// A device that hands its part of a transfer over to others waits so long for them, and no longer: what lowers must
/// not be held up by what does not answer.
pub const HANDOVER: Millis = Millis::new(60);

/// Whether this order may be sent, given what every device says of itself and for how long the order has waited.
///
/// What raises a tie waits until everything between it and the sources that feed it has acknowledged its own newest
/// order. What lowers goes at once, but for one case: when the same entry gives a transfer other sources or ways, those
/// that it leaves go on until the new ones act, or [`HANDOVER`] is over, so that the receiver is not without.
pub fn may_go(
    ledger: &Ledger,
    order: &Committed<Order>,
    waited: Millis,
    in_force: &dyn Fn(DeviceId) -> InForce,
) -> bool {
    let order = order.get();
    let settled = |device: DeviceId| {
        ledger.order(device).is_none_or(|newest| {
            let there = in_force(device);
            there.index >= newest.get().index && there.setpoint.is_some()
        })
    };
    if order.setpoint.raises(in_force(order.device).setpoint.as_ref()) {
        let DeviceId::Tie(tie) = order.device else { return true };
        return ledger.transfers().flat_map(|transfer| &transfer.grant.legs).all(|leg| {
            let Some(place) = leg.path.iter().position(|hop| hop.tie == tie) else { return true };
            settled(DeviceId::Kesm(leg.kesm)) && leg.path[..place].iter().all(|hop| settled(DeviceId::Tie(hop.tie)))
        });
    }
    if waited >= HANDOVER || !matches!(order.device, DeviceId::Kesm(_) | DeviceId::Tie(_)) {
        return true;
    }
    let rises = |device: DeviceId| {
        let newest = ledger.order(device).map(Committed::get).filter(|newest| newest.index == order.index);
        newest.is_some_and(|newest| newest.setpoint.raises(in_force(device).setpoint.as_ref()))
    };
    let of_entry = ledger.transfers().filter(|transfer| transfer.id.index == order.index);
    !of_entry.flat_map(|transfer| transfer.grant.devices()).any(|device| device != order.device && rises(device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{World, forecast};
    use crate::site::{KesmId, TieId};

    #[test]
    fn supply_is_made_before_the_draw_is_raised() {
        let mut world = World::new();
        world.forecasts[2] = forecast(32_000);
        world.tick();
        let ledger = &world.ledger;
        let order = |device| ledger.order(device).expect("ordered");
        let (source, near, far) = (DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(0)), DeviceId::Tie(TieId(1)));
        let acting = |acting: Vec<DeviceId>| {
            move |device: DeviceId| {
                let there = ledger.order(device).filter(|_| acting.contains(&device)).map(|order| *order.get());
                there.map_or_else(InForce::default, |order| InForce {
                    index: order.index,
                    setpoint: Some(order.setpoint),
                })
            }
        };
        let goes = |device, who: &[DeviceId]| may_go(ledger, order(device), Millis::ZERO, &acting(who.to_vec()));
        assert!(goes(source, &[]));
        assert!(!goes(near, &[]));
        assert!(goes(near, &[source]));
        assert!(!goes(far, &[source]));
        assert!(goes(far, &[source, near]));
    }

    #[test]
    fn a_source_that_is_left_goes_on_until_the_others_act_but_not_for_long() {
        let mut world = World::new();
        world.forecasts[2] = forecast(32_000);
        world.tick();
        let before: Vec<Order> = world.ledger.orders().map(|order| *order.get()).collect();
        // K0 can give no more: the next renewal comes from K1 over the other ties.
        world.pass(4_500);
        world.stored(0, 610_000);
        world.tick();
        let ledger = &world.ledger;
        let left = ledger.order(DeviceId::Kesm(KesmId(0))).expect("told to stop");
        assert!(!left.get().setpoint.raises(None), "{left:?}");
        let old = |device: DeviceId| {
            let order = before.iter().find(|order| order.device == device);
            order.map_or_else(InForce::default, |order| InForce { index: order.index, setpoint: Some(order.setpoint) })
        };
        assert!(!may_go(ledger, left, Millis::ZERO, &old), "nobody has taken over yet");
        assert!(may_go(ledger, left, HANDOVER, &old), "but it does not wait for ever");
        let new = |device: DeviceId| {
            let order = ledger.order(device).filter(|order| order.get().device != left.get().device);
            order.map_or_else(
                || old(device),
                |order| InForce { index: order.get().index, setpoint: Some(order.get().setpoint) },
            )
        };
        assert!(may_go(ledger, left, Millis::ZERO, &new), "all the others act");
    }
}
