//! The link thread: receive, take orders, transmit, wait.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use ridethrough_core::units::Millis;

use crate::dialogue::{Dialogue, Origin};
use crate::inbox::Inbox;
use crate::network::Network;
use crate::outbox::{BATCH, Outbox};
use crate::rings::Rings;

/// Tokens of the sockets are the numbers of their networks.
pub(crate) const WAKER: Token = Token(2);

/// Messages taken before the sockets get their turn.
const TAKE_BATCH: usize = 256;
/// Batches received for one that is sent: an order has one answer, and telemetry goes on.
const COLLECT_BATCHES: usize = 4;
/// The thread looks around at least so often, even with nothing due.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// After a failure of the event queue itself, so that it cannot become a busy loop.
const FAILED_WAIT: Duration = Duration::from_millis(1);

/// The thread's state.
pub(crate) struct Worker {
    dialogue: Dialogue,
    networks: [Option<Network>; 2],
    outbox: Outbox,
    inbox: Inbox,
    rings: Arc<Rings>,
    poll: Poll,
    events: Events,
    spin: Duration,
}

impl Worker {
    pub(crate) fn new(
        dialogue: Dialogue,
        networks: [Option<Network>; 2],
        rings: Arc<Rings>,
        poll: Poll,
        spin: Duration,
    ) -> Self {
        let (outbox, inbox, events) = (Outbox::new(), Inbox::new(), Events::with_capacity(4));
        Self { dialogue, networks, outbox, inbox, rings, poll, events, spin }
    }

    pub(crate) fn run(mut self) {
        let mut busy_at = Instant::now();
        while !self.rings.stopping() {
            let (heard, taken) = (self.receive(), self.take());
            let now = Instant::now();
            let deadline = self.transmit(now);
            let caught_up = self.catch_up();
            self.dialogue.tell_consumer();
            self.dialogue.reflect(now, &mut self.networks);
            if heard + taken + caught_up > 0 {
                busy_at = now;
            }
            if self.has_more() || taken == TAKE_BATCH || caught_up > 0 {
                continue;
            }
            if deadline.is_some_and(|deadline| self.dialogue.until(deadline).is_zero()) {
                self.look_at_sockets();
            } else if now.saturating_duration_since(busy_at) < self.spin {
                self.look_at_sockets();
                std::hint::spin_loop();
            } else {
                self.wait(deadline);
                busy_at = Instant::now();
            }
        }
    }

    /// Who does not ask the event queue must look himself.
    fn look_at_sockets(&mut self) {
        self.networks.iter_mut().flatten().for_each(|network| network.ready = true);
    }

    fn has_more(&self) -> bool {
        self.networks.iter().flatten().any(|network| network.ready)
    }

    /// Takes in what the sockets have, up to a batch of each; returns how much.
    fn receive(&mut self) -> usize {
        let mut count = 0;
        for network in self.networks.iter_mut().flatten().filter(|network| network.ready) {
            let (dialogue, lan, at) = (&mut self.dialogue, network.lan, Instant::now());
            count += network.receive(|datagram, from| dialogue.hear(datagram, Origin { lan, from, at }));
        }
        count
    }

    /// Takes what the control thread has said, up to a batch; returns how much.
    fn take(&mut self) -> usize {
        for count in 0..TAKE_BATCH {
            match self.rings.take() {
                Some(stamped) => self.dialogue.obey(&stamped),
                None => return count,
            }
        }
        TAKE_BATCH
    }

    /// Sends what is due and says when to do so next.
    fn transmit(&mut self, now: Instant) -> Option<Millis> {
        let Self { dialogue, networks, outbox, inbox, .. } = self;
        let deadline = dialogue.speak(now, &mut |frame, to| {
            if !outbox.push(frame, to) {
                send(networks, outbox);
                collect(networks, inbox);
                outbox.push(frame, to);
            }
        });
        send(networks, outbox);
        deadline
    }

    /// Hears what came in while it spoke; returns how much.
    fn catch_up(&mut self) -> usize {
        let dialogue = &mut self.dialogue;
        self.inbox.drain(|arrival, datagram| {
            dialogue.hear(datagram, Origin { lan: arrival.lan, from: arrival.from, at: arrival.at });
        })
    }

    /// Sleeps until a socket, a producer or the deadline wakes it.
    fn wait(&mut self, deadline: Option<Millis>) {
        let until = deadline.map_or(WAIT_MAX, |deadline| self.dialogue.until(deadline).min(WAIT_MAX));
        if until.is_zero() || !self.rings.park() {
            return;
        }
        let woken = self.poll.poll(&mut self.events, Some(until));
        self.rings.unpark();
        if woken.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            std::thread::sleep(FAILED_WAIT);
        }
        for event in &self.events {
            if let Some(Some(network)) = self.networks.get_mut(event.token().0) {
                network.ready = true;
            }
        }
    }
}

/// Sends what was gathered, on every network: a copy that one cannot send does not hold the other's back.
fn send(networks: &mut [Option<Network>; 2], outbox: &mut Outbox) {
    if outbox.parcels().is_empty() {
        return;
    }
    for network in networks.iter_mut().flatten() {
        network.send(outbox.parcels());
    }
    outbox.clear();
}

/// Takes what has come out of the sockets, so that a large fan-out does not overflow them with its acks.
fn collect(networks: &mut [Option<Network>; 2], inbox: &mut Inbox) {
    for network in networks.iter_mut().flatten() {
        for _ in 0..COLLECT_BATCHES {
            if !inbox.has_room(BATCH) {
                network.ready = true;
                break;
            }
            let (lan, at) = (network.lan, Instant::now());
            network.receive(|datagram, from| inbox.push(lan, from, at, datagram));
            if !network.ready {
                break;
            }
        }
    }
}
