use std::path::Path;

use ridethrough_witness::SigningKey;

use super::super::files;
use super::super::tests::{CLUSTER, key, payloads, signed_log, write_log};
use super::*;

/// A log of 300 entries, signed at 256 and at the end, with a tile for the first 256.
const ENTRIES: u64 = 300;

/// What is found when these directories are verified, without their names.
fn found(dirs: &[&Path], known: &WitnessKey) -> Vec<String> {
    let dirs: Vec<PathBuf> = dirs.iter().map(|dir| dir.to_path_buf()).collect();
    let verified = verify(&dirs, std::slice::from_ref(known)).expect("reads");
    assert_eq!(verified.holds(), verified.faults.is_empty());
    let nameless = |words: String, dir: &PathBuf| words.replace(&format!("{}: ", dir.display()), "");
    verified.faults.iter().map(|fault| dirs.iter().fold(fault.to_string(), nameless)).collect()
}

/// Changes the log after it was signed.
fn check(change: impl FnOnce(&mut Vec<Vec<u8>>), expected: &[&str]) {
    let mut payloads = payloads(ENTRIES);
    let dir = signed_log(&CLUSTER, &payloads);
    assert_eq!(found(&[dir.path()], &key().public()), [""; 0], "nothing was changed yet");
    change(&mut payloads);
    write_log(dir.path(), &CLUSTER, &payloads);
    assert_eq!(found(&[dir.path()], &key().public()), expected);
}

#[test]
fn the_entry_that_was_changed_is_named_with_what_happened_to_it() {
    let since = "since n1 signed the log of 256 entries";
    check(|log| log[7] = b"other".to_vec(), &[&format!("entry 7 was edited {since}")]);
    check(|log| log.swap(7, 90), &[&format!("entry 7 was swapped with entry 90 {since}")]);
    check(|log| log.insert(7, b"other".to_vec()), &[&format!("entry 7 was inserted {since}")]);
    let gone = "entry 299 is missing: n1 signed a log of 300 entries";
    let deleted = format!("entry 7 was deleted, and what follows moved up, {since}");
    check(|log| drop(log.remove(7)), &[&deleted, gone]);
    check(|log| log.truncate(200), &["entries 200 to 299 are missing: n1 signed a log of 300 entries"]);
}

#[test]
fn an_entry_that_no_tile_holds_is_named_by_a_sound_log_beside_it() {
    let between = "one of the entries 256 to 299 is not what n1 signed";
    check(|log| log[280] = b"other".to_vec(), &[between]);
    let mut changed = payloads(ENTRIES);
    let (sound, edited) = (signed_log(&CLUSTER, &changed), signed_log(&CLUSTER, &changed));
    changed[280] = b"other".to_vec();
    write_log(edited.path(), &CLUSTER, &changed);
    let expected = ["entry 280 was edited since n1 signed the log of 300 entries"];
    assert_eq!(found(&[edited.path(), sound.path()], &key().public()), expected);
}

#[test]
fn a_tile_that_does_not_give_the_signed_root_accuses_nobody() {
    let mut changed = payloads(ENTRIES);
    let dir = signed_log(&CLUSTER, &changed);
    let tile = files::tile(&dir.path().join(files::AUDIT_DIR), 0);
    let mut leaves = std::fs::read(&tile).expect("a tile");
    leaves[32 * 9] ^= 1;
    std::fs::write(&tile, leaves).expect("written");
    assert_eq!(found(&[dir.path()], &key().public()), [""; 0], "tiles are not signed and prove nothing");
    changed[7] = b"other".to_vec();
    write_log(dir.path(), &CLUSTER, &changed);
    assert_eq!(found(&[dir.path()], &key().public()), ["one of the entries 0 to 255 is not what n1 signed"]);
}

#[test]
fn checkpoints_of_strangers_other_sizes_and_other_logs_prove_nothing() {
    let dir = signed_log(&CLUSTER, &payloads(ENTRIES));
    let stranger = SigningKey::new("n9", [9; 32]).expect("a good name").public();
    let nobody = "no checkpoint there is signed by a witness that was named";
    assert_eq!(found(&[dir.path()], &stranger), [nobody]);
    let audit = dir.path().join(files::AUDIT_DIR);
    std::fs::copy(files::note(&audit, 256), files::note(&audit, 255)).expect("copied");
    let words = found(&[dir.path()], &key().public());
    assert!(words.len() == 1 && words[0].ends_with("is a checkpoint of 256 entries"), "{words:?}");
    let foreign = signed_log(&[2; 16], &payloads(256));
    std::fs::remove_file(files::note(&audit, 255)).expect("removed");
    std::fs::copy(files::note(&foreign.path().join(files::AUDIT_DIR), 256), files::note(&audit, 256)).expect("copied");
    let words = found(&[dir.path()], &key().public());
    assert!(words.len() == 1 && words[0].contains("is a checkpoint of another log"), "{words:?}");
    let both = [dir.path().to_path_buf(), foreign.path().to_path_buf()];
    assert!(matches!(verify(&both, &[key().public()]), Err(VerifyError::TwoClusters { .. })));
}

/// A witness that signs two logs is found out, whoever holds which of them.
#[test]
fn two_trees_of_one_size_are_a_fork() {
    let mut other = payloads(ENTRIES);
    other[299] = b"other".to_vec();
    let (one, two) = (signed_log(&CLUSTER, &payloads(ENTRIES)), signed_log(&CLUSTER, &other));
    let words = found(&[one.path(), two.path()], &key().public());
    assert_eq!(words, ["a fork: n1 and n1 have signed different logs of 300 entries"]);
}
