//! What this replica knows of every field device beyond its readings: what is in force there, what was sent, what it
//! said to it.

use std::collections::BTreeMap;

use crate::command::TimedAck;
use crate::device::{Ack, DeviceId, Fence, Order, Setpoint, Verdict};
use crate::dispatch::InForce;
use crate::site::Site;
use crate::trust::Fault;
use crate::units::Millis;

/// A device that refused an order, or left one unanswered until it was void, is not planned with for so long.
const SHUNNED: Millis = Millis::seconds(10);

/// A device that has not answered an order for so long does not answer: orders are resent many times within it, and
/// whatever it is in force for is planned anew.
const ANSWERS_WITHIN: Millis = Millis::new(1_000);

/// One device.
#[derive(Clone, Copy, Debug, Default)]
struct Device {
    in_force: InForce,
    /// Index of the order handed to the link in this term of leadership, and when the oldest of those was that have
    /// no answer yet.
    submitted: Option<u64>,
    waits_since: Option<Millis>,
    /// When the newest of those is void: nobody resends it then, so no answer to it can come.
    void_at: Millis,
    /// The newest order that may not go yet, and since when.
    held_back: Option<(u64, Millis)>,
    /// Its word on the newest order that it answered.
    answered: Option<TimedAck>,
    refused_at: Option<Millis>,
}

impl Device {
    /// A refusal does not say from which entry the setpoint is that stays in force, so the known index stays too: it
    /// may be too low, which only makes orders wait. A late word on an order before the known one is no news.
    fn hear_in_force(&mut self, ack: Ack, setpoint: Option<Setpoint>) {
        let known = self.in_force.index;
        if ack.fence.index >= known {
            let index = if ack.verdict.in_force() { ack.fence.index } else { known };
            self.in_force = InForce { index, setpoint };
        }
    }
}

/// All devices of the site, by their wire number.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    by_id: BTreeMap<DeviceId, Device>,
}

impl Devices {
    /// Every device of the site, nothing known of any.
    pub fn new(site: &Site) -> Self {
        Self { by_id: site.devices().map(|device| (device, Device::default())).collect() }
    }

    /// Forgets what was sent and answered: a new leader sends every order that stands once more, so that each device
    /// learns the new term and answers to the new leader.
    pub fn begin_leadership(&mut self) {
        for device in self.by_id.values_mut() {
            device.submitted = None;
            device.waits_since = None;
            device.answered = None;
        }
    }

    /// Takes in what a device's telemetry says is in force.
    pub fn observe(&mut self, device: DeviceId, fence: Fence, setpoint: Option<Setpoint>) {
        if let Some(known) = self.by_id.get_mut(&device) {
            known.in_force = InForce { index: fence.index, setpoint };
        }
    }

    /// Takes in an ack and what the device says is in force after it.
    pub fn answer(&mut self, ack: Ack, in_force: Option<Setpoint>, after_us: u32, now: Millis) {
        let Some(known) = self.by_id.get_mut(&ack.device) else { return };
        known.answered = Some(TimedAck { ack, after_us });
        if known.submitted.is_none_or(|index| ack.fence.index >= index) {
            known.waits_since = None;
        }
        known.hear_in_force(ack, in_force);
        if matches!(ack.verdict, Verdict::BeyondLimits | Verdict::Unavailable | Verdict::LockedOut) {
            known.refused_at = Some(now);
        }
    }

    /// Notes that this order was handed to the link, which resends it for as long as it is valid.
    pub fn submitted(&mut self, order: &Order, valid_for: Millis, now: Millis) {
        let Some(known) = self.by_id.get_mut(&order.device) else { return };
        known.submitted = Some(order.index);
        // What is void is waited for no longer: the device gets another chance.
        known.waits_since = known.waits_since.filter(|_| now < known.void_at).or(Some(now));
        known.void_at = known.void_at.max(now.saturating_add(valid_for));
    }

    /// For how long this order, which has not gone yet, has waited.
    pub fn waited(&mut self, order: &Order, now: Millis) -> Millis {
        let Some(known) = self.by_id.get_mut(&order.device) else { return Millis::ZERO };
        let (_, since) = *known.held_back.filter(|(index, _)| *index == order.index).get_or_insert((order.index, now));
        known.held_back = Some((order.index, since));
        now.saturating_sub(since)
    }

    /// Whether this order has yet to be handed to the link.
    pub fn is_new(&self, order: &Order) -> bool {
        self.by_id.get(&order.device).is_some_and(|known| known.submitted.is_none_or(|index| index < order.index))
    }

    /// What is in force at a device.
    pub fn in_force(&self, device: DeviceId) -> InForce {
        self.by_id.get(&device).map(|known| known.in_force).unwrap_or_default()
    }

    /// The device's word on this order.
    pub fn answer_to(&self, order: &Order) -> Option<TimedAck> {
        let known = self.by_id.get(&order.device)?;
        known.answered.filter(|timed| timed.ack.fence.index == order.index)
    }

    /// Why a device is not to be ordered anything now: it refused an order lately, or did not answer one in time.
    pub fn fault(&self, device: DeviceId, now: Millis) -> Option<Fault> {
        let known = self.by_id.get(&device)?;
        let lately = known.refused_at.is_some_and(|at| now.saturating_sub(at) < SHUNNED);
        let owes = now < known.void_at.saturating_add(SHUNNED);
        let silent = known.waits_since.is_some_and(|since| owes && now.saturating_sub(since) > ANSWERS_WITHIN);
        if lately { Some(Fault::Refused) } else { silent.then_some(Fault::Silent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::KesmId;
    use crate::units::Watts;

    const VALID: Millis = Millis::seconds(8);
    const KESM: DeviceId = DeviceId::Kesm(KesmId(0));

    fn setpoint(watts: i64) -> Setpoint {
        Setpoint::Kesm { supply_max: Watts::new(watts), charge_max: Watts::ZERO, hold: Watts::new(5) }
    }

    fn order(index: u64) -> Order {
        Order { device: KESM, index, term: 1, setpoint: setpoint(9), until: Millis::new(100) }
    }

    fn ack(index: u64, verdict: Verdict) -> Ack {
        Ack { device: KESM, fence: Fence { term: 1, index }, verdict, device_at: Millis::new(1) }
    }

    fn devices() -> Devices {
        Devices { by_id: [(KESM, Device::default())].into() }
    }

    #[test]
    fn an_order_is_new_until_it_was_sent_and_again_for_a_new_leader() {
        let mut devices = devices();
        assert!(devices.is_new(&order(5)));
        devices.submitted(&order(5), VALID, Millis::ZERO);
        assert!(!devices.is_new(&order(5)));
        assert!(devices.is_new(&order(6)));
        devices.begin_leadership();
        assert!(devices.is_new(&order(5)));
    }

    #[test]
    fn a_device_that_does_not_answer_in_time_is_silent_until_it_does() {
        let mut devices = devices();
        devices.submitted(&order(5), VALID, Millis::ZERO);
        devices.submitted(&order(6), VALID, Millis::new(900));
        devices.answer(ack(5, Verdict::Executed), None, 80, Millis::new(950));
        assert_eq!(devices.fault(KESM, Millis::new(1_000)), None);
        assert_eq!(devices.fault(KESM, Millis::new(1_001)), Some(Fault::Silent), "the newest has no answer");
        devices.answer(ack(6, Verdict::Executed), None, 80, Millis::new(1_100));
        assert_eq!(devices.fault(KESM, Millis::new(9_000)), None);
    }

    /// A drill found a module shunned until the next failover, because the order that it had not answered was void and no other
    /// one was sent to it.
    #[test]
    fn a_device_that_left_an_order_unanswered_gets_another_chance_once_that_is_void() {
        let mut devices = devices();
        devices.submitted(&order(5), VALID, Millis::ZERO);
        let again = VALID.saturating_add(SHUNNED);
        assert_eq!(devices.fault(KESM, again.saturating_sub(Millis::new(1))), Some(Fault::Silent));
        assert_eq!(devices.fault(KESM, again), None);
        devices.submitted(&order(6), VALID, again);
        assert_eq!(devices.fault(KESM, again.saturating_add(ANSWERS_WITHIN)), None, "it has its time to answer");
        assert_eq!(devices.fault(KESM, again.saturating_add(Millis::new(1_001))), Some(Fault::Silent));
    }

    #[test]
    fn an_answer_counts_for_its_own_order_only() {
        let mut devices = devices();
        devices.answer(ack(5, Verdict::Executed), Some(setpoint(9)), 80, Millis::new(1));
        assert!(devices.answer_to(&order(5)).is_some());
        assert!(devices.answer_to(&order(6)).is_none());
    }

    #[test]
    fn what_is_in_force_is_what_the_device_says_and_never_what_the_ledger_hopes() {
        let check = |ack: Ack, said: Option<Setpoint>, expected: (u64, Option<Setpoint>)| {
            let mut devices = devices();
            devices.observe(KESM, Fence { term: 1, index: 5 }, Some(setpoint(3)));
            devices.answer(ack, said, 80, Millis::new(1));
            let there = devices.in_force(KESM);
            assert_eq!((there.index, there.setpoint), expected, "{ack:?}");
        };
        check(ack(6, Verdict::Executed), Some(setpoint(9)), (6, Some(setpoint(9))));
        check(ack(5, Verdict::Duplicate), Some(setpoint(3)), (5, Some(setpoint(3))));
        // It was executed, and has lapsed since: a repetition says so.
        check(ack(5, Verdict::Expired), None, (5, None));
        check(ack(6, Verdict::BeyondLimits), Some(setpoint(4)), (5, Some(setpoint(4))));
        check(ack(6, Verdict::Unavailable), None, (5, None));
        // Late word on an order that a newer one has replaced.
        check(ack(4, Verdict::Executed), Some(setpoint(8)), (5, Some(setpoint(3))));
    }

    #[test]
    fn a_module_that_cannot_is_shunned_for_a_while_and_one_that_is_ahead_is_not() {
        let mut devices = devices();
        devices.answer(ack(5, Verdict::StaleFence), None, 80, Millis::new(0));
        assert_eq!(devices.fault(KESM, Millis::new(1)), None);
        devices.answer(ack(6, Verdict::Unavailable), None, 80, Millis::new(0));
        assert_eq!(devices.fault(KESM, Millis::new(1)), Some(Fault::Refused));
        assert_eq!(devices.fault(KESM, SHUNNED), None);
    }

    #[test]
    fn an_order_has_waited_since_it_was_held_back_and_another_begins_anew() {
        let mut devices = devices();
        let mut waited = |index, at| devices.waited(&order(index), Millis::new(at)).get();
        assert_eq!([waited(5, 1_000), waited(5, 1_300), waited(6, 1_400), waited(6, 1_500)], [0, 300, 0, 100]);
    }

    #[test]
    fn who_is_ordered_again_when_the_last_order_is_void_has_its_time_again() {
        let silent_after = |again: i64| {
            let mut devices = devices();
            devices.submitted(&order(5), VALID, Millis::ZERO);
            devices.submitted(&order(6), VALID, Millis::new(again));
            devices.fault(KESM, Millis::new(again).saturating_add(Millis::new(1)))
        };
        assert_eq!(silent_after(VALID.get() - 1), Some(Fault::Silent));
        assert_eq!(silent_after(VALID.get()), None);
    }
}
