use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use ridethrough_core::forecast::ForecastSource;
use ridethrough_core::units::Watts;

use super::worker::{Outbox, WAITING_MAX};
use super::*;

/// How long anything may take that is waited for: only what never comes meets it.
const DEADLINE: Duration = Duration::from_secs(20);
/// Long beside what a thread takes to answer on a machine with much to do.
const SLOW: Duration = Duration::from_millis(500);
/// Short, where a thread is to be late.
const FAST: Duration = Duration::from_millis(5);

fn sample(watts: i64) -> [Sample; 1] {
    [Sample { power: Some(Watts::new(watts)), limit: Watts::new(1_000) }]
}

/// Asks until there is a forecast of this source from this engine.
fn ask_until(forecasting: &mut Forecasting, source: ForecastSource, engine: Engine) -> RackForecast {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let forecast = forecasting.step(&Models::default(), &sample(400), Keep::Committed)[0];
        if (forecast.source, forecasting.engine()) == (source, engine) {
            return forecast;
        }
        assert!(Instant::now() < deadline, "still {:?}, {:?}", forecast.source, forecasting.engine());
        std::thread::sleep(FAST);
    }
}

const NO_MODEL: ForecastSource = ForecastSource::Rule(RuleReason::NoModel);
const LATE: ForecastSource = ForecastSource::Rule(RuleReason::Late);

/// Work that answers by the rule, and what it does besides before each answer.
fn answers(mut besides: impl FnMut() + 'static) -> Work {
    let mut stage = Stage::without_model();
    Box::new(move |request: &Request, outbox: &Outbox, _| {
        besides();
        let forecasts = stage.decide(&request.models, &request.samples, request.keep, &request.by_rule);
        outbox.answer(Arc::new(Answer { at: Instant::now(), forecasts, failed: false }));
    })
}

/// A forecast whose thread works like this at first, with a spare that works like that.
fn forecasting(
    first: impl FnOnce() -> Work + Send + 'static,
    spare: impl Fn() -> Work + Send + Sync + 'static,
    tick: Duration,
) -> Forecasting {
    let runtime = RuntimeUse::default();
    runtime.loaded(false);
    let doors = Doors { arrivals: Arc::new(ArrayQueue::new(MODELS_MAX)), wondering: Arc::new(ArrayQueue::new(1)) };
    let ends = (runtime, doors);
    let mut started = Forecasting::with_work(first, Arc::new(spare), ends, tick).expect("a thread");
    // A thread that starts slowly is not to be given up here; tests say when one is.
    started.hung_after_ticks = u32::MAX;
    started
}

/// Has a thread hang in the middle of a request, as in a call that does not come back; it does when this is dropped.
struct Hang {
    told: Sender<()>,
    hangs: Arc<AtomicBool>,
}

impl Hang {
    /// The hang, and work that answers until it is told.
    fn new() -> (Self, impl FnOnce() -> Work + Send) {
        let (told, hear) = channel::<()>();
        let hangs = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&hangs);
        let work = move || {
            answers(move || {
                if hear.try_recv().is_ok() {
                    flag.store(true, Ordering::Release);
                    // Comes back with an error once nobody can send any more.
                    assert!(hear.recv().is_err());
                }
            })
        };
        (Self { told, hangs }, work)
    }

    /// Asks until it hangs.
    fn begin(&self, forecasting: &mut Forecasting) {
        self.told.send(()).expect("it listens");
        let deadline = Instant::now() + DEADLINE;
        while !self.hangs.load(Ordering::Acquire) {
            assert!(Instant::now() < deadline, "it heard nothing");
            forecasting.step(&Models::default(), &sample(400), Keep::Committed);
            std::thread::sleep(FAST);
        }
    }
}

#[test]
fn the_threads_answer_is_used_while_it_is_fresh() {
    let mut forecasting = Forecasting::start(Stage::without_model(), Stage::without_model, RuntimeUse::default(), SLOW)
        .expect("a thread");
    let forecast = ask_until(&mut forecasting, NO_MODEL, Engine::Configured);
    assert_eq!(forecast.p50, Watts::new(400));
}

#[test]
fn a_hung_thread_is_given_up_and_the_spare_takes_over() {
    let (hang, work) = Hang::new();
    let mut forecasting = forecasting(work, || answers(|| ()), SLOW);
    ask_until(&mut forecasting, NO_MODEL, Engine::Configured);
    hang.begin(&mut forecasting);
    let forecast = ask_until(&mut forecasting, LATE, Engine::Late);
    assert!(forecast.peak_p99 >= forecast.p50);
    assert!(!forecasting.hangs() && forecasting.took_over.is_none(), "it is given its time");
    forecasting.hung_after_ticks = 20;
    ask_until(&mut forecasting, NO_MODEL, Engine::RuntimeHung);
    assert!(forecasting.hangs() && forecasting.runtime.is_given_up());
    drop(hang);
    let deadline = Instant::now() + DEADLINE;
    while forecasting.hangs() {
        assert!(Instant::now() < deadline, "a thread that comes back ends");
        std::thread::sleep(FAST);
    }
    ask_until(&mut forecasting, NO_MODEL, Engine::RuntimeHung);
}

#[test]
fn the_own_step_is_waited_for_and_never_given_up() {
    let (hang, work) = Hang::new();
    let work = Mutex::new(Some(work));
    let spare = move || work.lock().expect("one thread").take().expect("once")();
    let panics = || answers(|| panic!("a test's"));
    let mut forecasting = forecasting(panics, spare, SLOW);
    ask_until(&mut forecasting, NO_MODEL, Engine::RuntimePanicked);
    hang.begin(&mut forecasting);
    ask_until(&mut forecasting, LATE, Engine::Late);
    forecasting.hung_after_ticks = 20;
    for _ in 0..3 * forecasting.hung_after_ticks {
        let forecasts = forecasting.step(&Models::default(), &sample(500), Keep::Provisional);
        assert_eq!(forecasts[0].source, LATE);
    }
    assert_eq!(forecasting.engine(), Engine::Late);
    drop(hang);
    ask_until(&mut forecasting, NO_MODEL, Engine::RuntimePanicked);
}

#[test]
fn when_the_spare_is_lost_too_the_rule_is_what_is_left() {
    let panics = || answers(|| panic!("a test's"));
    let mut forecasting = forecasting(panics, panics, SLOW);
    let forecast = ask_until(&mut forecasting, LATE, Engine::Gone);
    assert_eq!(forecast.p50, Watts::new(400));
    assert!(forecasting.worker.is_none());
    ask_until(&mut forecasting, LATE, Engine::Gone);
}

#[test]
fn a_thread_that_hears_nothing_blocks_nobody() {
    let (hang, work) = Hang::new();
    let mut forecasting = forecasting(work, || answers(|| ()), FAST);
    hang.begin(&mut forecasting);
    for _ in 0..3 * WAITING_MAX {
        let forecasts = forecasting.step(&Models::default(), &sample(500), Keep::Provisional);
        assert_eq!(forecasts.len(), 1, "a full queue drops the oldest");
    }
}

#[test]
fn a_model_that_fails_is_told() {
    let fails = || -> Work {
        Box::new(|request: &Request, outbox: &Outbox, _| {
            outbox.answer(Arc::new(Answer { at: Instant::now(), forecasts: request.by_rule.clone(), failed: true }));
        })
    };
    ask_until(&mut forecasting(fails, || answers(|| ()), SLOW), LATE, Engine::Failed);
}
