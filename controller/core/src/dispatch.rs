//! Which committed orders may go out now: make the supply first, then raise the draw.

use crate::command::Leg;
use crate::device::{DeviceId, Order, Setpoint};
use crate::ledger::{Committed, Ledger};
use crate::site::TieId;
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
/// What lets a tie give as much as it was heard to give, or more, waits until everything between it and the sources that
/// feed it has acknowledged its own newest order. As much, too: what a tie was heard to do may be over by now. It may
/// have lapsed with its source or have been told to stop, and then the same flow again is a rise (found by the model in
/// `tests/models`). What a device has accepted already goes at once.
///
/// What lowers goes at once, but for one case: when the same entry gives a transfer other sources or ways, those that it
/// leaves go on until the new ones act, or [`HANDOVER`] is over, so that the receiver is not without. A flow that lowers
/// could be a rise for the reason above, but nothing may hold up for long what takes a tie back.
pub fn may_go(
    ledger: &Ledger,
    order: &Committed<Order>,
    waited: Millis,
    in_force: &dyn Fn(DeviceId) -> InForce,
) -> bool {
    let order = order.get();
    let there = in_force(order.device);
    if there.index >= order.index {
        return true;
    }
    match order.device {
        DeviceId::Tie(tie) if !lowers(order, there) => is_fed(ledger, tie, in_force),
        DeviceId::Tie(_) | DeviceId::Kesm(_) => {
            !lowers(order, there) || waited >= HANDOVER || !is_awaited(ledger, order, in_force)
        }
        DeviceId::Pdu(_) | DeviceId::Supply(_) => true,
    }
}

/// Whether the device will give less than it was heard to give, or nothing at all.
fn lowers(order: &Order, there: InForce) -> bool {
    match (order.setpoint, there.setpoint) {
        (Setpoint::Kesm { supply_max, .. }, Some(Setpoint::Kesm { supply_max: before, .. })) => supply_max < before,
        (setpoint, Some(before)) => {
            !setpoint.raises(None) || (before.raises(Some(&setpoint)) && !setpoint.raises(Some(&before)))
        }
        (setpoint, None) => !setpoint.raises(None),
    }
}

/// Whether everything between a tie and the sources that feed it has acknowledged its own newest order.
fn is_fed(ledger: &Ledger, tie: TieId, in_force: &dyn Fn(DeviceId) -> InForce) -> bool {
    let settled = |device: DeviceId| {
        ledger.order(device).is_none_or(|newest| {
            let there = in_force(device);
            there.index >= newest.get().index && there.setpoint.is_some()
        })
    };
    ledger.transfers().flat_map(|transfer| &transfer.grant.legs).all(|leg| {
        let Some(place) = leg.path.iter().position(|hop| hop.tie == tie) else { return true };
        settled(DeviceId::Kesm(leg.kesm)) && leg.path[..place].iter().all(|hop| settled(DeviceId::Tie(hop.tie)))
    })
}

/// Whether a transfer of the same entry waits for another of its legs to rise.
fn is_awaited(ledger: &Ledger, order: &Order, in_force: &dyn Fn(DeviceId) -> InForce) -> bool {
    let rises = |device: DeviceId| {
        let newest = ledger.order(device).map(Committed::get).filter(|newest| newest.index == order.index);
        newest.is_some_and(|newest| newest.setpoint.raises(in_force(device).setpoint.as_ref()))
    };
    let of_entry = ledger.transfers().filter(|transfer| transfer.id.index == order.index);
    // Only another leg can take over.
    let others = of_entry.flat_map(|transfer| &transfer.grant.legs).filter(|leg| !leg.uses(order.device));
    others.flat_map(Leg::devices).any(rises)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{CapGrant, CapReason, Command, Plan};
    use crate::example::{World, forecast};
    use crate::ledger::Effect;
    use crate::site::{KesmId, RackId, TIER_MAX};
    use crate::units::Watts;

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
        let Setpoint::Kesm { supply_max, .. } = left.get().setpoint else { panic!("a module's") };
        assert_eq!(supply_max, Watts::ZERO);
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

    #[test]
    fn what_a_tie_was_heard_to_do_does_not_let_it_give_before_its_source() {
        let mut world = World::new();
        world.forecasts[2] = forecast(32_000);
        world.tick();
        let ledger = &world.ledger;
        let near = ledger.order(DeviceId::Tie(TieId(0))).expect("ordered");
        let Setpoint::Tie { direction, flow_max, hold } = near.get().setpoint else { panic!("a tie's") };
        let index = near.get().index;
        let check = |index: u64, flow_max: Watts, goes: bool| {
            let heard = |device: DeviceId| match device {
                DeviceId::Tie(_) => InForce { index, setpoint: Some(Setpoint::Tie { direction, flow_max, hold }) },
                _ => InForce::default(),
            };
            assert_eq!(may_go(ledger, near, Millis::ZERO, &heard), goes, "heard to give {flow_max} by entry {index}");
        };
        let more = flow_max.saturating_add(Watts::new(1));
        check(index - 1, Watts::ZERO, false);
        check(index - 1, flow_max, false);
        check(index - 1, more, true);
        check(index, flow_max, true);
    }

    #[test]
    fn an_order_lowers_when_less_is_given_than_before() {
        let hold = Watts::new(9_000);
        let setpoint = |watts| Setpoint::Kesm { supply_max: Watts::new(watts), charge_max: Watts::ZERO, hold };
        let lowers = |before: Option<i64>, watts| {
            let device = DeviceId::Kesm(KesmId(0));
            let order = Order { device, index: 2, term: 1, setpoint: setpoint(watts), until: Millis::seconds(8) };
            lowers(&order, InForce { index: 1, setpoint: before.map(setpoint) })
        };
        assert!(lowers(Some(5_000), 4_999) && !lowers(Some(5_000), 5_000) && !lowers(Some(5_000), 5_001));
        assert!(lowers(None, 0) && !lowers(None, 1), "of a device that was not heard, only nothing at all is less");
    }

    /// What holds servers down waits for nobody: neither for sources that act, nor for an older cap that stands.
    #[test]
    fn a_cap_goes_at_once() {
        let mut world = World::new();
        world.forecasts[2] = forecast(32_000);
        world.tick();
        let (rack, hold) = (RackId(4), Millis::seconds(8));
        let (cap, keep_tiers, reason) = (Watts::new(30_000), TIER_MAX, CapReason::Insecure);
        let plan = Plan { caps: vec![CapGrant { rack, cap, keep_tiers, reason, hold }], ..Plan::default() };
        let effect = world.commit(Command::Plan(plan));
        assert!(matches!(effect, Effect::Admitted { .. }), "{effect:?}");
        let device = DeviceId::Pdu(rack);
        let order = world.ledger.order(device).expect("ordered");
        let before = InForce { index: order.get().index - 1, setpoint: Some(Setpoint::Pdu { cap, keep_tiers }) };
        for there in [InForce::default(), before] {
            assert!(may_go(&world.ledger, order, Millis::ZERO, &|_| there));
        }
    }
}
