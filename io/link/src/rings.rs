//! The rings between the link thread and the others, and how each side wakes the other.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::Instant;

use crossbeam::queue::ArrayQueue;
use mio::Waker;

use crate::message::{FromLink, ToLink};

/// Orders and leadership that may wait for the link thread.
const TO_LINK_MAX: usize = 4_096;
/// Acks that may wait for the consumer.
const ACKS_MAX: usize = 4_096;
/// Telemetry that may wait for the consumer, for each device.
const TELEMETRY_PER_DEVICE_MAX: usize = 4;

/// What a producer said and when, so that time spent in the ring counts.
pub(crate) struct Stamped {
    pub(crate) message: ToLink,
    pub(crate) at: Instant,
}

/// What the threads share.
pub(crate) struct Rings {
    to_link: ArrayQueue<Stamped>,
    acks: ArrayQueue<FromLink>,
    telemetry: ArrayQueue<FromLink>,
    parked: AtomicBool,
    stopping: AtomicBool,
    waker: Waker,
    consumer: Mutex<Option<Thread>>,
}

impl Rings {
    pub(crate) fn new(devices: usize, waker: Waker, consumer: Option<Thread>) -> Self {
        Self {
            to_link: ArrayQueue::new(TO_LINK_MAX),
            acks: ArrayQueue::new(ACKS_MAX),
            telemetry: ArrayQueue::new((devices * TELEMETRY_PER_DEVICE_MAX).max(1)),
            parked: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            waker,
            consumer: Mutex::new(consumer),
        }
    }

    /// Hands a message to the link thread; false when the ring is full.
    pub(crate) fn send(&self, message: ToLink) -> bool {
        let taken = self.to_link.push(Stamped { message, at: Instant::now() }).is_ok();
        self.wake_link();
        taken
    }

    pub(crate) fn take(&self) -> Option<Stamped> {
        self.to_link.pop()
    }

    /// The oldest ack, else the oldest telemetry: what an order led to is the more urgent news.
    pub(crate) fn poll(&self) -> Option<FromLink> {
        self.acks.pop().or_else(|| self.telemetry.pop())
    }

    /// Tells the consumer; true when the oldest was dropped for it.
    pub(crate) fn tell(&self, message: FromLink) -> bool {
        let ring = match message {
            FromLink::Ack { .. } => &self.acks,
            FromLink::Telemetry(_) => &self.telemetry,
        };
        ring.force_push(message).is_some()
    }

    pub(crate) fn set_consumer(&self, consumer: Thread) {
        *self.consumer.lock().unwrap_or_else(PoisonError::into_inner) = Some(consumer);
    }

    pub(crate) fn wake_consumer(&self) {
        if let Some(consumer) = self.consumer.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            consumer.unpark();
        }
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
        self.parked.store(true, Ordering::Relaxed);
        // Pairs with the fence in `wake_link`: either the producer sees the flag, or its message is seen here.
        fence(Ordering::SeqCst);
        let idle = self.to_link.is_empty() && !self.stopping();
        if !idle {
            self.unpark();
        }
        idle
    }

    pub(crate) fn unpark(&self) {
        // Only a hint from here on: a producer that still sees it wakes the thread once for nothing.
        self.parked.store(false, Ordering::Relaxed);
    }

    fn wake_link(&self) {
        // Pairs with the fence in `park`.
        fence(Ordering::SeqCst);
        if self.parked.swap(false, Ordering::Relaxed) {
            // It fails only when the event counter is full, and then the thread is being woken already.
            let _ = self.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};
    use ridethrough_core::device::{Ack, DeviceId, Fence, Verdict};
    use ridethrough_core::site::KesmId;
    use ridethrough_core::units::Millis;

    use super::*;

    fn rings() -> Rings {
        let poll = Poll::new().expect("an event queue");
        Rings::new(1, Waker::new(poll.registry(), Token(0)).expect("a waker"), None)
    }

    fn ack(index: u64) -> FromLink {
        let fence = Fence { term: 1, index };
        let device = DeviceId::Kesm(KesmId(0));
        let ack = Ack { device, fence, verdict: Verdict::Executed, device_at: Millis::ZERO };
        FromLink::Ack { ack, in_force: None, rtt_us: 1 }
    }

    #[test]
    fn a_full_ring_refuses_orders() {
        let rings = rings();
        let taken = (0..TO_LINK_MAX + 5).filter(|_| rings.send(ToLink::StepDown)).count();
        assert_eq!(taken, TO_LINK_MAX);
    }

    #[test]
    fn news_that_nobody_takes_makes_room_for_newer_ones() {
        let rings = rings();
        let dropped = (0..ACKS_MAX as u64 + 5).filter(|&index| rings.tell(ack(index))).count();
        assert_eq!((dropped, rings.poll()), (5, Some(ack(5))));
    }

    #[test]
    fn the_link_does_not_sleep_over_a_message() {
        let rings = rings();
        assert!(rings.park());
        assert!(rings.send(ToLink::StepDown));
        assert!(!rings.parked.load(Ordering::Relaxed), "the producer has woken it");
        assert!(!rings.park(), "and it sees the message");
        rings.take();
        assert!(rings.park());
    }
}
