//! The inference thread. The control thread posts samples and takes the newest answer; it waits for neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam::queue::ArrayQueue;
use ridethrough_core::forecast::{RackForecast, RuleReason};
use ridethrough_model::{Forecast, Keep, RuleForecast, Sample};

use crate::serving::Stage;

/// Requests that may wait for the thread. More than one only while it is late; then the oldest goes.
const WAITING_MAX: usize = 4;
/// An answer older than this many control periods is not used.
const LATE_TICKS: u32 = 3;
/// How long the idle thread sleeps before it looks whether it should end.
const IDLE: Duration = Duration::from_millis(200);

/// The samples of one control period.
#[derive(Debug)]
struct Request {
    samples: Vec<Sample>,
    keep: Keep,
}

/// What the thread last said.
#[derive(Debug)]
struct Answer {
    at: Instant,
    forecasts: Vec<RackForecast>,
}

/// The forecast as the control thread has it.
#[derive(Debug)]
pub struct Forecasting {
    requests: Arc<ArrayQueue<Request>>,
    answer: Arc<ArcSwapOption<Answer>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    rule: RuleForecast,
    late_after: Duration,
    by_rule: Vec<RackForecast>,
}

impl Forecasting {
    /// Starts the thread with these engines, for control periods of this length.
    pub fn start(mut stage: Stage, tick: Duration) -> std::io::Result<Self> {
        let requests = Arc::new(ArrayQueue::<Request>::new(WAITING_MAX));
        let answer = Arc::new(ArcSwapOption::empty());
        let ending = Arc::new(AtomicBool::new(false));
        let (inbox, outbox, end) = (Arc::clone(&requests), Arc::clone(&answer), Arc::clone(&ending));
        let thread = std::thread::Builder::new().name("forecast".into()).spawn(move || {
            // Pairs with the Release in `drop`.
            while !end.load(Ordering::Acquire) {
                match inbox.pop() {
                    Some(request) => outbox.store(Some(Arc::new(infer(&mut stage, &request)))),
                    None => std::thread::park_timeout(IDLE),
                }
            }
        })?;
        Ok(Self {
            requests,
            answer,
            ending,
            thread: Some(thread),
            rule: RuleForecast::new(RuleReason::Late),
            late_after: tick * LATE_TICKS,
            by_rule: Vec::new(),
        })
    }

    /// Posts the samples of this period and returns the newest forecast of each: the thread's, or the rule's when that
    /// is missing, late or of another shape.
    pub fn step(&mut self, samples: &[Sample], keep: Keep) -> Vec<RackForecast> {
        self.rule.step(samples, keep, &mut self.by_rule);
        if self.requests.force_push(Request { samples: samples.to_vec(), keep }).is_some() {
            metrics::counter!("ridethrough_forecast_requests_dropped_total").increment(1);
        }
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        match self.answer.load().as_deref() {
            Some(answer) if answer.at.elapsed() <= self.late_after && answer.forecasts.len() == samples.len() => {
                answer.forecasts.clone()
            }
            _ => self.by_rule.clone(),
        }
    }
}

fn infer(stage: &mut Stage, request: &Request) -> Answer {
    let begun = Instant::now();
    let forecasts = stage.decide(&request.samples, request.keep);
    metrics::histogram!("ridethrough_forecast_seconds").record(begun.elapsed().as_secs_f64());
    if let Some(failure) = stage.last_failure() {
        tracing::warn!(%failure, "the model could not be run; the rule spoke instead");
    }
    Answer { at: Instant::now(), forecasts }
}

impl Drop for Forecasting {
    fn drop(&mut self) {
        // Pairs with the Acquire in the thread's loop.
        self.ending.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A runtime that hangs inside a kernel must not keep the replica from stopping: the thread is not joined.
            drop(thread);
        }
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::forecast::ForecastSource;
    use ridethrough_core::units::Watts;

    use super::*;

    fn sample(watts: i64) -> [Sample; 1] {
        [Sample { power: Some(Watts::new(watts)), limit: Watts::new(1_000) }]
    }

    /// Asks until the thread has answered once; it has no deadline of its own, so the test has a generous one.
    fn ask_until(forecasting: &mut Forecasting, wanted: ForecastSource) -> RackForecast {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let forecast = forecasting.step(&sample(400), Keep::Committed)[0];
            if forecast.source == wanted {
                return forecast;
            }
            assert!(Instant::now() < deadline, "still {:?}", forecast.source);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_threads_answer_is_used_while_it_is_fresh() {
        let mut forecasting = Forecasting::start(Stage::without_model(), Duration::from_millis(500)).expect("a thread");
        let forecast = ask_until(&mut forecasting, ForecastSource::Rule(RuleReason::NoModel));
        assert_eq!(forecast.p50, Watts::new(400));
    }

    /// A hung runtime: the thread is ended under the control thread's feet and answers nothing any more.
    #[test]
    fn a_silent_thread_is_replaced_by_the_rule_and_blocks_nobody() {
        let mut forecasting = Forecasting::start(Stage::without_model(), Duration::from_millis(5)).expect("a thread");
        forecasting.ending.store(true, Ordering::Release);
        let forecast = ask_until(&mut forecasting, ForecastSource::Rule(RuleReason::Late));
        assert!(forecast.peak_p99 >= forecast.p50);
        for _ in 0..3 * WAITING_MAX {
            assert_eq!(forecasting.step(&sample(500), Keep::Provisional).len(), 1, "a full queue drops the oldest");
        }
        assert_eq!(forecasting.requests.len(), WAITING_MAX);
    }
}
