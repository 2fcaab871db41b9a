//! From what stands in the ledger to one complete order for each device.

use std::collections::BTreeMap;

use super::{Charge, Committed, Ledger};
use crate::command::Position;
use crate::device::{DeviceId, Direction, GeneratorDuty, Order, Setpoint};
use crate::electrical;
use crate::envelope;
use crate::site::{KesmId, RackId, TIER_MAX, TieId};
use crate::units::{Millis, Watts};

/// Instructions with their ends, by device.
type Wanted = BTreeMap<DeviceId, (Setpoint, Millis)>;

impl Ledger {
    /// Gives every device whose instruction has changed a new order, complete and absolute. Returns how many.
    pub(super) fn derive_orders(&mut self, at: Position) -> usize {
        let mut wanted = self.wanted();
        // A device that nothing needs any longer is told so at once.
        for (&device, order) in &self.orders {
            let idle = self.idle_setpoint(device, &order.get().setpoint);
            wanted.entry(device).or_insert((idle, order.get().until));
        }
        let mut changed = 0;
        for (device, (setpoint, until)) in wanted {
            let order = Order { device, index: at.index, term: at.term, setpoint, until };
            assert!(envelope::device::admits(&self.site, device, &setpoint), "I3: {order:?} is beyond its device");
            let same = |old: &Committed<Order>| old.get().setpoint == setpoint && old.get().until == until;
            if !self.orders.get(&device).is_some_and(same) {
                self.orders.insert(device, Committed(order));
                changed += 1;
            }
        }
        changed
    }

    fn wanted(&self) -> Wanted {
        let mut wanted = BTreeMap::new();
        for transfer in self.transfers.values() {
            for leg in &transfer.grant.legs {
                self.want_supply(&mut wanted, leg.kesm, leg.supplied, transfer.until);
                let flows = electrical::path_flows(&self.site, &leg.path, leg.delivered);
                for (hop, flow) in leg.path.iter().zip(flows) {
                    self.want_flow(&mut wanted, hop.tie, hop.direction, flow, transfer.until);
                }
            }
        }
        for (&kesm, charge) in &self.charges {
            self.want_charge(&mut wanted, kesm, charge);
        }
        for (&rack, cap) in &self.caps {
            let setpoint = Setpoint::Pdu { cap: cap.cap, keep_tiers: cap.keep_tiers };
            wanted.insert(DeviceId::Pdu(rack), (setpoint, cap.until));
        }
        for (&feed, rule) in &self.generators {
            wanted.insert(DeviceId::Supply(feed), (Setpoint::Supply { generator: rule.duty }, rule.until));
        }
        wanted
    }

    /// The draw of a rack above which sources on its bus give.
    fn level(&self, rack: RackId) -> Watts {
        self.transfers.get(&rack).map_or_else(|| self.site.hold(rack), |transfer| transfer.grant.help_above)
    }

    fn want_supply(&self, wanted: &mut Wanted, kesm: KesmId, more: Watts, until: Millis) {
        let (setpoint, last) = self.wanted_of_kesm(wanted, kesm, until);
        *last = until.max(*last);
        if let Setpoint::Kesm { supply_max, .. } = setpoint {
            *supply_max = supply_max.saturating_add(more);
        }
    }

    /// A module that stands ready to supply may also take in what its rack leaves below its level: the device does
    /// one or the other, as its bus asks for.
    fn want_charge(&self, wanted: &mut Wanted, kesm: KesmId, charge: &Charge) {
        let (setpoint, last) = self.wanted_of_kesm(wanted, kesm, charge.until);
        *last = charge.until.max(*last);
        if let Setpoint::Kesm { charge_max, .. } = setpoint {
            *charge_max = charge.charge_max;
        }
    }

    fn wanted_of_kesm<'w>(&self, wanted: &'w mut Wanted, kesm: KesmId, until: Millis) -> &'w mut (Setpoint, Millis) {
        let hold = self.level(self.site.kesm(kesm).rack);
        let none = Setpoint::Kesm { supply_max: Watts::ZERO, charge_max: Watts::ZERO, hold };
        wanted.entry(DeviceId::Kesm(kesm)).or_insert((none, until))
    }

    fn want_flow(&self, wanted: &mut Wanted, tie: TieId, direction: Direction, more: Watts, until: Millis) {
        let hold = self.level(self.site.tie(tie).sink(direction));
        let none = Setpoint::Tie { direction, flow_max: Watts::ZERO, hold };
        let (setpoint, last) = wanted.entry(DeviceId::Tie(tie)).or_insert((none, until));
        *last = until.max(*last);
        if let Setpoint::Tie { flow_max, .. } = setpoint {
            *flow_max = flow_max.saturating_add(more);
        }
    }

    /// The instruction to do nothing, for the kind of device that had this one.
    fn idle_setpoint(&self, device: DeviceId, setpoint: &Setpoint) -> Setpoint {
        match (device, *setpoint) {
            (_, Setpoint::Kesm { hold, .. }) => {
                Setpoint::Kesm { supply_max: Watts::ZERO, charge_max: Watts::ZERO, hold }
            }
            (_, Setpoint::Tie { direction, hold, .. }) => Setpoint::Tie { direction, flow_max: Watts::ZERO, hold },
            (DeviceId::Pdu(rack), Setpoint::Pdu { .. }) => {
                Setpoint::Pdu { cap: self.site.rack(rack).nameplate, keep_tiers: TIER_MAX }
            }
            (_, Setpoint::Pdu { cap, .. }) => Setpoint::Pdu { cap, keep_tiers: TIER_MAX },
            (_, Setpoint::Supply { .. }) => Setpoint::Supply { generator: GeneratorDuty::Auto },
        }
    }
}
