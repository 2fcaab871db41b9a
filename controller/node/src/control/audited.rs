//! How the audit of this replica's own log is, in metrics.

use metrics::{Gauge, describe_gauge, gauge};
use ridethrough_raft::audit_tree::AuditStatus;

/// The gauges, where checkpoints are signed.
pub struct Audited {
    signed_entries: Gauge,
    faults: Gauge,
    skipped: Gauge,
    tree_known: Gauge,
}

impl Audited {
    /// The gauges, if there is anything to tell.
    pub fn new(status: Option<AuditStatus>) -> Option<Self> {
        status?;
        describe_gauge!("ridethrough_audit_signed_entries", "Entries under the largest checkpoint signed here");
        describe_gauge!(
            "ridethrough_audit_faults",
            "Checkpoints not signed since the start: no room, or the log is not what was signed before"
        );
        describe_gauge!("ridethrough_audit_skipped", "Checkpoints skipped since the start because too many waited");
        describe_gauge!(
            "ridethrough_audit_tree_known",
            "0 when the log before a snapshot is not known: nothing is signed"
        );
        Some(Self {
            signed_entries: gauge!("ridethrough_audit_signed_entries"),
            faults: gauge!("ridethrough_audit_faults"),
            skipped: gauge!("ridethrough_audit_skipped"),
            tree_known: gauge!("ridethrough_audit_tree_known"),
        })
    }

    /// Tells how it is now.
    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float; entries stay far below 2^52")]
    pub fn tell(&self, status: AuditStatus) {
        self.signed_entries.set(status.signed_entries as f64);
        self.faults.set(status.faults as f64);
        self.skipped.set(status.skipped as f64);
        self.tree_known.set(f64::from(u8::from(status.tree_known)));
    }
}
