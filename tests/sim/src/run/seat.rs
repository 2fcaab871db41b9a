//! Where a replica runs, or does not.

use crate::consensus::disk::Disk;
use crate::net::Packet;
use crate::replica::{Ailments, Replica};

/// Packets that sockets keep while their owner stands still.
const KEPT_MAX: usize = 2_000;

/// How long a lying disk takes for what it says that it has done.
const LIE_MS: u64 = 400;

/// A replica's place: what runs there, and what is wrong there.
pub(super) struct Seat {
    pub(super) replica: Option<Replica>,
    pub(super) disk: Disk,
    pub(super) ailments: Ailments,
    pub(super) paused: bool,
    /// What arrives while it stands still, as sockets keep it.
    pub(super) kept: Vec<Packet>,
    pub(super) lives: u64,
    /// When it is started again after it has ended by itself.
    pub(super) revive_at_ms: Option<u64>,
}

impl Seat {
    /// With an empty disk, which may lie about its syncs, and nothing that runs yet.
    pub(super) fn new(lying_disk: bool) -> Self {
        Self {
            replica: None,
            disk: Disk::empty(lying_disk),
            ailments: Ailments { slow_disk_ms: if lying_disk { LIE_MS } else { 0 }, ..Ailments::default() },
            paused: false,
            kept: Vec::new(),
            lives: 0,
            revive_at_ms: None,
        }
    }

    /// Sockets keep what comes while their owner stands still; what is beyond their room they drop.
    pub(super) fn keep(&mut self, packet: Packet) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(packet);
        }
    }
}
