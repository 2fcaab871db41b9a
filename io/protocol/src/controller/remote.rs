//! What a replica knows of one device: its present life, its clock, the order that it has not answered.

mod receive;
mod transmit;

use ridethrough_core::device::{DeviceId, Fence};
use ridethrough_core::units::Millis;

pub(super) use self::receive::{Admitted, Standing};
use super::clock::DeviceClock;
use super::outstanding::Outstanding;
use super::role::Role;
use crate::body::AckBody;
use crate::budget::Budget;
use crate::header::{Kind, Version};
use crate::keys::{Epochs, KeyPair, Lock, Seal};
use crate::nonce::BootNonce;
use crate::recent::Recent;
use crate::window::Window;

/// Later than any deadline.
pub(super) const NEVER: Millis = Millis::new(i64::MAX);

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
}
