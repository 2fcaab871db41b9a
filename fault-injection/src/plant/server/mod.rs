//! A server as a constant-power load that replays a recording at its own resolution, holding each sample until the
//! next.
//!
//! Recordings do not react to capping. A capped server takes `min(recorded, cap)` with a lag, and the work that it was
//! denied is carried over: once it may, it takes up to the peak of its recording until it has caught up.
//!
//! A server that shuts down in good order writes away what it holds, at 60 % of its load, and its outlet
//! opens when its time is up. What it does not do from then on is denied and not carried over: requests go elsewhere,
//! and a job goes on from where it was saved.
//!
//! ```text
//!   On ──shut_down──► ShuttingDown ──time is up──► Off ──start──► Starting ──restart time──► On
//!    ▲                     │                        ▲                │
//!    └──────cancel─────────┘                        └───bus dies──────┘
//! ```

use std::sync::Arc;

/// While its power moves, a server is looked at again after so many ms.
const MOVING_MS: u64 = 10;
/// Nearer to its target than this, a server has arrived, in W.
const ARRIVED_WATTS: f64 = 0.5;
/// A server that shuts down takes so much of its load: it takes no new work, and saves what it has.
const DRAINING_SHARE: f64 = 0.6;
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
    running: Running,
    limit_watts: f64,
    limit_at_ms: u64,
    lag_seconds: f64,
    watts: f64,
    account: ServerAccount,
}

/// How far a server is on its way down or up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It works.
    On,
    /// It shuts down in good order; its outlet opens then.
    ShuttingDown {
        /// In ms of scenario time.
        off_ms: u64,
    },
    /// It has shut down, and its outlet is open.
    Off,
    /// Its outlet is closed again, and it works from then on.
    Starting {
        /// In ms of scenario time.
        on_ms: u64,
    },
}

/// What capping and shutting down did to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerAccount {
    /// Work that was denied by a cap, a switch or a shutdown when it was due, in J; some of it may have been done later.
    pub denied_joules: f64,
    /// Work that is still to be caught up with, in J.
    pub backlog_joules: f64,
    /// For how many ms it worked and took less than it would have.
    pub capped_ms: u64,
    /// For how many ms it was shutting down, off or starting again.
    pub shutdown_ms: u64,
    /// How often it shut down in good order: its outlet opened when it was ready, with power up to then.
    pub orderly_shutdowns: u64,
}

impl ServerAccount {
    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            denied_joules: self.denied_joules + other.denied_joules,
            backlog_joules: self.backlog_joules + other.backlog_joules,
            capped_ms: self.capped_ms + other.capped_ms,
            shutdown_ms: self.shutdown_ms + other.shutdown_ms,
            orderly_shutdowns: self.orderly_shutdowns + other.orderly_shutdowns,
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
            running: Running::On,
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

    /// What it would take now if nobody capped it, work that it catches up with included, in W.
    pub fn wanted_watts(&self) -> f64 {
        if !self.switched_on {
            return 0.0;
        }
        let catching_up = self.account.backlog_joules >= BACKLOG_JOULES_MIN;
        match self.running {
            Running::On if catching_up => self.playback.peak_watts,
            Running::On => self.recorded_watts,
            Running::ShuttingDown { .. } => DRAINING_SHARE * self.recorded_watts,
            Running::Off | Running::Starting { .. } => 0.0,
        }
    }

    /// How far it is on its way down or up.
    pub fn running(&self) -> Running {
        self.running
    }

    /// Whether it works or shuts down: a dead bus then costs somebody their work.
    pub fn is_working(&self) -> bool {
        self.switched_on && matches!(self.running, Running::On | Running::ShuttingDown { .. })
    }

    /// Whether it has a cap.
    pub fn is_capped(&self) -> bool {
        self.cap.is_some()
    }

    /// Whether it has a cap, or was told to shut down and does not work again yet.
    pub fn is_held_back(&self) -> bool {
        self.cap.is_some() || self.running != Running::On
    }

    /// What capping and shutting down did to it.
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

    /// Begins to shut down in good order, unless it does or has already; its outlet opens after so many ms. Call
    /// [`Self::advance`] before and afterwards.
    pub fn shut_down(&mut self, after_ms: u64) {
        match self.running {
            Running::On => self.running = Running::ShuttingDown { off_ms: self.limit_at_ms + after_ms },
            Running::Starting { .. } => self.running = Running::Off,
            Running::ShuttingDown { .. } | Running::Off => {}
        }
    }

    /// Is to work: a shutdown that has not come to its end is cancelled, and an open outlet is closed, from when on it
    /// takes so many ms to work again. Call [`Self::advance`] before and afterwards.
    pub fn start(&mut self, after_ms: u64) {
        match self.running {
            Running::ShuttingDown { .. } => self.running = Running::On,
            Running::Off => self.running = Running::Starting { on_ms: self.limit_at_ms + after_ms },
            Running::On | Running::Starting { .. } => {}
        }
    }

    /// Is to work, but its bus is not good: a shutdown is cancelled all the same, and a start comes to nothing.
    pub fn wait_for_power(&mut self) {
        match self.running {
            Running::ShuttingDown { .. } => self.running = Running::On,
            Running::Starting { .. } => self.running = Running::Off,
            Running::On | Running::Off => {}
        }
    }

    /// When its power changes next, in ms of scenario time.
    pub fn next_change_ms(&self) -> u64 {
        let moving_ms = self.limit_at_ms + MOVING_MS;
        match self.running {
            Running::Off => self.next_sample_ms,
            Running::Starting { on_ms } => self.next_sample_ms.min(on_ms),
            Running::ShuttingDown { off_ms } => self.next_sample_ms.min(moving_ms).min(off_ms),
            Running::On if self.is_free() => self.next_sample_ms,
            Running::On => self.next_sample_ms.min(moving_ms),
        }
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
        self.run_on(now_ms, powered);
        self.follow_limit(span_ms);
        self.limit_at_ms = now_ms;
        self.watts = self.target_watts();
    }

    /// Whether nothing but its recording decides what it takes.
    fn is_free(&self) -> bool {
        self.cap.is_none()
            && self.switched_on
            && self.running == Running::On
            && self.limit_watts.is_infinite()
            && self.account.backlog_joules < BACKLOG_JOULES_MIN
    }

    /// What was to happen by now on its way down or up.
    fn run_on(&mut self, now_ms: u64, powered: bool) {
        match self.running {
            Running::ShuttingDown { off_ms } if off_ms <= now_ms => {
                self.running = Running::Off;
                self.account.orderly_shutdowns += u64::from(powered);
            }
            Running::Starting { on_ms } if on_ms <= now_ms => self.running = Running::On,
            _ => {}
        }
    }

    /// Books what the span since the last look did.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
    fn book(&mut self, span_ms: u64, powered: bool) {
        let missing_joules = (self.recorded_watts - self.watts) * span_ms as f64 / 1_000.0;
        if self.running != Running::On {
            self.account.shutdown_ms += span_ms;
            self.account.denied_joules += missing_joules.max(0.0);
            return;
        }
        if !powered {
            return;
        }
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
        self.wanted_watts().min(self.limit_watts)
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
    fn it_shuts_down_in_good_order_and_starts_again() {
        let mut server = worker();
        server.shut_down(4_000);
        server.advance(0, true);
        assert!((server.watts() - 600.0).abs() < 1e-9, "it takes no new work");
        assert!((run(&mut server, 0, 4_000) - 2_400.0).abs() < 1.0);
        assert_eq!((server.running(), server.is_working()), (Running::Off, false));
        assert!(run(&mut server, 4_000, 20_000).abs() < 1e-9);
        server.start(30_000);
        assert!(run(&mut server, 20_000, 50_000).abs() < 1e-9);
        assert_eq!(server.running(), Running::On);
        assert!((server.watts() - 600.0).abs() < 1e-9, "as recorded, with nothing to catch up with");
        let account = server.account();
        assert_eq!((account.shutdown_ms, account.orderly_shutdowns, account.capped_ms), (50_000, 1, 0));
        assert!((account.denied_joules - (26_000.0 + 16_000.0 - 2_400.0)).abs() < 1.0 && account.backlog_joules < 1e-9);
    }

    #[test]
    fn a_shutdown_can_be_cancelled_until_the_outlet_opens() {
        let mut server = worker();
        server.shut_down(4_000);
        run(&mut server, 0, 3_999);
        server.start(30_000);
        server.advance(3_999, true);
        assert!((server.watts() - 1_000.0).abs() < 1e-9 && server.is_working());
        assert_eq!((server.account().orderly_shutdowns, server.next_change_ms()), (0, 10_000));
        server.shut_down(4_000);
        run(&mut server, 3_999, 8_000);
        server.start(30_000);
        run(&mut server, 8_000, 9_000);
        server.wait_for_power();
        assert_eq!(server.running(), Running::Off, "its bus died");
    }

    #[test]
    fn power_that_ends_before_the_outlet_opens_is_no_good_order() {
        let mut server = worker();
        server.shut_down(4_000);
        server.advance(3_000, true);
        server.advance(4_000, false);
        assert_eq!((server.running(), server.account().orderly_shutdowns), (Running::Off, 0));
    }

    #[test]
    fn what_it_wants_is_not_what_its_cap_leaves() {
        let mut server = worker();
        server.set_cap(Some(500.0));
        run(&mut server, 0, 15_000);
        assert!(
            server.watts() < 501.0 && (server.wanted_watts() - 1_000.0).abs() < 1e-9,
            "it has work to catch up with"
        );
        assert!(server.is_held_back() && server.is_working());
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
