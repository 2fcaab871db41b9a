//! The demo as a person starts it: a minute of recorded power, the leader killed half-way, and what must come of it.

use std::time::Duration;

use ridethrough_tests::{alone, run_within};
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
    let ended = run_within(DEADLINE, "drill", &["demo", "--seconds", "60", "--output", "json"]);
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
}
