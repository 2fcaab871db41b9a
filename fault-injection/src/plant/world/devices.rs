//! The devices of a world: what they say, what they are told, and what is wrong with them.

use ridethrough_core::device::{DeviceId, Reading, Setpoint, Verdict};

use super::World;
use crate::plant::condition::Condition;
use crate::plant::fault::DeviceFault;
use crate::plant::meter::{DeviceClock, Meter};
use crate::plant::orders::{self, Accepted};
use crate::plant::voice::Voice;

/// Where a device is.
#[derive(Clone, Copy)]
enum Seat {
    /// In the row with this place, at this place among those of its kind.
    Row(usize, usize),
    /// Before the rows of the feed with this place.
    Feed(usize),
}

impl World {
    /// What the device's meter says now; `None` when the site has no such device.
    pub fn read(&self, device: DeviceId) -> Option<Reading> {
        Some(self.meter(device)?.read(&self.meter_spec, self.now_ms))
    }

    /// The device's own clock; `None` when the site has no such device.
    pub fn clock_of(&self, device: DeviceId) -> Option<DeviceClock> {
        Some(self.meter(device)?.clock())
    }

    /// How a device talks and whether it is on; one that the site does not have is as it should be.
    pub fn voice(&self, device: DeviceId) -> Voice {
        self.condition(device).voice
    }

    /// Whether the device would take an order, and the first reason why not.
    pub fn check(&self, device: DeviceId, setpoint: &Setpoint) -> Result<(), Verdict> {
        self.accept(device, setpoint).map(drop)
    }

    /// The device checks an order and takes it, or says why not.
    pub fn order(&mut self, device: DeviceId, setpoint: &Setpoint) -> Verdict {
        match self.accept(device, setpoint) {
            Ok(accepted) => {
                self.take(accepted);
                Verdict::Executed
            }
            Err(verdict) => verdict,
        }
    }

    fn accept(&self, device: DeviceId, setpoint: &Setpoint) -> Result<Accepted, Verdict> {
        let accepted = orders::check(&self.site, device, setpoint)?;
        if self.condition(device).locked {
            Err(Verdict::LockedOut)
        } else if self.is_available(device) {
            Ok(accepted)
        } else {
            Err(Verdict::Unavailable)
        }
    }

    fn take(&mut self, accepted: Accepted) {
        match accepted {
            Accepted::Kesm(index, order) => {
                let (row, place) = self.places.kesms[index];
                self.woken(row).kesms[place].take(order);
            }
            Accepted::Tie(index, order) => {
                let (row, place) = self.places.ties[index];
                self.woken(row).ties[place].take(order);
            }
            Accepted::Pdu(index, order) => {
                let (row, place) = self.places.racks[index];
                self.woken(row).racks[place].pdu.take(order);
            }
            Accepted::Supply(index, duty) => self.feeds[index].supply.take(duty, self.now_ms),
        }
    }

    /// The device has no order in force any more and follows its safe local rule: a module stands by for sags and
    /// neither supplies nor charges, a tie ramps down to nothing, a PDU keeps its last cap until its rack has been calm
    /// for a minute, and a generator starts and stops by itself.
    pub fn release(&mut self, device: DeviceId) {
        match (self.seat(device), device) {
            (Some(Seat::Row(row, place)), DeviceId::Pdu(_)) => self.woken(row).racks[place].pdu.release(),
            (Some(Seat::Row(row, place)), DeviceId::Kesm(_)) => self.woken(row).kesms[place].release(),
            (Some(Seat::Row(row, place)), DeviceId::Tie(_)) => self.woken(row).ties[place].release(),
            (Some(Seat::Feed(feed)), _) => self.feeds[feed].supply.release(),
            _ => {}
        }
    }

    /// Whether a device has an order in force.
    pub fn is_ordered(&self, device: DeviceId) -> bool {
        self.seat(device).is_some_and(|seat| match (seat, device) {
            (Seat::Row(row, place), DeviceId::Pdu(_)) => self.rows[row].racks[place].pdu.is_ordered(),
            (Seat::Row(row, place), DeviceId::Kesm(_)) => self.rows[row].kesms[place].order.is_some(),
            (Seat::Row(row, place), _) => self.rows[row].ties[place].order.is_some(),
            (Seat::Feed(feed), _) => self.feeds[feed].supply.is_ordered(),
        })
    }

    /// Whether a device can act on orders: it works, nobody has locked it, its buses are alive, and a supply has a
    /// generator.
    pub fn is_available(&self, device: DeviceId) -> bool {
        let works = |seat| match (seat, device) {
            (Seat::Row(row, place), DeviceId::Pdu(_)) => self.rows[row].racks[place].is_lit(),
            (Seat::Row(row, place), DeviceId::Kesm(_)) => self.rows[row].is_kesm_live(place),
            (Seat::Row(row, place), _) => self.rows[row].is_tie_live(place),
            (Seat::Feed(feed), _) => self.feeds[feed].supply.generator().is_some(),
        };
        !self.condition(device).locked && self.seat(device).is_some_and(works)
    }

    /// Breaks or repairs a module or a tie; a PDU or a supply has nothing to break here.
    pub fn set_healthy(&mut self, device: DeviceId, healthy: bool) {
        self.set_fault(device, DeviceFault::Broken, !healthy);
    }

    /// Gives a device a fault, or takes it away. One that the site does not have is left alone.
    pub fn set_fault(&mut self, device: DeviceId, fault: DeviceFault, on: bool) {
        let Some(slot) = self.site.device_slot(device) else { return };
        self.happened += 1;
        let condition = &mut self.conditions[slot];
        condition.set(fault, on);
        let can_carry = condition.can_carry();
        let now_ms = self.now_ms;
        match fault {
            DeviceFault::Broken | DeviceFault::LockedOut => self.set_carrying(device, can_carry),
            DeviceFault::Stuck => self.set_stuck(device, on),
            DeviceFault::Lying { share } => self.tamper(device, |meter| meter.lie(if on { share } else { 1.0 })),
            DeviceFault::Frozen => self.tamper(device, |meter| meter.freeze(on, now_ms)),
            DeviceFault::Mute | DeviceFault::Babbling { .. } | DeviceFault::Reboot { .. } => {}
        }
    }

    fn set_carrying(&mut self, device: DeviceId, can_carry: bool) {
        match (self.seat(device), device) {
            (Some(Seat::Row(row, place)), DeviceId::Kesm(_)) => {
                self.woken(row).kesms[place].kesm.set_healthy(can_carry);
            }
            (Some(Seat::Row(row, place)), DeviceId::Tie(_)) => self.woken(row).ties[place].tie.set_healthy(can_carry),
            _ => {}
        }
    }

    fn set_stuck(&mut self, device: DeviceId, stuck: bool) {
        match (self.seat(device), device) {
            (Some(Seat::Row(row, place)), DeviceId::Pdu(_)) => self.woken(row).racks[place].pdu.stuck = stuck,
            (Some(Seat::Row(row, place)), DeviceId::Kesm(_)) => self.woken(row).kesms[place].stuck = stuck,
            (Some(Seat::Row(row, place)), _) => self.woken(row).ties[place].stuck = stuck,
            (Some(Seat::Feed(feed)), _) => self.feeds[feed].supply.set_stuck(stuck),
            (None, _) => {}
        }
    }

    /// The meter, brought up to now.
    fn tamper(&mut self, device: DeviceId, with: impl FnOnce(&mut Meter)) {
        match self.seat(device) {
            Some(Seat::Row(row, place)) => {
                if let Some(meter) = self.woken(row).meter_mut(device, place) {
                    with(meter);
                }
            }
            Some(Seat::Feed(feed)) => with(&mut self.feeds[feed].meter),
            None => {}
        }
    }

    pub(super) fn meter(&self, device: DeviceId) -> Option<&Meter> {
        match self.seat(device)? {
            Seat::Row(row, place) => self.rows[row].meter(device, place),
            Seat::Feed(feed) => Some(&self.feeds[feed].meter),
        }
    }

    fn condition(&self, device: DeviceId) -> Condition {
        self.site.device_slot(device).map_or_else(Condition::default, |slot| self.conditions[slot])
    }

    fn seat(&self, device: DeviceId) -> Option<Seat> {
        let (places, index) = match device {
            DeviceId::Pdu(id) => (&self.places.racks, id.index()),
            DeviceId::Kesm(id) => (&self.places.kesms, id.index()),
            DeviceId::Tie(id) => (&self.places.ties, id.index()),
            DeviceId::Supply(id) => return (id.index() < self.feeds.len()).then_some(Seat::Feed(id.index())),
        };
        places.get(index).map(|&(row, place)| Seat::Row(row, place))
    }
}
