//! What the tree over the log costs: on the way of an entry, and for an auditor on one core.
//!
//! `cargo bench -p ridethrough-raft --bench audit [-- --quick]`

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use common::{CLUSTER, entry, found, idle};
use ridethrough_core::command::{Command, Entry, Plan, Position, RackLoad, Seen};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::RackId;
use ridethrough_core::units::Watts;
use ridethrough_raft::audit_tree::{CHECKPOINT_ENTRIES, stored_bytes, verify::verify};
use ridethrough_raft_log::{Log, LogConfig, LogEntry, SEGMENT_BYTES_DEFAULT};
use ridethrough_witness::{Checkpoint, Frontier, SigningKey, checkpoint, hash};

const AT: Position = Position { term: 1, leader: ReplicaId(1), index: 1 };

fn main() {
    // The test command runs benches, too, and only `cargo bench` says so.
    let quick = std::env::args().any(|arg| arg == "--quick") || !std::env::args().any(|arg| arg == "--bench");
    let entries = if quick { 20_000 } else { 1_000_000 };
    let load = |rack| RackLoad { rack: RackId(rack), peak: Watts::new(20_000), heat_permille: 0 };
    let wide = Command::Plan(Plan { loads: (0..64).map(load).collect(), ..Plan::default() });
    for (name, command) in [("an idle plan", idle()), ("a plan that tells 64 racks", wide), ("a founding", found())] {
        applied(name, &entry(1, Seen { index: 0, hash: [7; 32] }, command), entries / 10);
    }
    verified(entries);
}

/// What applying an entry takes more: its bytes once again, their hash, and the tree's nodes.
#[allow(clippy::cast_precision_loss, reason = "counts of a bench")]
fn applied(name: &str, entry: &Entry, times: u64) {
    let copies: Vec<Entry> = (0..times).map(|_| entry.clone()).collect();
    let mut tree = Frontier::default();
    let (mut bytes, began) = (0, Instant::now());
    for copy in copies {
        let stored = stored_bytes(AT, copy).expect("an entry that can be stored");
        bytes = stored.len();
        tree.push(hash::leaf(&stored));
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / times as f64;
    black_box(tree.root());
    println!("apply    {each:.2} µs more for {name} of {bytes} bytes");
}

/// A whole log with a signed checkpoint every 256 entries, verified as `ridectl audit verify` does.
#[allow(clippy::cast_precision_loss, reason = "counts of a bench")]
fn verified(entries: u64) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let payload = stored_bytes(AT, entry(1, Seen { index: 0, hash: [7; 32] }, idle())).expect("stored");
    let key = SigningKey::new("bench", [1; 32]).expect("a good name");
    let heads = write(dir.path(), &payload, entries);
    let audit = dir.path().join("audit");
    std::fs::create_dir(&audit).expect("room");
    let checkpoints = heads.len();
    for head in heads {
        let file = audit.join(format!("checkpoint-{:020}.note", head.size));
        std::fs::write(file, head.cosign(&key, 1_700_000_000).to_text()).expect("room");
    }
    let (dirs, known) = ([dir.path().to_path_buf()], [key.public()]);
    // The first pass brings the files into the page cache.
    for pass in ["first", "again"] {
        let began = Instant::now();
        let found = verify(&dirs, &known).expect("reads");
        let seconds = began.elapsed().as_secs_f64();
        assert!(found.holds() && found.signed_entries == entries / CHECKPOINT_ENTRIES * CHECKPOINT_ENTRIES);
        let (rate, bytes) = (entries as f64 / seconds, payload.len());
        println!(
            "verify   {rate:.0} entries/s ({pass}: {entries} of {bytes} bytes, {checkpoints} signatures, one core)"
        );
    }
}

/// Writes the log; returns what is to be signed.
fn write(dir: &Path, payload: &[u8], entries: u64) -> Vec<Checkpoint> {
    let config = LogConfig { dir: dir.join("log"), cluster: CLUSTER, segment_bytes: SEGMENT_BYTES_DEFAULT };
    let log = Log::open(config).expect("opens");
    let (mut tree, mut heads, mut index) = (Frontier::default(), Vec::new(), 0);
    while index < entries {
        let end = entries.min(index + 4_096);
        let batch = (index..end).map(|index| {
            // Each entry has other bytes.
            let payload = [payload, &index.to_le_bytes()].concat();
            tree.push(hash::leaf(&payload));
            if tree.size().is_multiple_of(CHECKPOINT_ENTRIES) {
                heads.push(Checkpoint { origin: checkpoint::origin(&CLUSTER), size: tree.size(), root: tree.root() });
            }
            LogEntry { index, payload }
        });
        let (done, written) = mpsc::channel();
        log.append(batch.collect(), move |result| drop(done.send(result)));
        written.recv().expect("answered").expect("written");
        index = end;
    }
    heads
}
