//! Three replicas of one cluster, and what they propose.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ridethrough_core::command::{Command, Entry, Founding, Plan, Seen, Stamp};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_pki::Issued;
use ridethrough_raft::{PeerPems, PeerTls};

/// Their numbers.
pub const MEMBERS: RangeInclusive<u16> = 1..=3;
/// The cluster's id.
pub const CLUSTER: [u8; 16] = *b"ridethrough-test";
/// How long a proposal may take.
pub const PROPOSAL_DEADLINE: Duration = Duration::from_secs(1);
/// How often a leader shows that it is there.
pub const HEARTBEAT: Duration = Duration::from_millis(10);

const FIRST_WINDOW: Duration = Duration::from_millis(100);
const WINDOW_STEP: Duration = Duration::from_millis(50);
const WINDOW_WIDTH: Duration = Duration::from_millis(40);
const SITE: &str = include_str!("../../adapter/tests/site.toml");

/// A replica's own election window, apart from the others'.
pub fn election(id: u16) -> std::ops::Range<Duration> {
    let start = FIRST_WINDOW + WINDOW_STEP * u32::from(id - 1);
    start..start + WINDOW_WIDTH
}

/// Two racks.
pub fn site() -> io::Result<Arc<Site>> {
    Site::parse("site.toml", SITE).map(Arc::new).map_err(io::Error::other)
}

/// Who a replica is to its peers.
pub fn identity(id: u16, authority_pem: &str, issued: &Issued) -> io::Result<PeerTls> {
    let pems =
        PeerPems { ca: authority_pem, certificate: &issued.certificate_pem, key: &issued.key_pem, revoked: None };
    PeerTls::new(CLUSTER, ReplicaId(id), pems).map_err(io::Error::other)
}

/// What the numbers of proposals are built of: a life of a replica, and so many proposals in it.
pub const PROPOSALS_PER_LIFE: u64 = 1 << 24;

/// A proposal by a replica that has seen this. The first of a life founds the cluster, or is refused where it is founded; others
/// change nothing. The number stands where the wall's time is for people: nothing is decided by it.
pub fn proposal(by: u16, seen: Seen, site: &Site, number: u64) -> Entry {
    let founds = number.is_multiple_of(PROPOSALS_PER_LIFE);
    let founding = || Command::Found(Founding { cluster: CLUSTER, site_hash: site.hash });
    let command = if founds { founding() } else { Command::Plan(Plan::default()) };
    let stamp = Stamp { at: Millis::new(1_000), wall_unix_ms: i64::try_from(number).unwrap_or(i64::MAX) };
    Entry { stamp, by: ReplicaId(by), seen, command }
}
