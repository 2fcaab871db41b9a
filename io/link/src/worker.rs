//! The link thread: receive, take orders, transmit, wait.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Poll, Token};
use ridethrough_core::units::Millis;
use ridethrough_protocol::{ControllerEndpoint, Event, FRAME_BYTES_MAX, Kind, Lan, Leadership, Outgoing, Route};

use crate::addresses::Addresses;
use crate::config::LinkConfig;
use crate::message::{FromLink, ToLink};
use crate::meters::Meters;
use crate::rings::{Rings, Stamped};
use crate::socket::Bound;
use crate::timing::Timing;

pub(crate) const SOCKET: Token = Token(0);
pub(crate) const WAKER: Token = Token(1);

/// Datagrams received before orders get their turn; more gains nothing.
const RECEIVE_BATCH: usize = 32;
/// Messages taken before the socket gets its turn.
const TAKE_BATCH: usize = 64;
/// The thread looks around at least so often, even with nothing due.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// After a failure of the event queue itself, so that it cannot become a busy loop.
const FAILED_WAIT: Duration = Duration::from_millis(1);
/// How often the gauges are refreshed.
const GAUGES_EVERY: Millis = Millis::seconds(1);

/// The thread's state.
pub(crate) struct Worker {
    endpoint: ControllerEndpoint,
    socket: UdpSocket,
    addresses: Addresses,
    timing: Timing,
    rings: Arc<Rings>,
    meters: Meters,
    poll: Poll,
    events: Events,
    spin: Duration,
    began: Instant,
    gauges_due: Millis,
    unanswered: u64,
    /// Whether the consumer has news since it was last woken.
    news: bool,
}

impl Worker {
    pub(crate) fn new(config: &LinkConfig, bound: Bound, poll: Poll, rings: Arc<Rings>) -> Self {
        let meters = Meters::new();
        #[allow(clippy::cast_precision_loss, reason = "a metric of some megabytes")]
        meters.receive_buffer_bytes.set(bound.receive_buffer_bytes as f64);
        Self {
            endpoint: ControllerEndpoint::new(&config.keys, config.session, &config.devices, config.orders),
            socket: bound.socket,
            addresses: Addresses::new(&config.devices),
            timing: Timing::new(&config.devices),
            rings,
            meters,
            poll,
            events: Events::with_capacity(4),
            spin: config.spin,
            began: Instant::now(),
            gauges_due: Millis::ZERO,
            unanswered: 0,
            news: false,
        }
    }

    pub(crate) fn run(mut self) {
        let mut idle_since = Instant::now();
        while !self.rings.stopping() {
            let worked = self.receive() + self.take();
            let deadline = self.transmit();
            self.tell_consumer();
            let now = Instant::now();
            if worked > 0 {
                idle_since = now;
            }
            // The socket was empty before the orders were taken; what came since wakes the wait at once.
            if worked == 0 && now.saturating_duration_since(idle_since) >= self.spin {
                self.wait(deadline);
                idle_since = Instant::now();
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// Takes in what the socket has, up to a batch; returns how many.
    fn receive(&mut self) -> usize {
        // One byte more than any frame, so that a longer datagram does not look like one.
        let mut buffer = [0; FRAME_BYTES_MAX + 1];
        for count in 0..RECEIVE_BATCH {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => self.hear(buffer.get(..length).unwrap_or_default(), from),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return count,
                Err(_) => {
                    self.meters.receive_errors.increment(1);
                    return count;
                }
            }
        }
        RECEIVE_BATCH
    }

    fn hear(&mut self, datagram: &[u8], from: SocketAddr) {
        match self.endpoint.observe(datagram, Lan::A, self.now()) {
            Some(Event::Greeting { device }) => {
                self.meters.received(Kind::Telemetry);
                self.addresses.learn(device, Route::Greeting, from);
            }
            Some(Event::Telemetry(telemetry)) => {
                self.meters.received(Kind::Telemetry);
                self.addresses.learn(telemetry.device, Route::Live, from);
                self.tell(FromLink::Telemetry(telemetry));
            }
            Some(Event::Ack { ack, in_force, .. }) => {
                self.meters.received(Kind::Ack);
                self.addresses.learn(ack.device, Route::Live, from);
                let after = self.timing.since(ack.device, ack.fence.index, Instant::now());
                if let Some(after) = after.filter(|_| ack.verdict.in_force()) {
                    self.meters.actuation.record(after);
                }
                let rtt_us = after.and_then(|after| u32::try_from(after.as_micros()).ok()).unwrap_or(u32::MAX);
                self.tell(FromLink::Ack { ack, in_force, rtt_us });
            }
            Some(Event::Copy { .. }) => {}
            Some(Event::Rejected(refusal)) => self.meters.rejected(refusal),
            // An ack that repeats what was told.
            None => self.meters.received(Kind::Ack),
        }
    }

    fn tell(&mut self, message: FromLink) {
        self.news = true;
        if self.rings.tell(message) {
            match message {
                FromLink::Telemetry(_) => self.meters.dropped_telemetry.increment(1),
                FromLink::Ack { .. } => self.meters.dropped_acks.increment(1),
            }
        }
    }

    fn tell_consumer(&mut self) {
        if std::mem::take(&mut self.news) {
            self.rings.wake_consumer();
        }
    }

    /// Takes what the control thread has said, up to a batch; returns how much.
    fn take(&mut self) -> usize {
        for count in 0..TAKE_BATCH {
            match self.rings.take() {
                Some(stamped) => self.obey(&stamped),
                None => return count,
            }
        }
        TAKE_BATCH
    }

    /// Spans count from when they were said, not from when they are heard here.
    fn obey(&mut self, stamped: &Stamped) {
        let said_at = self.millis(stamped.at);
        let now = self.now();
        let left = |span: Millis| said_at.saturating_add(span).saturating_sub(now);
        match stamped.message {
            ToLink::Order { order, term, valid_for } => {
                self.timing.given(order.get().device, order.get().index, stamped.at);
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
            ToLink::StepDown => self.endpoint.step_down(),
            ToLink::Follow { term } => self.endpoint.follow(term, now),
            ToLink::Endorse { order, valid_for } => {
                if self.endpoint.endorse(&order, left(valid_for), now).is_err() {
                    self.meters.orders_refused.increment(1);
                }
            }
        }
    }

    /// Sends what is due and says when to do so next.
    fn transmit(&mut self) -> Option<Millis> {
        let now = self.now();
        let (socket, addresses, meters) = (&self.socket, &self.addresses, &self.meters);
        let deadline = self.endpoint.poll(now, &mut |outgoing: Outgoing<'_>| {
            let Some(to) = addresses.of(outgoing.device, outgoing.route) else { return };
            match socket.send_to(outgoing.bytes, to) {
                Ok(_) => meters.sent(outgoing.kind),
                // What was not sent is lost like on any network, and what matters is sent again.
                Err(_) => meters.send_errors.increment(1),
            }
        });
        if self.gauges_due <= now {
            self.refresh_gauges(now);
        }
        deadline
    }

    fn refresh_gauges(&mut self, now: Millis) {
        self.gauges_due = now.saturating_add(GAUGES_EVERY);
        #[allow(clippy::cast_precision_loss, reason = "a metric of some thousands")]
        self.meters.live_devices.set(self.endpoint.live_devices() as f64);
        self.meters.unanswered.increment(self.endpoint.unanswered().saturating_sub(self.unanswered));
        self.unanswered = self.endpoint.unanswered();
    }

    /// Sleeps until the socket, a producer or the deadline wakes it.
    fn wait(&mut self, deadline: Option<Millis>) {
        let until = deadline.map_or(WAIT_MAX, |deadline| self.until(deadline));
        if until.is_zero() || !self.rings.park() {
            return;
        }
        let woken = self.poll.poll(&mut self.events, Some(until));
        self.rings.unpark();
        if woken.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            std::thread::sleep(FAILED_WAIT);
        }
    }

    fn until(&self, deadline: Millis) -> Duration {
        let at = Duration::from_millis(deadline.get().unsigned_abs());
        at.saturating_sub(self.began.elapsed()).min(WAIT_MAX)
    }

    fn now(&self) -> Millis {
        self.millis(Instant::now())
    }

    fn millis(&self, at: Instant) -> Millis {
        let passed = at.saturating_duration_since(self.began).as_millis();
        Millis::new(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}
