//! Supply before draw: a tie that is to give more has everything between it and its sources act before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ridethrough_core::command::Leg;
use ridethrough_core::device::{DeviceId, Order, Setpoint};
use ridethrough_core::ledger::{Committed, Ledger};
use ridethrough_core::site::{Site, TieId};
use ridethrough_core::units::Watts;

use super::super::Finding;

/// States that an order on its way may still be of.
const STATES_MAX: usize = 64;

/// What devices have done, and the states that made them do it.
pub struct Turns {
    /// The newest ones, the oldest first.
    states: VecDeque<Arc<Ledger>>,
    /// The newest entry that each device has ever executed.
    done: Vec<u64>,
    /// The most that each tie was ever told to pass, each way.
    passed: BTreeMap<TieId, [Watts; 2]>,
}

impl Turns {
    /// Of this site.
    pub fn new(site: &Site) -> Self {
        Self { states: VecDeque::new(), done: vec![0; site.devices().count()], passed: BTreeMap::new() }
    }

    /// An entry left this ledger.
    pub fn committed(&mut self, ledger: &Arc<Ledger>) {
        if self.states.len() == STATES_MAX {
            self.states.pop_front();
        }
        self.states.push_back(Arc::clone(ledger));
    }

    /// A device has executed the order of this entry.
    pub fn executed(&mut self, site: &Site, device: DeviceId, name: &str, index: u64) -> Finding {
        if let Some(done) = site.device_slot(device).and_then(|slot| self.done.get_mut(slot)) {
            *done = (*done).max(index);
        }
        let DeviceId::Tie(tie) = device else { return Ok(()) };
        let of_entry = |order: &&Committed<Order>| order.get().index == index;
        let states = self.states.iter().filter(|state| state.order(device).as_ref().is_some_and(of_entry));
        let states: Vec<Arc<Ledger>> = states.cloned().collect();
        let Some(order) = states.first().and_then(|state| state.order(device)) else { return Ok(()) };
        let raises = self.raises(tie, &order.get().setpoint);
        // The leader goes by its newest state, which may be any of those that have this order.
        if !raises || states.iter().any(|state| self.is_fed(state, tie)) {
            return Ok(());
        }
        Err(format!("{name} executed entry {index} before what feeds it"))
    }

    /// Whether it is to pass more than it ever was; what lowers waits for nobody, and what was heard of it may be older than
    /// what it does.
    fn raises(&mut self, tie: TieId, setpoint: &Setpoint) -> bool {
        let Setpoint::Tie { direction, flow_max, .. } = setpoint else { return false };
        let most = &mut self.passed.entry(tie).or_default()[usize::from(*direction as u8)];
        let raises = flow_max > most;
        *most = (*most).max(*flow_max);
        raises
    }

    fn is_fed(&self, state: &Ledger, tie: TieId) -> bool {
        let site = state.site();
        let acts = |device: DeviceId| {
            let newest = state.order(device).map_or(0, |order| order.get().index);
            site.device_slot(device).is_some_and(|slot| self.done[slot] >= newest)
        };
        let mut legs = state.transfers().flat_map(|transfer| &transfer.grant.legs);
        legs.all(|leg: &Leg| {
            let Some(place) = leg.path.iter().position(|hop| hop.tie == tie) else { return true };
            acts(DeviceId::Kesm(leg.kesm)) && leg.path[..place].iter().all(|hop| acts(DeviceId::Tie(hop.tie)))
        })
    }
}
