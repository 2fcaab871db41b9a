//! A recording, played in a loop at its own resolution: each sample is held until the next.

use std::sync::Arc;

/// One sample of a playback.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the start of the cycle.
    pub at_ms: u64,
    /// Power in W from then on.
    pub watts: f64,
}

/// A loop of recorded samples, shared by all servers that play it.
#[derive(Clone, Debug, PartialEq)]
pub struct Playback {
    delay_ms: u64,
    offset_ms: u64,
    cycle_ms: u64,
    peak_watts: f64,
    samples: Arc<[Sample]>,
}

impl Playback {
    /// A loop of `cycle_ms`; its samples begin at 0 and rise in time. Until `delay_ms` the first one is held.
    /// `None` when there is nothing to play.
    pub fn new(delay_ms: u64, cycle_ms: u64, samples: impl Into<Arc<[Sample]>>) -> Option<Self> {
        let samples: Arc<[Sample]> = samples.into();
        let rising = samples.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms);
        let fits = samples.first()?.at_ms == 0 && samples.last()?.at_ms < cycle_ms;
        let peak_watts = samples.iter().map(|sample| sample.watts).fold(0.0, f64::max);
        (rising && fits).then_some(Self { delay_ms, offset_ms: 0, cycle_ms, peak_watts, samples })
    }

    /// The same loop, begun at this place of its cycle.
    pub fn with_offset(self, offset_ms: u64) -> Self {
        Self { offset_ms: offset_ms % self.cycle_ms, ..self }
    }

    /// Length of one cycle in ms.
    pub fn cycle_ms(&self) -> u64 {
        self.cycle_ms
    }

    /// The highest power in it in W.
    pub fn peak_watts(&self) -> f64 {
        self.peak_watts
    }

    /// What a server that nobody caps takes at this scenario time, in W.
    pub fn watts_at(&self, at_ms: u64) -> f64 {
        let place_ms = (at_ms.saturating_sub(self.delay_ms) + self.offset_ms) % self.cycle_ms;
        self.samples[self.place(place_ms)].watts
    }

    /// The sample that is held at this place of the cycle.
    fn place(&self, place_ms: u64) -> usize {
        self.samples.partition_point(|sample| sample.at_ms <= place_ms) - 1
    }
}

/// A place in a playback: the sample that is held, and when the next one comes.
#[derive(Clone, Debug)]
pub(super) struct Player {
    playback: Playback,
    watts: f64,
    next: usize,
    next_sample_ms: u64,
    cycle_start_ms: u64,
}

impl Player {
    /// At scenario time 0.
    pub(super) fn new(playback: Playback) -> Self {
        let held = playback.place(playback.offset_ms);
        let watts = playback.samples[held].watts;
        let mut player = Self { playback, watts, next: held, next_sample_ms: 0, cycle_start_ms: 0 };
        player.move_on();
        player
    }

    /// The sample that is held, in W.
    pub(super) fn watts(&self) -> f64 {
        self.watts
    }

    /// The highest power of the playback in W.
    pub(super) fn peak_watts(&self) -> f64 {
        self.playback.peak_watts
    }

    /// When the next sample comes, in ms of scenario time.
    pub(super) fn next_sample_ms(&self) -> u64 {
        self.next_sample_ms
    }

    /// Plays up to `now_ms`, which never goes back.
    pub(super) fn play_to(&mut self, now_ms: u64) {
        while self.next_sample_ms <= now_ms {
            self.watts = self.playback.samples[self.next].watts;
            self.move_on();
        }
    }

    /// Looks at the sample after the one that is held.
    fn move_on(&mut self) {
        let playback = &self.playback;
        self.next += 1;
        if self.next == playback.samples.len() {
            self.next = 0;
            self.cycle_start_ms += playback.cycle_ms;
        }
        let place_ms = self.cycle_start_ms + playback.samples[self.next].at_ms;
        self.next_sample_ms = playback.delay_ms + place_ms - playback.offset_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playback(delay_ms: u64, offset_ms: u64) -> Playback {
        let samples = [(0, 10.0), (2, 20.0), (5, 30.0)].map(|(at_ms, watts)| Sample { at_ms, watts });
        Playback::new(delay_ms, 6, samples.to_vec()).expect("good").with_offset(offset_ms)
    }

    fn check_plays(playback: &Playback, expected: &[u32]) {
        let mut player = Player::new(playback.clone());
        for (now_ms, &expected) in (0..).zip(expected) {
            player.play_to(now_ms);
            assert!((player.watts() - f64::from(expected)).abs() < 1e-12, "{} W at {now_ms} ms", player.watts());
            assert!((playback.watts_at(now_ms) - f64::from(expected)).abs() < 1e-12, "looked up at {now_ms} ms");
        }
    }

    #[test]
    fn samples_are_held_and_the_window_loops() {
        check_plays(&playback(3, 0), &[10, 10, 10, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10]);
        check_plays(&playback(0, 4), &[20, 30, 10, 10, 20, 20, 20, 30, 10]);
        check_plays(&playback(2, 5), &[30, 30, 30, 10, 10, 20, 20, 20, 30, 10]);
    }

    #[test]
    fn a_playback_that_cannot_be_played_is_none() {
        assert_eq!(Playback::new(0, 5, Vec::new()), None);
        assert_eq!(Playback::new(0, 5, vec![Sample { at_ms: 1, watts: 1.0 }]), None);
        assert_eq!(Playback::new(0, 5, vec![Sample { at_ms: 0, watts: 1.0 }, Sample { at_ms: 5, watts: 1.0 }]), None);
    }
}
