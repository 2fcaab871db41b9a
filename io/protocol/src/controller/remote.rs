//! What a replica knows of one device: its present life, its clock, the order that it has not answered.

use ridethrough_core::device::{DeviceId, Fence, ReplicaId};
use ridethrough_core::units::Millis;

use super::clock::DeviceClock;
use super::outstanding::Outstanding;
use super::{Outgoing, Route};
use crate::body::{AckBody, Beat, Body, OrderBody};
use crate::budget::Budget;
use crate::datagram::Datagram;
use crate::frame;
use crate::header::{Header, Kind, Version};
use crate::keys::{Epochs, KeyPair, Lock, Seal};
use crate::limits::{BEATS_PER_LEASE, GREETING_GAP, VOUCH_GAP};
use crate::network::Lan;
use crate::nonce::{BootNonce, SessionNonce};
use crate::recent::Recent;
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

/// What a replica is to the devices at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It only answers greetings: it knows no term, or its leave to lead has lapsed.
    Silent,
    /// It endorses, and says its term.
    Follows { term: u64 },
    /// It orders, and grants leases.
    Leads { term: u64, lease: Millis },
}

impl Role {
    /// The present term, zero for none.
    const fn term(self) -> u64 {
        match self {
            Self::Silent => 0,
            Self::Follows { term } | Self::Leads { term, .. } => term,
        }
    }

    /// Whether it goes on saying something of this kind and term.
    pub(super) fn says(self, kind: Kind, term: u64) -> bool {
        self.order_kind() == Some(kind) && self.term() == term
    }

    /// What an outstanding order goes out as.
    const fn order_kind(self) -> Option<Kind> {
        match self {
            Self::Silent => None,
            Self::Follows { .. } => Some(Kind::Endorsement),
            Self::Leads { .. } => Some(Kind::Order),
        }
    }
}

/// One device, as the replica sees it.
///
/// In this order in memory: what an order and its ack touch stands together, because with a thousand devices their cost
/// is that of the cache lines they lie in.
#[repr(C)]
pub(super) struct Remote {
    pub(super) device: DeviceId,
    /// The last sequence said to this device, in any of its lives.
    said: u64,
    /// No greeting is answered before this.
    offers_from: Millis,
    beat_due: Millis,
    outstanding: Option<Outstanding>,
    /// A life that does not know our session yet.
    offer: Option<Addressee>,
    seal: Seal,
    live: Option<Live>,
    /// The last ack passed on, so that repetitions are not.
    reported: Option<(Fence, bool)>,
    /// Of each network, so that a flood on one does not silence the other.
    budgets: [Budget; 2],
    lock: Lock,
    /// The same for frames of no known life, so that forged greetings do not silence a device that is known.
    greeting_budgets: [Budget; 2],
}

/// The life of a device in which it has shown that it hears us.
#[repr(C)]
struct Live {
    boot: BootNonce,
    /// In which it speaks and is spoken to, for all of this life.
    version: Version,
    window: Window,
    /// From its newest telemetry or ack.
    clock: DeviceClock,
    /// What `said` was when this life was adopted. A life that shows it has heard more is younger.
    said_at_adoption: u64,
    /// Index of the last order that the device has accepted.
    accepted_index: u64,
    recent: Recent,
}

/// A life of a device to speak to, and what was last heard of it.
#[derive(Clone, Copy)]
struct Addressee {
    boot: BootNonce,
    version: Version,
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

/// What a frame of this device is.
pub(super) enum Admitted {
    /// Believed.
    New(Standing, Body),
    /// Believed before; it came over the other network, too.
    Copy,
}

/// One frame that was just written.
struct Said {
    route: Route,
    kind: Kind,
    transmission: u32,
}

/// What an ack says that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing.
    Repeated,
    /// The end of the outstanding order, sent so often, or late word on a superseded one (zero).
    Told { transmissions: u32 },
}

impl Remote {
    pub(super) fn new(device: DeviceId, keys: &Epochs<KeyPair>) -> Self {
        Self {
            device,
            lock: Lock::new(keys.map(|_, pair| pair.to_replica.clone())),
            seal: Seal::new(keys.map(|_, pair| pair.to_device.clone())),
            said: 0,
            live: None,
            offer: None,
            offers_from: Millis::ZERO,
            beat_due: NEVER,
            outstanding: None,
            reported: None,
            budgets: [Budget::full(); 2],
            greeting_budgets: [Budget::full(); 2],
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
        frame: &[u8],
        lan: Lan,
        now: Millis,
    ) -> Result<Admitted, Refusal> {
        let known = self.live.as_mut().filter(|live| live.boot == header.boot);
        if known.is_some_and(|live| live.recent.completes(header, frame, lan)) {
            return Ok(Admitted::Copy);
        }
        let standing = self.standing(own, header).ok_or(Refusal::Replay)?;
        let budgets = match standing {
            Standing::Continues { .. } => &mut self.budgets,
            Standing::Adopted | Standing::Greets => &mut self.greeting_budgets,
        };
        let budget = lan.of_mut(budgets);
        if !budget.may_check(now) {
            return Err(Refusal::Flooded);
        }
        let body = frame::open(header, frame, &mut self.lock)?;
        if !budget.may_speak(now) {
            return Err(Refusal::Flooded);
        }
        self.note(standing, header, &body, now);
        if let Some(live) = self.live.as_mut().filter(|live| live.boot == header.boot) {
            live.recent.note(header, frame, lan);
        }
        Ok(Admitted::New(standing, body))
    }

    /// Where a frame that claims this header would stand, if it can still be believed. A new life must name our
    /// session and prove that it heard something said since the known life was adopted, which no recorded frame of
    /// an earlier life can; telemetry that proves less is at most a greeting, which teaches nothing but whom to ask.
    fn standing(&self, own: Own, header: &Header) -> Option<Standing> {
        let known = self.live.as_ref().filter(|live| live.boot == header.boot);
        if known.is_some_and(|live| !live.window.is_new(header.sequence)) {
            return None;
        }
        // No firmware changes its version without a boot.
        if known.is_some_and(|live| live.version != header.version) {
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
        let (device_at, accepted) = match body {
            Body::Telemetry(telemetry) => (telemetry.device_at, telemetry.fence),
            Body::Ack(ack) if ack.verdict.in_force() => (ack.device_at, ack.fence),
            Body::Ack(ack) => (ack.device_at, Fence::default()),
            Body::Outlets(outlets) => (outlets.device_at, Fence::default()),
            Body::Beat(_) | Body::Order(_) | Body::Endorsement(_) => return,
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
        if !matches!(standing, Standing::Greets) {
            self.accepted(accepted.index);
        }
    }

    /// An endorsement has served when the device has accepted what it endorses, or more.
    fn accepted(&mut self, index: u64) {
        let Some(live) = self.live.as_mut() else { return };
        live.accepted_index = live.accepted_index.max(index);
        let accepted_index = live.accepted_index;
        let served = |said: &Outstanding| said.kind == Kind::Endorsement && said.order.index <= accepted_index;
        self.outstanding = self.outstanding.filter(|said| !served(said));
    }

    fn adopt(&mut self, header: &Header, clock: DeviceClock, now: Millis) {
        let window = Window::beginning_at(header.sequence);
        self.live = Some(Live {
            boot: header.boot,
            version: header.version,
            window,
            recent: Recent::new(),
            clock,
            said_at_adoption: self.said,
            accepted_index: 0,
        });
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
        self.offer = Some(Addressee { boot: header.boot, version: header.version, heard });
    }

    /// Takes in an order or an endorsement, in place of an older one.
    pub(super) fn order(&mut self, outstanding: Outstanding) {
        self.outstanding = Some(outstanding);
    }

    /// Index of the last order that the device is known to have accepted in its present life.
    pub(super) fn accepted_index(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.accepted_index)
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
    pub(super) fn settle(&mut self, ack: &AckBody) -> Settled {
        let answered = self.outstanding.filter(|said| said.kind == Kind::Order && said.fence() == ack.fence);
        let report = (ack.fence, ack.verdict.in_force());
        if answered.is_none() && self.reported == Some(report) {
            return Settled::Repeated;
        }
        self.reported = Some(report);
        if answered.is_some() {
            self.outstanding = None;
        }
        Settled::Told { transmissions: answered.map_or(0, |order| order.transmissions) }
    }

    /// When something is to be done next, unless something is heard before.
    pub(super) fn due(&self, role: Role, now: Millis) -> Millis {
        let offer = self.offer.map_or(NEVER, |_| self.offers_from);
        let void = self.outstanding.map_or(NEVER, |order| order.until);
        let told = match role.order_kind() {
            Some(kind) if self.is_live(now) => {
                let order = self.outstanding.filter(|order| order.kind == kind);
                order.map_or(NEVER, |order| order.due).min(self.beat_due)
            }
            _ => NEVER,
        };
        offer.min(void).min(told)
    }

    /// Drops what is outstanding if its time is over; true if that is an order that was never answered.
    pub(super) fn expire(&mut self, now: Millis) -> bool {
        let over = self.outstanding.filter(|order| order.until <= now);
        if over.is_some() {
            self.outstanding = None;
        }
        over.is_some_and(|order| order.kind == Kind::Order)
    }

    /// Everything that the device is due to hear, in the order in which it can take it. What wants an answer is not said
    /// again before `patience` is over.
    pub(super) fn speak(
        &mut self,
        own: Own,
        role: Role,
        now: Millis,
        patience: Millis,
        out: &mut Datagram,
        sink: &mut impl FnMut(Outgoing<'_>),
    ) {
        let device = self.device;
        let mut send = |said: Option<Said>, out: &Datagram| {
            if let Some(Said { route, kind, transmission }) = said {
                sink(Outgoing { device, route, kind, transmission, bytes: out.as_bytes() });
            }
        };
        let said = self.say_offer(own, role, now, out);
        send(said, out);
        let said = self.say_beat(own, role, now, out);
        send(said, out);
        let said = self.say_order(own, role, now, patience, out);
        send(said, out);
    }

    /// Offers our session to whoever greeted last, if that is due.
    fn say_offer(&mut self, own: Own, role: Role, now: Millis, out: &mut Datagram) -> Option<Said> {
        let offer = self.offer.filter(|_| self.offers_from <= now)?;
        self.offer = None;
        self.offers_from = now.saturating_add(GREETING_GAP);
        let body = Body::Beat(Beat { term: role.term(), lease_until: Millis::ZERO });
        self.say(own, offer, &body, out);
        Some(Said { route: Route::Greeting, kind: Kind::Beat, transmission: 0 })
    }

    /// Renews the lease, or says the term, if that is due. Before the order, which the device takes only under a lease.
    fn say_beat(&mut self, own: Own, role: Role, now: Millis, out: &mut Datagram) -> Option<Said> {
        let (life, device_now) = self.addressee(now).filter(|_| self.beat_due <= now)?;
        let (pause, lease_until) = match role {
            Role::Silent => return None,
            Role::Follows { .. } => (VOUCH_GAP, Millis::ZERO),
            Role::Leads { lease, .. } => {
                (Millis::new((lease.get() / BEATS_PER_LEASE).max(1)), device_now.saturating_add(lease))
            }
        };
        self.beat_due = now.saturating_add(pause);
        self.say(own, life, &Body::Beat(Beat { term: role.term(), lease_until }), out);
        Some(Said { route: Route::Live, kind: Kind::Beat, transmission: 0 })
    }

    /// Sends the outstanding order or endorsement, if that is due.
    fn say_order(&mut self, own: Own, role: Role, now: Millis, patience: Millis, out: &mut Datagram) -> Option<Said> {
        let (life, device_now) = self.addressee(now)?;
        let due = |order: &&mut Outstanding| order.due <= now && Some(order.kind) == role.order_kind();
        let outstanding = self.outstanding.as_mut().filter(due)?;
        let left = outstanding.until.saturating_sub(now);
        assert!(left > Millis::ZERO, "an order is dropped before its time is over");
        let order = OrderBody {
            fence: outstanding.fence(),
            entry_term: outstanding.order.term,
            expires_at: device_now.saturating_add(left),
            setpoint: outstanding.order.setpoint,
        };
        outstanding.sent(now, patience);
        let (kind, transmission) = (outstanding.kind, outstanding.transmissions);
        let body = if kind == Kind::Order { Body::Order(order) } else { Body::Endorsement(order) };
        self.say(own, life, &body, out);
        Some(Said { route: Route::Live, kind, transmission })
    }

    /// The life to speak to, and a time that its clock has reached.
    fn addressee(&self, now: Millis) -> Option<(Addressee, Millis)> {
        let live = self.live.as_ref()?;
        let addressee = Addressee { boot: live.boot, version: live.version, heard: live.window.highest() };
        Some((addressee, live.clock.at(now)?))
    }

    fn say(&mut self, own: Own, to: Addressee, body: &Body, out: &mut Datagram) {
        self.said = self.said.saturating_add(1);
        let header = Header {
            version: to.version,
            kind: body.kind(),
            replica: own.replica,
            device: self.device,
            epoch: self.seal.epoch(),
            session: own.session,
            boot: to.boot,
            sequence: self.said,
            heard: to.heard,
        };
        frame::seal(&header, body, &mut self.seal, out);
    }
}
