use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_raft_log::{Log, LogConfig, LogEntry};
use ridethrough_witness::{SigningKey, WitnessKey};

use super::notary::NotaryThread;
use super::*;

pub(super) const CLUSTER: [u8; 16] = [1; 16];
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::new("n1", [1; 32]).expect("a good name"))
}

/// The bytes of so many entries.
pub(super) fn payloads(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| index.to_be_bytes().to_vec()).collect()
}

/// A replica's directory whose log holds these entries, with all checkpoints of them by [`key`]: at each 256th and at the end.
pub(super) fn signed_log(cluster: &[u8; 16], payloads: &[Vec<u8>]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let (notary, thread) = notary::start(dir.path(), cluster, key()).expect("starts");
    let mut tree = Tree::new(Some(notary));
    for (index, payload) in payloads.iter().enumerate() {
        tree.append(index as u64, Some(payload));
    }
    assert_eq!(end(tree, &thread).faults, 0);
    write_log(dir.path(), cluster, payloads);
    dir
}

/// Puts a log of these entries in the place of the one that is there.
pub(super) fn write_log(dir: &Path, cluster: &[u8; 16], payloads: &[Vec<u8>]) {
    let dir = dir.join(crate::replica::LOG_DIR);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("removed");
    }
    let log = Log::open(LogConfig { dir, cluster: *cluster, segment_bytes: 64 << 10 }).expect("opens");
    let entries = payloads.iter().cloned().zip(0..).map(|(payload, index)| LogEntry { index, payload });
    let (done, written) = std::sync::mpsc::channel();
    log.append(entries.collect(), move |result| drop(done.send(result)));
    assert_eq!(written.recv_timeout(PATIENCE).expect("answered"), Ok(()));
}

fn start(dir: &Path) -> (Tree, NotaryThread) {
    let (notary, thread) = notary::start(dir, &CLUSTER, key()).expect("starts");
    (Tree::new(Some(notary)), thread)
}

fn append(tree: &mut Tree, entries: std::ops::Range<u64>) {
    entries.for_each(|index| tree.append(index, Some(&index.to_be_bytes())));
}

/// Ends the tree, and waits until all is written.
fn end(tree: Tree, thread: &NotaryThread) -> AuditStatus {
    drop(tree);
    let until = Instant::now() + PATIENCE;
    while !thread.is_finished() {
        assert!(Instant::now() < until, "the notary does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.status()
}

fn sizes(dir: &Path) -> Vec<u64> {
    files::sizes(&dir.join(files::AUDIT_DIR)).expect("listed")
}

fn root(dir: &Path, size: u64) -> Hash {
    let bytes = files::read_note(&dir.join(files::AUDIT_DIR), size).expect("reads").expect("there");
    let known: [WitnessKey; 1] = [key().public()];
    let note = ridethrough_witness::Note::parse(&bytes).expect("a note");
    let (checkpoint, cosigned) = ridethrough_witness::checkpoint::open(&note, &known).expect("signed");
    assert_eq!((checkpoint.size, cosigned.len()), (size, 1));
    checkpoint.root
}

fn expected(size: u64) -> Hash {
    let leaves: Vec<Hash> = (0..size).map(|index| hash::leaf(&index.to_be_bytes())).collect();
    ridethrough_witness::tree::root(&leaves)
}

#[test]
fn every_256_entries_and_the_end_are_signed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut tree, thread) = start(dir.path());
    append(&mut tree, 0..600);
    let status = end(tree, &thread);
    assert_eq!(status, AuditStatus { signed_entries: 600, faults: 0, skipped: 0, tree_known: true });
    assert_eq!(sizes(dir.path()), [256, 512, 600]);
    for size in sizes(dir.path()) {
        assert_eq!(root(dir.path(), size), expected(size));
    }
    let audit = dir.path().join(files::AUDIT_DIR);
    let tile = files::read_tile(&audit, 1).expect("reads").expect("whole");
    assert_eq!((tile.len(), tile[0]), (256, hash::leaf(&256u64.to_be_bytes())));
    assert_eq!(files::read_tile(&audit, 2).expect("reads"), None, "only whole tiles are kept");
}

#[test]
fn what_is_applied_again_is_signed_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut tree, thread) = start(dir.path());
    append(&mut tree, 0..600);
    end(tree, &thread);
    let first = files::read_note(&dir.path().join(files::AUDIT_DIR), 512).expect("reads");
    std::fs::remove_file(files::note(&dir.path().join(files::AUDIT_DIR), 256)).expect("there");
    let (mut tree, thread) = start(dir.path());
    append(&mut tree, 0..800);
    assert_eq!(end(tree, &thread).faults, 0);
    assert_eq!(sizes(dir.path()), [512, 600, 768, 800], "nothing is signed below what was signed already");
    assert_eq!(files::read_note(&dir.path().join(files::AUDIT_DIR), 512).expect("reads"), first);
}

#[test]
fn a_log_that_was_changed_is_noticed_when_it_is_applied_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut tree, thread) = start(dir.path());
    append(&mut tree, 0..300);
    end(tree, &thread);
    let signed = root(dir.path(), 256);
    let (mut tree, thread) = start(dir.path());
    append(&mut tree, 0..7);
    tree.append(7, Some(b"another"));
    append(&mut tree, 8..300);
    assert_eq!(end(tree, &thread).faults, 2, "at 256 and at 300");
    assert_eq!(root(dir.path(), 256), signed, "what was signed stays");
}

#[test]
fn a_snapshot_goes_on_and_one_without_a_tree_signs_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut tree, thread) = start(dir.path());
    append(&mut tree, 0..300);
    let frontier = tree.frontier().cloned();
    tree.restore(frontier);
    append(&mut tree, 300..1_030);
    assert!(thread.status().tree_known);
    tree.restore(None);
    append(&mut tree, 1_030..1_300);
    let status = end(tree, &thread);
    assert!(!status.tree_known);
    assert_eq!(sizes(dir.path()), [256, 512, 768, 1_024]);
    assert_eq!(root(dir.path(), 1_024), expected(1_024));
    let audit = dir.path().join(files::AUDIT_DIR);
    let kept = [0, 1, 2].map(|number| files::read_tile(&audit, number).expect("reads").is_some());
    assert_eq!(kept, [true, false, true], "of the tile that the snapshot lies in, not all leaves were seen");
}

#[test]
fn a_gap_in_what_is_applied_ends_the_tree() {
    let mut tree = Tree::new(None);
    append(&mut tree, 0..3);
    tree.append(4, Some(b"4"));
    assert_eq!(tree.frontier(), None);
    let mut tree = Tree::new(None);
    append(&mut tree, 1..3);
    assert_eq!(tree.frontier(), None);
}

#[test]
fn a_folder_that_cannot_be_written_is_a_fault_and_nothing_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut tree, thread) = start(dir.path());
    std::fs::write(dir.path().join(files::AUDIT_DIR), b"no folder").expect("room");
    append(&mut tree, 0..257);
    let status = end(tree, &thread);
    assert_eq!((status.faults, status.signed_entries), (2, 0));
}

#[test]
fn nothing_is_proved_by_a_checkpoint_that_does_not_fit_the_log() {
    let mut log = payloads(300);
    let dir = signed_log(&CLUSTER, &log);
    let size = |index| prove::prove(dir.path(), index).map(|proof| proof.note.text.lines().nth(1).map(str::to_owned));
    assert_eq!(size(7).expect("proved").as_deref(), Some("256"), "the smallest that covers it");
    assert_eq!(size(280).expect("proved").as_deref(), Some("300"));
    assert!(matches!(size(300), Err(prove::ProveError::NotThere { index: 300, entries: 300 })));
    log[280] = b"other".to_vec();
    write_log(dir.path(), &CLUSTER, &log);
    assert_eq!(size(7).expect("proved").as_deref(), Some("256"), "that checkpoint still fits");
    assert!(matches!(size(280), Err(prove::ProveError::NotSigned { index: 280 })));
}
