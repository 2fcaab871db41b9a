//! What operators ask of this replica, one at a time, and what they are told once it is committed.

use std::time::Instant;

use ridethrough_core::command::{Action, Command, ModelRefused, Operation};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::ledger::Effect;
use ridethrough_core::members::MemberChange;
use ridethrough_core::model::ModelFault;
use ridethrough_core::operate::{self, TransferRequest};
use ridethrough_core::request::RequestId;
use ridethrough_core::units::Millis;
use ridethrough_raft::{ProposeError, Response, Status};
use tokio::sync::{mpsc, oneshot};

use super::ControlThread;
use super::crosschecks::disputes;
use super::handover::Wish;
use super::members::Asked;
use crate::operator::{Ask, Operator, Question, Told, cluster};

/// The operators' end of the control thread.
#[derive(Debug)]
pub struct Operators {
    asks: mpsc::Receiver<Ask>,
    /// Whose operation is on its way.
    waiting: Option<Waiting>,
    /// What was last said in this leadership of the model that should decide here.
    said: Option<ModelRefused>,
}

/// An operation on its way.
#[derive(Debug)]
struct Waiting {
    /// What consensus does once it is committed.
    then: Then,
    asked_at: Instant,
    answer: oneshot::Sender<Told>,
}

/// What consensus does once an operation is committed.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// Nothing: it was carried out when it was applied.
    Nothing,
    /// This replica is to lead.
    HandOver(ReplicaId),
    /// The members change.
    Members(MemberChange),
}

impl Then {
    const fn of(operation: &Operation) -> Self {
        match operation.action {
            Action::HandOver(to) => Self::HandOver(to),
            Action::Members(change) => Self::Members(change),
            _ => Self::Nothing,
        }
    }
}

impl Operators {
    /// Hears what is asked.
    pub fn new(asks: mpsc::Receiver<Ask>) -> Self {
        Self { asks, waiting: None, said: None }
    }
}

impl ControlThread {
    /// Answers whoever waits with what became of his operation, or goes on with it.
    pub(super) fn hear_operation(&mut self, result: &Result<Response, ProposeError>) {
        let Some(Waiting { then, asked_at, answer }) = self.operators.waiting.take() else { return };
        let told = match result {
            Ok(response) => match (&response.effect, then) {
                (Some(Effect::Admitted { .. }), Then::HandOver(to)) => {
                    let wish = Wish { to, index: response.at.index, asked_at, answer };
                    return self.begin_to_leave(wish, self.clock.now());
                }
                (Some(Effect::Admitted { .. }), Then::Members(change)) => {
                    return self.change_members(Asked { change, index: response.at.index, asked_at, answer });
                }
                (Some(Effect::Admitted { .. }), Then::Nothing) => {
                    Told::Done { index: response.at.index, before: false }
                }
                (Some(Effect::Refused(refusal)), _) => {
                    Told::Refused { why: refusal.describe(&self.parts.site), index: Some(response.at.index) }
                }
                (other, _) => Told::Failed { why: format!("the ledger answered {other:?}") },
            },
            Err(error @ (ProposeError::Timeout | ProposeError::Superseded { .. } | ProposeError::Stopped)) => {
                Told::Unknown { why: error.to_string() }
            }
            Err(error) => Told::Failed { why: error.to_string() },
        };
        // Whoever has gone away finds it in the log.
        drop(answer.send(told));
    }

    pub(super) fn serve_operators(&mut self, now: Millis) {
        while let Ok(Ask { what, answer }) = self.operators.asks.try_recv() {
            let told = match what {
                Question::Models => self.models(),
                Question::Cluster => {
                    let ahead = |status: &Status| self.fences.ahead_of(status.term, status.last_index);
                    let disputed = disputes(&self.control, &self.parts.site);
                    let acting = self.leadership.acting().is_some();
                    Told::Cluster(cluster::status(&self.parts.replica, self.parts.id.0, acting, ahead, &disputed))
                }
                Question::Outcome(request) => self.outcome(request),
                Question::Check(operation) => self.judge(&operation, now).map_or_else(|told| *told, |()| Told::Would),
                Question::Do(operation) => {
                    self.want(operation, now, answer);
                    continue;
                }
                Question::Transfer { request, operator, dry_run } => match self.find(&request, operator, now) {
                    Ok(operation) if dry_run => self.judge(&operation, now).map_or_else(|told| *told, |()| Told::Would),
                    Ok(operation) => {
                        self.want(operation, now, answer);
                        continue;
                    }
                    Err(told) => *told,
                },
            };
            drop(answer.send(told));
        }
    }

    /// Sends an operation on its way; whoever asked is answered once it is committed, or now if it cannot be.
    fn want(&mut self, operation: Operation, now: Millis, answer: oneshot::Sender<Told>) {
        let told = match self.judge(&operation, now) {
            Ok(()) => {
                let (then, asked_at) = (Then::of(&operation), Instant::now());
                if self.leaving.is_none() && self.send_proposal(Command::Operation(operation), now) {
                    self.operators.waiting = Some(Waiting { then, asked_at, answer });
                    return;
                }
                Told::Failed { why: "another operation is on its way: try again".into() }
            }
            Err(told) => *told,
        };
        drop(answer.send(told));
    }

    /// The operation that makes a transfer which is asked for, its way found by the planner.
    fn find(&mut self, asked: &TransferRequest, operator: Operator, now: Millis) -> Result<Operation, Box<Told>> {
        self.must_be_new(Some(operator.request))?;
        self.must_act()?;
        let refused = |why: String| Box::new(Told::Refused { why, index: None });
        let found = self.control.with_inputs(now, |inputs| operate::propose_transfer(&inputs, asked));
        let found = found.ok_or_else(|| refused("no forecast yet: try again in a moment".into()))?;
        let action = found.map_err(|denied| {
            let (why, most) = (denied.refusal.describe(&self.parts.site), denied.largest.kilo());
            refused(format!("{why}; at most {most} would be admitted now"))
        })?;
        Ok(operator.asks(action))
    }

    /// Only a leader that acts carries anything out.
    fn must_act(&self) -> Result<(), Box<Told>> {
        if self.leadership.acting().is_some() {
            return Ok(());
        }
        // One that leads by its own word alone leads nobody: whoever asks it is not sent to itself.
        let others = self.status.leader.filter(|leader| *leader != self.parts.id);
        Err(Box::new(Told::NotLeader { leader: others.map(|leader| leader.0) }))
    }

    /// Whoever asks again for what was done is told that it was, by any replica that has applied it, and nothing is done twice.
    fn must_be_new(&self, request: Option<RequestId>) -> Result<(), Box<Told>> {
        let done = request.and_then(|request| self.control.ledger().carried_out(request));
        done.map_or(Ok(()), |done| Err(Box::new(Told::Done { index: done.index, before: true })))
    }

    /// What became of a request, as far as this replica knows: whoever leads knows it all.
    fn outcome(&self, request: RequestId) -> Told {
        match self.control.ledger().carried_out(request) {
            Some(done) => Told::Done { index: done.index, before: true },
            None => self.must_act().map_or_else(|told| *told, |()| Told::NotCarriedOut),
        }
    }

    fn models(&self) -> Told {
        let deciding = self.parts.forecasting.serving().deciding;
        Told::Models {
            models: *self.control.ledger().models(),
            deciding: deciding.map_or_else(|| "the rule".into(), |id| id.to_string()),
            leader: self.status.leader.map(|leader| leader.0),
        }
    }

    /// What is known to be refused is not proposed; what is proposed is judged again when it is applied.
    fn judge(&self, operation: &Operation, now: Millis) -> Result<(), Box<Told>> {
        self.must_be_new(operation.request)?;
        self.must_act()?;
        let refused = |why: String| Box::new(Told::Refused { why, index: None });
        match Then::of(operation) {
            Then::HandOver(to) => {
                self.parts.replica.may_hand_over(to).map_err(|refusal| refused(refusal.to_string()))?;
            }
            Then::Members(change) => {
                self.parts.replica.may_change(&change).map_err(|refusal| refused(refusal.to_string()))?;
            }
            Then::Nothing => {}
        }
        let ledger = self.control.ledger().at(self.control.ledger_at(now));
        operate::check(&ledger, operation).map_err(|refusal| refused(refusal.describe(&self.parts.site)))
    }

    /// A leader says in the log that it forecasts by the rule because of its model: once in its leadership, and again
    /// when something else is wrong.
    pub(super) fn say_what_is_refused(&mut self, now: Millis) {
        let fault: Option<ModelFault> = self.parts.forecasting.serving().fault;
        let model = self.control.ledger().models().active;
        let refused = fault.map(|fault| ModelRefused { model, fault });
        if refused == self.operators.said {
            return;
        }
        let sent = refused.is_none_or(|refused| self.send_proposal(Command::ModelRefused(refused), now));
        if sent {
            self.operators.said = refused;
        }
    }

    pub(super) fn forget_what_was_said(&mut self) {
        self.operators.said = None;
    }
}
