//! The demo as a person starts it: a minute of recorded power, the leader killed half-way, and what must come of it. What
//! all replicas recorded meanwhile is read without damage and exported.

use std::path::Path;
use std::time::Duration;

use ridethrough_tests::{alone, folder, run_within};
use serde_json::Value;

/// The demo takes a minute and a half; only one that hangs meets this.
const DEADLINE: Duration = Duration::from_mins(6);
/// Every name of the summary; they are a contract.
const KEYS: &[&str] = &[
    "racks",
    "kesms",
    "seconds",
    "trips_without",
    "trips_with",
    "overload_seconds_without",
    "overload_seconds_with",
    "transfers_committed",
    "energy_moved_joules",
    "energy_lost_joules",
    "orders_acked",
    "orders_refused",
    "uncommitted_executed",
    "executed_twice",
    "fences_not_rising",
    "failovers",
    "failover_gap_ms",
    "transfers_at_kill",
    "transfers_kept",
    "energy_balance_error",
    "audit_entries",
    "audit_verified",
    "forecast_source",
    "plant_lag_ms",
];

#[test]
fn a_minute_with_a_killed_leader_passes() {
    let _alone = alone();
    let home = folder();
    let kept = home.path().join("demo");
    let words = ["demo", "--seconds", "60", "--keep", plain(&kept), "--output", "json"];
    let ended = run_within(DEADLINE, "drill", &words);
    assert_eq!(ended.code(), 0, "{ended:?}");
    let summary = ended.json();
    println!("{summary:#}");
    let missing: Vec<_> = KEYS.iter().filter(|key| summary.get(**key).is_none()).collect();
    assert!(missing.is_empty(), "the summary has lost {missing:?}");
    let number = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key} is no number: {summary:#}"));
    let check = |key: &str, holds: fn(f64) -> bool| {
        assert!(holds(number(key)), "{key} is {}: {summary:#}", summary[key]);
    };
    check("racks", |racks| racks >= 24.0);
    check("kesms", |kesms| kesms >= 8.0);
    check("seconds", |seconds| seconds >= 60.0);
    check("trips_without", |trips| trips >= 3.0);
    check("trips_with", |trips| trips == 0.0);
    check("transfers_committed", |transfers| transfers >= 1.0);
    check("energy_moved_joules", |joules| joules > 0.0);
    check("energy_lost_joules", |joules| joules > 0.0);
    check("orders_acked", |orders| orders >= 1.0);
    check("uncommitted_executed", |orders| orders == 0.0);
    check("executed_twice", |orders| orders == 0.0);
    check("fences_not_rising", |fences| fences == 0.0);
    check("failover_gap_ms", |gap| gap > 0.0);
    check("transfers_kept", |transfers| transfers >= 1.0);
    check("energy_balance_error", |share| share < 0.001);
    check("audit_entries", |entries| entries >= 1.0);
    assert_eq!(summary["failovers"], Value::from(1), "{summary:#}");
    assert_eq!(summary["audit_verified"], Value::Bool(true), "{summary:#}");
    assert!(number("overload_seconds_with") < number("overload_seconds_without"), "{summary:#}");
    check_records(&kept);
}

/// That values survive the way is tested beside the recorder and the exporter.
fn check_records(kept: &Path) {
    let mut restarted = 0;
    for replica in ["n1", "n2", "n3"] {
        let shown = telemetry("show", &kept.join(replica), &[]);
        let recorded = shown["replicas"].as_object().expect("replicas").values().next().expect("one").clone();
        assert!(recorded["rows"].as_u64().expect("a number") >= 10, "{shown}");
        assert_eq!(shown["damage"].as_array().map(Vec::len), Some(0), "{shown}");
        restarted += usize::from(recorded["segments"].as_u64() > Some(1));
        let out = kept.join(format!("out-{replica}"));
        let exported = telemetry("export", &kept.join(replica), &["--out", plain(&out)]);
        assert!(exported["rows"].as_u64() > recorded["rows"].as_u64(), "several racks are heard: {exported}");
        assert!(exported["files"].as_u64() >= Some(1) && out.is_dir());
    }
    assert!(restarted >= 1, "the killed replica began a second segment");
}

fn telemetry(verb: &str, data: &Path, more: &[&str]) -> Value {
    let words = [&["telemetry", verb, "--data-dir", plain(data), "-o", "json"], more].concat();
    let ended = run_within(DEADLINE, "ridectl", &words);
    assert_eq!(ended.code(), 0, "{ended:?}");
    ended.json()
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
