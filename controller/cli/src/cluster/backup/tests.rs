use ridethrough_core::device::Fence;
use ridethrough_pki::cluster_id;

use super::restore::restore;
use super::*;
use crate::audit::example::Growing;

const CLUSTER: &str = "backup test";

/// A replica's folder, its configuration, and a backup of it.
struct Site {
    home: TempDir,
}

impl Site {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let site = Self { home };
        Growing::eventful_in(cluster_id(CLUSTER)).write(&site.path("n1"));
        fs::write(site.path("n1/secret.key"), "never copied").expect("room");
        site.configure("n2.toml", CLUSTER);
        take(&site.path("n1"), &site.path("backup"), Output::Json).expect("a backup");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn configure(&self, name: &str, cluster: &str) {
        let text = format!("cluster = \"{cluster}\"\ndata_dir = \"n2\"\nreplica = 2\n");
        fs::write(self.path(name), text).expect("room");
    }

    fn restore(&self, above: Option<Fence>) -> Result<bool> {
        restore(&self.path("backup"), &self.path("n2.toml"), above, Output::Json)
    }

    /// The restoration is refused with these words, and leaves nothing behind.
    fn check(&self, expected: &str) {
        let error = format!("{:#}", self.restore(None).expect_err(expected));
        assert!(error.contains(expected), "expected `{expected}` in: {error}");
        let left: Vec<_> =
            fs::read_dir(self.home.path()).expect("listed").map(|item| item.expect("there").path()).collect();
        assert!(left.iter().all(|path| !path.display().to_string().contains(".ridectl-")), "{left:?}");
    }
}

#[test]
fn what_is_restored_is_what_was_saved_and_holds_no_key() {
    let site = Site::new();
    assert!(site.restore(None).expect("restored"));
    let (before, after) = (contents(&site.path("n1")).expect("read"), contents(&site.path("n2")).expect("read"));
    assert_eq!(before, after);
    assert!(!site.path("backup/secret.key").exists() && !site.path("n2/secret.key").exists());
    assert!(audit_faults(&site.path("n2")).is_empty());
    site.check("n2: is not empty");
}

#[test]
fn a_log_that_goes_on_above_a_fence_begins_above_it_in_term_and_index() {
    let site = Site::new();
    let before = contents(&site.path("n1")).expect("read");
    assert!(site.restore(Some(Fence { term: 40, index: 5_000 })).expect("restored"));
    let after = contents(&site.path("n2")).expect("read");
    assert_eq!((after.last_index, after.committed_index), (Some(5_000), before.committed_index));
    assert!(after.term > 40, "{after:?}");
    assert!(audit_faults(&site.path("n2")).is_empty());
}

#[test]
fn too_many_entries_to_fill_in_are_refused() {
    let site = Site::new();
    let error = site.restore(Some(Fence { term: 1, index: u64::MAX - 1 })).expect_err("too far").to_string();
    assert!(error.contains("at most 10000000 are put in"), "{error}");
    assert!(!site.path("n2").exists());
}

#[test]
fn every_file_of_a_backup_is_checked() {
    let site = Site::new();
    let segment =
        fs::read_dir(site.path("backup/log")).expect("listed").next().expect("a segment").expect("there").path();
    let whole = fs::read(&segment).expect("reads");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&segment, &damaged).expect("room");
    site.check("is damaged: its SHA-256 is another");
    fs::remove_file(&segment).expect("there");
    site.check(".seg: is missing");
    fs::write(&segment, &whole).expect("room");
    fs::write(site.path("backup/more"), "x").expect("room");
    site.check("more: is no part of the backup");
    fs::remove_file(site.path("backup/more")).expect("there");
    fs::write(site.path("backup/SHA256SUMS"), format!("{}  ../n1/site.toml\n", "0".repeat(64))).expect("room");
    site.check("SHA256SUMS:1: expected 64 hexadecimal digits");
    fs::remove_file(site.path("backup/SHA256SUMS")).expect("there");
    site.check("is this a backup?");
}

#[test]
fn another_cluster_and_a_name_that_is_taken_are_refused() {
    let site = Site::new();
    site.configure("n2.toml", "another cluster");
    site.check("is of cluster");
    fs::remove_file(site.path("n2.toml")).expect("there");
    site.check("n2.toml: cannot be read");
    let error = take(&site.path("n1"), &site.path("backup"), Output::Json).expect_err("taken").to_string();
    assert!(error.contains("nothing is ever written over"), "{error}");
    let error = format!("{:#}", take(&site.path("none"), &site.path("other"), Output::Json).expect_err("no log"));
    assert!(error.contains("no sound copy") && !site.path("other").exists(), "{error}");
}

#[test]
fn a_log_that_does_not_hold_is_not_restored_though_every_sum_is_right() {
    let site = Site::new();
    // Another site than the log was founded on, with sums that fit.
    let text = fs::read_to_string(site.path("backup/site.toml")).expect("reads");
    fs::write(site.path("backup/site.toml"), text.replace("limit_watts = 24000", "limit_watts = 23000")).expect("room");
    let sums = Sums::of(&site.path("backup")).expect("read");
    sums.write(&site.path("backup")).expect("room");
    site.check("the log in the backup does not hold");
}

fn audit_faults(dir: &Path) -> Vec<String> {
    crate::audit::faults(dir).expect("reads")
}
