//! What a device knows of one replica: keys, the replica's present session, sequences both ways.

use ridethrough_core::device::{DeviceId, ReplicaId};
use ridethrough_core::units::Millis;

use crate::body::Body;
use crate::budget::Budget;
use crate::datagram::Datagram;
use crate::frame;
use crate::header::{Header, Kind};
use crate::keys::KeyPair;
use crate::nonce::{BootNonce, SessionNonce};
use crate::refusal::Refusal;

/// One replica, as the device sees it.
pub(super) struct Peer {
    pub(super) replica: ReplicaId,
    keys: KeyPair,
    session: SessionNonce,
    /// The highest sequence believed in this session.
    heard: u64,
    /// The last sequence said to this replica, in any session of this boot.
    said: u64,
    /// What `said` was when the session opened. A session that shows it has heard more is younger.
    said_at_opening: u64,
    budget: Budget,
}

/// How a believed frame relates to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Of the session that was there.
    Continues,
    /// The first of a new one.
    Opens,
}

impl Peer {
    pub(super) fn new(replica: ReplicaId, keys: KeyPair) -> Self {
        Self {
            replica,
            keys,
            session: SessionNonce::NONE,
            heard: 0,
            said: 0,
            said_at_opening: 0,
            budget: Budget::full(),
        }
    }

    /// Believes a frame or says why not. The session's state changes only after the MAC was right.
    pub(super) fn admit(&mut self, header: &Header, datagram: &[u8], now: Millis) -> Result<(Standing, Body), Refusal> {
        let standing = self.standing(header).ok_or(Refusal::Replay)?;
        if !self.budget.spend(now) {
            return Err(Refusal::Flooded);
        }
        let body = frame::open(header, datagram, &self.keys.to_device)?;
        if standing == Standing::Opens {
            self.session = header.session;
            self.said_at_opening = self.said;
        }
        self.heard = header.sequence;
        Ok((standing, body))
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

    /// Seals a frame to this replica.
    pub(super) fn say(&mut self, device: DeviceId, boot: BootNonce, body: &Body, out: &mut Datagram) {
        self.said = self.said.saturating_add(1);
        let header = Header {
            kind: body.kind(),
            replica: self.replica,
            device,
            session: self.session,
            boot,
            sequence: self.said,
            heard: self.heard,
        };
        frame::seal(&header, body, &self.keys.to_replica, out);
    }
}
