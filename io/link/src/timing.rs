//! How long a device's acks take, and how many transmissions went unanswered.

use std::time::{Duration, Instant};

/// The newest measurement counts an eighth, as in TCP.
const SMOOTHING: u32 = 8;

/// The timing of one device's orders.
#[derive(Clone, Copy, Default)]
pub(crate) struct Timing {
    /// The two newest orders: the one that is outstanding and the one that it superseded, whose ack may still come.
    given: [Option<(u64, Instant)>; 2],
    /// When the outstanding order was first sent.
    first_sent: Option<Instant>,
    /// Transmissions of the outstanding order.
    in_flight: u64,
    round_trip: Option<Duration>,
    transmissions: u64,
    lost: u64,
}

impl Timing {
    /// Notes when the order of this entry was given to the link; the first time counts.
    pub(crate) fn given(&mut self, index: u64, at: Instant) {
        if self.given.iter().flatten().all(|(known, _)| *known != index) {
            self.given = [Some((index, at)), self.given[0]];
        }
    }

    /// How long ago that was, if it is one of the two.
    pub(crate) fn since(&self, index: u64, now: Instant) -> Option<Duration> {
        let mut newest = self.given.iter().flatten();
        newest.find(|(known, _)| *known == index).map(|(_, at)| now.saturating_duration_since(*at))
    }

    /// Notes the `nth` transmission of an order. With the first of a new one, those of the one before are given up.
    pub(crate) fn sent(&mut self, nth: u32, at: Instant) {
        if nth == 1 {
            self.lost = self.lost.saturating_add(self.in_flight);
            self.in_flight = 0;
            self.first_sent = Some(at);
        }
        self.in_flight = self.in_flight.saturating_add(1);
        self.transmissions = self.transmissions.saturating_add(1);
    }

    /// Notes an ack of an order that was sent so many times. Only one that was sent once tells a round trip: of
    /// others nobody knows which transmission was answered (Karn).
    pub(crate) fn answered(&mut self, transmissions: u32, now: Instant) {
        if let (1, 1, Some(first_sent)) = (transmissions, self.in_flight, self.first_sent) {
            self.smooth(now.saturating_duration_since(first_sent));
        }
        self.lost = self.lost.saturating_add(self.in_flight.saturating_sub(1));
        self.in_flight = 0;
    }

    fn smooth(&mut self, measured: Duration) {
        let smoothed = |before: Duration| (before * (SMOOTHING - 1) + measured) / SMOOTHING;
        self.round_trip = Some(self.round_trip.map_or(measured, smoothed));
    }

    /// The smoothed round trip from the first transmission to its ack.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Orders sent, repetitions included.
    pub(crate) const fn transmissions(&self) -> u64 {
        self.transmissions
    }

    /// Transmissions that no ack followed before the next order, or that were repeated before it came.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn only_what_was_sent_once_tells_a_round_trip() {
        let (mut timing, began) = (Timing::default(), Instant::now());
        timing.sent(1, began);
        timing.answered(1, began + 8 * MS);
        assert_eq!((timing.round_trip(), timing.transmissions(), timing.lost()), (Some(8 * MS), 1, 0));
        timing.sent(1, began);
        timing.sent(2, began + 5 * MS);
        timing.answered(2, began + 6 * MS);
        assert_eq!((timing.round_trip(), timing.transmissions(), timing.lost()), (Some(8 * MS), 3, 1));
        timing.sent(1, began);
        timing.answered(1, began + 16 * MS);
        assert_eq!(timing.round_trip(), Some(9 * MS));
    }

    #[test]
    fn what_the_next_order_finds_unanswered_is_lost() {
        let (mut timing, began) = (Timing::default(), Instant::now());
        timing.sent(1, began);
        timing.sent(2, began);
        timing.sent(1, began);
        assert_eq!((timing.transmissions(), timing.lost()), (3, 2));
    }

    #[test]
    fn the_age_of_an_order_counts_from_when_it_was_first_given() {
        let (mut timing, began) = (Timing::default(), Instant::now());
        timing.given(7, began);
        timing.given(7, began + MS);
        timing.given(8, began + 2 * MS);
        let since = |index| timing.since(index, began + 3 * MS);
        assert_eq!((since(7), since(8), since(9)), (Some(3 * MS), Some(MS), None));
    }
}
