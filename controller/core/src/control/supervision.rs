//! Whether devices do what they say: order against response, meter against meter, and meters that stand still.
//!
//! A device that is caught is quarantined: nothing is planned with it, what rests on it is replanned, and its orders are
//! taken back. Quarantine ends by itself, later each time; a device that is caught again goes back at once.

use crate::device::{DeviceId, Direction, Reading, Setpoint};
use crate::ledger::Ledger;
use crate::mode::Mode;
use crate::site::{FeedId, KesmId, RackId, Site, TieId};
use crate::trust::Fault;
use crate::units::{Joules, Millis, Watts};
use crate::view::View;

use super::devices::Devices;

/// A device has so long to follow: converters need milliseconds, meters and the network some tens.
const FOLLOWS_WITHIN: Millis = Millis::new(600);
/// What does not add up must last so long.
const ADDS_UP_WITHIN: Millis = Millis::new(1_500);
/// A meter that repeats itself to the last digit for so long stands still.
const STILL_AFTER: Millis = Millis::seconds(6);
/// A meter's noise moves its last digit only at loads and stores from here on.
const MOVING_WATTS: Watts = Watts::new(5_000);
const MOVING_JOULES: Joules = Joules::new(400_000);
/// Off by less than these thousandths of the rating, and this, is noise and timing.
const TOLERANCE_PERMILLE: u16 = 80;
const TOLERANCE: Watts = Watts::new(800);
/// Racks of a feed and its supply agree within so many thousandths: noise of many meters is small, feeders lose little.
const FEED_TOLERANCE_PERMILLE: u16 = 25;
/// The first quarantine; each further one is twice as long, up to the longest.
const QUARANTINE: Millis = Millis::seconds(60);
const QUARANTINE_MAX: Millis = Millis::seconds(3_600);
/// After an outage devices hand their load back by themselves; they are not judged for so long.
const WALK_IN: Millis = Millis::seconds(10);

/// What is held against one device.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    suspected: Option<(Fault, Millis)>,
    quarantined: Option<(Fault, Millis)>,
    times: u32,
    last: Option<(Reading, Millis)>,
}

/// What is held against all devices, in the order of [`Site::devices`].
#[derive(Clone, Debug)]
pub struct Supervision {
    records: Vec<Record>,
}

impl Supervision {
    /// Nothing is held against anybody.
    pub fn new(site: &Site) -> Self {
        Self { records: vec![Record::default(); site.devices().count()] }
    }

    /// Why a device is in quarantine, if it is.
    pub fn quarantined(&self, site: &Site, device: DeviceId, now: Millis) -> Option<Fault> {
        let record = self.records.get(site.device_slot(device)?)?;
        record.quarantined.filter(|(_, until)| *until > now).map(|(fault, _)| fault)
    }

    /// Whether anything is held against a device now, or it is in quarantine.
    pub fn suspects(&self, site: &Site, device: DeviceId, now: Millis) -> bool {
        let record = site.device_slot(device).and_then(|slot| self.records.get(slot));
        record.is_some_and(|record| record.suspected.is_some()) || self.quarantined(site, device, now).is_some()
    }

    /// Every device in quarantine, and why.
    pub fn all_quarantined(&self, site: &Site, now: Millis) -> Vec<(DeviceId, Fault)> {
        site.devices().filter_map(|device| Some((device, self.quarantined(site, device, now)?))).collect()
    }

    /// Looks at every device once; call it every tick.
    pub fn watch(&mut self, ledger: &Ledger, view: &View, devices: &Devices, now: Millis) {
        let looking = Looking::at(ledger, view, devices, now);
        for (slot, device) in looking.site.devices().enumerate() {
            let found = self.stands_still(&looking, slot).or_else(|| looking.fault_of(device));
            self.hold_against(slot, found, now);
        }
    }

    fn stands_still(&mut self, looking: &Looking<'_>, slot: usize) -> Option<Fault> {
        let (reading, age) = looking.view.latest(slot, looking.now)?;
        let heard_at = looking.now.saturating_sub(age);
        let record = &mut self.records[slot];
        let tells = match reading {
            Reading::Pdu { load, .. } => load >= MOVING_WATTS,
            Reading::Kesm { stored, .. } => stored >= MOVING_JOULES,
            Reading::Tie { flow, .. } => flow.get().abs() >= MOVING_WATTS.get(),
            Reading::Supply { drawn, .. } => drawn >= MOVING_WATTS,
        };
        let since = match record.last {
            Some((last, since)) if last == reading && tells => since,
            _ => heard_at,
        };
        record.last = Some((reading, since));
        (heard_at.saturating_sub(since) >= STILL_AFTER).then_some(Fault::Still)
    }

    fn hold_against(&mut self, slot: usize, found: Option<Fault>, now: Millis) {
        let record = &mut self.records[slot];
        let Some(fault) = found else {
            record.suspected = None;
            return;
        };
        let since = record.suspected.filter(|(known, _)| *known == fault).map_or(now, |(_, since)| since);
        record.suspected = Some((fault, since));
        let patience = match fault {
            Fault::NotFollowing => FOLLOWS_WITHIN,
            Fault::NotAddingUp => ADDS_UP_WITHIN,
            Fault::Still | Fault::Refused | Fault::Unable | Fault::Silent => Millis::ZERO,
        };
        let free = record.quarantined.is_none_or(|(_, until)| until <= now);
        if free && now.saturating_sub(since) >= patience {
            let span = QUARANTINE.get().saturating_mul(1 << record.times.min(10)).min(QUARANTINE_MAX.get());
            record.times = record.times.saturating_add(1);
            record.quarantined = Some((fault, now.saturating_add(Millis::new(span))));
        }
    }
}

/// One look at the site. What many devices are judged by is found once: a feed has thousands of racks.
struct Looking<'a> {
    site: &'a Site,
    ledger: &'a Ledger,
    view: &'a View,
    devices: &'a Devices,
    now: Millis,
    /// By feed: whether what all its racks draw is what its supply gives; none while not all of them are heard.
    feeds_add_up: Vec<Option<bool>>,
    /// By rack: whether it does not add up; none while not all of it is heard.
    racks_off: Vec<Option<bool>>,
}

impl<'a> Looking<'a> {
    fn at(ledger: &'a Ledger, view: &'a View, devices: &'a Devices, now: Millis) -> Self {
        let site = ledger.site();
        let mut looking = Self { site, ledger, view, devices, now, feeds_add_up: Vec::new(), racks_off: Vec::new() };
        looking.feeds_add_up = looking.compare_feeds();
        looking.racks_off = site.rack_ids().map(|rack| looking.is_off(rack)).collect();
        looking
    }

    fn adds_up(&self, feed: FeedId) -> Option<bool> {
        self.feeds_add_up[feed.index()]
    }

    fn off(&self, rack: RackId) -> Option<bool> {
        self.racks_off[rack.index()]
    }

    fn fault_of(&self, device: DeviceId) -> Option<Fault> {
        match device {
            DeviceId::Kesm(id) => self.kesm(id),
            DeviceId::Tie(id) => self.tie(id),
            DeviceId::Pdu(id) => self.pdu(id),
            DeviceId::Supply(_) => None,
        }
    }

    /// Whether the rack's feed is as it should be, so that devices follow their orders and nothing else.
    fn is_steady(&self, rack: RackId) -> bool {
        let feed = self.ledger.mode(self.site.feed_of(rack));
        let ledger_now = self.ledger.now();
        let calm = matches!(feed.mode, Mode::Normal | Mode::Generator)
            || (feed.mode == Mode::Recovery && ledger_now.saturating_sub(feed.since) > WALK_IN);
        calm && self.bus_permille(rack).is_some_and(|permille| permille >= 970)
    }

    fn bus_permille(&self, rack: RackId) -> Option<i64> {
        let (Reading::Pdu { bus, tripped: false, .. }, _) = self.view.latest(rack.index(), self.now)? else {
            return None;
        };
        Some(bus.get() * 1_000 / self.site.bus(rack).get().max(1))
    }

    fn fresh(&self, device: DeviceId) -> Option<Reading> {
        let slot = self.site.device_slot(device)?;
        self.view.heard(slot, self.now).then(|| self.view.latest(slot, self.now)).flatten().map(|(reading, _)| reading)
    }

    /// A rack that draws more than the level above which help begins needs all that its sources may give; a source that
    /// gives clearly less does not follow. And nobody gives more than it may.
    fn kesm(&self, id: KesmId) -> Option<Fault> {
        let module = self.site.kesm(id);
        let Reading::Kesm { stored, supply, available: true, .. } = self.fresh(DeviceId::Kesm(id))? else {
            return None;
        };
        if !self.is_steady(module.rack) {
            return None;
        }
        let (supply_max, hold) = match self.devices.in_force(DeviceId::Kesm(id)).setpoint {
            Some(Setpoint::Kesm { supply_max, hold, .. }) => (supply_max, hold),
            _ => (Watts::ZERO, self.site.hold(module.rack)),
        };
        let spent = stored.get() * 20 < module.capacity.get();
        let idle = supply_max > Watts::ZERO
            && !spent
            && self.is_unmet(module.rack, hold)
            && is_below(supply, supply_max, module.rated);
        if idle || is_above(supply, supply_max, module.rated) {
            return Some(Fault::NotFollowing);
        }
        self.kesm_lies(id, supply)
    }

    fn tie(&self, id: TieId) -> Option<Fault> {
        let tie = self.site.tie(id);
        let Reading::Tie { flow, available: true } = self.fresh(DeviceId::Tie(id))? else { return None };
        if !self.is_steady(tie.between.0) {
            return None;
        }
        let Some(Setpoint::Tie { direction, flow_max, hold }) = self.devices.in_force(DeviceId::Tie(id)).setpoint
        else {
            return is_above(Watts::new(flow.get().abs()), Watts::ZERO, tie.rated).then_some(Fault::NotFollowing);
        };
        let given = match direction {
            Direction::Forward => flow,
            Direction::Backward => Watts::new(-flow.get()),
        };
        let idle =
            flow_max > Watts::ZERO && self.is_unmet(tie.sink(direction), hold) && is_below(given, flow_max, tie.rated);
        (idle || is_above(Watts::new(given.get().abs()), flow_max, tie.rated)).then_some(Fault::NotFollowing)
    }

    /// Whether a rack draws clearly more than the level above which help begins, as far as its meter is to be believed.
    fn is_unmet(&self, rack: RackId, hold: Watts) -> bool {
        if self.off(rack) == Some(true) {
            return false;
        }
        let limit = self.site.rack(rack).limit;
        let over = hold.saturating_add(limit.permille(TOLERANCE_PERMILLE / 2)).saturating_add(TOLERANCE);
        self.view.draw(rack, self.now).is_some_and(|draw| draw > over)
    }

    /// A rack that does not add up has a meter that lies. Whose it is, the supply tells: if all racks together draw what
    /// it gives, the rack's PDU is right, and what is joined to it is not.
    fn pdu(&self, id: RackId) -> Option<Fault> {
        (self.off(id)? && self.adds_up(self.site.feed_of(id)) != Some(true)).then_some(Fault::NotAddingUp)
    }

    fn kesm_lies(&self, id: KesmId, supply: Watts) -> Option<Fault> {
        let rack = self.site.kesm(id).rack;
        let tells = supply.get().abs() >= MOVING_WATTS.get();
        (tells && self.off(rack)? && self.adds_up(self.site.feed_of(rack)) == Some(true)).then_some(Fault::NotAddingUp)
    }

    /// `load = draw + what the module gives + what ties bring − what ties take`; none while not all of it is heard.
    fn is_off(&self, id: RackId) -> Option<bool> {
        let Reading::Pdu { load, draw, tripped: false, .. } = self.fresh(DeviceId::Pdu(id))? else { return None };
        if !self.is_steady(id) {
            return None;
        }
        let mut given = Watts::ZERO;
        for kesm in &self.site.rack(id).kesms {
            let Reading::Kesm { supply, .. } = self.fresh(DeviceId::Kesm(*kesm))? else { return None };
            given = given.saturating_add(supply);
        }
        for tie in &self.site.rack(id).ties {
            let Reading::Tie { flow, .. } = self.fresh(DeviceId::Tie(*tie))? else { return None };
            let comes = self.site.tie(*tie).between.1 == id;
            given = if comes { given.saturating_add(flow) } else { given.saturating_sub(flow) };
        }
        let off = load.saturating_sub(draw).saturating_sub(given).get().abs();
        // Ties tell what leaves them; what they lose on the way, and the time between two meters, is no lie.
        let given = Watts::new(given.get().abs());
        let size = load.max(draw).max(given);
        // Where the feed says that somebody lies, it takes less to be suspected: noise, and what ties lose.
        let allowed = if self.adds_up(self.site.feed_of(id)) == Some(false) {
            size.permille(FEED_TOLERANCE_PERMILLE).saturating_add(given.permille(TOLERANCE_PERMILLE))
        } else {
            size.permille(2 * TOLERANCE_PERMILLE).saturating_add(TOLERANCE)
        };
        Some(off > allowed.saturating_add(TOLERANCE).get())
    }

    fn compare_feeds(&self) -> Vec<Option<bool>> {
        let mut drawn = vec![Some(Watts::ZERO); self.site.feeds.len()];
        for rack in self.site.rack_ids() {
            let sum = &mut drawn[self.site.feed_of(rack).index()];
            *sum = sum.zip(self.view.draw(rack, self.now)).map(|(sum, draw)| sum.saturating_add(draw));
        }
        self.site.feed_ids().zip(drawn).map(|(feed, sum)| self.agrees_with_supply(feed, sum?)).collect()
    }

    fn agrees_with_supply(&self, feed: FeedId, sum: Watts) -> Option<bool> {
        let Reading::Supply { drawn, .. } = self.fresh(DeviceId::Supply(feed))? else { return None };
        let allowed = drawn.permille(FEED_TOLERANCE_PERMILLE).saturating_add(TOLERANCE);
        Some(sum.saturating_sub(drawn).get().abs() <= allowed.get())
    }
}

fn is_below(given: Watts, most: Watts, rated: Watts) -> bool {
    given.saturating_add(rated.permille(TOLERANCE_PERMILLE)).saturating_add(TOLERANCE) < most
}

fn is_above(given: Watts, most: Watts, rated: Watts) -> bool {
    given > most.saturating_add(rated.permille(TOLERANCE_PERMILLE)).saturating_add(TOLERANCE)
}

#[cfg(test)]
mod tests;
