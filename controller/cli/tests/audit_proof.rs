//! The log of three real replicas, changed in every way that leaves its checksums in order: `ridectl audit verify` names
//! the entry, and a second verifier, in Python and from the specifications alone, says no as well.

mod replicas;
mod segment;
mod third_party;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use ridethrough_raft::LogSize;
use ridethrough_raft::audit_tree::leaves::read_leaves;
use ridethrough_witness::{Checkpoint, checkpoint, tree};
use tempfile::TempDir;

use self::replicas::{copy_all, dir, key};
use self::segment::{Record, place, rewrite};

/// An entry in the second whole tile, and one that is in none.
const ENTRY: u64 = 300;
const LATE: u64 = 540;
/// Where the time for people stands in an entry: no decision follows from it.
const WALL_CLOCK: usize = 38;

static ORIGINAL: OnceLock<TempDir> = OnceLock::new();

/// A copy of the folders for one test.
fn copied() -> TempDir {
    let original = ORIGINAL.get_or_init(|| replicas::make(LogSize::default(), false));
    let copy = tempfile::tempdir().expect("a folder");
    copy_all(original.path(), copy.path());
    copy
}

fn witnesses() -> Vec<String> {
    let keys = (1..=3).map(|id| key(id).public().to_string());
    ["--witness".to_owned()].into_iter().chain(keys).collect()
}

fn ridectl(words: &[&str]) -> (i32, String) {
    ended(Command::new(env!("CARGO_BIN_EXE_ridectl")).args(words).output())
}

/// The second verifier.
fn python(words: &[&str]) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/audit/verify_audit.py");
    ended(Command::new("python3").arg(script).args(words).output())
}

fn ended(output: std::io::Result<Output>) -> (i32, String) {
    let output = output.expect("the program runs");
    let words = [output.stdout, output.stderr].concat();
    (output.status.code().expect("ends by itself"), String::from_utf8(words).expect("text"))
}

/// Both verifiers judge these folders alike, and ours says this.
fn check(root: &Path, ids: &[u16], status: i32, expected: &str) {
    let dirs: Vec<PathBuf> = ids.iter().map(|&id| dir(root, id)).collect();
    let dirs = dirs.iter().map(|dir| dir.to_str().expect("text"));
    let witnesses = witnesses();
    let words: Vec<&str> = dirs.chain(witnesses.iter().map(String::as_str)).collect();
    let (own, said) = ridectl(&[&["audit", "verify"], words.as_slice()].concat());
    assert!(own == status && said.contains(expected), "expected {status} and `{expected}`, found {own} in:\n{said}");
    let (other, said) = python(&[&["log"], words.as_slice()].concat());
    assert_eq!(other, status, "the second verifier says:\n{said}");
}

fn edit(dir: &Path, index: u64) {
    rewrite(dir, |records| {
        let at = place(records, index);
        records[at].payload()[WALL_CLOCK] ^= 1;
    });
}

/// Gives every entry from this place on the index that follows from it.
fn renumber(records: &mut [Record], first: usize, mut index: u64) {
    for record in records[first..].iter_mut().filter(|record| record.index().is_some()) {
        record.renumber(index);
        index += 1;
    }
}

#[test]
fn what_nobody_changed_holds() {
    let root = copied();
    check(root.path(), &[1, 2, 3], 0, "verdict    VERIFIED");
    check(root.path(), &[2], 0, "witness    ridethrough/test/n2: 3 checkpoints");
    let (status, said) = ridectl(&["audit", "verify", dir(root.path(), 1).to_str().expect("text")]);
    assert!(status == 0 && !said.contains("witness"), "without a witness, only the replay is made:\n{said}");
}

/// Both copies by `ridectl audit diff`: the field that was edited is told, and nothing else.
#[test]
fn two_copies_are_compared_field_by_field() {
    let root = copied();
    let (one, two) = (dir(root.path(), 1), dir(root.path(), 2));
    let (one, two) = (one.to_str().expect("text"), two.to_str().expect("text"));
    let (status, said) = ridectl(&["audit", "diff", one, two]);
    assert!(status == 0 && said.contains("verdict    SAME"), "{said}");
    edit(&dir(root.path(), 1), ENTRY);
    let (status, said) = ridectl(&["audit", "diff", one, two]);
    assert!(status == 1 && said.contains("up to entry 299") && said.contains("differs    entry 300\n"), "{said}");
    let fields: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(fields, ["proposed", "proposed_unix_ms", "state_hash", "leaf_hash"], "{said}");
}

#[test]
fn an_edited_entry_is_named() {
    let root = copied();
    edit(&dir(root.path(), 1), ENTRY);
    check(root.path(), &[1], 1, "n1: entry 300 was edited since ridethrough/test/n1 signed the log of 512 entries");
}

#[test]
fn an_edited_entry_in_no_whole_tile_is_named_beside_another_replica() {
    let root = copied();
    edit(&dir(root.path(), 1), LATE);
    check(root.path(), &[1], 1, "n1: one of the entries 512 to");
    check(root.path(), &[1, 2], 1, "n1: entry 540 was edited");
}

#[test]
fn a_deleted_entry_is_named() {
    let (root, gap) = (copied(), copied());
    rewrite(&dir(root.path(), 1), |records| {
        let at = place(records, ENTRY);
        records.remove(at);
        renumber(records, at, ENTRY);
    });
    check(root.path(), &[1], 1, "n1: entry 300 was deleted");
    rewrite(&dir(gap.path(), 1), |records| drop(records.remove(place(records, ENTRY))));
    check(gap.path(), &[1], 1, "n1: entry 300 is missing");
    check(gap.path(), &[1, 2, 3], 1, "n1: entry 300 is missing");
}

#[test]
fn an_inserted_entry_is_named() {
    let root = copied();
    rewrite(&dir(root.path(), 1), |records| {
        let at = place(records, ENTRY);
        let mut forged = records[at].clone();
        forged.payload()[WALL_CLOCK] ^= 1;
        records.insert(at, forged);
        renumber(records, at, ENTRY);
    });
    check(root.path(), &[1], 1, "n1: entry 300 was inserted");
}

#[test]
fn swapped_entries_are_named() {
    let root = copied();
    rewrite(&dir(root.path(), 1), |records| {
        let (one, other) = (place(records, ENTRY), place(records, ENTRY + 10));
        records.swap(one, other);
        records[one].renumber(ENTRY);
        records[other].renumber(ENTRY + 10);
    });
    check(root.path(), &[1], 1, "n1: entry 300 was swapped with entry 310");
}

#[test]
fn a_truncated_log_is_named() {
    let root = copied();
    rewrite(&dir(root.path(), 1), |records| records.retain(|record| record.index() < Some(400)));
    check(root.path(), &[1], 1, "n1: entries 400 to");
    check(root.path(), &[1, 2], 1, "n1: entries 400 to");
}

/// A replica that rewrote its log and signed it again, with its own key.
#[test]
fn a_fork_is_named() {
    let root = copied();
    let forger = dir(root.path(), 2);
    edit(&forger, ENTRY);
    let leaves = read_leaves(&forger).expect("a log").from_start();
    let origin = checkpoint::origin(&replicas::CLUSTER);
    let signed = Checkpoint { origin, size: 512, root: tree::root(&leaves[..512]) }.cosign(&key(2), 1_700_000_000);
    let note = forger.join("audit/checkpoint-00000000000000000512.note");
    assert!(note.exists());
    fs::write(note, signed.to_text()).expect("room");
    check(root.path(), &[1, 2], 1, "a fork: ");
    check(root.path(), &[1, 2], 1, "have signed different logs of 512 entries");
}

/// `ridectl audit compare` of these checkpoints with the log of a replica.
fn compared(root: &Path, log: u16, checkpoints: &[PathBuf]) -> (i32, String) {
    let log = dir(root, log);
    let (witnesses, checkpoints) = (witnesses(), checkpoints.iter().map(|path| path.to_str().expect("text")));
    let words = checkpoints.chain(["--dir", log.to_str().expect("text")]).chain(witnesses.iter().map(String::as_str));
    ridectl(&["audit", "compare"].into_iter().chain(words).collect::<Vec<_>>())
}

#[test]
fn checkpoints_of_all_replicas_are_prefixes_of_one_log() {
    let root = copied();
    let (one, two) = (dir(root.path(), 1), dir(root.path(), 2));
    let named = [one.clone(), two.join("audit"), one.join("audit/checkpoint-00000000000000000256.note")];
    let (status, said) = compared(root.path(), 3, &named);
    assert!(status == 0 && said.contains("256 entries, by ridethrough/test/n1 at 20"), "{said}");
    assert_eq!(said.matches("the log begins with what was signed").count(), 3, "{said}");
    // A log that is behind cannot say anything of what was signed after it.
    rewrite(&dir(root.path(), 3), |records| records.retain(|record| record.index() < Some(400)));
    let (status, said) = compared(root.path(), 3, &named);
    assert!(status == 1 && said.contains("not judged: more was signed than this log holds"), "{said}");
    assert_eq!(said.matches("the log begins with what was signed").count(), 1, "{said}");
}

/// The replica that signed another history is named, whether the log reaches so far or not.
#[test]
fn a_checkpoint_that_forks_is_named() {
    let root = copied();
    let leaves = read_leaves(&dir(root.path(), 2)).expect("a log").from_start();
    let mut forged = leaves[..512].to_vec();
    forged[300] = [7; 32];
    let signed = Checkpoint { origin: checkpoint::origin(&replicas::CLUSTER), size: 512, root: tree::root(&forged) };
    let note = root.path().join("n2.note");
    fs::write(&note, signed.cosign(&key(2), 1_700_000_000).to_text()).expect("room");
    let honest = dir(root.path(), 1).join("audit/checkpoint-00000000000000000512.note");
    let (status, said) = compared(root.path(), 3, &[honest.clone(), note.clone()]);
    let named =
        "n2.note: 512 entries, by ridethrough/test/n2 at 2023-11-14T22:13:20.000Z\n           A FORK: the log does not";
    assert!(status == 1 && said.contains(named), "{said}");
    assert_eq!(said.matches("A FORK").count(), 1, "{said}");
    rewrite(&dir(root.path(), 3), |records| records.retain(|record| record.index() < Some(400)));
    let (status, said) = compared(root.path(), 3, &[honest, note.clone()]);
    assert!(status == 1 && said.contains("A FORK: as many entries with another root in"), "{said}");
    // Nothing is said of what nobody who was named has signed, or of another log.
    fs::write(&note, signed.cosign(&key(9), 1).to_text()).expect("room");
    assert!(compared(root.path(), 1, std::slice::from_ref(&note)).1.contains("not judged: no witness that was named"));
    let foreign = Checkpoint { origin: checkpoint::origin(&[1; 16]), ..signed };
    fs::write(&note, foreign.cosign(&key(2), 1).to_text()).expect("room");
    let (status, said) = compared(root.path(), 1, &[note]);
    assert!(status == 1 && said.contains("NO CHECKPOINT of this log: is a checkpoint of another log"), "{said}");
}

#[test]
fn a_checkpoint_of_another_or_of_nobody_is_none() {
    let root = copied();
    let note = dir(root.path(), 1).join("audit/checkpoint-00000000000000000256.note");
    let text = fs::read_to_string(&note).expect("there");
    let forged = text.replacen("\n256\n", "\n255\n", 1);
    assert_ne!(forged, text);
    fs::write(&note, forged).expect("room");
    check(root.path(), &[1], 1, "a signature of the witness that it names");
    fs::remove_dir_all(dir(root.path(), 1).join("audit")).expect("there");
    check(root.path(), &[1], 1, "n1: no checkpoint there is signed by a witness that was named");
    let (status, said) = ridectl(&["audit", "verify", "n1", "--witness", "nobody"]);
    assert!(status == 2 && said.contains("no key: expected"), "{said}");
}

#[test]
fn one_entry_is_proved_without_the_log() {
    let root = copied();
    let (log, file) = (dir(root.path(), 2), root.path().join("300.tlog-proof"));
    let (log, proof) = (log.to_str().expect("text"), file.to_str().expect("text"));
    let (status, said) = ridectl(&["audit", "prove", "300", log, "--out", proof]);
    assert!(status == 0 && said.contains("entry      300 of the first 512"), "{said}");
    let witnesses = witnesses();
    let words: Vec<&str> = witnesses.iter().map(String::as_str).collect();
    let (status, said) = ridectl(&[&["audit", "check", proof], words.as_slice()].concat());
    assert!(status == 0 && said.contains("signed by  ridethrough/test/n2 at 20"), "{said}");
    assert_eq!(python(&[&["proof", proof], words.as_slice()].concat()).0, 0);
    assert_eq!(ridectl(&["audit", "check", proof, "--witness", &key(1).public().to_string()]).0, 1, "n1 did not sign");
    let (status, said) = ridectl(&["audit", "prove", "9999", log, "--out", "unused"]);
    assert!(status == 2 && said.contains("entry 9999 cannot be proved"), "{said}");
    // The same with another entry's bytes.
    let text = fs::read_to_string(&file).expect("there");
    let changed = text.replacen("index 300\n", "index 301\n", 1);
    assert_ne!(changed, text);
    fs::write(&file, changed).expect("room");
    let (status, said) = ridectl(&[&["audit", "check", proof], words.as_slice()].concat());
    assert!(status == 1 && said.contains("entry 301 is not what stands there"), "{said}");
    assert_eq!(python(&[&["proof", proof], words.as_slice()].concat()).0, 1);
}

/// Libraries that nobody here wrote judge what was written, and refuse it when anything is changed.
#[test]
fn other_libraries_judge_proofs_and_tiles_alike() {
    let root = copied();
    let (log, file) = (dir(root.path(), 1), root.path().join("300.tlog-proof"));
    let (log, proof) = (log.to_str().expect("text"), file.to_str().expect("text"));
    let vkeys: Vec<String> = (1..=3).map(|id| key(id).public().to_string()).collect();
    for (index, size) in [(0, 256), (255, 256), (300, 512)] {
        let _ = fs::remove_file(&file);
        assert_eq!(ridectl(&["audit", "prove", &index.to_string(), log, "--out", proof]).0, 0);
        let text = fs::read_to_string(&file).expect("there");
        assert_eq!(third_party::proof(&text, &vkeys), Ok((index, size)));
        assert!(third_party::proof(&text, &vkeys[1..]).is_err(), "n1 alone has signed it");
        let other = text.replacen(&format!("index {index}\n"), &format!("index {}\n", index + 1), 1);
        assert!(third_party::proof(&other, &vkeys).is_err(), "another place");
        let forged = text.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
        assert_ne!(forged, text);
        assert!(third_party::proof(&forged, &vkeys).is_err(), "another size than was signed");
        let extra = text.find("extra ").expect("an entry") + "extra ".len();
        let mut changed = text.into_bytes();
        changed[extra + 8] = if changed[extra + 8] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("text");
        assert!(third_party::proof(&changed, &vkeys).is_err(), "another entry");
    }
    let audit = dir(root.path(), 1).join("audit");
    assert!(third_party::first_tile(&audit, &vkeys));
    let tile = audit.join("tile/0/000");
    let mut bytes = fs::read(&tile).expect("there");
    bytes[77] ^= 1;
    fs::write(&tile, bytes).expect("room");
    assert!(!third_party::first_tile(&audit, &vkeys), "a tile that was changed");
}
