//! Hosts are told when their tier has to shut down: the newest snapshot becomes a board for the NUT server, on a runtime of its own.
//! The control thread does nothing for it.

mod views;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::Result;
use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Snapshot;
use ridethrough_nut::{Board, Desk, Fleet, Limits, Server, Users};
use ridethrough_raft::{Replica, Role, Status};
use tokio::runtime::Runtime;

use self::views::{Teller, fleet};
use crate::config::Config;

/// How often the newest snapshot is looked at: far below what a board may be old.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Checks what the configuration says of it, and says what that is.
pub fn check(config: &Config, site: &Site) -> Result<String> {
    let Some(settings) = &config.nut else { return Ok("off".into()) };
    let users = config.read_users()?.map_or("nobody logs in".into(), |users| format!("{} users", users.len()));
    Ok(format!("{} UPSes at {}, {users}", fleet(site)?.len(), settings.listen))
}

/// The NUT server, bound but not yet serving.
pub struct NutDoor {
    runtime: Runtime,
    server: Server,
    fleet: Fleet,
    users: Option<Users>,
}

impl NutDoor {
    /// Binds its address, if the configuration has one.
    pub fn open(config: &Config, runtime: impl FnOnce() -> Result<Runtime>, site: &Site) -> Result<Option<Self>> {
        let Some(settings) = &config.nut else { return Ok(None) };
        let (fleet, users, runtime) = (fleet(site)?, config.read_users()?, runtime()?);
        let server = runtime.block_on(Server::bind(settings.listen))?;
        Ok(Some(Self { runtime, server, fleet, users }))
    }

    /// Serves while the runtime that this returns lives.
    pub fn serve(self, site: Arc<Site>, shown: Arc<ArcSwap<Snapshot>>, replica: &Arc<Replica>) -> Runtime {
        let Self { runtime, server, fleet, users } = self;
        tracing::info!(address = %server.address(), upses = fleet.len(), users = users.is_some(), "the NUT server is open");
        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        let desk = Desk::new(Arc::new(fleet), Arc::clone(&board), users);
        // Only looked at: who stops the replica must be its last owner.
        let replica = Arc::downgrade(replica);
        runtime.block_on(async {
            server.serve(desk, Limits::default());
            tokio::spawn(tell(Teller::new(site), shown, replica, board));
        });
        runtime
    }
}

/// Makes boards of snapshots for as long as the replica is there. What is not known to be so leaves the last board, which grows old.
async fn tell(mut teller: Teller, shown: Arc<ArcSwap<Snapshot>>, replica: Weak<Replica>, board: Arc<ArcSwap<Board>>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut last_ms = None;
    loop {
        looks.tick().await;
        let snapshot = shown.load_full();
        let Some(status) = replica.upgrade().map(|replica| replica.status()) else { return };
        // A control loop that stands publishes nothing new.
        if last_ms == Some(snapshot.uptime_ms) || !follows(&status, snapshot.acting) {
            continue;
        }
        last_ms = Some(snapshot.uptime_ms);
        if let Some(views) = teller.views(&snapshot) {
            board.store(Arc::new(Board { at: Some(Instant::now()), views }));
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
