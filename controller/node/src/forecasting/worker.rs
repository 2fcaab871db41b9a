//! One inference thread, with a queue in and its newest answer out. A thread that is given up keeps both to itself: what
//! it may say one day goes nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use crossbeam::queue::ArrayQueue;
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::model::Models;
use ridethrough_model::{Keep, Sample};

use crate::serving::Serving;

/// Requests that may wait for the thread. More than one only while it is late; then the oldest goes.
pub const WAITING_MAX: usize = 4;
/// How long the idle thread sleeps before it looks whether it should end.
const IDLE: Duration = Duration::from_millis(200);

/// The samples of one control period.
#[derive(Debug)]
pub struct Request {
    /// What is known of each rack and row.
    pub samples: Vec<Sample>,
    /// Whether it stands for a new second.
    pub keep: Keep,
    /// What the log has chosen.
    pub models: Models,
    /// What the rule says, for where no model speaks.
    pub by_rule: Vec<RackForecast>,
}

/// What the thread last said.
#[derive(Debug)]
pub struct Answer {
    /// When.
    pub at: Instant,
    /// Of each sample.
    pub forecasts: Vec<RackForecast>,
    /// Whether the model could not be run.
    pub failed: bool,
}

/// Where the thread's words go.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    answer: Arc<ArcSwapOption<Answer>>,
    serving: Arc<ArcSwap<Serving>>,
}

/// What is done with a request. The flag says that another one waits already.
pub type Work = Box<dyn FnMut(&Request, &Outbox, bool)>;

/// A thread and both its ends.
#[derive(Debug)]
pub struct Worker {
    requests: Arc<ArrayQueue<Request>>,
    outbox: Outbox,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// A thread that was given up. It is never joined: it must not keep the replica from stopping.
#[derive(Debug)]
pub struct GivenUp(JoinHandle<()>);

impl Outbox {
    /// Publishes the newest answer.
    pub fn answer(&self, answer: Arc<Answer>) {
        self.answer.store(Some(answer));
    }

    /// Publishes what the engines do.
    pub fn serving(&self, serving: Serving) {
        self.serving.store(Arc::new(serving));
    }
}

impl Worker {
    /// Starts the thread, which makes its work first.
    pub fn start(make: impl FnOnce() -> Work + Send + 'static) -> std::io::Result<Self> {
        let requests = Arc::new(ArrayQueue::<Request>::new(WAITING_MAX));
        let (outbox, ending) = (Outbox::default(), Arc::new(AtomicBool::new(false)));
        let (inbox, out, end) = (Arc::clone(&requests), outbox.clone(), Arc::clone(&ending));
        let thread = std::thread::Builder::new().name("forecast".into()).spawn(move || {
            let mut work = make();
            // Pairs with the Release in `end`.
            while !end.load(Ordering::Acquire) {
                match inbox.pop() {
                    Some(request) => work(&request, &out, !inbox.is_empty()),
                    None => std::thread::park_timeout(IDLE),
                }
            }
        })?;
        Ok(Self { requests, outbox, ending, thread })
    }

    /// Posts a request and waits for nothing; says whether the oldest waiting one had to go for it.
    pub fn post(&self, request: Request) -> bool {
        let pushed_out = self.requests.force_push(request).is_some();
        self.thread.thread().unpark();
        pushed_out
    }

    /// The newest answer.
    pub fn newest(&self) -> Option<Arc<Answer>> {
        self.outbox.answer.load_full()
    }

    /// What the engines last did.
    pub fn serving(&self) -> Arc<Serving> {
        self.outbox.serving.load_full()
    }

    /// Whether the thread has ended, which only [`Worker::end`] and a panic make it do.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Has the thread end when it comes back from where it is.
    pub fn end(&self) {
        // Pairs with the Acquire in the thread's loop.
        self.ending.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }

    /// Has it end, and hears nothing of it any more.
    pub fn give_up(self) -> GivenUp {
        self.end();
        GivenUp(self.thread)
    }
}

impl GivenUp {
    /// Whether it has come back and ended.
    pub fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}
