//! What a device knows of one replica: keys, the replica's present session, sequences both ways.

use ridethrough_vocabulary::device::{DeviceId, ReplicaId};
use ridethrough_vocabulary::units::Millis;

use crate::body::Body;
use crate::budget::Budget;
use crate::datagram::Datagram;
use crate::frame;
use crate::header::{Header, Kind, Version};
use crate::keys::{Epochs, KeyPair, Lock, Seal};
use crate::network::Lan;
use crate::nonce::{BootNonce, SessionNonce};
use crate::recent::Recent;
use crate::refusal::Refusal;

/// Who the device is in its present life.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) version: Version,
    pub(super) device: DeviceId,
    pub(super) boot: BootNonce,
}

/// One replica, as the device sees it. In this order in memory, so that what a frame touches stands together.
#[repr(C)]
pub(super) struct Peer {
    pub(super) replica: ReplicaId,
    session: SessionNonce,
    /// The highest sequence believed in this session.
    heard: u64,
    /// The last sequence said to this replica, in any session of this boot.
    said: u64,
    /// What `said` was when the session opened. A session that shows it has heard more is younger.
    said_at_opening: u64,
    /// Of each network, so that a flood on one does not silence the other.
    budgets: [Budget; 2],
    lock: Lock,
    seal: Seal,
    recent: Recent,
}

/// How a believed frame relates to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Of the session that was there.
    Continues,
    /// The first of a new one.
    Opens,
}

/// What a frame of this replica is.
pub(super) enum Admitted {
    /// Believed.
    New(Standing, Body),
    /// Believed before; it came over the other network, too.
    Copy,
}

impl Peer {
    pub(super) fn new(replica: ReplicaId, keys: &Epochs<KeyPair>) -> Self {
        Self {
            replica,
            lock: Lock::new(keys.map(|_, pair| pair.to_device.clone())),
            seal: Seal::new(keys.map(|_, pair| pair.to_replica.clone())),
            session: SessionNonce::NONE,
            heard: 0,
            recent: Recent::new(),
            said: 0,
            said_at_opening: 0,
            budgets: [Budget::full(); 2],
        }
    }

    /// Believes a frame or says why not. The session's state changes only after the MAC was right.
    pub(super) fn admit(&mut self, header: &Header, frame: &[u8], lan: Lan, now: Millis) -> Result<Admitted, Refusal> {
        if header.session == self.session && header.sequence <= self.heard {
            return self.recent.completes(header, frame, lan).then_some(Admitted::Copy).ok_or(Refusal::Replay);
        }
        let standing = self.standing(header).ok_or(Refusal::Replay)?;
        let budget = lan.of_mut(&mut self.budgets);
        if !budget.may_check(now) {
            return Err(Refusal::Flooded);
        }
        let body = frame::open(header, frame, &mut self.lock)?;
        if !budget.may_speak(now) {
            return Err(Refusal::Flooded);
        }
        if standing == Standing::Opens {
            self.session = header.session;
            self.said_at_opening = self.said;
            self.recent = Recent::new();
        }
        self.heard = header.sequence;
        self.recent.note(header, frame, lan);
        Ok(Admitted::New(standing, body))
    }

    /// Where a frame that claims this header would stand, if it can still be believed. Strictly rising sequences in
    /// one session; a new session only through a beat that proves it heard something said in the present one, which
    /// no recorded frame of an earlier session can.
    fn standing(&self, header: &Header) -> Option<Standing> {
        if header.session == SessionNonce::NONE {
            None
        } else if header.session == self.session {
            (header.sequence > self.heard).then_some(Standing::Continues)
        } else {
            let heard_since = header.heard > self.said_at_opening && header.heard <= self.said;
            (header.kind == Kind::Beat && heard_since).then_some(Standing::Opens)
        }
    }

    /// Whether it has opened a session with the device's present life.
    pub(super) fn has_session(&self) -> bool {
        self.session != SessionNonce::NONE
    }

    /// Seals a frame to this replica.
    pub(super) fn say(&mut self, own: Own, body: &Body, out: &mut Datagram) {
        self.said = self.said.saturating_add(1);
        let header = Header {
            version: own.version,
            kind: body.kind(),
            replica: self.replica,
            device: own.device,
            epoch: self.seal.epoch(),
            session: self.session,
            boot: own.boot,
            sequence: self.said,
            heard: self.heard,
        };
        frame::seal(&header, body, &mut self.seal, out);
    }
}
