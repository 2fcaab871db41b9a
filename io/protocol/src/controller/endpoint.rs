//! One replica's end of DPCN, for all devices.

use std::fmt;

use ridethrough_core::device::{Ack, DeviceId, Order};
use ridethrough_core::ledger::Committed;
use ridethrough_core::units::Millis;

use super::event::{Event, Telemetry};
use super::outstanding::Outstanding;
use super::remote::{Admitted, NEVER, Remote, Settled, Standing};
use super::role::{Own, Role};
use super::schedule::Schedule;
use super::{LeadRefused, Leadership, Outgoing, SubmitRefused};
use crate::body::{AckBody, Body, OutletsBody, TelemetryBody};
use crate::datagram::Datagram;
use crate::device::Orders;
use crate::header::{Header, Kind, Way};
use crate::keys::ReplicaKeys;
use crate::limits::{EXPIRY_AHEAD_MAX, LEASE_MAX};
use crate::network::Lan;
use crate::nonce::SessionNonce;
use crate::refusal::{Malformed, Refusal};
use crate::{reading, setpoint};

/// One replica's end of DPCN, for all devices.
///
/// `now` is always the replica's own monotonic clock in milliseconds; what goes back is ignored. Call [`Self::poll`]
/// after everything else and at the deadline that the last `poll` named.
pub struct ControllerEndpoint {
    own: Own,
    /// The devices' wire numbers, rising. Apart from what is known of them, because every frame looks through them.
    wires: Vec<u32>,
    /// In the same order.
    remotes: Vec<Remote>,
    schedule: Schedule,
    role: Role,
    /// When leave to lead lapses.
    leads_until: Millis,
    /// Whether devices demand the word of two replicas, so that followers speak, too.
    orders: Orders,
    /// The highest term ever led in.
    term_max: u64,
    unanswered: u64,
    clock: Millis,
    out: Datagram,
}

impl ControllerEndpoint {
    /// A replica that has just started: it has heard no device and does not lead. `session` is drawn at this start,
    /// `devices` are all that it may speak with, and `orders` says how many replicas they demand the word of.
    pub fn new(keys: &ReplicaKeys, session: SessionNonce, devices: &[DeviceId], orders: Orders) -> Self {
        let mut devices = devices.to_vec();
        devices.sort_unstable_by_key(|device| device.to_wire());
        devices.dedup();
        let remotes: Vec<_> = devices.into_iter().map(|device| Remote::new(device, &keys.pair(device))).collect();
        Self {
            wires: remotes.iter().map(|remote| remote.device.to_wire()).collect(),
            own: Own { replica: keys.replica(), session },
            schedule: Schedule::new(remotes.len()),
            remotes,
            role: Role::Silent,
            leads_until: Millis::ZERO,
            orders,
            term_max: 0,
            unanswered: 0,
            clock: Millis::ZERO,
            out: Datagram::new(),
        }
    }

    /// Takes in one frame that came over this network. Nothing if it repeats an ack that was told before.
    pub fn observe(&mut self, frame: &[u8], lan: Lan, now: Millis) -> Option<Event> {
        self.clock = self.clock.max(now);
        let (slot, device, admitted) = match self.admit(frame, lan) {
            Ok(admitted) => admitted,
            Err(refusal) => return Some(Event::Rejected(refusal)),
        };
        let event = match admitted {
            Admitted::Copy => return Some(Event::Copy { device }),
            Admitted::New(Standing::Greets, _) => Some(Event::Greeting { device }),
            Admitted::New(standing, Body::Telemetry(body)) => Some(telemetry(device, standing, &body)),
            Admitted::New(_, Body::Ack(body)) => self.settle(slot, &body),
            Admitted::New(standing, Body::Outlets(body)) => Some(outlets(device, standing, &body)),
            Admitted::New(_, Body::Beat(_) | Body::Order(_) | Body::Endorsement(_)) => {
                Some(Event::Rejected(Refusal::Misaddressed))
            }
        };
        self.reschedule(slot);
        event
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
        let role = Role::Leads { term: leadership.term, lease: leadership.lease };
        let goes_on = self.role == role && self.leads_until > self.clock;
        self.leads_until = self.clock.saturating_add(leadership.valid_for);
        self.term_max = leadership.term;
        if !goes_on {
            self.take_up(role);
        }
        Ok(())
    }

    /// Gives leadership up: no more beats, no more orders. Leases run out by themselves.
    pub fn step_down(&mut self) {
        self.take_up(Role::Silent);
    }

    /// Says that this replica is in this term and does not lead. Where devices demand the word of two replicas it then
    /// vouches for that term, and may [`Self::endorse`]; endorsements of another term are dropped.
    pub fn follow(&mut self, term: u64, now: Millis) {
        self.clock = self.clock.max(now);
        let speaks = self.orders == Orders::TwoOfThree && term > 0;
        let role = if speaks { Role::Follows { term } } else { Role::Silent };
        if self.role != role {
            self.take_up(role);
        }
    }

    /// Takes in an order that this replica's own log has committed, to be endorsed until its device shows that it has
    /// acted, or until it is void `valid_for` after `now`.
    pub fn endorse(&mut self, order: &Committed<Order>, valid_for: Millis, now: Millis) -> Result<(), SubmitRefused> {
        self.take_in_endorsement(order.get(), valid_for, now)
    }

    /// Gives `sink` every frame that is due at `now`, and says when to ask again, unless a datagram comes before.
    pub fn poll(&mut self, now: Millis, sink: &mut impl FnMut(Outgoing<'_>)) -> Option<Millis> {
        self.poll_some(now, usize::MAX, sink)
    }

    /// The same for at most so many devices, so that an order that comes meanwhile need not wait until a thousand others have
    /// heard their leader: who has an order to answer is spoken to before those who have none. While others are due, it says
    /// to ask again at once.
    pub fn poll_some(
        &mut self,
        now: Millis,
        devices_max: usize,
        sink: &mut impl FnMut(Outgoing<'_>),
    ) -> Option<Millis> {
        self.clock = self.clock.max(now);
        if self.schedule.is_pressing(self.clock) {
            self.transmit(devices_max, sink);
        }
        Some(self.schedule.next_due().max(self.clock)).filter(|due| *due < NEVER)
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
        // Leave that has lapsed may be given again: until then the order waits.
        if !matches!(self.role, Role::Leads { term, .. } if term == leader_term) {
            return Err(SubmitRefused::NotLeading);
        }
        self.keep(Kind::Order, order, leader_term, valid_for)
    }

    /// What [`Self::endorse`] does.
    pub(crate) fn take_in_endorsement(
        &mut self,
        order: &Order,
        valid_for: Millis,
        now: Millis,
    ) -> Result<(), SubmitRefused> {
        self.clock = self.clock.max(now);
        let Role::Follows { term } = self.role else { return Err(SubmitRefused::NotFollowing) };
        let slot = self.slot(order.device).ok_or(SubmitRefused::UnknownDevice(order.device))?;
        if self.remotes.get(slot).is_some_and(|remote| remote.accepted_index() >= order.index) {
            return Ok(());
        }
        self.keep(Kind::Endorsement, order, term, valid_for)
    }

    fn keep(&mut self, kind: Kind, order: &Order, term: u64, valid_for: Millis) -> Result<(), SubmitRefused> {
        let slot = self.slot(order.device).ok_or(SubmitRefused::UnknownDevice(order.device))?;
        check(order, term, valid_for)?;
        let until = self.clock.saturating_add(valid_for);
        let remote = self.remotes.get_mut(slot).ok_or(SubmitRefused::UnknownDevice(order.device))?;
        match remote.outstanding().map(|other| other.order.index) {
            Some(other) if other > order.index => return Err(SubmitRefused::Overtaken { by: other }),
            Some(same) if same == order.index => {}
            _ => remote.order(Outstanding::new(kind, *order, term, self.clock, until)),
        }
        self.reschedule(slot);
        Ok(())
    }

    fn admit(&mut self, frame: &[u8], lan: Lan) -> Result<(usize, DeviceId, Admitted), Refusal> {
        let header = Header::parse(frame)?;
        if header.replica != self.own.replica || header.kind.way() != Way::ToReplica {
            return Err(Refusal::Misaddressed);
        }
        let slot = self.slot(header.device).ok_or(Refusal::Misaddressed)?;
        let remote = self.remotes.get_mut(slot).ok_or(Refusal::Misaddressed)?;
        let admitted = remote.admit(self.own, &header, frame, lan, self.clock)?;
        Ok((slot, header.device, admitted))
    }

    fn settle(&mut self, slot: usize, body: &AckBody) -> Option<Event> {
        let remote = self.remotes.get_mut(slot)?;
        let Settled::Told { transmissions } = remote.settle(body) else { return None };
        let ack = Ack { device: remote.device, fence: body.fence, verdict: body.verdict, device_at: body.device_at };
        Some(Event::Ack { ack, in_force: body.in_force, transmissions })
    }

    /// What is outstanding stays only if it is said in the same words: an order by the leader of the same term.
    fn take_up(&mut self, role: Role) {
        self.role = role;
        for remote in &mut self.remotes {
            remote.hurry_beat(self.clock);
            if remote.outstanding().is_some_and(|said| !role.says(said.kind, said.said_in_term)) {
                remote.forget_order();
            }
        }
        self.reschedule_all();
    }

    fn transmit(&mut self, devices_max: usize, sink: &mut impl FnMut(Outgoing<'_>)) {
        let (own, now, role) = (self.own, self.clock, self.present_role());
        let due = self.schedule.take_due(now, devices_max);
        for &slot in &due {
            let Some(remote) = self.remotes.get_mut(slot) else { continue };
            self.unanswered += u64::from(remote.expire(now));
            remote.speak(own, role, now, self.schedule.patience(), &mut self.out, sink);
            self.schedule.set(slot, remote.due(role, now), remote.outstanding().is_some(), now);
        }
        self.schedule.give_back(due);
    }

    /// What this replica is now: leave to lead lapses by itself.
    fn present_role(&self) -> Role {
        match self.role {
            Role::Leads { .. } if self.leads_until <= self.clock => Role::Silent,
            role => role,
        }
    }

    fn slot(&self, device: DeviceId) -> Option<usize> {
        self.wires.binary_search(&device.to_wire()).ok()
    }

    fn reschedule(&mut self, slot: usize) {
        let role = self.present_role();
        if let Some(remote) = self.remotes.get(slot) {
            self.schedule.set(slot, remote.due(role, self.clock), remote.outstanding().is_some(), self.clock);
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

/// Whether an order may be said in this term at all.
fn check(order: &Order, term: u64, valid_for: Millis) -> Result<(), SubmitRefused> {
    if order.term > term || order.index == 0 {
        Err(SubmitRefused::Fence)
    } else if !setpoint::fits(&order.setpoint, order.device) {
        Err(SubmitRefused::WrongKind)
    } else if valid_for <= Millis::ZERO || valid_for > EXPIRY_AHEAD_MAX {
        Err(SubmitRefused::ValidityOutOfRange)
    } else {
        Ok(())
    }
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
        heard: body.heard,
    })
}

/// As of telemetry, only what was not overtaken is news.
fn outlets(device: DeviceId, standing: Standing, body: &OutletsBody) -> Event {
    match (standing, device) {
        (Standing::Continues { newest: true }, DeviceId::Pdu(rack)) => Event::Outlets { rack, page: body.page },
        (_, DeviceId::Pdu(_)) => Event::Rejected(Refusal::Replay),
        _ => Event::Rejected(Refusal::Malformed(Malformed::Field)),
    }
}
