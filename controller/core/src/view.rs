//! The newest reading of every device, with its age. Unknown is not zero and not failed: it is `None`.
//!
//! A reading that cannot be is rejected and counted; what was known before goes on ageing. A reading that has grown old
//! is not believed as it stands, but bounds what may be: a load may have risen by now, a store may have been drawn on.

use crate::device::{DeviceId, Reading};
use crate::site::{FeedId, KesmId, RackId, Site};
use crate::units::{Joules, Millis, Watts};

/// A load that has not been heard of for so long may be anything up to its nameplate.
const UNKNOWN_AFTER: Millis = Millis::seconds(10);
/// Readings may be off by so many thousandths of what their device can do, from noise and tolerance.
const TOLERANCE_PERMILLE: u16 = 200;
/// And by so much more in any case.
const TOLERANCE: Watts = Watts::new(500);

/// What was measured.
#[derive(Clone, Debug)]
pub struct View {
    readings: Vec<Option<Timed>>,
    kesms_at: usize,
    supplies_at: usize,
    stale_after: Millis,
    implausible: u64,
}

#[derive(Clone, Copy, Debug)]
struct Timed {
    reading: Reading,
    at: Millis,
}

impl View {
    /// A view that has seen nothing yet.
    pub fn new(site: &Site) -> Self {
        Self {
            readings: vec![None; site.devices().count()],
            kesms_at: site.racks.len(),
            supplies_at: site.racks.len() + site.kesms.len() + site.ties.len(),
            stale_after: site.policy.stale_after,
            implausible: 0,
        }
    }

    /// Takes in a reading that arrived at `at`, on the monotonic clock that later `now`s are told in. A device that
    /// the site does not have, a reading of another kind of device, or one that cannot be, is not taken; tells whether
    /// it was.
    pub fn observe(&mut self, site: &Site, device: DeviceId, reading: Reading, at: Millis) -> bool {
        let Some(slot) = site.device_slot(device) else { return false };
        if !is_plausible(site, device, &reading) {
            self.implausible += 1;
            return false;
        }
        self.readings[slot] = Some(Timed { reading, at });
        true
    }

    /// How many readings could not be and were rejected.
    pub const fn implausible(&self) -> u64 {
        self.implausible
    }

    /// What the servers of a rack take, if freshly measured.
    pub fn load(&self, rack: RackId, now: Millis) -> Option<Watts> {
        match self.fresh(rack.index(), now)? {
            Reading::Pdu { load, .. } => Some(load),
            _ => None,
        }
    }

    /// The most that the servers of a rack may take now: what was measured, or, when that has grown old, what it may
    /// have become. `None` when the rack was never heard of.
    pub fn load_bound(&self, site: &Site, rack: RackId, now: Millis) -> Option<Watts> {
        let (Reading::Pdu { load, .. }, age) = self.latest(rack.index(), now)? else { return None };
        let over = age.saturating_sub(self.stale_after).or_zero().min(UNKNOWN_AFTER);
        let room = site.rack(rack).nameplate.saturating_sub(load).or_zero();
        Some(load.saturating_add(room.share(over.get(), UNKNOWN_AFTER.get())))
    }

    /// What comes through a rack's breaker, if freshly measured.
    pub fn draw(&self, rack: RackId, now: Millis) -> Option<Watts> {
        match self.fresh(rack.index(), now)? {
            Reading::Pdu { draw, .. } => Some(draw),
            _ => None,
        }
    }

    /// How hot a rack's breaker is, as last told: 0 cold, 1000 trips.
    pub fn heat_permille(&self, rack: RackId, now: Millis) -> Option<u16> {
        match self.latest(rack.index(), now)?.0 {
            Reading::Pdu { breaker_permille, .. } => Some(breaker_permille),
            _ => None,
        }
    }

    /// Usable energy of a module that can act, if freshly measured.
    pub fn stored(&self, kesm: KesmId, now: Millis) -> Option<Joules> {
        match self.fresh(self.kesms_at + kesm.index(), now)? {
            Reading::Kesm { stored, available: true, .. } => Some(stored),
            _ => None,
        }
    }

    /// Whether a module or a tie says, as last told, that it cannot act.
    pub fn is_unable(&self, slot: usize, now: Millis) -> bool {
        let told = self.latest(slot, now).map(|(reading, _)| reading);
        matches!(told, Some(Reading::Kesm { available: false, .. } | Reading::Tie { available: false, .. }))
    }

    /// The least that a module that was able to act may still store: as measured, less what it may have given since.
    /// Nothing when it was never heard of.
    pub fn stored_bound(&self, site: &Site, kesm: KesmId, now: Millis) -> Joules {
        match self.latest(self.kesms_at + kesm.index(), now) {
            Some((Reading::Kesm { stored, available: true, .. }, age)) => {
                stored.saturating_sub(site.kesm(kesm).rated.over(age)).or_zero()
            }
            _ => Joules::ZERO,
        }
    }

    /// What a supply says of itself, if freshly told.
    pub fn supply(&self, feed: FeedId, now: Millis) -> Option<Reading> {
        self.fresh(self.supplies_at + feed.index(), now)
    }

    /// The newest reading in this slot of [`Site::devices`], fresh or not, with its age.
    pub fn latest(&self, slot: usize, now: Millis) -> Option<(Reading, Millis)> {
        let timed = self.readings.get(slot)?.as_ref()?;
        Some((timed.reading, now.saturating_sub(timed.at)))
    }

    /// Whether the device in this slot was heard lately.
    pub fn heard(&self, slot: usize, now: Millis) -> bool {
        self.fresh(slot, now).is_some()
    }

    fn fresh(&self, slot: usize, now: Millis) -> Option<Reading> {
        self.latest(slot, now).filter(|(_, age)| *age <= self.stale_after).map(|(reading, _)| reading)
    }
}

/// Whether a device of this kind can have measured this at all.
fn is_plausible(site: &Site, device: DeviceId, reading: &Reading) -> bool {
    let within = |value: Watts, rated: Watts| {
        let most = rated.saturating_add(rated.permille(TOLERANCE_PERMILLE)).saturating_add(TOLERANCE);
        value <= most && value >= Watts::ZERO.saturating_sub(most)
    };
    match (device, *reading) {
        (DeviceId::Pdu(id), Reading::Pdu { load, draw, bus, breaker_permille, .. }) => {
            let rack = site.rack(id);
            // A breaker opens at eight times its rating, so nothing more can have come through it.
            within(load, rack.nameplate)
                && within(draw, Watts::new(rack.limit.get().saturating_mul(8)))
                && load > Watts::ZERO.saturating_sub(TOLERANCE)
                && (0..=site.bus(id).get() / 2 * 3).contains(&bus.get())
                && breaker_permille <= 1_000
        }
        (DeviceId::Kesm(id), Reading::Kesm { stored, supply, .. }) => {
            let kesm = site.kesm(id);
            let most = kesm.capacity.saturating_add(kesm.capacity.permille(TOLERANCE_PERMILLE));
            stored >= Joules::ZERO.saturating_sub(kesm.capacity.permille(50))
                && stored <= most
                && within(supply, kesm.rated)
        }
        (DeviceId::Tie(id), Reading::Tie { flow, .. }) => within(flow, site.tie(id).rated),
        (DeviceId::Supply(id), Reading::Supply { utility_a_permille, utility_b_permille, drawn, .. }) => {
            let limit = site.feeds[id.index()].limit;
            utility_a_permille <= 1_500
                && utility_b_permille <= 1_500
                && within(drawn, Watts::new(limit.get().saturating_mul(8)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::site;
    use crate::units::Millivolts;

    const RACK: RackId = RackId(1);

    fn pdu(load: i64) -> Reading {
        let (load, bus) = (Watts::new(load), Millivolts::new(800_000));
        Reading::Pdu { load, draw: load, bus, breaker_permille: 0, tripped: false }
    }

    #[test]
    fn what_cannot_be_is_rejected_and_counted() {
        let site = site();
        let mut view = View::new(&site);
        let at = Millis::new(100);
        assert!(view.observe(&site, DeviceId::Pdu(RACK), pdu(10_000), at));
        for load in [-9_000, 60_000, i64::MAX, i64::MIN] {
            assert!(!view.observe(&site, DeviceId::Pdu(RACK), pdu(load), at), "{load}");
        }
        assert!(!view.observe(&site, DeviceId::Kesm(KesmId(0)), pdu(10_000), at), "of another kind");
        assert!(!view.observe(&site, DeviceId::Pdu(RackId(99)), pdu(10_000), at), "not of this site");
        assert_eq!(view.implausible(), 5);
        assert_eq!(view.load(RACK, at), Some(Watts::new(10_000)));
    }

    #[test]
    fn what_has_grown_old_bounds_what_may_be() {
        let site = site();
        let mut view = View::new(&site);
        assert_eq!(view.load_bound(&site, RACK, Millis::ZERO), None);
        view.observe(&site, DeviceId::Pdu(RACK), pdu(12_000), Millis::ZERO);
        let bound = |at| view.load_bound(&site, RACK, Millis::new(at)).map(Watts::get);
        assert_eq!(bound(500), Some(12_000));
        assert_eq!(bound(5_500), Some(27_000), "half-way to the nameplate of 42 kW");
        assert_eq!(bound(90_000), Some(42_000));
        assert_eq!(view.load(RACK, Millis::new(501)), None, "and it is not told as a measurement");
    }

    /// Whether the example site's view believes this of a device.
    fn believed(device: DeviceId, reading: Reading) -> bool {
        let site = site();
        View::new(&site).observe(&site, device, reading, Millis::ZERO)
    }

    #[test]
    fn a_reading_may_be_off_by_a_fifth_of_what_its_device_can_do_and_no_more() {
        let pdu = |load, draw, bus, breaker_permille| {
            let (load, draw, bus) = (Watts::new(load), Watts::new(draw), Millivolts::new(bus));
            believed(DeviceId::Pdu(RACK), Reading::Pdu { load, draw, bus, breaker_permille, tripped: false })
        };
        // 42 kW of servers, a breaker that opens at eight times its 24 kW, a bus of 800 V.
        assert!(pdu(50_900, 230_900, 1_200_000, 1_000) && pdu(-499, -230_900, 0, 0));
        assert!(!pdu(50_901, 0, 0, 0) && !pdu(-500, 0, 0, 0) && !pdu(0, 230_901, 0, 0) && !pdu(0, -230_901, 0, 0));
        assert!(!pdu(0, 0, 1_200_001, 0) && !pdu(0, 0, -1, 0) && !pdu(0, 0, 0, 1_001));

        let kesm = |stored, supply| {
            let (stored, supply, capacitor) = (Joules::new(stored), Watts::new(supply), Millivolts::new(800_000));
            believed(
                DeviceId::Kesm(KesmId(0)),
                Reading::Kesm { stored, supply, speed_rpm: 0, capacitor, available: true },
            )
        };
        assert!(kesm(2_400_000, 60_500) && kesm(-100_000, -60_500));
        assert!(!kesm(2_400_001, 0) && !kesm(-100_001, 0) && !kesm(0, 60_501) && !kesm(0, -60_501));

        let tie = |flow| {
            believed(DeviceId::Tie(crate::site::TieId(0)), Reading::Tie { flow: Watts::new(flow), available: true })
        };
        assert!(tie(30_500) && tie(-30_500) && !tie(30_501) && !tie(-30_501));

        let supply = |a, b, drawn| {
            let (source, generator) = (crate::device::SupplySource::Open, crate::device::GeneratorPhase::Off);
            let drawn = Watts::new(drawn);
            let reading = Reading::Supply { utility_a_permille: a, utility_b_permille: b, source, generator, drawn };
            believed(DeviceId::Supply(FeedId(0)), reading)
        };
        assert!(supply(1_500, 1_500, 1_920_500) && supply(0, 0, -1_920_500));
        assert!(!supply(1_501, 0, 0) && !supply(0, 1_501, 0) && !supply(0, 0, 1_920_501));
    }

    #[test]
    fn a_module_is_worth_what_it_stores_while_it_can_act_and_is_heard() {
        let site = site();
        let (mut view, kesm, tie) = (View::new(&site), KesmId(1), DeviceId::Tie(crate::site::TieId(0)));
        let told = |stored, available| Reading::Kesm {
            stored: Joules::new(stored),
            supply: Watts::ZERO,
            speed_rpm: 0,
            capacitor: Millivolts::new(800_000),
            available,
        };
        let at = Millis::new;
        let slot = site.device_slot(DeviceId::Kesm(kesm)).expect("it is there");
        assert_eq!((view.stored(kesm, at(0)), view.stored_bound(&site, kesm, at(0))), (None, Joules::ZERO));
        assert!(!view.is_unable(slot, at(0)) && !view.heard(slot, at(0)), "unknown is not failed");
        view.observe(&site, DeviceId::Kesm(kesm), told(900_000, true), at(0));
        assert_eq!(view.stored(kesm, at(500)), Some(Joules::new(900_000)));
        assert_eq!(view.stored(kesm, at(501)), None);
        assert!(view.heard(slot, at(500)) && !view.heard(slot, at(501)));
        assert_eq!(view.stored_bound(&site, kesm, at(2_000)), Joules::new(800_000), "it may have given 50 kW since");
        assert_eq!(view.stored_bound(&site, kesm, at(60_000)), Joules::ZERO);
        assert!(!view.is_unable(slot, at(0)));
        view.observe(&site, DeviceId::Kesm(kesm), told(900_000, false), at(0));
        assert_eq!((view.stored(kesm, at(0)), view.stored_bound(&site, kesm, at(0))), (None, Joules::ZERO));
        assert!(view.is_unable(slot, at(90_000)), "as last told");
        let tie_slot = site.device_slot(tie).expect("it is there");
        view.observe(&site, tie, Reading::Tie { flow: Watts::ZERO, available: false }, at(0));
        assert!(view.is_unable(tie_slot, at(0)));
    }

    #[test]
    fn a_rack_tells_its_draw_and_how_hot_its_breaker_is() {
        let site = site();
        let mut view = View::new(&site);
        let (load, draw, bus) = (Watts::new(12_000), Watts::new(7_000), Millivolts::new(800_000));
        let reading = Reading::Pdu { load, draw, bus, breaker_permille: 321, tripped: false };
        view.observe(&site, DeviceId::Pdu(RACK), reading, Millis::ZERO);
        let at = Millis::new;
        assert_eq!((view.draw(RACK, at(500)), view.draw(RACK, at(501))), (Some(draw), None));
        assert_eq!(view.heat_permille(RACK, at(90_000)), Some(321), "heat does not go so fast");
        assert_eq!(view.supply(FeedId(0), at(0)), None);
    }

    #[test]
    fn a_supply_is_heard_in_its_own_slot() {
        let site = site();
        let mut view = View::new(&site);
        let reading = Reading::Supply {
            utility_a_permille: 1_000,
            utility_b_permille: 0,
            source: crate::device::SupplySource::UtilityA,
            generator: crate::device::GeneratorPhase::Absent,
            drawn: Watts::new(60_000),
        };
        assert_eq!(view.supply(FeedId(0), Millis::ZERO), None);
        assert!(view.observe(&site, DeviceId::Supply(FeedId(0)), reading, Millis::ZERO));
        assert_eq!(view.supply(FeedId(0), Millis::ZERO), Some(reading));
        for rack in 0..6 {
            assert!(view.observe(&site, DeviceId::Pdu(RackId(rack)), pdu(10_000), Millis::ZERO));
        }
        let flow = Reading::Tie { flow: Watts::ZERO, available: true };
        (0..5).for_each(|tie| assert!(view.observe(&site, DeviceId::Tie(crate::site::TieId(tie)), flow, Millis::ZERO)));
        assert_eq!(view.supply(FeedId(1), Millis::ZERO), None, "there is none, and nobody else's is taken for it");
    }
}
