//! A server as a constant-power load that replays a recording at its own resolution, holding each sample until the
//! next.

use std::sync::Arc;

/// One sample of a playback.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the start of the cycle.
    pub at_ms: u64,
    /// Power in W from then on.
    pub watts: f64,
}

/// A loop of recorded samples. Clones share the samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Playback {
    delay_ms: u64,
    offset_ms: u64,
    cycle_ms: u64,
    samples: Arc<[Sample]>,
}

/// A server somewhere in its playback.
#[derive(Clone, Debug)]
pub struct Server {
    playback: Playback,
    next: usize,
    cycle_start_ms: u64,
    watts: f64,
    next_change_ms: u64,
}

impl Playback {
    /// A loop of `cycle_ms`; its samples begin at 0 and rise in time. Until `delay_ms` the first one is held.
    /// `None` when there is nothing to play.
    pub fn new(delay_ms: u64, cycle_ms: u64, samples: Vec<Sample>) -> Option<Self> {
        let rising = samples.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms);
        let fits = samples.first()?.at_ms == 0 && samples.last()?.at_ms < cycle_ms;
        (rising && fits).then(|| Self { delay_ms, offset_ms: 0, cycle_ms, samples: samples.into() })
    }

    /// The same loop, begun at `offset_ms` of its cycle.
    pub fn with_offset(self, offset_ms: u64) -> Self {
        Self { offset_ms: offset_ms % self.cycle_ms, ..self }
    }

    /// Its power at `now_ms` of scenario time in W.
    pub fn watts_at(&self, now_ms: u64) -> f64 {
        let into_cycle_ms = (now_ms.saturating_sub(self.delay_ms) + self.offset_ms) % self.cycle_ms;
        self.samples[self.after(into_cycle_ms) - 1].watts
    }

    /// The index of the first sample after this moment of the cycle; at least 1, for the first sample is at 0.
    fn after(&self, into_cycle_ms: u64) -> usize {
        self.samples.partition_point(|sample| sample.at_ms <= into_cycle_ms)
    }

    /// Length of one cycle in ms.
    pub fn cycle_ms(&self) -> u64 {
        self.cycle_ms
    }

    /// The highest power in it in W.
    pub fn peak_watts(&self) -> f64 {
        self.samples.iter().map(|sample| sample.watts).fold(0.0, f64::max)
    }
}

impl Server {
    /// A server at scenario time 0.
    pub fn new(playback: Playback) -> Self {
        let watts = playback.watts_at(0);
        let next = playback.after(playback.offset_ms);
        let cycle_start_ms = playback.delay_ms;
        let mut server = Self { playback, next, cycle_start_ms, watts, next_change_ms: 0 };
        server.wrap();
        server
    }

    /// What it takes in W since the last [`Self::advance`].
    pub fn watts(&self) -> f64 {
        self.watts
    }

    /// When its power changes next, in ms of scenario time.
    pub fn next_change_ms(&self) -> u64 {
        self.next_change_ms
    }

    /// Brings it to `now_ms`, which never goes back.
    pub fn advance(&mut self, now_ms: u64) {
        while self.next_at_ms() <= now_ms {
            self.watts = self.playback.samples[self.next].watts;
            self.next += 1;
            self.wrap();
        }
        self.next_change_ms = self.next_at_ms();
    }

    /// Behind the last sample comes the first of the next cycle.
    fn wrap(&mut self) {
        if self.next == self.playback.samples.len() {
            self.next = 0;
            self.cycle_start_ms += self.playback.cycle_ms;
        }
    }

    /// The next sample is always after the offset, so this is never below nothing.
    fn next_at_ms(&self) -> u64 {
        self.cycle_start_ms + self.playback.samples[self.next].at_ms - self.playback.offset_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays 10 W for 2 ms, 20 W for 3 ms and 30 W for 1 ms, again and again, and compares 16 ms of it.
    fn check(delay_ms: u64, offset_ms: u64, expected: [u32; 16]) {
        let samples = [(0, 10.0), (2, 20.0), (5, 30.0)].map(|(at_ms, watts)| Sample { at_ms, watts });
        let playback = Playback::new(delay_ms, 6, samples.to_vec()).expect("good").with_offset(offset_ms);
        let mut server = Server::new(playback.clone());
        let played = (0..16).map(|now_ms| {
            server.advance(now_ms);
            assert!(server.next_change_ms() > now_ms);
            server.watts()
        });
        assert_eq!(played.collect::<Vec<_>>(), expected.map(f64::from));
        assert_eq!((0..16).map(|now_ms| playback.watts_at(now_ms)).collect::<Vec<_>>(), expected.map(f64::from));
    }

    #[test]
    fn samples_are_held_and_the_window_loops() {
        check(3, 0, [10, 10, 10, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10]);
        check(0, 0, [10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20]);
    }

    #[test]
    fn a_playback_begins_at_its_offset() {
        check(0, 1, [10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20]);
        check(0, 5, [30, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10, 10, 20]);
        check(2, 4, [20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30]);
        check(0, 6, [10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20]);
    }

    #[test]
    fn a_playback_that_cannot_be_played_is_none() {
        assert_eq!(Playback::new(0, 5, Vec::new()), None);
        assert_eq!(Playback::new(0, 5, vec![Sample { at_ms: 1, watts: 1.0 }]), None);
        assert_eq!(Playback::new(0, 5, vec![Sample { at_ms: 0, watts: 1.0 }, Sample { at_ms: 5, watts: 1.0 }]), None);
    }
}
