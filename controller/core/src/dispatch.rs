//! Which committed orders may go out now: make the supply first, then raise the draw.

use crate::device::{DeviceId, Order, Setpoint};
use crate::ledger::{Committed, Ledger};

/// What a device says is in force there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// Log index of the last order it accepted.
    pub index: u64,
    /// Its instruction; none when it follows its local safe rule.
    pub setpoint: Option<Setpoint>,
}

/// Whether this order may be sent, given what every device says of itself. Whatever lowers goes at once, and so does
/// what a device has accepted already. What lets a tie give as much as it was heard to give, or more, waits until
/// everything between it and the sources that feed it has acknowledged its own newest order.
///
/// As much, too: what a tie was heard to do may be over by now. It may have lapsed with its source or have been told to
/// stop, and then the same flow again is a rise (found by the model in `tests/models`). A flow that lowers could be one
/// for the same reason, but nothing may hold up what takes a tie back.
pub fn may_go(ledger: &Ledger, order: &Committed<Order>, in_force: &dyn Fn(DeviceId) -> InForce) -> bool {
    let order = order.get();
    let DeviceId::Tie(tie) = order.device else { return true };
    let there = in_force(order.device);
    let is_above = |there: Setpoint| there.raises(Some(&order.setpoint)) && !order.setpoint.raises(Some(&there));
    let lowers = !order.setpoint.raises(None) || there.setpoint.is_some_and(is_above);
    if lowers || there.index >= order.index {
        return true;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{World, forecast};
    use crate::site::{KesmId, TieId};
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
        let goes = |device, who: &[DeviceId]| may_go(ledger, order(device), &acting(who.to_vec()));
        assert!(goes(source, &[]));
        assert!(!goes(near, &[]));
        assert!(goes(near, &[source]));
        assert!(!goes(far, &[source]));
        assert!(goes(far, &[source, near]));
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
            assert_eq!(may_go(ledger, near, &heard), goes, "heard to give {flow_max} by entry {index}");
        };
        let more = flow_max.saturating_add(Watts::new(1));
        check(index - 1, Watts::ZERO, false);
        check(index - 1, flow_max, false);
        check(index - 1, more, true);
        check(index, flow_max, true);
    }
}
