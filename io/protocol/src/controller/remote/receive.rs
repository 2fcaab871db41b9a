//! What a device says: what of it is believed, and what it teaches about the device's life.

use ridethrough_core::device::Fence;
use ridethrough_core::units::Millis;

use super::{Addressee, Live, Remote};
use crate::body::Body;
use crate::controller::clock::DeviceClock;
use crate::controller::outstanding::Outstanding;
use crate::controller::role::Own;
use crate::frame;
use crate::header::{Header, Kind};
use crate::network::Lan;
use crate::recent::Recent;
use crate::refusal::Refusal;
use crate::window::Window;

/// How a believed frame relates to the life that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Standing {
    /// Of the known life; `newest` unless it was overtaken.
    Continues { newest: bool },
    /// The first of a new life.
    Adopted,
    /// Of a life that does not know our session, or perhaps of a dead one.
    Greets,
}

/// What a frame of this device is.
pub(in crate::controller) enum Admitted {
    /// Believed.
    New(Standing, Body),
    /// Believed before; it came over the other network, too.
    Copy,
}

impl Remote {
    /// Believes a frame or says why not. Nothing changes before the MAC was right.
    pub(in crate::controller) fn admit(
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
}
