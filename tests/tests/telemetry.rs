//! A replica that really runs is killed without warning and started again; what all replicas recorded of the emulated
//! plant is read without damage and exported. That values survive the way is tested beside the recorder and the exporter.

use std::path::Path;
use std::time::Duration;

use ridethrough_tests::{alone, folder, run_within};

/// Longer than any run takes.
const DEADLINE: Duration = Duration::from_mins(5);

fn telemetry(verb: &str, data: &Path, more: &[&str]) -> serde_json::Value {
    let data = data.to_str().expect("a plain path");
    let words = [&["telemetry", verb, "--data-dir", data, "-o", "json"], more].concat();
    let ended = run_within(DEADLINE, "ridectl", &words);
    assert_eq!(ended.code(), 0, "{ended:?}");
    ended.json()
}

/// The demo kills its leader with SIGKILL and starts it again.
#[test]
fn what_a_killed_replica_recorded_is_exported() {
    let _alone = alone();
    let dir = folder();
    let kept = dir.path().join("demo");
    let words = ["demo", "--seconds", "60", "--keep", kept.to_str().expect("a plain path"), "--output", "json"];
    let demo = run_within(DEADLINE, "drill", &words);
    assert!(kept.join("n1/record").is_dir(), "{demo:?}");
    let mut restarted = 0;
    for replica in ["n1", "n2", "n3"] {
        let shown = telemetry("show", &kept.join(replica), &[]);
        let recorded = shown["replicas"].as_object().expect("replicas").values().next().expect("one").clone();
        assert!(recorded["rows"].as_u64().expect("a number") >= 10, "{shown}");
        assert_eq!(shown["damage"].as_array().map(Vec::len), Some(0), "{shown}");
        restarted += usize::from(recorded["segments"].as_u64() > Some(1));
        let out = dir.path().join(format!("out-{replica}"));
        let exported = telemetry("export", &kept.join(replica), &["--out", out.to_str().expect("a plain path")]);
        assert!(exported["rows"].as_u64() > recorded["rows"].as_u64(), "several racks are heard: {exported}");
        assert!(exported["files"].as_u64() >= Some(1) && out.is_dir());
    }
    assert!(restarted >= 1, "the killed replica began a second segment");
}
