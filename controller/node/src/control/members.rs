//! Members that change: what follows once an operator's wish is committed. Consensus does it, and the control thread goes on
//! meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_core::members::MemberChange;
use ridethrough_raft::Replica;
use tokio::sync::oneshot;

use super::ControlThread;
use crate::operator::Told;

/// How long a change may take: a new member receives the log in it.
pub const MEMBERS_DEADLINE: Duration = Duration::from_secs(20);

/// A wish that is committed and not yet carried out.
#[derive(Debug)]
pub(super) struct Asked {
    /// What is wished for.
    pub(super) change: MemberChange,
    /// The entry that says so.
    pub(super) index: u64,
    /// When the control thread heard of it.
    pub(super) asked_at: Instant,
    /// Who waits for an answer.
    pub(super) answer: oneshot::Sender<Told>,
}

impl ControlThread {
    /// Has consensus change the members.
    pub(super) fn change_members(&self, asked: Asked) {
        self.runtime.spawn(change(Arc::clone(&self.parts.replica), asked));
    }
}

async fn change(replica: Arc<Replica>, asked: Asked) {
    let Asked { change, index, asked_at, answer } = asked;
    let told = match replica.change_members(&change, MEMBERS_DEADLINE).await {
        Ok(changed) => Told::Members { index, changed, took: asked_at.elapsed() },
        Err(refusal) => Told::Refused { why: refusal.to_string(), index: Some(index) },
    };
    // A replica that is to stop waits for whoever still holds it.
    drop(replica);
    // Whoever has gone away finds the entry in the log.
    drop(answer.send(told));
}
