//! What is said with all devices: believed frames become news for the consumer, orders become frames.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use ridethrough_core::device::{Ack, DeviceId, Setpoint};
use ridethrough_core::units::Millis;
use ridethrough_protocol::{
    ControllerEndpoint, Event, Kind, Lan, Leadership, Outgoing, Refusal, Route, Telemetry, frames,
};

use crate::config::{LinkConfig, Wake};
use crate::devices::{Devices, Places, Remote};
use crate::message::{FromLink, ToLink};
use crate::meters::{Meters, Nth};
use crate::network::Network;
use crate::outbox::BATCH;
use crate::rings::{Rings, Stamped};
use crate::supervision::Networks;
use crate::words;

/// How often the networks are judged.
const JUDGED_EVERY: Millis = Millis::new(100);
/// How often everything is shown once.
const SHOWN_EVERY: Millis = Millis::seconds(1);
/// Devices shown in one turn, so that it stays short.
const SHOWN_BATCH: usize = 128;
/// So many devices are spoken to before the control thread and the sockets are listened to again: an order does not wait
/// until all have heard.
const DEVICES_AT_ONCE: usize = BATCH;

/// Everything but the sockets.
pub(crate) struct Dialogue {
    endpoint: ControllerEndpoint,
    devices: Devices,
    networks: Networks,
    rings: Arc<Rings>,
    meters: Meters,
    consumer: Option<Thread>,
    wake: Wake,
    silent_after: Millis,
    began: Instant,
    judged_due: Millis,
    shown_due: Millis,
    /// The device to be shown next.
    shown_next: usize,
    unanswered: u64,
    /// Whether the consumer has news since it was last woken.
    news: bool,
}

/// What must be known of a datagram beside its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) lan: Lan,
    pub(crate) from: SocketAddr,
    pub(crate) at: Instant,
}

impl Dialogue {
    pub(crate) fn new(config: &LinkConfig, lans: &[Lan], rings: Arc<Rings>) -> Self {
        let devices = Devices::new(&config.devices);
        let silent_after = i64::try_from(config.network_silent_after.as_millis()).unwrap_or(i64::MAX);
        Self {
            endpoint: ControllerEndpoint::new(&config.keys, config.session, &config.devices, config.orders),
            meters: Meters::new(lans, devices.as_slice()),
            devices,
            networks: Networks::new(),
            rings,
            consumer: config.consumer.clone(),
            wake: config.wake,
            silent_after: Millis::new(silent_after),
            began: Instant::now(),
            judged_due: Millis::ZERO,
            shown_due: Millis::ZERO,
            shown_next: 0,
            unanswered: 0,
            news: false,
        }
    }

    /// Takes in one datagram.
    pub(crate) fn hear(&mut self, datagram: &[u8], origin: Origin) {
        for frame in frames(datagram) {
            match frame {
                Ok(frame) => self.hear_frame(frame, origin),
                Err(malformed) => self.meters.rejected(Refusal::Malformed(malformed)),
            }
        }
    }

    fn hear_frame(&mut self, frame: &[u8], origin: Origin) {
        match self.endpoint.observe(frame, origin.lan, self.millis(origin.at)) {
            Some(Event::Greeting { device }) => self.believe(device, Route::Greeting, Kind::Telemetry, origin),
            Some(Event::Telemetry(telemetry)) => {
                self.believe(telemetry.device, Route::Live, Kind::Telemetry, origin);
                self.note_heard(&telemetry, origin.at);
                self.tell_telemetry(&telemetry);
            }
            Some(Event::Outlets { rack, page }) => {
                self.believe(DeviceId::Pdu(rack), Route::Live, Kind::Outlets, origin);
                self.meters.outlets_unknown.increment(self.rings.outlets.put(rack, &page, origin.at) as u64);
            }
            Some(Event::Ack { ack, in_force, transmissions }) => {
                self.believe(ack.device, Route::Live, Kind::Ack, origin);
                self.tell_ack(ack, in_force, transmissions, origin.at);
            }
            Some(Event::Copy { device }) => {
                self.meters.copy(origin.lan, Nth::Second);
                self.note(device, Route::Live, origin);
            }
            Some(Event::Rejected(refusal)) => self.meters.rejected(refusal),
            // An ack that repeats what was told.
            None => self.meters.received(Kind::Ack),
        }
    }

    /// Notes the first copy of a believed frame.
    fn believe(&mut self, device: DeviceId, route: Route, kind: Kind, origin: Origin) {
        self.meters.received(kind);
        self.meters.copy(origin.lan, Nth::First);
        self.note(device, route, origin);
    }

    /// Notes where a device is and on which network it is heard.
    fn note(&mut self, device: DeviceId, route: Route, origin: Origin) {
        let now = self.millis(origin.at);
        self.networks.heard(origin.lan, now, self.silent_after);
        if let Some((_, remote)) = self.devices.find(device) {
            remote.learn(route, origin.lan, origin.from);
            remote.networks.heard(origin.lan, now, self.silent_after);
        }
    }

    /// Notes on which networks the device hears us and the other replicas.
    fn note_heard(&mut self, telemetry: &Telemetry, at: Instant) {
        let (now, silent_after) = (self.millis(at), self.silent_after);
        let Some((_, remote)) = self.devices.find(telemetry.device) else { return };
        for lan in Lan::ALL {
            if lan.of(&telemetry.heard) != lan.of(&remote.heard) {
                remote.networks.told(lan, now, silent_after);
                self.networks.told(lan, now, silent_after);
            }
        }
        remote.heard = telemetry.heard;
    }

    fn tell_telemetry(&mut self, telemetry: &Telemetry) {
        let Some(slot) = self.devices.slot(telemetry.device) else { return };
        if self.rings.telemetry.put(slot, &words::write(telemetry)) {
            self.meters.telemetry_replaced.increment(1);
        }
        self.news |= self.wake == Wake::Everything;
    }

    fn tell_ack(&mut self, ack: Ack, in_force: Option<Setpoint>, transmissions: u32, now: Instant) {
        let Some((_, remote)) = self.devices.find(ack.device) else { return };
        remote.timing.answered(transmissions, now);
        let after = remote.timing.since(ack.fence.index, now);
        let rtt_us = after.and_then(|after| u32::try_from(after.as_micros()).ok()).unwrap_or(u32::MAX);
        if self.rings.tell_ack(FromLink::Ack { ack, in_force, rtt_us, transmissions }) {
            self.meters.acks_dropped.increment(1);
        }
        self.news = true;
    }

    /// Wakes the consumer if it has been told something that it is to be woken for.
    pub(crate) fn tell_consumer(&mut self) {
        if std::mem::take(&mut self.news)
            && let Some(consumer) = &self.consumer
        {
            consumer.unpark();
        }
    }

    /// Does as the control thread says. Spans count from when they were said, not from when they are heard here.
    pub(crate) fn obey(&mut self, stamped: &Stamped) {
        let said_at = self.millis(stamped.at);
        let now = self.millis(Instant::now());
        let left = |span: Millis| said_at.saturating_add(span).saturating_sub(now);
        match stamped.message {
            ToLink::Order { order, term, valid_for } => {
                if let Some((_, remote)) = self.devices.find(order.get().device) {
                    remote.timing.given(order.get().index, stamped.at);
                }
                if self.endpoint.submit(&order, term, left(valid_for), now).is_err() {
                    self.meters.orders_refused.increment(1);
                }
            }
            ToLink::Lead { term, lease, valid_for } => {
                let leadership = Leadership { term, lease, valid_for: left(valid_for) };
                if self.endpoint.lead(leadership, now).is_err() {
                    self.meters.leadership_refused.increment(1);
                }
            }
            ToLink::StepDown => {
                self.endpoint.step_down();
                // What it made before is with the system already: every turn of the thread ends with handing it over.
                self.rings.stepped_down();
                self.news = true;
            }
            ToLink::Follow { term } => self.endpoint.follow(term, now),
            ToLink::Endorse { order, valid_for } => {
                if self.endpoint.endorse(&order, left(valid_for), now).is_err() {
                    self.meters.orders_refused.increment(1);
                }
            }
        }
    }

    /// Hands over what is due to some devices, with its places, and says when to ask next.
    pub(crate) fn speak(&mut self, now: Instant, send: &mut impl FnMut(&[u8], Places)) -> Option<Millis> {
        let (at, devices, meters) = (self.millis(now), &mut self.devices, &self.meters);
        self.endpoint.poll_some(at, DEVICES_AT_ONCE, &mut |outgoing: Outgoing<'_>| {
            let Some((_, remote)) = devices.find(outgoing.device) else { return };
            let places = remote.places(outgoing.route);
            if places == Places::default() {
                return;
            }
            if outgoing.kind == Kind::Order {
                remote.timing.sent(outgoing.transmission, Instant::now());
            }
            meters.sent(outgoing.kind);
            send(outgoing.bytes, places);
        })
    }

    /// Judges the networks and shows the metrics that are not counted as things happen, a part at a time.
    pub(crate) fn reflect(&mut self, now: Instant, networks: &mut [Option<Network>; 2]) {
        let now = self.millis(now);
        if self.judged_due <= now {
            self.judged_due = now.saturating_add(JUDGED_EVERY);
            self.judge(now);
        }
        if self.shown_due <= now {
            self.shown_due = now.saturating_add(SHOWN_EVERY);
            self.shown_next = 0;
            self.show();
            for network in networks.iter_mut().flatten() {
                self.meters.totals(network);
                network.asks_drops = true;
            }
        }
        self.show_devices(now);
    }

    fn judge(&mut self, now: Millis) {
        let was_up = Lan::ALL.map(|lan| self.networks.is_up(lan));
        self.networks.judge(now, self.silent_after);
        for lan in Lan::ALL {
            self.meters.network(lan, &self.networks, was_up[lan.index()], now);
            self.rings.set_network_up(lan.index(), self.networks.is_up(lan));
        }
    }

    fn show(&mut self) {
        #[allow(clippy::cast_precision_loss, reason = "a metric of some thousands")]
        self.meters.live_devices.set(self.endpoint.live_devices() as f64);
        self.meters.unanswered.increment(self.endpoint.unanswered().saturating_sub(self.unanswered));
        self.unanswered = self.endpoint.unanswered();
    }

    fn show_devices(&mut self, now: Millis) {
        let (silent_after, meters) = (self.silent_after, &self.meters);
        let rest = self.devices.as_mut_slice().iter_mut().enumerate().skip(self.shown_next);
        let mut show = |(slot, remote): (usize, &mut Remote)| {
            remote.networks.judge(now, silent_after);
            meters.device(slot, remote);
        };
        self.shown_next += rest.take(SHOWN_BATCH).map(&mut show).count();
    }

    /// How long until then.
    pub(crate) fn until(&self, deadline: Millis) -> Duration {
        let at = Duration::from_millis(deadline.get().unsigned_abs());
        at.saturating_sub(self.began.elapsed())
    }

    fn millis(&self, at: Instant) -> Millis {
        let passed = at.saturating_duration_since(self.began).as_millis();
        Millis::new(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}
