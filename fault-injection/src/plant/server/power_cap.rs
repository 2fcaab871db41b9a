//! A cap on a server's power, which takes effect with the lag of power capping.

/// Nearer to its target than this, a limit has arrived, in W.
const ARRIVED_WATTS: f64 = 0.5;

/// The cap, and the limit that follows it.
#[derive(Clone, Debug)]
pub(super) struct PowerCap {
    cap_watts: Option<f64>,
    /// Infinite while there is none.
    limit_watts: f64,
    lag_seconds: f64,
}

impl PowerCap {
    /// No cap; those to come are followed with this time constant.
    pub(super) fn none(lag_seconds: f64) -> Self {
        Self { cap_watts: None, limit_watts: f64::INFINITY, lag_seconds }
    }

    pub(super) fn set(&mut self, cap_watts: Option<f64>) {
        self.cap_watts = cap_watts.map(|cap| cap.max(0.0));
    }

    pub(super) fn is_set(&self) -> bool {
        self.cap_watts.is_some()
    }

    /// Whether there is neither a cap nor what is left of the last one.
    pub(super) fn is_free(&self) -> bool {
        self.cap_watts.is_none() && self.limit_watts.is_infinite()
    }

    /// What is in effect, in W.
    pub(super) fn limit_watts(&self) -> f64 {
        self.limit_watts
    }

    /// Moves the limit that is in effect towards the cap, or without one towards `peak_watts`, from which on it binds no
    /// more. A new cap begins at what the server draws.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
    pub(super) fn follow(&mut self, span_ms: u64, drawn_watts: f64, peak_watts: f64) {
        let Some(cap_watts) = self.cap_watts else {
            if self.limit_watts.is_finite() {
                self.limit_watts += (peak_watts - self.limit_watts) * self.followed(span_ms as f64);
                if peak_watts - self.limit_watts < ARRIVED_WATTS {
                    self.limit_watts = f64::INFINITY;
                }
            }
            return;
        };
        if self.limit_watts.is_infinite() {
            self.limit_watts = drawn_watts;
        }
        self.limit_watts += (cap_watts - self.limit_watts) * self.followed(span_ms as f64);
        if (self.limit_watts - cap_watts).abs() < ARRIVED_WATTS {
            self.limit_watts = cap_watts;
        }
    }

    /// The share of the way that is gone in this time.
    fn followed(&self, span_ms: f64) -> f64 {
        1.0 - (-span_ms / 1_000.0 / self.lag_seconds).exp()
    }
}
