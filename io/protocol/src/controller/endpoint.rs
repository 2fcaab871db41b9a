//! One replica's end of DPCN, for all devices.

use std::fmt;

use ridethrough_core::device::{Ack, DeviceId, Order};
use ridethrough_core::ledger::Committed;
use ridethrough_core::units::Millis;

use super::event::{Event, Telemetry};
use super::remote::{Leading, NEVER, Own, Remote, Settled, Standing};
use super::{LeadRefused, Leadership, Outgoing, SubmitRefused};
use crate::body::{AckBody, Body, TelemetryBody};
use crate::datagram::Datagram;
use crate::header::{Header, Way};
use crate::keys::ReplicaSecret;
use crate::limits::{EXPIRY_AHEAD_MAX, LEASE_MAX};
use crate::nonce::SessionNonce;
use crate::refusal::{Malformed, Refusal};
use crate::{reading, setpoint};

/// One replica's end of DPCN, for all devices.
///
/// `now` is always the replica's own monotonic clock in milliseconds; what goes back is ignored. Call [`Self::poll`]
/// after everything else and at the deadline that the last `poll` named.
pub struct ControllerEndpoint {
    own: Own,
    /// In the order of the devices' wire numbers.
    remotes: Vec<Remote>,
    /// When each of them is due; apart, because it is scanned often.
    dues: Vec<Millis>,
    /// The earliest of them.
    next_due: Millis,
    leadership: Option<(Leading, Millis)>,
    /// The highest term ever led in.
    term_max: u64,
    unanswered: u64,
    clock: Millis,
    out: Datagram,
}

impl ControllerEndpoint {
    /// A replica that has just started: it has heard no device and does not lead. `session` is drawn at this start,
    /// `devices` are all that it may speak with.
    pub fn new(secret: &ReplicaSecret, session: SessionNonce, devices: &[DeviceId]) -> Self {
        let mut devices = devices.to_vec();
        devices.sort_unstable_by_key(|device| device.to_wire());
        devices.dedup();
        let remotes: Vec<_> = devices.into_iter().map(|device| Remote::new(device, secret.pair(device))).collect();
        Self {
            own: Own { replica: secret.replica(), session },
            dues: vec![NEVER; remotes.len()],
            remotes,
            next_due: NEVER,
            leadership: None,
            term_max: 0,
            unanswered: 0,
            clock: Millis::ZERO,
            out: Datagram::new(),
        }
    }

    /// Takes in one datagram. Nothing if it repeats an ack that was told before.
    pub fn observe(&mut self, datagram: &[u8], now: Millis) -> Option<Event> {
        self.clock = self.clock.max(now);
        match self.admit(datagram) {
            Ok((slot, Standing::Greets, _)) => {
                self.reschedule(slot);
                self.remotes.get(slot).map(|remote| Event::Greeting { device: remote.device })
            }
            Ok((slot, standing, Body::Telemetry(body))) => {
                self.reschedule(slot);
                self.remotes.get(slot).map(|remote| telemetry(remote.device, standing, &body))
            }
            Ok((slot, _, Body::Ack(body))) => {
                let event = self.settle(slot, &body);
                self.reschedule(slot);
                event
            }
            Ok((_, _, Body::Beat(_) | Body::Order(_))) => Some(Event::Rejected(Refusal::Misaddressed)),
            Err(refusal) => Some(Event::Rejected(refusal)),
        }
    }

    /// Takes in a committed order; the next [`Self::poll`] sends it if its device has been heard, else it waits for
    /// that. It replaces an older order for the device, and is void `valid_for` after `now`. The same order again
    /// changes nothing while it is outstanding.
    pub fn submit(
        &mut self,
        order: &Committed<Order>,
        leader_term: u64,
        valid_for: Millis,
        now: Millis,
    ) -> Result<(), SubmitRefused> {
        self.take_in(order.get(), leader_term, valid_for, now)
    }

    /// Takes up leadership or goes on with it. Orders of an earlier term are dropped: the new leader sends its own.
    pub fn lead(&mut self, leadership: Leadership, now: Millis) -> Result<(), LeadRefused> {
        self.clock = self.clock.max(now);
        if leadership.lease <= Millis::ZERO || leadership.lease > LEASE_MAX {
            return Err(LeadRefused::LeaseOutOfRange);
        }
        if leadership.term == 0 || leadership.term < self.term_max {
            return Err(LeadRefused::StaleTerm { highest: self.term_max });
        }
        let leading = Leading { term: leadership.term, lease: leadership.lease };
        let goes_on = self.leading().is_some_and(|old| old.term == leading.term && old.lease == leading.lease);
        self.leadership = Some((leading, self.clock.saturating_add(leadership.valid_for)));
        self.term_max = leadership.term;
        if !goes_on {
            self.take_over(leading.term);
        }
        Ok(())
    }

    /// Gives leadership up: no more beats, no more orders. Leases run out by themselves.
    pub fn step_down(&mut self) {
        self.leadership = None;
        self.remotes.iter_mut().for_each(Remote::forget_order);
        self.reschedule_all();
    }

    /// Gives `sink` every frame that is due at `now`, and says when to ask again, unless a datagram comes before.
    pub fn poll(&mut self, now: Millis, sink: &mut impl FnMut(Outgoing<'_>)) -> Option<Millis> {
        self.clock = self.clock.max(now);
        if self.next_due <= self.clock {
            self.transmit(sink);
        }
        (self.next_due < NEVER).then_some(self.next_due)
    }

    /// How many devices were heard lately, in a session with this life of the replica.
    pub fn live_devices(&self) -> usize {
        self.remotes.iter().filter(|remote| remote.is_live(self.clock)).count()
    }

    /// How many orders ran out of time without an answer since the start.
    pub const fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// What [`Self::submit`] does with an order whose commit its type has proven.
    pub(crate) fn take_in(
        &mut self,
        order: &Order,
        leader_term: u64,
        valid_for: Millis,
        now: Millis,
    ) -> Result<(), SubmitRefused> {
        self.clock = self.clock.max(now);
        let slot = self.slot(order.device).ok_or(SubmitRefused::UnknownDevice(order.device))?;
        self.check(order, leader_term, valid_for)?;
        let until = self.clock.saturating_add(valid_for);
        let remote = self.remotes.get_mut(slot).ok_or(SubmitRefused::UnknownDevice(order.device))?;
        match remote.outstanding() {
            Some(other) if other.order.index > order.index => {
                return Err(SubmitRefused::Overtaken { by: other.order.index });
            }
            Some(same) if same.order.index == order.index => {}
            _ => remote.order(*order, leader_term, self.clock, until),
        }
        self.reschedule(slot);
        Ok(())
    }

    fn check(&self, order: &Order, leader_term: u64, valid_for: Millis) -> Result<(), SubmitRefused> {
        // Leave that has lapsed may be given again: until then the order waits.
        if self.leadership.is_none_or(|(leading, _)| leading.term != leader_term) {
            Err(SubmitRefused::NotLeading)
        } else if order.term > leader_term || order.index == 0 {
            Err(SubmitRefused::Fence)
        } else if !setpoint::fits(&order.setpoint, order.device) {
            Err(SubmitRefused::WrongKind)
        } else if valid_for <= Millis::ZERO || valid_for > EXPIRY_AHEAD_MAX {
            Err(SubmitRefused::ValidityOutOfRange)
        } else {
            Ok(())
        }
    }

    fn admit(&mut self, datagram: &[u8]) -> Result<(usize, Standing, Body), Refusal> {
        let header = Header::parse(datagram)?;
        if header.replica != self.own.replica || header.kind.way() != Way::ToReplica {
            return Err(Refusal::Misaddressed);
        }
        let slot = self.slot(header.device).ok_or(Refusal::Misaddressed)?;
        let remote = self.remotes.get_mut(slot).ok_or(Refusal::Misaddressed)?;
        let (standing, body) = remote.admit(self.own, &header, datagram, self.clock)?;
        Ok((slot, standing, body))
    }

    fn settle(&mut self, slot: usize, body: &AckBody) -> Option<Event> {
        let remote = self.remotes.get_mut(slot)?;
        let Settled::Told { rtt } = remote.settle(body, self.clock) else { return None };
        let ack = Ack { device: remote.device, fence: body.fence, verdict: body.verdict, device_at: body.device_at };
        Some(Event::Ack { ack, in_force: body.in_force, rtt })
    }

    fn take_over(&mut self, term: u64) {
        for remote in &mut self.remotes {
            remote.hurry_beat(self.clock);
            if remote.outstanding().is_some_and(|order| order.leader_term != term) {
                remote.forget_order();
            }
        }
        self.reschedule_all();
    }

    fn transmit(&mut self, sink: &mut impl FnMut(Outgoing<'_>)) {
        let (own, now, leading) = (self.own, self.clock, self.leading());
        let mut next_due = NEVER;
        for (remote, due) in self.remotes.iter_mut().zip(&mut self.dues) {
            if *due <= now {
                self.unanswered += u64::from(remote.expire(now));
                speak(remote, own, leading, now, &mut self.out, sink);
                *due = remote.due(leading, now);
            }
            next_due = next_due.min(*due);
        }
        self.next_due = next_due;
    }

    fn leading(&self) -> Option<Leading> {
        self.leadership.filter(|(_, until)| *until > self.clock).map(|(leading, _)| leading)
    }

    fn slot(&self, device: DeviceId) -> Option<usize> {
        self.remotes.binary_search_by_key(&device.to_wire(), |remote| remote.device.to_wire()).ok()
    }

    fn reschedule(&mut self, slot: usize) {
        let leading = self.leading();
        if let (Some(remote), Some(due)) = (self.remotes.get(slot), self.dues.get_mut(slot)) {
            *due = remote.due(leading, self.clock);
            self.next_due = self.next_due.min(*due);
        }
    }

    fn reschedule_all(&mut self) {
        (0..self.remotes.len()).for_each(|slot| self.reschedule(slot));
    }
}

impl fmt::Debug for ControllerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ControllerEndpoint");
        shown.field("replica", &self.own.replica).field("term_max", &self.term_max);
        shown.field("devices", &self.remotes.len()).field("live", &self.live_devices());
        shown.finish_non_exhaustive()
    }
}

/// Everything that one device is due to hear, in the order in which it can take it.
fn speak(
    remote: &mut Remote,
    own: Own,
    leading: Option<Leading>,
    now: Millis,
    out: &mut Datagram,
    sink: &mut impl FnMut(Outgoing<'_>),
) {
    let device = remote.device;
    let mut send = |said: Option<_>, out: &Datagram| {
        if let Some((route, kind)) = said {
            sink(Outgoing { device, route, kind, bytes: out.as_bytes() });
        }
    };
    let said = remote.say_offer(own, now, out);
    send(said, out);
    let Some(leading) = leading else { return };
    let said = remote.say_beat(own, leading, now, out);
    send(said, out);
    let said = remote.say_order(own, now, out);
    send(said, out);
}

/// Telemetry that was overtaken is old news, and a reading of another kind of device is none.
fn telemetry(device: DeviceId, standing: Standing, body: &TelemetryBody) -> Event {
    if standing == (Standing::Continues { newest: false }) {
        return Event::Rejected(Refusal::Replay);
    }
    if !reading::fits(&body.reading, device) {
        return Event::Rejected(Refusal::Malformed(Malformed::Field));
    }
    Event::Telemetry(Telemetry {
        device,
        reading: body.reading,
        in_force: body.in_force,
        fence: body.fence,
        lease_remaining: body.lease_remaining,
        device_at: body.device_at,
        counters: body.refusals,
    })
}
