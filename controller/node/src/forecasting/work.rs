//! What the inference thread does with a request: it runs the engines of a [`Stage`].

use std::sync::Arc;
use std::time::Instant;

use crossbeam::queue::ArrayQueue;
use ridethrough_model::{Explanation, Keep, SignedModel};
use tokio::sync::oneshot;

use super::worker::{Answer, Outbox, Request, Work};
use crate::serving::{Serving, Stage};

/// Somebody who wants to know what drives the forecast of a rack, by its index.
#[derive(Debug)]
pub struct Wondering {
    /// Which rack; rows come after the racks.
    pub rack: usize,
    /// Where the answer goes; none where no model speaks for it.
    pub answer: oneshot::Sender<Option<Explanation>>,
}

/// What comes to the thread from elsewhere than the control thread.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Models that are found later.
    pub arrivals: Arc<ArrayQueue<SignedModel>>,
    /// Those who wonder.
    pub wondering: Arc<ArrayQueue<Wondering>>,
}

/// The work of a thread with these engines.
pub fn work(mut stage: Stage, doors: Doors) -> Work {
    Box::new(move |request, outbox, another_waits| {
        while let Some(model) = doors.arrivals.pop() {
            stage.add(model);
        }
        serve(&mut stage, request, outbox, another_waits);
        if let Some(Wondering { rack, answer }) = doors.wondering.pop().filter(|_| !another_waits) {
            // Who has gone away needs no answer.
            let _gone = answer.send(stage.explain(rack));
        }
    })
}

/// Answers first; what does not decide goes on only after that, and not while the next request waits.
fn serve(stage: &mut Stage, request: &Request, outbox: &Outbox, another_waits: bool) {
    let answer = Arc::new(infer(stage, request));
    outbox.answer(Arc::clone(&answer));
    stage.go_on_with_servers(&answer.forecasts, request.keep);
    if request.keep == Keep::Committed {
        if another_waits {
            metrics::counter!("ridethrough_model_shadow_skipped_total").increment(1);
        } else {
            stage.go_on_beside(&request.samples, &answer.forecasts);
        }
        let serving = stage.serving();
        tell(&serving);
        outbox.serving(serving);
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
    let forecasts = stage.decide(&request.models, &request.samples, request.keep, &request.by_rule);
    metrics::histogram!("ridethrough_forecast_seconds").record(begun.elapsed().as_secs_f64());
    let failure = stage.last_failure();
    if let Some(failure) = failure {
        // Each by itself is for whoever looks for the cause; that the model fails is told as an alarm.
        tracing::debug!(%failure, "the model could not be run; the rule spoke instead");
    }
    Answer { at: Instant::now(), forecasts, failed: failure.is_some() }
}
