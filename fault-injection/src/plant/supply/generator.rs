//! A generator: it starts late, may fail to, and takes load in steps.
//!
//! By its own rule it starts when no utility has been good for its waiting time, and stops when one is good again and it
//! has cooled down. It may be told to run: then it starts at once, tries again if it had given up, and does not stop.

use ridethrough_core::device::GeneratorPhase;

/// A start in vain is cranked for so long, in ms.
const CRANK_MS: u64 = 5_000;
/// Between two attempts it rests for so long, in ms.
const REST_MS: u64 = 3_000;
/// After so many attempts in vain it gives up (NFPA 110 asks for three cranks).
const ATTEMPTS_MAX: u32 = 3;
/// It runs on without load for so long, in ms, to cool down.
const COOL_DOWN_MS: u64 = 30_000;
/// Load that rises by a whole step dips the potential by so much (ISO 8528-5, class G3: 15 %).
const STEP_DIP_SHARE: f64 = 0.15;
/// The dip is over after some of these, in ms (the same class recovers within 1.5 s).
const DIP_RECOVERY_MS: f64 = 500.0;
/// What it has got used to follows its load with this time constant, in ms.
const ACCEPT_MS: f64 = 300.0;
/// Beyond this share of its rating it stalls.
const OVERLOAD_SHARE: f64 = 1.1;

/// A generator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratorSpec {
    /// Rated power in W.
    pub rated_watts: f64,
    /// For how long no utility must be good before it is started, in ms.
    pub start_after_ms: u64,
    /// From the start to rated speed, in ms: at most 10 s (NFPA 110, Type 10).
    pub start_ms: u64,
    /// So many starts fail before one succeeds.
    pub failed_starts: u32,
    /// The largest step of load that it takes at once, as a share of its rating; more stalls it.
    pub step_share_max: f64,
    /// The time between connecting one row and the next, in ms.
    pub row_interval_ms: u64,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratorState {
    /// It stands.
    Off,
    /// No utility has been good since then; soon it starts.
    Waiting {
        /// In ms.
        since_ms: u64,
    },
    /// It starts, and will have started or failed by then.
    Starting {
        /// In ms.
        until_ms: u64,
    },
    /// An attempt was in vain; the next begins then.
    Resting {
        /// In ms.
        until_ms: u64,
    },
    /// It runs.
    Running {
        /// Since then, in ms.
        since_ms: u64,
    },
    /// It has given up.
    Failed,
}

/// A generator at work.
#[derive(Clone, Debug)]
pub struct Generator {
    spec: GeneratorSpec,
    state: GeneratorState,
    /// Since it was last called, or rested.
    attempts: u32,
    /// Starts since it rested.
    starts: u32,
    refuses: bool,
    /// It was told to run.
    called: bool,
    accepted_watts: f64,
    dip_share: f64,
    /// Since when its load is connected.
    loaded_since_ms: Option<u64>,
    now_ms: u64,
    unloaded_since_ms: u64,
}

impl Generator {
    /// One that stands.
    pub fn new(spec: GeneratorSpec) -> Self {
        Self {
            spec,
            state: GeneratorState::Off,
            attempts: 0,
            starts: 0,
            refuses: false,
            called: false,
            accepted_watts: 0.0,
            dip_share: 0.0,
            loaded_since_ms: None,
            now_ms: 0,
            unloaded_since_ms: 0,
        }
    }

    /// What it is doing.
    pub fn state(&self) -> GeneratorState {
        self.state
    }

    /// The same in the words of its telemetry: one that waits still stands, and one that rests is being started.
    pub fn phase(&self) -> GeneratorPhase {
        match self.state {
            GeneratorState::Off | GeneratorState::Waiting { .. } => GeneratorPhase::Off,
            GeneratorState::Starting { .. } | GeneratorState::Resting { .. } => GeneratorPhase::Starting,
            GeneratorState::Running { .. } => GeneratorPhase::Running,
            GeneratorState::Failed => GeneratorPhase::Failed,
        }
    }

    /// Lets every start fail from now on, or ends that.
    pub fn set_refuses(&mut self, refuses: bool) {
        self.refuses = refuses;
    }

    /// Is told to run from now on. One that has given up tries again, with as many attempts as at first: once for
    /// each time that it is told.
    pub fn call(&mut self, now_ms: u64) {
        self.called = true;
        match self.state {
            GeneratorState::Off | GeneratorState::Waiting { .. } => self.crank(now_ms),
            GeneratorState::Failed => {
                self.attempts = 0;
                self.crank(now_ms);
            }
            GeneratorState::Starting { .. } | GeneratorState::Resting { .. } | GeneratorState::Running { .. } => {}
        }
    }

    /// Follows its own rule from now on.
    pub fn dismiss(&mut self) {
        self.called = false;
    }

    /// The potential at its terminals, as a share of nominal.
    pub fn share(&self) -> f64 {
        match self.state {
            GeneratorState::Running { .. } => 1.0 - self.dip_share,
            _ => 0.0,
        }
    }

    /// How many rows are connected to it.
    pub fn rows_connected(&self, rows: usize) -> usize {
        let Some(since_ms) = self.loaded_since_ms else { return 1 };
        let steps = (self.now_ms - since_ms) / self.spec.row_interval_ms.max(1);
        usize::try_from(steps).unwrap_or(rows).saturating_add(1).min(rows)
    }

    /// One step to `now_ms`: whether a utility is good, and what it carries, if it carries anything, in W.
    pub fn step(&mut self, now_ms: u64, utility_is_good: bool, load_watts: Option<f64>) {
        self.now_ms = now_ms;
        let is_needless = utility_is_good && !self.called;
        match self.state {
            GeneratorState::Off if is_needless => {}
            GeneratorState::Off => self.state = GeneratorState::Waiting { since_ms: now_ms },
            GeneratorState::Waiting { .. } | GeneratorState::Resting { .. } | GeneratorState::Failed if is_needless => {
                self.rest();
            }
            GeneratorState::Waiting { since_ms } if now_ms - since_ms >= self.spec.start_after_ms => self.crank(now_ms),
            GeneratorState::Resting { until_ms } if now_ms >= until_ms => self.crank(now_ms),
            GeneratorState::Starting { until_ms } if now_ms >= until_ms => self.end_of_crank(now_ms),
            GeneratorState::Running { .. } => self.run(now_ms, is_needless, load_watts),
            _ => {}
        }
    }

    fn rest(&mut self) {
        self.state = GeneratorState::Off;
        self.attempts = 0;
        self.starts = 0;
    }

    fn crank(&mut self, now_ms: u64) {
        self.attempts += 1;
        self.starts += 1;
        let span_ms = if self.fails() { CRANK_MS } else { self.spec.start_ms };
        self.state = GeneratorState::Starting { until_ms: now_ms + span_ms };
    }

    fn fails(&self) -> bool {
        self.refuses || self.starts <= self.spec.failed_starts
    }

    fn end_of_crank(&mut self, now_ms: u64) {
        if !self.fails() {
            self.state = GeneratorState::Running { since_ms: now_ms };
            self.accepted_watts = 0.0;
            self.dip_share = 0.0;
            self.unloaded_since_ms = now_ms;
        } else if self.attempts >= ATTEMPTS_MAX {
            self.state = GeneratorState::Failed;
        } else {
            self.state = GeneratorState::Resting { until_ms: now_ms + REST_MS };
        }
    }

    fn run(&mut self, now_ms: u64, is_needless: bool, load_watts: Option<f64>) {
        let Some(load_watts) = load_watts else {
            self.loaded_since_ms = None;
            self.accepted_watts = 0.0;
            self.dip_share = 0.0;
            if is_needless && now_ms - self.unloaded_since_ms >= COOL_DOWN_MS {
                self.rest();
            }
            return;
        };
        self.loaded_since_ms.get_or_insert(now_ms);
        self.unloaded_since_ms = now_ms;
        let rise_watts = load_watts - self.accepted_watts;
        let step_watts_max = self.spec.step_share_max * self.spec.rated_watts;
        if rise_watts > step_watts_max || load_watts > OVERLOAD_SHARE * self.spec.rated_watts {
            self.stall(now_ms);
            return;
        }
        self.dip_share *= (-1.0 / DIP_RECOVERY_MS).exp();
        self.dip_share = self.dip_share.max(STEP_DIP_SHARE * (rise_watts / step_watts_max).clamp(0.0, 1.0));
        self.accepted_watts += rise_watts * (1.0 - (-1.0 / ACCEPT_MS).exp());
    }

    fn stall(&mut self, now_ms: u64) {
        self.loaded_since_ms = None;
        self.state = if self.attempts >= ATTEMPTS_MAX {
            GeneratorState::Failed
        } else {
            GeneratorState::Resting { until_ms: now_ms + REST_MS }
        };
    }
}
