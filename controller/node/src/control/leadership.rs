//! Whether this replica leads, as consensus says, and what the link is told of it.

use std::time::{Duration, Instant};

use ridethrough_core::control::{Duty, Standing};
use ridethrough_core::units::Millis;
use ridethrough_link::ToLink;
use ridethrough_protocol::Orders;
use ridethrough_raft::{Role, Status};

use super::ControlThread;

impl ControlThread {
    /// Takes up leadership, pauses in it or steps down.
    pub(super) fn follow_leadership(&mut self, now: Millis) {
        self.status = self.parts.replica.status();
        match self.leadership.follow(standing(&self.status), now) {
            Some(Duty::Lead { term, valid_for, begins }) => {
                if begins {
                    tracing::info!(term, "acting as leader");
                    self.control.begin_leadership();
                    self.fallbacks.forget();
                    // What was decided before may be old by a failover: it decides at once.
                    self.next_tick = now;
                }
                self.tell_lead(term, valid_for);
            }
            Some(Duty::Pause { term }) => {
                tracing::info!(term, "not confirmed as leader at present");
                self.tell_lead(term, Millis::ZERO);
            }
            Some(Duty::StepDown) => {
                tracing::info!(term = self.status.term, "no longer acting as leader");
                self.parts.link.send(ToLink::StepDown);
                self.forget_what_was_said();
            }
            None => {}
        }
        // After stepping down: the link forgets what it was told before.
        if self.parts.orders == Orders::TwoOfThree
            && let Some(term) = self.control.follow_standing(standing(&self.status))
        {
            self.parts.link.send(ToLink::Follow { term });
        }
    }

    fn tell_lead(&self, term: u64, valid_for: Millis) {
        self.parts.link.send(ToLink::Lead { term, lease: self.parts.site.policy.lease, valid_for });
    }
}

fn standing(status: &Status) -> Standing {
    let left = status.leadership_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
    // Whose log says nothing new any more, or decides nothing, endorses nothing: no term is followed.
    let counts = status.role != Role::Learner && !status.forgotten;
    Standing {
        term: if counts { status.term } else { 0 },
        leads: status.role == Role::Leader,
        last_index: status.last_index,
        applied_index: status.applied_index,
        confirmed_for: Millis::new(i64::try_from(left.as_millis()).unwrap_or(i64::MAX)),
    }
}
