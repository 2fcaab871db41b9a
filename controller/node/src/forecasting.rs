//! The inference thread. The control thread posts samples and takes the newest answer; it waits for neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam::queue::ArrayQueue;
use ridethrough_core::forecast::{RackForecast, RuleReason};
use ridethrough_model::{Forecast, Guarded, Keep, RuleForecast, Sample};

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
    racks: Vec<RackForecast>,
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
    /// Starts the thread with this engine, for control periods of this length.
    pub fn start(mut engine: Guarded, tick: Duration) -> std::io::Result<Self> {
        let requests = Arc::new(ArrayQueue::<Request>::new(WAITING_MAX));
        let answer = Arc::new(ArcSwapOption::empty());
        let ending = Arc::new(AtomicBool::new(false));
        let (inbox, outbox, end) = (Arc::clone(&requests), Arc::clone(&answer), Arc::clone(&ending));
        let thread = std::thread::Builder::new().name("forecast".into()).spawn(move || {
            // Pairs with the Release in `drop`.
            while !end.load(Ordering::Acquire) {
                match inbox.pop() {
                    Some(request) => outbox.store(Some(Arc::new(infer(&mut engine, &request)))),
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

    /// Posts the samples of this period and returns the newest forecast of every rack: the thread's, or the rule's
    /// when that is missing, late or of another shape.
    pub fn step(&mut self, samples: &[Sample], keep: Keep) -> Vec<RackForecast> {
        self.rule.step(samples, keep, &mut self.by_rule);
        if self.requests.force_push(Request { samples: samples.to_vec(), keep }).is_some() {
            metrics::counter!("ridethrough_forecast_requests_dropped_total").increment(1);
        }
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        match self.answer.load().as_deref() {
            Some(answer) if answer.at.elapsed() <= self.late_after && answer.racks.len() == samples.len() => {
                answer.racks.clone()
            }
            _ => self.by_rule.clone(),
        }
    }
}

fn infer(engine: &mut Guarded, request: &Request) -> Answer {
    let begun = Instant::now();
    let mut racks = Vec::with_capacity(request.samples.len());
    engine.step(&request.samples, request.keep, &mut racks);
    metrics::histogram!("ridethrough_forecast_seconds").record(begun.elapsed().as_secs_f64());
    if let Some(failure) = engine.last_failure() {
        tracing::warn!(%failure, "the model could not be run; the rule spoke instead");
    }
    Answer { at: Instant::now(), racks }
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
