//! A server as a constant-power load that replays a recording at its own resolution, holding each sample until the
//! next.

/// One sample of a playback.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the start of the cycle.
    pub at_ms: u64,
    /// Power in W from then on.
    pub watts: f64,
}

/// A loop of recorded samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Playback {
    delay_ms: u64,
    cycle_ms: u64,
    samples: Vec<Sample>,
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
        (rising && fits).then_some(Self { delay_ms, cycle_ms, samples })
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
        let watts = playback.samples[0].watts;
        let cycle_start_ms = playback.delay_ms;
        Self { playback, next: 0, cycle_start_ms, watts, next_change_ms: 0 }
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
            if self.next == self.playback.samples.len() {
                self.next = 0;
                self.cycle_start_ms += self.playback.cycle_ms;
            }
        }
        self.next_change_ms = self.next_at_ms();
    }

    fn next_at_ms(&self) -> u64 {
        self.cycle_start_ms + self.playback.samples[self.next].at_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_held_and_the_window_loops() {
        let samples = [(0, 10.0), (2, 20.0), (5, 30.0)].map(|(at_ms, watts)| Sample { at_ms, watts });
        let mut server = Server::new(Playback::new(3, 6, samples.to_vec()).expect("good"));
        let played: Vec<f64> = (0..16)
            .map(|now_ms| {
                server.advance(now_ms);
                server.watts()
            })
            .collect();
        let expected = [10, 10, 10, 10, 10, 20, 20, 20, 30, 10, 10, 20, 20, 20, 30, 10].map(f64::from);
        assert_eq!(played, expected);
    }

    #[test]
    fn a_playback_that_cannot_be_played_is_none() {
        assert_eq!(Playback::new(0, 5, Vec::new()), None);
        assert_eq!(Playback::new(0, 5, vec![Sample { at_ms: 1, watts: 1.0 }]), None);
        assert_eq!(Playback::new(0, 5, vec![Sample { at_ms: 0, watts: 1.0 }, Sample { at_ms: 5, watts: 1.0 }]), None);
    }
}
