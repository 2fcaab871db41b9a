//! A leader that leaves: what happens between an operator's committed wish and somebody else's leadership.
//!
//! ```text
//!  entry committed ─► cede ─► the link steps down ─► it says that it has ─► the peer is told, stands and is elected
//!                                 │ not in time, or the peer is behind
//!                                 └──► this replica leads on, and sends everything again
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_core::device::ReplicaId;
use ridethrough_core::units::Millis;
use ridethrough_link::ToLink;
use ridethrough_raft::{Ceded, Replica};
use tokio::sync::oneshot;

use super::ControlThread;
use crate::operator::Told;

/// How long the link may take to fall silent. It does so within a turn of its loop.
const SILENCE: Millis = Millis::new(200);
/// How long the peer's election, or another one if it fails, may take.
const ELECTION: Duration = Duration::from_secs(2);

/// A wish that is committed and not yet carried out.
#[derive(Debug)]
pub struct Leaving {
    ceded: Ceded,
    wish: Wish,
    silent_by: Millis,
}

/// Whose wish, and since when.
#[derive(Debug)]
pub struct Wish {
    /// To whom leadership goes.
    pub to: ReplicaId,
    /// The entry that says so.
    pub index: u64,
    /// When the control thread heard of it.
    pub asked_at: Instant,
    /// Who waits for an answer.
    pub answer: oneshot::Sender<Told>,
}

impl ControlThread {
    /// Falls silent, so that leadership can go.
    pub(super) fn begin_to_leave(&mut self, wish: Wish, now: Millis) {
        match self.parts.replica.cede(wish.to) {
            Ok(ceded) => {
                self.leadership.leave();
                self.forget_what_was_said();
                // Where the ring is full or the link is dead, it does not say that it stepped down in time.
                self.parts.link.send(ToLink::StepDown);
                self.leaving = Some(Leaving { ceded, wish, silent_by: now.saturating_add(SILENCE) });
            }
            Err(refusal) => {
                // Whoever has gone away finds the entry in the log.
                drop(wish.answer.send(Told::Refused { why: refusal.to_string(), index: Some(wish.index) }));
            }
        }
    }

    /// Has the peer told once nothing is commanded from here any more.
    pub(super) fn go_on_leaving(&mut self, now: Millis) {
        let Some(leaving) = self.leaving.take() else { return };
        let Leaving { ceded, wish, silent_by } = leaving;
        if self.parts.link.has_stepped_down() {
            self.runtime.spawn(hand_over(Arc::clone(&self.parts.replica), ceded, wish));
        } else if now >= silent_by {
            self.parts.replica.resume(ceded);
            let why = "the field network's thread did not fall silent: nothing was handed over".into();
            drop(wish.answer.send(Told::Refused { why, index: Some(wish.index) }));
        } else {
            self.leaving = Some(Leaving { ceded, wish, silent_by });
        }
    }
}

async fn hand_over(replica: Arc<Replica>, ceded: Ceded, wish: Wish) {
    let told = match replica.hand_over(ceded, ELECTION).await {
        Ok(after) => Told::HandedOver {
            index: wish.index,
            leader: after.leader.0,
            term: after.term,
            took: wish.asked_at.elapsed(),
        },
        Err(refusal) => Told::Refused { why: refusal.to_string(), index: Some(wish.index) },
    };
    // A replica that is to stop waits for whoever still holds it.
    drop(replica);
    drop(wish.answer.send(told));
}
