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

/// Whether this order may be sent, given what every device says of itself. Whatever lowers goes at once. What raises
/// a tie waits until everything between it and the sources that feed it has acknowledged its own newest order.
pub fn may_go(ledger: &Ledger, order: &Committed<Order>, in_force: &dyn Fn(DeviceId) -> InForce) -> bool {
    let order = order.get();
    let DeviceId::Tie(tie) = order.device else { return true };
    if !order.setpoint.raises(in_force(order.device).setpoint.as_ref()) {
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
}
