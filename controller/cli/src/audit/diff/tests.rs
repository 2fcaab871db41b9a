use ridethrough_core::command::{Action, ReleaseReason};
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::KesmId;
use tempfile::TempDir;

use super::super::example::{Growing, granting, release};
use super::super::export::Format;
use super::super::filter::Filter;
use super::super::{Source, export, history};
use super::*;

fn written(log: Growing) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder for a test");
    log.write(dir.path());
    dir
}

/// Two logs with the same beginning; entry 3 differs.
fn forked() -> (TempDir, TempDir) {
    let begun = |watts| {
        let mut log = Growing::founded();
        log.commit(1_000, granting(4_000));
        log.commit(2_000, granting(watts));
        log
    };
    let mut longer = begun(5_000);
    longer.commit(3_000, release(ReleaseReason::ForecastFell));
    (written(longer), written(begun(6_000)))
}

fn report(a: &Path, b: &Path) -> Report {
    let read = |path: &Path| Side::read(path, None).expect("read");
    compare(&read(a), &read(b)).expect("of one cluster")
}

fn exported(dir: &TempDir, filter: &Filter) -> std::path::PathBuf {
    let source = Source { dir: vec![dir.path().to_path_buf()], site: None };
    let out = dir.path().join("export.jsonl");
    let history = history::open(&source).expect("a log");
    assert!(export::run(&history, filter, Format::Jsonl, &out, Output::Json).expect("exported"));
    out
}

#[test]
fn the_first_entry_that_differs_is_told_field_by_field() {
    let (a, b) = forked();
    let found = report(a.path(), b.path());
    assert!(!found.same);
    assert_eq!((found.compared, found.differing, found.same_up_to), (4, 1, Some(2)));
    let said = words(&found);
    for expected in [
        "same       all that both hold up to entry 2 (4 entries compared)",
        "differs    entry 3\n",
        "  plan.grants[0].legs[0].delivered_watts\n    a: 5000\n    b: 6000",
        "    a: transfer  3.0 to A1 from K1 via A1-A2: up to 5.0 kW",
        "only in a  entry 4",
        "verdict    NOT THE SAME",
    ] {
        assert!(said.contains(expected), "{expected} in:\n{said}");
    }
    assert!(!said.contains("plan.grants[0].rack\n"), "what is the same is not told:\n{said}");
}

#[test]
fn a_log_that_goes_on_longer_is_the_same() {
    let (short, long) = (written(Growing::founded()), written(Growing::eventful()));
    let found = report(short.path(), long.path());
    assert!(found.same && found.first_difference.is_none());
    assert_eq!((found.compared, found.same_up_to), (2, Some(1)));
    assert!(words(&found).contains("only in b  entries 2 to 10\nverdict    SAME"), "{}", words(&found));
}

#[test]
fn an_export_is_compared_like_its_log() {
    let (a, b) = forked();
    let whole = exported(&a, &Filter::default());
    assert!(report(a.path(), &whole).same);
    let found = report(&whole, b.path());
    assert!(!found.same && words(&found).contains("    a: 5000\n    b: 6000"), "{}", words(&found));
    let some = exported(&b, &Filter { rack: Some("A1".into()), ..Filter::default() });
    let found = report(b.path(), &some);
    assert!(found.same && words(&found).contains("only in a  entries 0 to 1"), "{}", words(&found));
    std::fs::write(&some, "{\"index\": 1}\n").expect("room");
    let error = Side::read(&some, None).err().expect("no export").to_string();
    assert!(error.contains("line 1 is no entry of `ridectl audit export"), "{error}");
    std::fs::write(&some, "{\"index\": 1").expect("room");
    let error = Side::read(&some, None).err().expect("cut off").to_string();
    assert!(error.contains("line 1 is cut off"), "{error}");
}

#[test]
fn what_is_not_committed_may_differ() {
    let side = |committed_index, path: &TempDir| {
        let read = Side::read(path.path(), None).expect("read");
        Side { committed_index, ..read }
    };
    let (a, b) = forked();
    let found = compare(&side(2, &a), &side(1, &b)).expect("of one cluster");
    assert!(!found.same && words(&found).contains("entry 3; neither vouches for it as committed"), "{}", words(&found));
    assert!(!words(&report(a.path(), b.path())).contains("neither"), "both vouch for it");
}

#[test]
fn two_clusters_and_two_sites_are_refused() {
    let (a, b) = (written(Growing::eventful()), written(Growing::eventful()));
    let read = |path: &TempDir| Side::read(path.path(), None).expect("read");
    let foreign = Side { cluster: Some("00".repeat(16)), ..read(&b) };
    let error = compare(&read(&a), &foreign).err().expect("refused").to_string();
    assert!(error.contains("are logs of two clusters"), "{error}");
    let file = b.path().join("site.toml");
    let text = std::fs::read_to_string(&file).expect("there");
    std::fs::write(&file, text + "# changed\n").expect("room");
    let error = compare(&read(&a), &read(&b)).err().expect("refused").to_string();
    assert!(error.contains("have site files that differ"), "{error}");
}

#[test]
fn nothing_in_common_and_a_hole_are_no_agreement() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for index in 0..9u8 {
        let list = if index % 2 == 0 { &mut a } else { &mut b };
        list.push((u64::from(index), [index; 32]));
    }
    let merged = Merged::of(&a, &b);
    assert_eq!((merged.compared, merged.only_in_a.len(), merged.only_in_b.len()), (0, 5, 4));
    let mut log = Growing::founded();
    log.operate(1_000, Action::Hold(DeviceId::Kesm(KesmId(0))));
    let dir = written(log);
    let read = || Side::read(dir.path(), None).expect("read");
    assert!(compare(&read(), &read()).expect("of one cluster").same);
    let holed = Side { missing: vec![(1, 1)], ..read() };
    let found = compare(&read(), &holed).expect("of one cluster");
    assert!(!found.same && words(&found).contains("NOT IN b   entry 1"), "{}", words(&found));
}
