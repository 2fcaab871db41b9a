//! The inference thread. The control thread posts samples and takes the newest answer; it waits for neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam::queue::ArrayQueue;
use ridethrough_core::forecast::{RackForecast, RuleReason};
use ridethrough_core::model::Models;
use ridethrough_model::{Forecast, Keep, RuleForecast, Sample, SignedModel};

use crate::serving::{MODELS_MAX, Serving, Stage};

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
    models: Models,
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
    serving: Arc<ArcSwap<Serving>>,
    arrivals: Arc<ArrayQueue<SignedModel>>,
}

impl Forecasting {
    /// Starts the thread with these engines, for control periods of this length.
    pub fn start(mut stage: Stage, tick: Duration) -> std::io::Result<Self> {
        let requests = Arc::new(ArrayQueue::<Request>::new(WAITING_MAX));
        let answer = Arc::new(ArcSwapOption::empty());
        let ending = Arc::new(AtomicBool::new(false));
        let serving = Arc::new(ArcSwap::from_pointee(Serving::default()));
        let arrivals = Arc::new(ArrayQueue::new(MODELS_MAX));
        let (inbox, outbox, end) = (Arc::clone(&requests), Arc::clone(&answer), Arc::clone(&ending));
        let (told, arriving) = (Arc::clone(&serving), Arc::clone(&arrivals));
        let thread = std::thread::Builder::new().name("forecast".into()).spawn(move || {
            // Pairs with the Release in `drop`.
            while !end.load(Ordering::Acquire) {
                while let Some(model) = arriving.pop() {
                    stage.add(model);
                }
                match inbox.pop() {
                    Some(request) => serve(&mut stage, &request, &inbox, &outbox, &told),
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
            serving,
            arrivals,
        })
    }

    /// What the thread last told of its models.
    pub fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Where further models are handed to the thread.
    pub fn arrivals(&self) -> Arc<ArrayQueue<SignedModel>> {
        Arc::clone(&self.arrivals)
    }

    /// Posts the samples of this period and returns the newest forecast of each: the thread's, or the rule's when that
    /// is missing, late or of another shape.
    pub fn step(&mut self, models: &Models, samples: &[Sample], keep: Keep) -> Vec<RackForecast> {
        self.rule.step(samples, keep, &mut self.by_rule);
        if self.requests.force_push(Request { samples: samples.to_vec(), keep, models: *models }).is_some() {
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

/// Answers first; what does not decide goes on only after that, and not while the next request waits.
fn serve(
    stage: &mut Stage,
    request: &Request,
    inbox: &ArrayQueue<Request>,
    outbox: &ArcSwapOption<Answer>,
    told: &ArcSwap<Serving>,
) {
    let answer = Arc::new(infer(stage, request));
    outbox.store(Some(Arc::clone(&answer)));
    if request.keep == Keep::Committed {
        if inbox.is_empty() {
            stage.go_on_beside(&request.samples, &answer.forecasts);
        } else {
            metrics::counter!("ridethrough_model_shadow_skipped_total").increment(1);
        }
        tell(&stage.serving());
        told.store(Arc::new(stage.serving()));
    }
}

fn tell(serving: &Serving) {
    if serving.fault.is_some() {
        metrics::counter!("ridethrough_model_not_deciding_seconds_total").increment(1);
    }
    for (model, score) in ["active", "shadow"].into_iter().zip(serving.scores.unwrap_or_default()) {
        let set = |name: &'static str, value: u64| {
            let value = u32::try_from(value).map_or(f64::INFINITY, f64::from);
            metrics::gauge!(name, "model" => model).set(value);
        };
        set("ridethrough_model_shadow_judged", score.judged);
        set("ridethrough_model_shadow_pinball_ppm", score.mean_pinball_ppm());
        set("ridethrough_model_shadow_coverage_permille", score.covered_permille());
    }
}

fn infer(stage: &mut Stage, request: &Request) -> Answer {
    let begun = Instant::now();
    let forecasts = stage.decide(&request.models, &request.samples, request.keep);
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
            let forecast = forecasting.step(&Models::default(), &sample(400), Keep::Committed)[0];
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
            assert_eq!(
                forecasting.step(&Models::default(), &sample(500), Keep::Provisional).len(),
                1,
                "a full queue drops the oldest"
            );
        }
        assert_eq!(forecasting.requests.len(), WAITING_MAX);
    }
}
