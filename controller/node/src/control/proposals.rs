//! From the control thread to Raft and back, without waiting: a bounded channel each way, one task between them.

use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ridethrough_core::command::{Command, Entry, TransferId};
use ridethrough_raft::{ProposeError, Replica, Response};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Proposals that may be on their way at once.
const IN_FLIGHT_MAX: usize = 16;
/// A proposal that is not committed by then counts as failed; what it would have done is planned anew.
const DEADLINE: Duration = Duration::from_millis(500);
/// The same of what a person asks for, which nobody plans anew: a disk that is busy, or a follower that is away for a moment, is
/// waited for.
const OPERATION_DEADLINE: Duration = Duration::from_secs(3);

/// What a proposal was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The cluster's founding.
    Founding,
    /// A plan.
    Plan,
    /// What an operator asked for.
    Operation,
    /// The outcome of a transfer.
    Outcome(TransferId),
    /// What this replica says of its model.
    Model,
    /// What this replica says of its forecasts.
    Forecasts,
    /// What this replica saw come and go that wants somebody.
    Alarms,
}

/// What became of a proposal.
#[derive(Debug)]
pub struct Proposed {
    /// What it was about.
    pub about: About,
    /// Raft's answer.
    pub result: Result<Response, ProposeError>,
}

/// The control thread's end.
#[derive(Debug)]
pub struct Proposals {
    requests: mpsc::Sender<(About, Entry)>,
    answers: Arc<ArrayQueue<Proposed>>,
    in_flight: Vec<About>,
}

impl Proposals {
    /// Starts the task on this runtime; it wakes `control` when an answer is there.
    pub fn start(runtime: &Handle, replica: Arc<Replica>, control: Thread) -> Self {
        let (requests, mut inbox) = mpsc::channel::<(About, Entry)>(IN_FLIGHT_MAX);
        let answers = Arc::new(ArrayQueue::new(2 * IN_FLIGHT_MAX));
        let outbox = Arc::clone(&answers);
        runtime.spawn(async move {
            while let Some((about, entry)) = inbox.recv().await {
                let (replica, outbox, control) = (Arc::clone(&replica), Arc::clone(&outbox), control.clone());
                tokio::spawn(async move {
                    let deadline = if about == About::Operation { OPERATION_DEADLINE } else { DEADLINE };
                    let result = replica.propose(entry, deadline).await;
                    // Twice as many fit as can be in flight, so nothing is ever pushed out.
                    outbox.force_push(Proposed { about, result });
                    control.unpark();
                });
            }
        });
        Self { requests, answers, in_flight: Vec::with_capacity(IN_FLIGHT_MAX) }
    }

    /// Whether something like this is on its way already, or there is no room for it.
    pub fn busy(&self, about: About) -> bool {
        self.in_flight.len() >= IN_FLIGHT_MAX || self.in_flight.contains(&about)
    }

    /// Sends one on its way. Returns false, and does nothing, when the channel is full: the caller tries again later.
    pub fn send(&mut self, about: About, entry: Entry) -> bool {
        let sent = self.requests.try_send((about, entry)).is_ok();
        if sent {
            self.in_flight.push(about);
        }
        sent
    }

    /// The next answer.
    pub fn poll(&mut self) -> Option<Proposed> {
        let answer = self.answers.pop()?;
        self.in_flight.retain(|about| *about != answer.about);
        Some(answer)
    }
}

/// What a command is about, when it is proposed.
pub fn about(command: &Command) -> About {
    match command {
        Command::Found(_) => About::Founding,
        Command::Plan(_) => About::Plan,
        Command::Operation(_) => About::Operation,
        Command::Outcome(outcome) => About::Outcome(outcome.transfer),
        Command::ModelRefused(_) => About::Model,
        Command::Forecasts(_) => About::Forecasts,
        Command::Alarms(_) => About::Alarms,
    }
}
