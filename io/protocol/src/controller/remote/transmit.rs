//! What is said to a device, and when: our session, the lease, then the order that is taken only under it.

use ridethrough_core::units::Millis;

use super::{Addressee, Remote};
use crate::body::{Beat, Body, OrderBody};
use crate::controller::outstanding::Outstanding;
use crate::controller::role::{Own, Role};
use crate::controller::{Outgoing, Route};
use crate::datagram::Datagram;
use crate::frame;
use crate::header::{Header, Kind};
use crate::limits::{BEATS_PER_LEASE, GREETING_GAP, VOUCH_GAP};

/// One frame that was just written.
struct Said {
    route: Route,
    kind: Kind,
    transmission: u32,
}

impl Remote {
    /// Everything that the device is due to hear, in the order in which it can take it. What wants an answer is not said
    /// again before `patience` is over.
    pub(in crate::controller) fn speak(
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
