//! What may be told to others outside: the newest snapshot, as long as this replica's ledger is what the cluster has decided.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use ridethrough_dashboard::Snapshot;
use ridethrough_raft::{Replica, Role, Status};
use tokio::time::Interval;

/// How often the newest snapshot is looked at: far below what may be told once it is old.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Snapshots that are known to be so. What is not leaves the last one to whoever took it, and grows old with him.
pub struct Known {
    shown: Arc<ArcSwap<Snapshot>>,
    replica: Weak<Replica>,
    looks: Interval,
    last_ms: Option<i64>,
}

impl Known {
    /// Looks at what this replica shows. Call it on a runtime.
    pub fn new(shown: Arc<ArcSwap<Snapshot>>, replica: &Arc<Replica>) -> Self {
        // Only looked at: who stops the replica must be its last owner.
        Self { shown, replica: Arc::downgrade(replica), looks: tokio::time::interval(LOOK_EVERY), last_ms: None }
    }

    /// Keeps a board of it for a server for as long as the replica is there. A snapshot of which `make` makes nothing leaves
    /// the last board, which grows old.
    pub async fn keep<B>(mut self, board: Arc<ArcSwap<B>>, mut make: impl FnMut(&Snapshot) -> Option<B>) {
        while let Some(snapshot) = self.next().await {
            if let Some(newest) = make(&snapshot) {
                board.store(Arc::new(newest));
            }
        }
    }

    /// The next one; none when the replica is gone.
    async fn next(&mut self) -> Option<Arc<Snapshot>> {
        loop {
            self.looks.tick().await;
            let snapshot = self.shown.load_full();
            let status = self.replica.upgrade()?.status();
            // A control loop that stands publishes nothing new.
            if self.last_ms != Some(snapshot.uptime_ms) && follows(&status, snapshot.acting) {
                self.last_ms = Some(snapshot.uptime_ms);
                return Some(snapshot);
            }
        }
    }
}

/// Whether this replica's ledger is what the cluster has decided: it leads and a majority confirms it, or it hears a leader and
/// has applied all that it knows to be committed.
fn follows(status: &Status, acting: bool) -> bool {
    let part = match status.role {
        Role::Leader => acting,
        Role::Follower => status.leader.is_some(),
        _ => false,
    };
    part && !status.forgotten && status.stopped.is_none() && status.applied_index >= status.committed_index
}

#[cfg(test)]
mod tests {
    use ridethrough_core::device::ReplicaId;

    use super::*;

    fn status(role: Role) -> Status {
        Status {
            role,
            term: 3,
            leader: Some(ReplicaId(1)),
            last_index: Some(9),
            committed_index: Some(9),
            applied_index: Some(9),
            snapshot_index: None,
            lag_entries: std::collections::BTreeMap::new(),
            leadership_until: None,
            since_quorum_ack: None,
            forgotten: false,
            stopped: None,
        }
    }

    #[test]
    fn only_who_knows_what_was_decided_tells_it() {
        assert!(follows(&status(Role::Leader), true) && follows(&status(Role::Follower), false));
        assert!(!follows(&status(Role::Leader), false), "a majority does not confirm it");
        assert!(!follows(&status(Role::Candidate), false) && !follows(&status(Role::Learner), false));
        assert!(!follows(&Status { leader: None, ..status(Role::Follower) }, false), "nobody leads");
        assert!(!follows(&Status { forgotten: true, ..status(Role::Follower) }, false));
        assert!(!follows(&Status { stopped: Some("disk".into()), ..status(Role::Follower) }, false));
        assert!(!follows(&Status { applied_index: Some(8), ..status(Role::Follower) }, false), "it lags");
    }
}
