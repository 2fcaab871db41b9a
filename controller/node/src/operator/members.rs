//! Replicas that are to be members, or no longer: what is done before the control thread is asked, and what is told afterwards.

use std::time::Duration;

use ridethrough_core::command::{Action, Operation};
use ridethrough_core::members::MemberChange;
use ridethrough_raft::Changed;
use serde_json::{Value, json};

use super::{Desk, Question, Told, ask, cluster};
use crate::control::MEMBERS_DEADLINE;

/// What an answer may take beyond the change itself: a tick, and the commit of the wish.
const BESIDE: Duration = Duration::from_secs(3);

/// How long an answer may take, where it is about members.
pub(super) fn deadline(question: &Question) -> Option<Duration> {
    let Question::Do(operation) = question else { return None };
    matches!(operation.action, Action::Members(_)).then_some(MEMBERS_DEADLINE + BESIDE)
}

/// Calls a replica that is to be a member, before anything is written: most of what can be wrong is wrong there. One that is a
/// member already, as a learner, is not called: it has a log.
pub(super) async fn greet(operation: &Operation, desk: &Desk) -> Result<(), Told> {
    let Action::Members(MemberChange::Add { replica, address }) = operation.action else { return Ok(()) };
    match ask(Question::Check(operation.clone()), desk).await {
        Told::Would => {}
        refused => return Err(refused),
    }
    let Told::Cluster(status) = ask(Question::Cluster, desk).await else { return Ok(()) };
    if status["members"].as_array().is_some_and(|all| all.iter().any(|one| one["replica"] == replica.0)) {
        return Ok(());
    }
    let greeted = desk.prober.newcomer(replica, address).await;
    greeted.map_err(|error| Told::Refused { why: error.to_string(), index: None })
}

/// What came of a change.
pub(super) fn told(index: u64, changed: &Changed, took: Duration) -> Value {
    let voters: Vec<u16> = changed.voters.iter().map(|id| id.0).collect();
    json!({ "index": index, "membership_index": changed.index, "voters": voters, "took_ms": cluster::millis(took) })
}
