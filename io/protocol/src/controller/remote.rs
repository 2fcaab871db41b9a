//! What a replica knows of one device: its present life, its clock, the order that it has not answered.

use ridethrough_core::device::{DeviceId, Fence, Order, ReplicaId};
use ridethrough_core::units::Millis;

use super::Route;
use super::clock::DeviceClock;
use super::outstanding::Outstanding;
use crate::body::{AckBody, Beat, Body, OrderBody};
use crate::budget::Budget;
use crate::datagram::Datagram;
use crate::frame;
use crate::header::{Header, Kind};
use crate::keys::KeyPair;
use crate::limits::{BEATS_PER_LEASE, GREETING_GAP};
use crate::nonce::{BootNonce, SessionNonce};
use crate::refusal::Refusal;
use crate::window::Window;

/// Later than any deadline.
pub(super) const NEVER: Millis = Millis::new(i64::MAX);

/// Who this replica is in its present life.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) replica: ReplicaId,
    pub(super) session: SessionNonce,
}

/// The part of leadership that beats and orders carry, while it lasts.
#[derive(Clone, Copy)]
pub(super) struct Leading {
    pub(super) term: u64,
    pub(super) lease: Millis,
}

/// One device, as the replica sees it.
pub(super) struct Remote {
    pub(super) device: DeviceId,
    keys: KeyPair,
    /// The last sequence said to this device, in any of its lives.
    said: u64,
    live: Option<Live>,
    offer: Option<Offer>,
    /// No greeting is answered before this.
    offers_from: Millis,
    beat_due: Millis,
    outstanding: Option<Outstanding>,
    /// The last ack passed on, so that repetitions are not.
    reported: Option<(Fence, bool)>,
    budget: Budget,
}

/// The life of a device in which it has shown that it hears us.
struct Live {
    boot: BootNonce,
    window: Window,
    /// From its newest telemetry or ack.
    clock: DeviceClock,
    /// What `said` was when this life was adopted. A life that shows it has heard more is younger.
    said_at_adoption: u64,
}

/// A life of a device that does not know our session yet.
#[derive(Clone, Copy)]
struct Offer {
    boot: BootNonce,
    heard: u64,
}

/// How a believed frame relates to the life that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Of the known life; `newest` unless it was overtaken.
    Continues { newest: bool },
    /// The first of a new life.
    Adopted,
    /// Of a life that does not know our session, or perhaps of a dead one.
    Greets,
}

/// What an ack says that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing.
    Repeated,
    /// The end of the outstanding order, so long after it was first sent, or late word on a superseded one.
    Told { rtt: Option<Millis> },
}

impl Remote {
    pub(super) fn new(device: DeviceId, keys: KeyPair) -> Self {
        Self {
            device,
            keys,
            said: 0,
            live: None,
            offer: None,
            offers_from: Millis::ZERO,
            beat_due: NEVER,
            outstanding: None,
            reported: None,
            budget: Budget::full(),
        }
    }

    /// Whether the device was heard lately enough to be told anything with a time in it.
    pub(super) fn is_live(&self, now: Millis) -> bool {
        self.live.as_ref().is_some_and(|live| live.clock.at(now).is_some())
    }

    /// Believes a frame or says why not. Nothing changes before the MAC was right.
    pub(super) fn admit(
        &mut self,
        own: Own,
        header: &Header,
        datagram: &[u8],
        now: Millis,
    ) -> Result<(Standing, Body), Refusal> {
        let standing = self.standing(own, header).ok_or(Refusal::Replay)?;
        if !self.budget.spend(now) {
            return Err(Refusal::Flooded);
        }
        let body = frame::open(header, datagram, &self.keys.to_replica)?;
        self.note(standing, header, &body, now);
        Ok((standing, body))
    }

    /// Where a frame that claims this header would stand, if it can still be believed. A new life must name our
    /// session and prove that it heard something said since the known life was adopted, which no recorded frame of
    /// an earlier life can; telemetry that proves less is at most a greeting, which teaches nothing but whom to ask.
    fn standing(&self, own: Own, header: &Header) -> Option<Standing> {
        let known = self.live.as_ref().filter(|live| live.boot == header.boot);
        if known.is_some_and(|live| !live.window.is_new(header.sequence)) {
            return None;
        }
        let ours = header.session == own.session;
        match known {
            Some(live) if ours => {
                return Some(Standing::Continues { newest: header.sequence > live.window.highest() });
            }
            _ if header.kind != Kind::Telemetry => return None,
            _ => {}
        }
        let before = self.live.as_ref().map_or(0, |live| live.said_at_adoption);
        if known.is_none() && ours && header.heard > before && header.heard <= self.said {
            Some(Standing::Adopted)
        } else {
            Some(Standing::Greets)
        }
    }

    fn note(&mut self, standing: Standing, header: &Header, body: &Body, now: Millis) {
        let device_at = match body {
            Body::Telemetry(telemetry) => telemetry.device_at,
            Body::Ack(ack) => ack.device_at,
            Body::Beat(_) | Body::Order(_) => return,
        };
        let clock = DeviceClock { device_at, heard_at: now };
        match standing {
            Standing::Adopted => self.adopt(header, clock, now),
            Standing::Greets => self.greet(header),
            Standing::Continues { newest } => {
                let Some(live) = self.live.as_mut() else { return };
                live.window.note(header.sequence);
                if newest {
                    live.clock = clock;
                }
            }
        }
    }

    fn adopt(&mut self, header: &Header, clock: DeviceClock, now: Millis) {
        let window = Window::beginning_at(header.sequence);
        self.live = Some(Live { boot: header.boot, window, clock, said_at_adoption: self.said });
        self.offer = self.offer.filter(|offer| offer.boot != header.boot);
        self.beat_due = now;
        if let Some(outstanding) = self.outstanding.as_mut() {
            outstanding.hurry(now);
        }
    }

    fn greet(&mut self, header: &Header) {
        let mut heard = header.sequence;
        if let Some(live) = self.live.as_mut().filter(|live| live.boot == header.boot) {
            live.window.note(header.sequence);
            heard = live.window.highest();
        }
        self.offer = Some(Offer { boot: header.boot, heard });
    }

    /// Takes in an order, in place of an older one.
    pub(super) fn order(&mut self, order: Order, leader_term: u64, now: Millis, until: Millis) {
        self.outstanding = Some(Outstanding::new(order, leader_term, now, until));
    }

    pub(super) const fn outstanding(&self) -> Option<&Outstanding> {
        self.outstanding.as_ref()
    }

    /// Beats at once: the term or the lease is new.
    pub(super) fn hurry_beat(&mut self, now: Millis) {
        self.beat_due = now;
    }

    pub(super) fn forget_order(&mut self) {
        self.outstanding = None;
    }

    /// Ends the outstanding order if this answers it.
    pub(super) fn settle(&mut self, ack: &AckBody, now: Millis) -> Settled {
        let answered = self.outstanding.filter(|outstanding| outstanding.fence() == ack.fence);
        let report = (ack.fence, ack.verdict.in_force());
        if answered.is_none() && self.reported == Some(report) {
            return Settled::Repeated;
        }
        self.reported = Some(report);
        if answered.is_some() {
            self.outstanding = None;
        }
        let sent = answered.and_then(|order| order.first_sent);
        Settled::Told { rtt: sent.map(|sent| now.saturating_sub(sent).or_zero()) }
    }

    /// When something is to be done next, unless something is heard before.
    pub(super) fn due(&self, leading: Option<Leading>, now: Millis) -> Millis {
        let offer = self.offer.map_or(NEVER, |_| self.offers_from);
        let void = self.outstanding.map_or(NEVER, |order| order.until);
        let told = match leading {
            Some(_) if self.is_live(now) => self.outstanding.map_or(NEVER, |order| order.due).min(self.beat_due),
            _ => NEVER,
        };
        offer.min(void).min(told)
    }

    /// Drops the outstanding order if its time is over; true if it was never answered.
    pub(super) fn expire(&mut self, now: Millis) -> bool {
        let over = self.outstanding.is_some_and(|order| order.until <= now);
        if over {
            self.outstanding = None;
        }
        over
    }

    /// Offers our session to whoever greeted last, if that is due.
    pub(super) fn say_offer(&mut self, own: Own, now: Millis, out: &mut Datagram) -> Option<(Route, Kind)> {
        let offer = self.offer.filter(|_| self.offers_from <= now)?;
        self.offer = None;
        self.offers_from = now.saturating_add(GREETING_GAP);
        let body = Body::Beat(Beat { term: 0, lease_until: Millis::ZERO });
        self.say(own, offer.boot, offer.heard, &body, out);
        Some((Route::Greeting, Kind::Beat))
    }

    /// Renews the lease, if that is due. Before the order, which the device takes only under a lease.
    pub(super) fn say_beat(
        &mut self,
        own: Own,
        leading: Leading,
        now: Millis,
        out: &mut Datagram,
    ) -> Option<(Route, Kind)> {
        let (boot, heard, device_now) = self.addressee(now).filter(|_| self.beat_due <= now)?;
        self.beat_due = now.saturating_add(Millis::new((leading.lease.get() / BEATS_PER_LEASE).max(1)));
        let lease_until = device_now.saturating_add(leading.lease);
        self.say(own, boot, heard, &Body::Beat(Beat { term: leading.term, lease_until }), out);
        Some((Route::Live, Kind::Beat))
    }

    /// Sends the outstanding order, if that is due.
    pub(super) fn say_order(&mut self, own: Own, now: Millis, out: &mut Datagram) -> Option<(Route, Kind)> {
        let (boot, heard, device_now) = self.addressee(now)?;
        let outstanding = self.outstanding.as_mut().filter(|order| order.due <= now)?;
        let left = outstanding.until.saturating_sub(now);
        assert!(left > Millis::ZERO, "an order is dropped before its time is over");
        let order = OrderBody {
            fence: outstanding.fence(),
            entry_term: outstanding.order.term,
            expires_at: device_now.saturating_add(left),
            setpoint: outstanding.order.setpoint,
        };
        outstanding.sent(now);
        self.say(own, boot, heard, &Body::Order(order), out);
        Some((Route::Live, Kind::Order))
    }

    /// The life to speak to, the last sequence heard from it, and a time that its clock has reached.
    fn addressee(&self, now: Millis) -> Option<(BootNonce, u64, Millis)> {
        let live = self.live.as_ref()?;
        Some((live.boot, live.window.highest(), live.clock.at(now)?))
    }

    fn say(&mut self, own: Own, boot: BootNonce, heard: u64, body: &Body, out: &mut Datagram) {
        self.said = self.said.saturating_add(1);
        let header = Header {
            kind: body.kind(),
            replica: own.replica,
            device: self.device,
            session: own.session,
            boot,
            sequence: self.said,
            heard,
        };
        frame::seal(&header, body, &self.keys.to_device, out);
    }
}
