//! Alarms: what this replica tells the log of them while it leads, and what it shows of what the log has.

use std::time::Duration;

use ridethrough_core::alarm::{Alarm, AlarmKey, AlarmKind, Subject};
use ridethrough_core::command::Command;
use ridethrough_core::device::ReplicaId;
use ridethrough_core::ledger::Ledger;
use ridethrough_core::units::Millis;
use ridethrough_dashboard::AlarmView;
use ridethrough_raft::Peer;

use super::ControlThread;
use super::proposals::About;

/// A peer that has acknowledged nothing for so long does not answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// At most so many are shown, the most urgent.
const SHOWN_MAX: usize = 64;

impl ControlThread {
    /// Tells the log what has come and gone; call it while leading.
    pub(super) fn tell_alarms(&mut self, now: Millis) {
        if !self.control.is_founded() || self.proposals.busy(About::Alarms) {
            return;
        }
        let silent = self.silent_peers();
        if let Some(note) = self.control.alarm_note(now, silent) {
            self.send_proposal(Command::Alarms(note), now);
        }
    }

    fn silent_peers(&self) -> Vec<AlarmKey> {
        let peers = self.parts.replica.peers();
        let others = peers.iter().filter(|(id, _)| **id != self.parts.id);
        let silent = |(id, peer): (&ReplicaId, &Peer)| {
            peer.acked_ago.is_none_or(|ago| ago > ANSWERS_WITHIN).then_some(Subject::Replica(*id))
        };
        others.filter_map(silent).map(|subject| AlarmKey { kind: AlarmKind::ReplicaUnreachable, subject }).collect()
    }
}

/// Alarms as they are shown, the most urgent first.
pub fn shown(ledger: &Ledger, ledger_now: Millis) -> Vec<AlarmView> {
    let view = |(key, alarm)| alarm_view(ledger, key, alarm, ledger_now);
    ledger.alarms().shown().take(SHOWN_MAX).map(view).collect()
}

fn alarm_view(ledger: &Ledger, key: AlarmKey, alarm: &Alarm, now: Millis) -> AlarmView {
    AlarmView {
        id: key.name(ledger.site()),
        priority: key.kind.priority().number(),
        kind: key.kind.as_str().to_owned(),
        runbook: key.kind.runbook().to_owned(),
        about: key.subject.name(ledger.site()),
        text: key.kind.what().to_owned(),
        active: alarm.active,
        acknowledged_by: alarm.acknowledged.clone(),
        shelved_left_ms: alarm.shelved_until.map(|until| until.saturating_sub(now).get()).filter(|left| *left > 0),
        chattering: alarm.is_chattering(now),
        age_ms: now.saturating_sub(alarm.since()).get(),
    }
}
