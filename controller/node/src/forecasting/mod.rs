//! The inference thread as the control thread has it: it posts samples, takes the newest answer and waits for neither.
//!
//! ```text
//!   as configured ◄──answers──► late ──for 5 s of ticks──► given up ──► the own step, for good
//!        └───────────────────thread panicked──────────────────▲             │
//!                                                                  thread panicked ──► gone: the rule, for good
//! ```
//!
//! In every tick, and so in the tick in which something is noticed, the rule's forecast stands ready. The own step has
//! nothing in it that is not of this project: when it is late it is waited for, so one thread is given up at most.

mod work;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ridethrough_core::forecast::{Engine, RackForecast, RuleReason};
use ridethrough_core::model::Models;
use ridethrough_model::{Forecast, Keep, RuleForecast, Sample, SignedModel};

use self::work::Doors;
pub use self::work::Wondering;
use self::worker::{Answer, GivenUp, Request, Work, Worker};
use crate::serving::{MODELS_MAX, RuntimeUse, Serving, Stage};

/// How many may wait to be told what drives a forecast; one is told in a tick.
const WONDERING_MAX: usize = 8;
/// An answer older than this many control periods is not used.
const LATE_TICKS: u32 = 3;
/// A runtime that has not answered for so long is given up. It is counted in ticks: a replica that was stopped as a whole,
/// or its machine, has not seen its runtime hang.
const HUNG_AFTER: Duration = Duration::from_secs(5);

/// Makes work that needs no runtime, on the thread that will do it: that takes a while.
type Spare = Arc<dyn Fn() -> Work + Send + Sync>;

/// The forecast as the control thread has it.
pub struct Forecasting {
    worker: Option<Worker>,
    spare: Spare,
    /// What took over from what was configured, if anything.
    took_over: Option<Engine>,
    given_up: Option<GivenUp>,
    runtime: RuntimeUse,
    doors: Doors,
    rule: RuleForecast,
    by_rule: Vec<RackForecast>,
    late_after: Duration,
    hung_after_ticks: u32,
    /// Control periods without an answer in time, up to now.
    late_ticks: u32,
    /// Whether any was in time yet.
    has_answered: bool,
    failed: bool,
}

impl Forecasting {
    /// Starts the thread with these engines, for control periods of this length. `spare` makes the same engines once more,
    /// without a runtime; `runtime` is told when there is to be none any more.
    pub fn start(
        stage: Stage,
        spare: impl Fn() -> Stage + Send + Sync + 'static,
        runtime: RuntimeUse,
        tick: Duration,
    ) -> std::io::Result<Self> {
        let arrivals = Arc::new(ArrayQueue::new(MODELS_MAX));
        let doors = Doors { arrivals, wondering: Arc::new(ArrayQueue::new(WONDERING_MAX)) };
        let (first, second) = (doors.clone(), doors.clone());
        let spare = Arc::new(move || {
            // What was loaded into the runtime stays there: taking it down would call the runtime.
            std::iter::from_fn(|| second.arrivals.pop()).for_each(std::mem::forget);
            work::work(spare(), second.clone())
        });
        Self::with_work(move || work::work(stage, first), spare, (runtime, doors), tick)
    }

    fn with_work(
        make: impl FnOnce() -> Work + Send + 'static,
        spare: Spare,
        (runtime, doors): (RuntimeUse, Doors),
        tick: Duration,
    ) -> std::io::Result<Self> {
        let hung_after_ticks = HUNG_AFTER.as_millis() / tick.as_millis().max(1);
        Ok(Self {
            worker: Some(Worker::start(make)?),
            spare,
            took_over: None,
            given_up: None,
            runtime,
            doors,
            rule: RuleForecast::new(RuleReason::Late),
            by_rule: Vec::new(),
            late_after: tick * LATE_TICKS,
            hung_after_ticks: u32::try_from(hung_after_ticks).unwrap_or(u32::MAX).max(2 * LATE_TICKS),
            late_ticks: 0,
            has_answered: false,
            failed: false,
        })
    }

    /// What the thread last told of its models.
    pub fn serving(&self) -> Arc<Serving> {
        self.worker.as_ref().map_or_else(Arc::default, Worker::serving)
    }

    /// Where further models are handed to the thread.
    pub fn arrivals(&self) -> Arc<ArrayQueue<SignedModel>> {
        Arc::clone(&self.doors.arrivals)
    }

    /// Where those go who want to know what drives a forecast.
    pub fn wondering(&self) -> Arc<ArrayQueue<Wondering>> {
        Arc::clone(&self.doors.wondering)
    }

    /// What makes the forecasts, as of the last step.
    pub fn engine(&self) -> Engine {
        let begins = !self.has_answered && self.late_ticks <= LATE_TICKS;
        match self.took_over {
            Some(Engine::Gone) => Engine::Gone,
            _ if self.late_ticks > 0 && !begins => Engine::Late,
            _ if self.failed => Engine::Failed,
            Some(took_over) => took_over,
            None if self.runtime.is_missing() => Engine::NoRuntime,
            None => Engine::Configured,
        }
    }

    /// Whether a thread that was given up still hangs.
    pub fn hangs(&self) -> bool {
        self.given_up.as_ref().is_some_and(|thread| !thread.has_ended())
    }

    /// Posts the samples of this period and returns the newest forecast of each: the thread's, or the rule's when that
    /// is missing, late or of another shape.
    pub fn step(&mut self, models: &Models, samples: &[Sample], keep: Keep) -> Vec<RackForecast> {
        self.rule.step(samples, keep, &mut self.by_rule);
        self.post(models, samples, keep);
        let answer = self.newest(samples.len());
        self.late_ticks = if answer.is_some() { 0 } else { self.late_ticks.saturating_add(1) };
        self.failed = answer.as_ref().is_some_and(|answer| answer.failed);
        self.has_answered |= answer.is_some();
        self.replace_what_is_lost();
        answer.map_or_else(|| self.by_rule.clone(), |answer| answer.forecasts.clone())
    }

    fn post(&self, models: &Models, samples: &[Sample], keep: Keep) {
        let Some(worker) = &self.worker else { return };
        let (samples, by_rule) = (samples.to_vec(), self.by_rule.clone());
        if worker.post(Request { samples, keep, models: *models, by_rule }) {
            metrics::counter!("ridethrough_forecast_requests_dropped_total").increment(1);
        }
    }

    fn newest(&self, samples: usize) -> Option<Arc<Answer>> {
        let fits = |answer: &Arc<Answer>| answer.at.elapsed() <= self.late_after && answer.forecasts.len() == samples;
        self.worker.as_ref().and_then(Worker::newest).filter(fits)
    }

    fn replace_what_is_lost(&mut self) {
        let Some(worker) = &self.worker else { return };
        let hangs = self.took_over.is_none() && self.runtime.is_used() && self.late_ticks >= self.hung_after_ticks;
        let lost = match (worker.is_over(), hangs) {
            (true, _) => Engine::RuntimePanicked,
            (false, true) => Engine::RuntimeHung,
            (false, false) => return,
        };
        self.given_up = self.worker.take().map(Worker::give_up);
        if self.took_over.is_some() {
            self.took_over = Some(Engine::Gone);
            tracing::error!("FORECAST THREAD LOST, for the second time: forecasts come from the rule until a restart");
            return;
        }
        metrics::counter!("ridethrough_forecast_runtime_given_up_total", "state" => lost.label()).increment(1);
        tracing::error!(state = lost.label(), "RUNTIME GIVEN UP: the replica's own step takes over");
        self.runtime.give_up();
        self.start_spare(lost);
    }

    fn start_spare(&mut self, lost: Engine) {
        let spare = Arc::clone(&self.spare);
        match Worker::start(move || spare()) {
            Ok(worker) => {
                self.worker = Some(worker);
                self.took_over = Some(lost);
                self.late_ticks = 1;
            }
            Err(error) => {
                tracing::error!(%error, "no thread for the own step: forecasts come from the rule until a restart");
                self.took_over = Some(Engine::Gone);
            }
        }
    }
}

impl Drop for Forecasting {
    fn drop(&mut self) {
        // A runtime that hangs inside a kernel must not keep the replica from stopping: the thread is not joined.
        if let Some(worker) = &self.worker {
            worker.end();
        }
    }
}

#[cfg(test)]
mod tests;
