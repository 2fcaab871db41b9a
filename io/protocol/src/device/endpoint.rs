//! The state machine of one device.

use core::fmt;

use ridethrough_vocabulary::device::{DeviceId, Fence, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_vocabulary::units::Millis;

use super::agreement::{Agreement, Orders};
use super::allegiance::{Allegiance, Bearing};
use super::peer::{Admitted, Own, Peer, Standing};
use super::{Actuator, FenceMemory, Handled, JudgedOrder, NotSaid, UnknownReplica};
use crate::body::{AckBody, Beat, Body, OrderBody, OutletsBody, TelemetryBody};
use crate::datagram::Datagram;
use crate::header::{Header, Kind, Version, Way};
use crate::keys::DeviceKeys;
use crate::limits::{EXPIRY_AHEAD_MAX, REPLICAS_MAX};
use crate::network::Lan;
use crate::nonce::BootNonce;
use crate::outlets::OutletPage;
use crate::refusal::{Malformed, Refusal, Refusals};
use crate::setpoint;

/// One device's end of DPCN.
///
/// `now` is always the device's own monotonic clock, in milliseconds since it booted; it may stand still but what goes
/// back is ignored. Call [`Self::poll`] at the deadline that the last `poll` named, and after every [`Self::handle`].
pub struct DeviceEndpoint<M> {
    own: Own,
    peers: heapless::Vec<Peer, REPLICAS_MAX>,
    memory: M,
    allegiance: Allegiance,
    agreement: Agreement,
    in_force: Option<InForce>,
    judged: Option<JudgedOrder>,
    refusals: Refusals,
    /// Frames heard on each network, first and second copies.
    heard: [u32; 2],
    clock: Millis,
}

#[derive(Clone, Copy, Debug)]
struct InForce {
    setpoint: Setpoint,
    expires_at: Millis,
}

impl<M: FenceMemory> DeviceEndpoint<M> {
    /// A device that has just booted, in its local safe rule, with `boot` freshly drawn and the fence that its memory
    /// has kept. `orders` says how many replicas must agree before it acts. It speaks [`Version::NEWEST`].
    pub fn new(keys: DeviceKeys, boot: BootNonce, orders: Orders, memory: M) -> Self {
        let allegiance = Allegiance::remembered(memory.load());
        let device = keys.device();
        let peers = keys.into_pairs().iter().map(|(replica, pairs)| Peer::new(*replica, pairs)).collect();
        Self {
            own: Own { version: Version::NEWEST, device, boot },
            peers,
            memory,
            allegiance,
            agreement: Agreement::new(orders),
            in_force: None,
            judged: None,
            refusals: Refusals::default(),
            heard: [0; 2],
            clock: Millis::ZERO,
        }
    }

    /// The same device, freshly booted, with firmware that speaks this version.
    #[must_use]
    pub fn speaking(mut self, version: Version) -> Self {
        self.own.version = version;
        self
    }

    /// Takes in one frame that came over this network. What lapsed before `now` lapses first. [`Handled::Answer`] says
    /// that `out` holds an ack.
    pub fn handle(
        &mut self,
        frame: &[u8],
        lan: Lan,
        now: Millis,
        actuator: &mut impl Actuator,
        out: &mut Datagram,
    ) -> Handled {
        self.advance(now, actuator);
        let handled = match self.admit(frame, lan) {
            Ok((_, Admitted::Copy)) => Handled::Copy,
            Ok((peer, Admitted::New(standing, body))) => self.take(peer, standing, &body, actuator, out),
            Err(refusal) => Handled::Ignored(refusal),
        };
        match handled {
            Handled::Ignored(refusal) => self.refusals.count(refusal),
            Handled::Answer { verdict, .. } => self.count(verdict),
            Handled::Nothing | Handled::Copy | Handled::Opened(_) => {}
        }
        handled
    }

    /// Writes telemetry for one replica into `out`. Send it to every replica at least once in a tick, whether or not
    /// the replica was ever heard: this is how it learns of the device and of the device's clock.
    pub fn telemetry(
        &mut self,
        replica: ReplicaId,
        reading: &Reading,
        now: Millis,
        out: &mut Datagram,
    ) -> Result<(), UnknownReplica> {
        self.clock = self.clock.max(now);
        let body = Body::Telemetry(TelemetryBody {
            device_at: self.clock,
            reading: *reading,
            fence: self.fence(),
            in_force: self.in_force(),
            lease_remaining: self.lease_remaining(),
            refusals: self.refusals,
            heard: self.heard,
        });
        let peer = self.peers.iter_mut().find(|peer| peer.replica == replica).ok_or(UnknownReplica(replica))?;
        peer.say(self.own, &body, out);
        Ok(())
    }

    /// Writes into `out` for one replica what some of this PDU's outlets feed. Send it once in a second; whoever has no
    /// meters at its outlets does not.
    pub fn outlets(
        &mut self,
        replica: ReplicaId,
        page: &OutletPage,
        now: Millis,
        out: &mut Datagram,
    ) -> Result<(), NotSaid> {
        self.clock = self.clock.max(now);
        if !matches!(self.own.device, DeviceId::Pdu(_)) {
            return Err(NotSaid::NoOutlets);
        }
        if !self.own.version.has(Kind::Outlets) {
            return Err(NotSaid::Version);
        }
        let peer = self.peers.iter_mut().find(|peer| peer.replica == replica);
        let peer = peer.ok_or(NotSaid::UnknownReplica(replica))?;
        if !peer.has_session() {
            return Err(NotSaid::NoSession(replica));
        }
        peer.say(self.own, &Body::Outlets(OutletsBody { device_at: self.clock, page: *page }), out);
        Ok(())
    }

    /// Lets lapse what is due at `now` and says when to ask again, if ever without a new datagram.
    pub fn poll(&mut self, now: Millis, actuator: &mut impl Actuator) -> Option<Millis> {
        self.advance(now, actuator);
        self.in_force.map(|order| order.expires_at.min(self.allegiance.lease_until))
    }

    /// Which device it is.
    pub const fn device(&self) -> DeviceId {
        self.own.device
    }

    /// The setpoint in force at the last `now`; nothing while the device follows its local safe rule.
    pub fn in_force(&self) -> Option<Setpoint> {
        self.in_force.map(|order| order.setpoint)
    }

    /// The order that the last [`Handled::Answer`] was about.
    pub const fn judged(&self) -> Option<JudgedOrder> {
        self.judged
    }

    /// The fence of the last accepted order.
    pub const fn fence(&self) -> Fence {
        self.allegiance.fence
    }

    /// How long the lease lasts from the last `now`, in milliseconds; nothing when it has lapsed.
    pub fn lease_remaining(&self) -> Millis {
        self.allegiance.lease_until.saturating_sub(self.clock).or_zero()
    }

    /// What was refused since the boot.
    pub const fn counters(&self) -> Refusals {
        self.refusals
    }

    /// Ends the device's present life and gives its memory back, for the next one.
    pub fn into_memory(self) -> M {
        self.memory
    }

    fn advance(&mut self, now: Millis, actuator: &mut impl Actuator) {
        self.clock = self.clock.max(now);
        let lapsed = |order: &InForce| self.clock >= order.expires_at.min(self.allegiance.lease_until);
        if self.in_force.as_ref().is_some_and(lapsed) {
            self.in_force = None;
            actuator.apply(None);
        }
    }

    fn admit(&mut self, frame: &[u8], lan: Lan) -> Result<(usize, Admitted), Refusal> {
        let header = Header::parse(frame)?;
        if header.version != self.own.version {
            return Err(Malformed::Version.into());
        }
        if header.device != self.own.device || header.kind.way() != Way::ToDevice {
            return Err(Refusal::Misaddressed);
        }
        let found = self.peers.iter_mut().enumerate().find(|(_, peer)| peer.replica == header.replica);
        let (index, peer) = found.ok_or(Refusal::Misaddressed)?;
        if header.boot != self.own.boot {
            return Err(Refusal::Replay);
        }
        let admitted = peer.admit(&header, frame, lan, self.clock)?;
        let heard = lan.of_mut(&mut self.heard);
        *heard = heard.saturating_add(1);
        Ok((index, admitted))
    }

    fn take(
        &mut self,
        peer: usize,
        standing: Standing,
        body: &Body,
        actuator: &mut impl Actuator,
        out: &mut Datagram,
    ) -> Handled {
        let taken = match body {
            Body::Beat(beat) => self.take_beat(peer, *beat),
            Body::Order(order) => {
                self.agreement.ordered(peer, *order);
                Ok(())
            }
            Body::Endorsement(order) => {
                self.agreement.endorsed(peer, *order);
                Ok(())
            }
            Body::Telemetry(_) | Body::Ack(_) | Body::Outlets(_) => Err(Refusal::Misaddressed),
        };
        if let Some(beat) = self.agreement.take_vouched_beat() {
            // Kept from when its term was new; if another has overtaken it since, there is nobody to tell.
            let _ = self.allegiance.renew(beat.term, beat.lease_until, self.clock);
        }
        let judged = self.judge_pending(actuator, out);
        match (standing, self.peers.get(peer), judged, taken) {
            (_, _, Some(Ok(answer)), _) => answer,
            (Standing::Opens, Some(peer), ..) => Handled::Opened(peer.replica),
            (_, _, _, Err(refusal)) => Handled::Ignored(refusal),
            // Only the order itself is refused, not what came while it waits.
            (_, _, Some(Err(refusal)), _) if matches!(body, Body::Order(_)) => Handled::Ignored(refusal),
            _ => Handled::Nothing,
        }
    }

    /// A beat opens a session whatever its term; a lease comes only from a leader that none has replaced, in a term that
    /// enough replicas have reached.
    fn take_beat(&mut self, peer: usize, beat: Beat) -> Result<(), Refusal> {
        self.agreement.name_term(peer, beat.term);
        if beat.lease_until == Millis::ZERO {
            return Ok(());
        }
        if beat.term > self.agreement.vouched_term() {
            self.agreement.keep_beat(peer, beat);
            return Err(Refusal::Unendorsed);
        }
        self.allegiance.renew(beat.term, beat.lease_until, self.clock).map_err(|_| Refusal::StaleTerm)
    }

    /// Judges the order that waits, if there is one: it may have just come, or what it waited for.
    fn judge_pending(&mut self, actuator: &mut impl Actuator, out: &mut Datagram) -> Option<Result<Handled, Refusal>> {
        let (sender, order) = self.agreement.pending()?;
        let verdict = match self.judge(&order, actuator) {
            Ok(verdict) | Err(Refused::Finally(verdict)) => verdict,
            Err(Refused::ForNow(refusal)) => return Some(Err(refusal)),
        };
        self.agreement.answered();
        self.judged = Some(JudgedOrder {
            fence: order.fence,
            entry_term: order.entry_term,
            expires_at: order.expires_at,
            setpoint: order.setpoint,
        });
        let device_at = self.clock;
        let body = Body::Ack(AckBody { fence: order.fence, device_at, verdict, in_force: self.in_force() });
        let peer = self.peers.get_mut(sender)?;
        peer.say(self.own, &body, out);
        Some(Ok(Handled::Answer { replica: peer.replica, verdict }))
    }

    fn judge(&mut self, order: &OrderBody, actuator: &mut impl Actuator) -> Result<Verdict, Refused> {
        match self.allegiance.judge(order.fence) {
            Bearing::Past => return Err(Refused::Finally(Verdict::StaleFence)),
            Bearing::Repeated => return self.confirm(order),
            Bearing::Ahead => {}
        }
        self.check(order, actuator)?;
        let expires_at = self.agreement.expiry(order).ok_or(Refused::ForNow(Refusal::Unendorsed))?;
        if expires_at <= self.clock {
            return Err(Refused::Finally(Verdict::Expired));
        }
        self.store(order.fence)?;
        self.in_force = Some(InForce { setpoint: order.setpoint, expires_at });
        actuator.apply(Some(order.setpoint));
        Ok(Verdict::Executed)
    }

    /// A retry of the last order: done once, told again. An order that lapsed since, or that an earlier life
    /// accepted, is void: only a new entry moves the device again.
    fn confirm(&mut self, order: &OrderBody) -> Result<Verdict, Refused> {
        if self.in_force.is_none() {
            return Err(Refused::Finally(Verdict::Expired));
        }
        // The next leader's resend shuts the old one out, if enough replicas are in its term. The order need not be
        // spoken for again: it is in force already.
        if order.fence.term > self.allegiance.fence.term && self.agreement.vouched_term() >= order.fence.term {
            self.store(order.fence)?;
        }
        Ok(Verdict::Duplicate)
    }

    fn check(&self, order: &OrderBody, actuator: &impl Actuator) -> Result<(), Refused> {
        if order.expires_at <= self.clock {
            return Err(Refused::Finally(Verdict::Expired));
        }
        let too_far = order.expires_at > self.clock.saturating_add(EXPIRY_AHEAD_MAX);
        if too_far || !setpoint::fits(&order.setpoint, self.own.device) {
            return Err(Refused::Finally(Verdict::BeyondLimits));
        }
        match actuator.check(&order.setpoint) {
            Ok(()) => {}
            Err(verdict @ (Verdict::Unavailable | Verdict::LockedOut)) => return Err(Refused::Finally(verdict)),
            Err(_) => return Err(Refused::Finally(Verdict::BeyondLimits)),
        }
        if self.allegiance.holds_lease(self.clock) { Ok(()) } else { Err(Refused::ForNow(Refusal::NoLease)) }
    }

    /// Before the device acts, so that no crash in between lets the order run twice.
    fn store(&mut self, fence: Fence) -> Result<(), Refused> {
        self.memory.store(fence).map_err(|_| Refused::Finally(Verdict::Unavailable))?;
        self.allegiance.accept(fence);
        Ok(())
    }

    fn count(&mut self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Executed | Verdict::Duplicate => return,
            Verdict::StaleFence => &mut self.refusals.stale_fence,
            Verdict::Expired => &mut self.refusals.expired,
            Verdict::BeyondLimits => &mut self.refusals.beyond_limits,
            Verdict::Unavailable | Verdict::LockedOut => &mut self.refusals.unavailable,
        };
        *counter = counter.saturating_add(1);
    }
}

impl<M> fmt::Debug for DeviceEndpoint<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DeviceEndpoint");
        shown.field("device", &self.own.device).field("allegiance", &self.allegiance).field("in_force", &self.in_force);
        shown.finish_non_exhaustive()
    }
}

/// Why an order does not move the device.
enum Refused {
    /// And never will: the device says so.
    Finally(Verdict),
    /// But might when repeated: the device keeps silent.
    ForNow(Refusal),
}
