//! Liveness: with nothing wrong for a while one replica leads, all have applied what was committed, and the leader hears
//! every device.

use super::Finding;

/// How the replicas stand at the end.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How many command.
    pub leaders: usize,
    /// Up to where each that runs has applied the log.
    pub applied: Vec<u64>,
    /// Up to where it was committed a little before.
    pub due: u64,
    /// How many devices the leader hears.
    pub heard: usize,
    /// How many there are.
    pub devices: usize,
    /// For how long nothing was wrong, in ms.
    pub calm_ms: u64,
}

/// Whether all is well again.
pub fn is_back(standing: &Standing) -> Finding {
    let Standing { leaders, applied, due, heard, devices, calm_ms } = standing;
    let behind = applied.iter().any(|applied| applied < due);
    if *leaders == 1 && applied.len() == 3 && !behind && heard == devices {
        return Ok(());
    }
    Err(format!(
        "after {calm_ms} ms without a fault {leaders} lead, they have applied {applied:?} of {due}, the leader hears {heard} of {devices} devices"
    ))
}
