//! Sealed segments of three real replicas' logs, copied away and removed: `ridectl audit archive` and `prune`, and what the
//! audit says of folder and archive afterwards.

mod replicas;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ridethrough_raft::LogSize;
use tempfile::TempDir;

use self::replicas::{copy_all, dir, key};

static ORIGINAL: OnceLock<TempDir> = OnceLock::new();

/// A copy of n1's folder, whose log is some twenty segments behind a snapshot, and a place for its archive.
struct Site {
    home: TempDir,
}

impl Site {
    fn new() -> Self {
        let log = LogSize { segment_bytes: 4 << 10, ..LogSize::default() };
        let original = ORIGINAL.get_or_init(|| replicas::make(log, true));
        let home = tempfile::tempdir().expect("a folder");
        copy_all(&dir(original.path(), 1), &home.path().join("n1"));
        Self { home }
    }

    fn n1(&self) -> PathBuf {
        self.home.path().join("n1")
    }

    fn archive(&self) -> PathBuf {
        self.home.path().join("kept/n1")
    }

    /// Runs `ridectl audit` with these words; folders are given as `N1` and `ARCHIVE`, n1's public key as `KEY`.
    fn audit(&self, words: &str) -> (i32, String) {
        let (n1, archive) = (self.n1(), self.archive());
        let key = key(1).public().to_string();
        let word = |word: &str| match word {
            "N1" => n1.display().to_string(),
            "ARCHIVE" => archive.display().to_string(),
            "KEY" => key.clone(),
            other => other.to_owned(),
        };
        let words = words.split_whitespace().map(word);
        let output = Command::new(env!("CARGO_BIN_EXE_ridectl")).arg("audit").args(words).output().expect("runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().expect("ends by itself"), String::from_utf8(said).expect("text"))
    }

    fn check(&self, words: &str, status: i32, expected: &str) -> String {
        let (found, said) = self.audit(words);
        assert!(
            found == status && said.contains(expected),
            "{words}: expected {status}, `{expected}`; {found}:\n{said}"
        );
        said
    }

    fn segments(&self) -> Vec<PathBuf> {
        segments(&self.n1())
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir.join("log")).expect("listed").map(|item| item.expect("listed").path());
    let mut segments: Vec<PathBuf> = listed.filter(|file| file.extension().is_some_and(|end| end == "seg")).collect();
    segments.sort();
    segments
}

const ARCHIVE: &str = "archive --data-dir N1 --to ARCHIVE";
const PRUNE: &str = "prune --data-dir N1 --archive ARCHIVE --witness KEY --keep 0";
const VERIFY: &str = "verify N1 --witness KEY";

#[test]
fn what_is_archived_can_go_and_the_audit_sees_all_of_it() {
    let site = Site::new();
    let (log, explained) = (site.check("log --dir N1 -o json", 0, "["), site.check("show 5 --dir N1", 0, "index"));
    let before = site.segments().len();
    site.check(ARCHIVE, 0, &format!("{0} sealed segments, {0} of them new", before - 1));
    site.check(ARCHIVE, 0, "0 of them new");
    site.check("verify ARCHIVE --witness KEY", 0, "verdict    VERIFIED");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/audit/verify_audit.py");
    let mut other = Command::new("python3");
    other.arg(script).arg("log").arg(site.archive()).args(["--witness", &key(1).public().to_string()]);
    let judged = other.output().expect("the second verifier runs");
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    let would = site.check(&format!("{PRUNE} --dry-run"), 0, "would be");
    assert_eq!(site.segments().len(), before, "{would}");
    let said = site.check(PRUNE, 0, "done");
    let left = site.segments().len();
    assert!(left < before / 2 && said.contains(&format!("{} segments removed", before - left)), "{left}: {said}");
    assert!(said.contains("no checkpoint in the archive covers what comes next"), "{said}");
    // Folder and archive together are what there was.
    site.check(VERIFY, 0, "verdict    VERIFIED");
    assert_eq!(site.check("log --dir N1 -o json", 0, "["), log);
    assert_eq!(site.check("show 5 --dir N1", 0, "index"), explained);
    // And again, with nothing more to do.
    site.check(ARCHIVE, 0, "0 of them new");
    site.check(PRUNE, 0, "0 segments removed");
}

#[test]
fn without_its_archive_a_folder_says_what_it_lacks() {
    let site = Site::new();
    site.check(ARCHIVE, 0, "done");
    site.check(PRUNE, 0, "done");
    fs::rename(site.archive(), site.home.path().join("elsewhere")).expect("moved");
    site.check("log --dir N1", 2, "lead to the archive");
    site.check(VERIFY, 1, "does not hold the entries up to");
    // Whoever has a copy of both shows the way.
    fs::remove_file(site.n1().join("archive")).expect("the link");
    std::os::unix::fs::symlink(site.home.path().join("elsewhere"), site.n1().join("archive")).expect("linked");
    site.check(VERIFY, 0, "verdict    VERIFIED");
}

#[test]
fn what_is_to_stay_stays_and_what_is_not_archived_too() {
    let site = Site::new();
    let before = site.segments().len();
    site.check("prune --data-dir N1 --archive ARCHIVE --witness KEY", 2, "kept/n1: cannot be read");
    site.check(ARCHIVE, 0, "done");
    site.check(&format!("prune --data-dir N1 --archive ARCHIVE --witness KEY --keep {before}"), 0, "(--keep)");
    assert_eq!(site.segments().len(), before);
    let third = site.archive().join("log").join(site.segments()[2].file_name().expect("a name"));
    let put_aside = site.home.path().join("third");
    fs::rename(&third, &put_aside).expect("moved");
    let (status, said) = site.audit(PRUNE);
    assert!(status == 2 && said.contains("is missing"), "an archive with a hole is none: {said}");
    assert_eq!(site.segments().len(), before);
    fs::rename(&put_aside, &third).expect("moved back");
    site.check(PRUNE, 0, "done");
}

#[test]
fn an_archive_that_is_not_what_was_signed_lets_nothing_go() {
    let site = Site::new();
    site.check(ARCHIVE, 0, "done");
    let before = site.segments().len();
    // Another replica's key: nobody who was named vouches for anything.
    let other = PRUNE.replace("KEY", &key(2).public().to_string());
    site.check(&other, 1, "no checkpoint there is signed by a witness that was named");
    // Somebody has changed what lies there; the replica's own folder still has what was signed.
    let file = site.archive().join("log").join(site.segments()[1].file_name().expect("a name"));
    let mut bytes = fs::read(&file).expect("reads");
    bytes[200] ^= 1;
    fs::write(&file, bytes).expect("written");
    let (status, said) = site.audit(PRUNE);
    assert!(status != 0 && said.contains("checksum"), "{said}");
    site.check(ARCHIVE, 2, "nothing is ever written over");
    assert_eq!(site.segments().len(), before);
}

#[test]
fn an_archive_belongs_to_one_replica_and_lies_elsewhere() {
    let site = Site::new();
    fs::write(site.n1().join("replica"), "1\n").expect("room");
    site.check(ARCHIVE, 0, "done");
    fs::write(site.n1().join("replica"), "2\n").expect("room");
    site.check(ARCHIVE, 2, "this is the archive of another log");
    site.check("archive --data-dir N1 --to N1", 2, "lies in the replica's own folder");
}

/// As the runbook says how to go back.
#[test]
fn segments_that_are_copied_back_are_a_whole_log_again() {
    let site = Site::new();
    let before = site.segments();
    site.check(ARCHIVE, 0, "done");
    site.check(PRUNE, 0, "done");
    let backup = site.home.path().join("backup");
    let mut take = Command::new(env!("CARGO_BIN_EXE_ridectl"));
    let taken = take.args(["cluster", "backup", "--data-dir"]).arg(site.n1()).arg("--to").arg(&backup).output();
    assert!(taken.expect("runs").status.success(), "a backup without the older segments is one");
    assert!(backup.join("log/base").exists() && !backup.join("archive").exists());
    for file in segments(&site.archive()) {
        fs::copy(&file, site.n1().join("log").join(file.file_name().expect("a name"))).expect("copied");
    }
    for gone in ["log/base", "archive"] {
        fs::remove_file(site.n1().join(gone)).expect("was there");
    }
    assert_eq!(site.segments(), before);
    site.check(VERIFY, 0, "verdict    VERIFIED");
}

/// The place of the archive is lost, and another one is begun after segments have gone: it begins where the log does.
#[test]
fn a_new_archive_goes_on_where_an_old_one_ended() {
    let site = Site::new();
    site.check(ARCHIVE, 0, "done");
    site.check(PRUNE, 0, "done");
    fs::remove_file(site.n1().join("archive")).expect("the link");
    fs::rename(site.archive(), site.home.path().join("first")).expect("moved");
    let said = site.check(ARCHIVE, 0, "done");
    assert!(!said.contains("entries 0 to"), "{said}");
    assert!(site.archive().join("log/base").exists());
}
