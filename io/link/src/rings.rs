//! What the link thread and the others share, and how each side wakes the other. No lock: fixed rings, slots and a bell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crossbeam::queue::ArrayQueue;
use mio::Waker;

use crate::bell::Bell;
use crate::latest::Latest;
use crate::message::{FromLink, ToLink};
use crate::outlets::OutletPowers;
use crate::words::WORDS;

/// Orders and leadership that may wait for the link thread.
const TO_LINK_MAX: usize = 4_096;
/// Acks that may wait for the consumer.
const ACKS_MAX: usize = 4_096;

/// What a producer said and when, so that time spent in the ring counts.
pub(crate) struct Stamped {
    pub(crate) message: ToLink,
    pub(crate) at: Instant,
}

/// What the threads share.
pub(crate) struct Rings {
    to_link: ArrayQueue<Stamped>,
    acks: ArrayQueue<FromLink>,
    pub(crate) telemetry: Latest<WORDS>,
    pub(crate) outlets: Arc<OutletPowers>,
    networks_up: [AtomicBool; 2],
    /// How often the link was told to step down, and how often it has.
    step_downs_told: AtomicU64,
    step_downs_done: AtomicU64,
    bell: Bell,
    stopping: AtomicBool,
    waker: Waker,
}

impl Rings {
    pub(crate) fn new(devices: usize, outlets: &[usize], waker: Waker) -> Self {
        Self {
            to_link: ArrayQueue::new(TO_LINK_MAX),
            acks: ArrayQueue::new(ACKS_MAX),
            telemetry: Latest::new(devices),
            outlets: Arc::new(OutletPowers::new(outlets)),
            networks_up: [AtomicBool::new(true), AtomicBool::new(true)],
            step_downs_told: AtomicU64::new(0),
            step_downs_done: AtomicU64::new(0),
            bell: Bell::new(),
            stopping: AtomicBool::new(false),
            waker,
        }
    }

    /// Hands messages to the link thread and wakes it once; returns how many were taken before the ring was full.
    pub(crate) fn send_all(&self, messages: impl IntoIterator<Item = ToLink>) -> usize {
        let at = Instant::now();
        let taken = messages.into_iter().map_while(|message| self.push(Stamped { message, at })).count();
        self.wake_link();
        taken
    }

    fn push(&self, stamped: Stamped) -> Option<()> {
        let steps_down = matches!(stamped.message, ToLink::StepDown);
        self.to_link.push(stamped).ok()?;
        // The ring publishes the message; this only counts. Who asks is the thread that has told.
        self.step_downs_told.fetch_add(u64::from(steps_down), Ordering::Relaxed);
        Some(())
    }

    /// The link thread has done what a `StepDown` said.
    pub(crate) fn stepped_down(&self) {
        // Pairs with the Acquire in `has_stepped_down`.
        self.step_downs_done.fetch_add(1, Ordering::Release);
    }

    /// Whether every `StepDown` that the calling thread has told is done.
    pub(crate) fn has_stepped_down(&self) -> bool {
        // Pairs with the Release in `stepped_down`.
        self.step_downs_done.load(Ordering::Acquire) >= self.step_downs_told.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self) -> Option<Stamped> {
        self.to_link.pop()
    }

    /// Tells the consumer of an ack; true when the oldest was dropped for it.
    pub(crate) fn tell_ack(&self, ack: FromLink) -> bool {
        self.acks.force_push(ack).is_some()
    }

    pub(crate) fn take_ack(&self) -> Option<FromLink> {
        self.acks.pop()
    }

    pub(crate) fn set_network_up(&self, lan: usize, up: bool) {
        // Nothing else is published with it.
        self.networks_up[lan].store(up, Ordering::Relaxed);
    }

    pub(crate) fn is_network_up(&self, lan: usize) -> bool {
        self.networks_up[lan].load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        // Pairs with the Acquire in `stopping`.
        self.stopping.store(true, Ordering::Release);
        self.wake_link();
    }

    pub(crate) fn stopping(&self) -> bool {
        // Pairs with the Release in `stop`.
        self.stopping.load(Ordering::Acquire)
    }

    /// Says that the link thread is about to sleep. False when it must not, because something came meanwhile.
    pub(crate) fn park(&self) -> bool {
        self.bell.lie_down(|| self.to_link.is_empty() && !self.stopping())
    }

    pub(crate) fn unpark(&self) {
        self.bell.get_up();
    }

    fn wake_link(&self) {
        if self.bell.must_wake() {
            // It fails only when the event counter is full, and then the thread is being woken already.
            let _ = self.waker.wake();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use mio::{Poll, Token};
    use ridethrough_core::device::{Ack, DeviceId, Fence, Verdict};
    use ridethrough_core::site::KesmId;
    use ridethrough_core::units::Millis;

    use super::*;

    fn rings() -> Rings {
        let poll = Poll::new().expect("an event queue");
        Rings::new(1, &[], Waker::new(poll.registry(), Token(0)).expect("a waker"))
    }

    fn ack(index: u64) -> FromLink {
        let fence = Fence { term: 1, index };
        let device = DeviceId::Kesm(KesmId(0));
        let ack = Ack { device, fence, verdict: Verdict::Executed, device_at: Millis::ZERO };
        FromLink::Ack { ack, in_force: None, rtt_us: 1, transmissions: 1 }
    }

    #[test]
    fn a_full_ring_refuses_orders() {
        let taken = rings().send_all((0..TO_LINK_MAX + 5).map(|_| ToLink::StepDown));
        assert_eq!(taken, TO_LINK_MAX);
    }

    #[test]
    fn acks_that_nobody_takes_make_room_for_newer_ones() {
        let rings = rings();
        let dropped = (0..ACKS_MAX as u64 + 5).filter(|&index| rings.tell_ack(ack(index))).count();
        assert_eq!((dropped, rings.take_ack()), (5, Some(ack(5))));
    }

    #[test]
    fn the_link_does_not_sleep_over_a_message() {
        let rings = rings();
        assert!(rings.park());
        assert_eq!(rings.send_all([ToLink::StepDown]), 1);
        assert!(!rings.bell.must_wake(), "the producer has woken it");
        assert!(!rings.park(), "and it sees the message");
        rings.take();
        assert!(rings.park());
    }
}
