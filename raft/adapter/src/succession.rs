//! Who follows a leader whose process is gone, at once and without two candidates at a time.
//!
//! ```text
//!  links: reset, refused ──► vacancy ──► succession ──► openraft: an election that no lease holds off
//!                               └──► the peer's answer to the candidate
//! ```
//!
//! Survivors see it within a millisecond of each other. If all stood at once, all votes would be spent on themselves; so
//! they stand in the order of their numbers, each after its turn. Whoever has less of the log than another is not elected
//! (Raft's own rule), and then the other need not wait for its turn.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::TransferLeaderRequest;
use tokio::time::{sleep, timeout};

use crate::state_machine::StateMachine;
use crate::type_config::{TypeConfig, Vote};
use crate::vacancy::Vacancy;
use crate::voting::Voting;

/// How long a survivor leaves to each one before it. An election takes one to two milliseconds, and ten on a disk that is
/// slow to sync.
const TURN: Duration = Duration::from_millis(20);

/// Watches for a vacant seat.
pub(crate) struct Succession {
    pub(crate) raft: openraft::Raft<TypeConfig, StateMachine>,
    pub(crate) own: u64,
    pub(crate) vacancy: Arc<Vacancy>,
    pub(crate) voting: Arc<Voting>,
}

impl Succession {
    /// Watches until it is dropped.
    pub(crate) async fn watch(self) {
        let mut changes = self.vacancy.changes();
        while changes.changed().await.is_ok() {
            // Neither way to an election asks whether elections are enabled.
            if self.voting.is_whole()
                && !self.voting.is_forgotten()
                && let Some(vote) = self.vacant()
            {
                self.follow(vote).await;
            }
        }
    }

    /// Sees to it that somebody follows the leader of this vote.
    async fn follow(&self, of_leader: Vote) {
        let leader = of_leader.leader_id.node;
        let Some(turns) = self.turns_before_ours(leader) else { return };
        // Ends early when somebody before us was refused for a log that is shorter than ours.
        let _ = timeout(TURN * turns, self.vacancy.wait_for_shorter_log()).await;
        if self.vacant() == Some(of_leader) {
            self.stand(of_leader).await;
        }
        // All votes may have been spent, or the one who was elected may be gone, too.
        loop {
            sleep(TURN * (2 + turns)).await;
            let filled = self.vote().is_committed() && self.vote() != of_leader;
            if filled || !self.vacancy.all_gone().contains(&leader) {
                return;
            }
            // With a pre-vote, so that nobody who leads by now is disturbed. Fails only when this replica has stopped.
            let _ = self.raft.trigger().elect(true).await;
        }
    }

    fn vote(&self) -> Vote {
        self.raft.metrics().borrow_watched().vote
    }

    /// The vote of a leader whose process is gone.
    fn vacant(&self) -> Option<Vote> {
        let vote = self.vote();
        let leader = vote.leader_id.node;
        (vote.is_committed() && leader != self.own && self.vacancy.all_gone().contains(&leader)).then_some(vote)
    }

    /// How many survivors stand before this replica; none when it is no voter.
    fn turns_before_ours(&self, leader: u64) -> Option<u32> {
        let gone = self.vacancy.all_gone();
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let voters: Vec<u64> = metrics.membership_config.membership().voter_ids().collect();
        let before = voters.iter().filter(|&&voter| voter < self.own && voter != leader && !gone.contains(&voter));
        voters.contains(&self.own).then(|| u32::try_from(before.count()).unwrap_or(u32::MAX))
    }

    async fn stand(&self, vote: Vote) {
        tracing::info!(
            term = vote.leader_id.term,
            leader = vote.leader_id.node,
            "the leader's process is gone: standing"
        );
        // As if the leader had handed over: without a pre-vote, and past the lease of peers that see the vacancy, too.
        // Fails only when this replica has stopped.
        let _ = self.raft.handle_transfer_leader(TransferLeaderRequest::new(vote, self.own, None)).await;
    }
}
