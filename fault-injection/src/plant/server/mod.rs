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

mod account;
mod playback;
mod power_cap;
#[cfg(test)]
mod tests;

pub use self::account::ServerAccount;
use self::playback::Player;
pub use self::playback::{Playback, Sample};
use self::power_cap::PowerCap;

/// While its power moves, a server is looked at again after so many ms.
const MOVING_MS: u64 = 10;
/// A server that shuts down takes so much of its load: it takes no new work, and saves what it has.
const DRAINING_SHARE: f64 = 0.6;
/// Less work than this is not carried over, in J.
const BACKLOG_JOULES_MIN: f64 = 1.0;

/// A server somewhere in its playback.
#[derive(Clone, Debug)]
pub struct Server {
    player: Player,
    cap: PowerCap,
    switched_on: bool,
    running: Running,
    /// When it was looked at last.
    at_ms: u64,
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

impl Server {
    /// A server at scenario time 0 that follows its cap with this time constant.
    pub fn new(playback: Playback, lag_seconds: f64) -> Self {
        let player = Player::new(playback);
        Self {
            cap: PowerCap::none(lag_seconds),
            switched_on: true,
            running: Running::On,
            at_ms: 0,
            watts: player.watts(),
            account: ServerAccount::default(),
            player,
        }
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
            Running::On if catching_up => self.player.peak_watts(),
            Running::On => self.player.watts(),
            Running::ShuttingDown { .. } => DRAINING_SHARE * self.player.watts(),
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
        self.cap.is_set()
    }

    /// Whether it has a cap, or was told to shut down and does not work again yet.
    pub fn is_held_back(&self) -> bool {
        self.cap.is_set() || self.running != Running::On
    }

    /// What capping and shutting down did to it.
    pub fn account(&self) -> ServerAccount {
        self.account
    }

    /// Caps it at so many W, or ends its cap. Call [`Self::advance`] afterwards.
    pub fn set_cap(&mut self, cap_watts: Option<f64>) {
        self.cap.set(cap_watts);
    }

    /// Switches its outlet. Call [`Self::advance`] afterwards.
    pub fn switch(&mut self, on: bool) {
        self.switched_on = on;
    }

    /// Begins to shut down in good order, unless it does or has already; its outlet opens after so many ms. Call
    /// [`Self::advance`] before and afterwards.
    pub fn shut_down(&mut self, after_ms: u64) {
        match self.running {
            Running::On => self.running = Running::ShuttingDown { off_ms: self.at_ms + after_ms },
            Running::Starting { .. } => self.running = Running::Off,
            Running::ShuttingDown { .. } | Running::Off => {}
        }
    }

    /// Is to work: a shutdown that has not come to its end is cancelled, and an open outlet is closed, from when on it
    /// takes so many ms to work again. Call [`Self::advance`] before and afterwards.
    pub fn start(&mut self, after_ms: u64) {
        match self.running {
            Running::ShuttingDown { .. } => self.running = Running::On,
            Running::Off => self.running = Running::Starting { on_ms: self.at_ms + after_ms },
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
        let (sample_ms, moving_ms) = (self.player.next_sample_ms(), self.at_ms + MOVING_MS);
        match self.running {
            Running::Off => sample_ms,
            Running::Starting { on_ms } => sample_ms.min(on_ms),
            Running::ShuttingDown { off_ms } => sample_ms.min(moving_ms).min(off_ms),
            Running::On if self.is_free() => sample_ms,
            Running::On => sample_ms.min(moving_ms),
        }
    }

    /// Brings it to `now_ms`, which never goes back. `powered` says whether it had power since the last call; without
    /// it nothing is denied: that work is lost, not deferred.
    pub fn advance(&mut self, now_ms: u64, powered: bool) {
        let span_ms = now_ms.saturating_sub(self.at_ms);
        if !self.is_free() {
            self.book(span_ms, powered);
        }
        self.player.play_to(now_ms);
        self.run_on(now_ms, powered);
        self.cap.follow(span_ms, self.watts, self.player.peak_watts());
        self.at_ms = now_ms;
        self.watts = self.target_watts();
    }

    /// Whether nothing but its recording decides what it takes.
    fn is_free(&self) -> bool {
        self.cap.is_free()
            && self.switched_on
            && self.running == Running::On
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
        let missing_joules = (self.player.watts() - self.watts) * span_ms as f64 / 1_000.0;
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

    fn target_watts(&self) -> f64 {
        self.wanted_watts().min(self.cap.limit_watts())
    }
}
