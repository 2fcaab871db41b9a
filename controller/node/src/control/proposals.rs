//! What is proposed to Raft, and what becomes of it. From the control thread to Raft and back, without waiting: a bounded
//! channel each way, one task between them.

use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ridethrough_core::command::{Command, Entry, Founding, Plan, TransferId};
use ridethrough_core::ledger::Effect;
use ridethrough_core::units::Millis;
use ridethrough_raft::{ProposeError, Replica, Response};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::ControlThread;
use crate::clock::wall_unix_ms;

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

impl ControlThread {
    /// Proposes what this tick decides, or the cluster's founding before there is anything to decide.
    pub(super) fn propose(&mut self, now: Millis) {
        if self.proposals.busy(if self.control.is_founded() { About::Plan } else { About::Founding }) {
            return;
        }
        let founding = Founding { cluster: self.parts.cluster, site_hash: self.parts.site.hash };
        match self.control.proposal(now, founding) {
            Some(Ok(Command::Plan(plan))) => self.propose_plan(plan, now),
            Some(Ok(command)) => {
                self.send_proposal(command, now);
            }
            Some(Err(refusal)) => {
                self.counters.plans_refused += 1;
                let reason = refusal.describe(&self.parts.site);
                tracing::warn!(%reason, "the envelope refused a plan");
                self.decisions.refused(reason, None, self.control.ledger_at(now));
            }
            None => {}
        }
    }

    fn propose_plan(&mut self, plan: Plan, now: Millis) {
        self.decisions.short(&plan, self.control.ledger_at(now));
        if self.send_proposal(Command::Plan(plan), now) {
            self.counters.plans_proposed += 1;
            self.plan_times.proposed();
        }
    }

    /// Whether it is on its way; if not, it is tried again when it is wanted again.
    pub(super) fn send_proposal(&mut self, command: Command, now: Millis) -> bool {
        let about = about(&command);
        let entry = self.control.entry(command, self.parts.id, now, wall_unix_ms());
        !self.proposals.busy(about) && self.proposals.send(about, entry)
    }

    /// Takes in what became of a proposal.
    pub(super) fn hear_raft(&mut self, proposed: &Proposed) {
        if proposed.about == About::Operation {
            self.hear_operation(&proposed.result);
        }
        if proposed.about == About::Plan {
            self.plan_times.answered(proposed.result.as_ref().ok().map(|response| response.at.index));
        }
        match &proposed.result {
            Ok(response) => self.hear_applied(response),
            Err(error) => self.hear_failed(proposed.about, error),
        }
    }

    fn hear_applied(&mut self, response: &Response) {
        if let Some(Effect::Refused(refusal)) = &response.effect {
            self.counters.plans_refused += 1;
            let reason = refusal.describe(&self.parts.site);
            tracing::warn!(index = response.at.index, %reason, "refused at apply");
            self.decisions.refused(reason, Some(response.at.index), self.control.ledger().now());
        }
    }

    fn hear_failed(&mut self, about: About, error: &ProposeError) {
        self.counters.proposals_failed += 1;
        match about {
            About::Outcome(transfer) => self.control.outcome_failed(transfer),
            // It is said again: an alarm that is in no log was told to nobody.
            About::Model => self.forget_what_was_said(),
            About::Forecasts => self.fallbacks.forget(),
            // What is not in the ledger is seen again at the next tick.
            About::Founding | About::Plan | About::Operation | About::Alarms => {}
        }
        tracing::warn!(?about, %error, "a proposal failed");
    }
}

/// What a command is about, when it is proposed.
fn about(command: &Command) -> About {
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
