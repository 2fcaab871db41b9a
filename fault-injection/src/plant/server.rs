//! A server as a constant-power load that replays a recording at its own resolution, holding each sample until the
//! next.
//!
//! Recordings do not react to capping. A capped server takes `min(recorded, cap)` with a lag, and the work that it was
//! denied is carried over: once it may, it takes up to the peak of its recording until it has caught up.

use std::sync::Arc;

/// While its power moves, a server is looked at again after so many ms.
const MOVING_MS: u64 = 10;
/// Nearer to its target than this, a server has arrived, in W.
const ARRIVED_WATTS: f64 = 0.5;
/// Less work than this is not carried over, in J.
const BACKLOG_JOULES_MIN: f64 = 1.0;

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

/// A server somewhere in its playback.
#[derive(Clone, Debug)]
pub struct Server {
    playback: Playback,
    next: usize,
    cycle_start_ms: u64,
    recorded_watts: f64,
    next_sample_ms: u64,
    cap: Option<f64>,
    switched_on: bool,
    limit_watts: f64,
    limit_at_ms: u64,
    lag_seconds: f64,
    watts: f64,
    account: ServerAccount,
}

/// What capping did to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerAccount {
    /// Work that was denied by a cap or a switch when it was due, in J; some of it may have been done later.
    pub denied_joules: f64,
    /// Work that is still to be caught up with, in J.
    pub backlog_joules: f64,
    /// For how many ms it took less than it would have.
    pub capped_ms: u64,
}

impl ServerAccount {
    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            denied_joules: self.denied_joules + other.denied_joules,
            backlog_joules: self.backlog_joules + other.backlog_joules,
            capped_ms: self.capped_ms + other.capped_ms,
        }
    }
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

impl Server {
    /// A server at scenario time 0 that follows its cap with this time constant.
    pub fn new(playback: Playback, lag_seconds: f64) -> Self {
        let next = playback.place(playback.offset_ms);
        let recorded_watts = playback.samples[next].watts;
        let mut server = Self {
            next,
            cycle_start_ms: 0,
            recorded_watts,
            next_sample_ms: 0,
            cap: None,
            switched_on: true,
            limit_watts: f64::INFINITY,
            limit_at_ms: 0,
            lag_seconds,
            watts: recorded_watts,
            account: ServerAccount::default(),
            playback,
        };
        server.play_next();
        server
    }

    /// What it takes in W since the last [`Self::advance`].
    pub fn watts(&self) -> f64 {
        self.watts
    }

    /// What capping did to it.
    pub fn account(&self) -> ServerAccount {
        self.account
    }

    /// Caps it at so many W, or ends its cap. Call [`Self::advance`] afterwards.
    pub fn set_cap(&mut self, cap_watts: Option<f64>) {
        self.cap = cap_watts.map(|cap| cap.max(0.0));
    }

    /// Switches its outlet. Call [`Self::advance`] afterwards.
    pub fn switch(&mut self, on: bool) {
        self.switched_on = on;
    }

    /// When its power changes next, in ms of scenario time.
    pub fn next_change_ms(&self) -> u64 {
        if self.is_free() { self.next_sample_ms } else { self.next_sample_ms.min(self.limit_at_ms + MOVING_MS) }
    }

    /// Brings it to `now_ms`, which never goes back. `powered` says whether it had power since the last call; without
    /// it nothing is denied: that work is lost, not deferred.
    pub fn advance(&mut self, now_ms: u64, powered: bool) {
        let span_ms = now_ms.saturating_sub(self.limit_at_ms);
        if !self.is_free() {
            self.book(span_ms, powered);
        }
        while self.next_sample_ms <= now_ms {
            self.recorded_watts = self.playback.samples[self.next].watts;
            self.play_next();
        }
        self.follow_limit(span_ms);
        self.limit_at_ms = now_ms;
        self.watts = self.target_watts();
    }

    /// Whether nothing but its recording decides what it takes.
    fn is_free(&self) -> bool {
        self.cap.is_none()
            && self.switched_on
            && self.limit_watts.is_infinite()
            && self.account.backlog_joules < BACKLOG_JOULES_MIN
    }

    /// Books what the span since the last look did.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
    fn book(&mut self, span_ms: u64, powered: bool) {
        if !powered {
            return;
        }
        let missing_joules = (self.recorded_watts - self.watts) * span_ms as f64 / 1_000.0;
        if missing_joules > 0.0 {
            self.account.denied_joules += missing_joules;
            self.account.capped_ms += span_ms;
        }
        self.account.backlog_joules = (self.account.backlog_joules + missing_joules).max(0.0);
    }

    /// The limit that is in effect moves towards the cap with the lag of power capping.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
    fn follow_limit(&mut self, span_ms: u64) {
        let ceiling_watts = self.playback.peak_watts;
        let Some(cap_watts) = self.cap else {
            if self.limit_watts.is_finite() {
                self.limit_watts += (ceiling_watts - self.limit_watts) * self.followed(span_ms as f64);
                if ceiling_watts - self.limit_watts < ARRIVED_WATTS {
                    self.limit_watts = f64::INFINITY;
                }
            }
            return;
        };
        if self.limit_watts.is_infinite() {
            self.limit_watts = self.watts;
        }
        self.limit_watts += (cap_watts - self.limit_watts) * self.followed(span_ms as f64);
        if (self.limit_watts - cap_watts).abs() < ARRIVED_WATTS {
            self.limit_watts = cap_watts;
        }
    }

    fn followed(&self, span_ms: f64) -> f64 {
        1.0 - (-span_ms / 1_000.0 / self.lag_seconds).exp()
    }

    fn target_watts(&self) -> f64 {
        if !self.switched_on {
            return 0.0;
        }
        let catching_up = self.account.backlog_joules >= BACKLOG_JOULES_MIN;
        let wanted_watts = if catching_up { self.playback.peak_watts } else { self.recorded_watts };
        wanted_watts.min(self.limit_watts)
    }

    /// Moves on to the sample after the one that is held, with its time.
    fn play_next(&mut self) {
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
        let mut server = Server::new(playback.clone(), 1.0);
        for (now_ms, &expected) in (0..).zip(expected) {
            server.advance(now_ms, true);
            assert!((server.watts() - f64::from(expected)).abs() < 1e-12, "{} W at {now_ms} ms", server.watts());
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

    /// 1 kW for ten seconds and 600 W for ten, over and over.
    fn worker() -> Server {
        let samples = [(0, 1_000.0), (10_000, 600.0)].map(|(at_ms, watts)| Sample { at_ms, watts });
        Server::new(Playback::new(0, 20_000, samples.to_vec()).expect("good"), 0.5)
    }

    /// Runs to `to_ms` and returns what it took, in J.
    #[allow(clippy::cast_precision_loss)] // A minute of milliseconds.
    fn run(server: &mut Server, from_ms: u64, to_ms: u64) -> f64 {
        let mut now_ms = from_ms;
        let mut taken_joules = 0.0;
        while now_ms < to_ms {
            let next_ms = server.next_change_ms().clamp(now_ms + 1, to_ms);
            taken_joules += server.watts() * (next_ms - now_ms) as f64 / 1_000.0;
            server.advance(next_ms, true);
            now_ms = next_ms;
        }
        taken_joules
    }

    /// Power capping takes about two seconds to settle (Wu et al., "Dynamo", ISCA 2016, figure 9).
    #[test]
    fn a_cap_is_followed_with_its_lag() {
        let mut server = worker();
        server.set_cap(Some(700.0));
        server.advance(0, true);
        assert!((server.watts() - 1_000.0).abs() < 1e-9, "not at once");
        run(&mut server, 0, 500);
        assert!((server.watts() - (700.0 + 300.0 / std::f64::consts::E)).abs() < 2.0, "{}", server.watts());
        run(&mut server, 500, 4_000);
        assert!((server.watts() - 700.0).abs() < 1e-9, "{}", server.watts());
    }

    #[test]
    fn denied_work_is_carried_over_and_done_later() {
        let mut server = worker();
        server.set_cap(Some(700.0));
        let mut taken_joules = run(&mut server, 0, 10_000);
        let denied_joules = server.account().denied_joules;
        assert!((taken_joules + denied_joules - 10_000.0).abs() < 1.0 && denied_joules > 2_500.0, "{denied_joules}");
        server.set_cap(None);
        server.advance(10_000, true);
        taken_joules += run(&mut server, 10_000, 20_000);
        assert!(server.account().backlog_joules < 1.0, "{:?}", server.account());
        assert!((taken_joules - 16_000.0).abs() < 15.0, "all the work was done: {taken_joules} J");
        assert!(server.account().denied_joules >= denied_joules);
        assert_eq!(server.next_change_ms(), 30_000, "free again: nothing to look at before the next sample");
    }

    #[test]
    fn a_switched_off_server_takes_nothing() {
        let mut server = worker();
        server.switch(false);
        server.advance(0, true);
        assert!(server.watts().abs() < 1e-12 && run(&mut server, 0, 1_000).abs() < 1e-9);
        assert!((server.account().denied_joules - 1_000.0).abs() < 1.0);
    }
}
