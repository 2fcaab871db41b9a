use std::time::Duration;

use ridethrough_core::units::Millis;

use super::*;
use crate::tree::Tree;

const README: &str = include_str!("../../README.md");

fn agent(began: Instant) -> Agent {
    let [description, contact, name, location] = ["Ridethrough", "ops", "n1", "hall 1"].map(String::from);
    Agent { description, contact, name, location, began }
}

fn ups() -> Ups {
    Ups { name: "demo".into(), model: "site".into(), attached: "9 servers".into() }
}

fn shown(now: Instant) -> UpsShown {
    let alarm = |id, kind, began| AlarmShown { id, kind, began };
    UpsShown {
        source: Source::Battery,
        low: false,
        on_battery: Millis::new(9_900),
        runtime: Some(Millis::seconds(119)),
        charge_percent: Some(64),
        input_bads: 2,
        inputs: vec![None, Some(Watts::new(1_500)), Some(Watts::new(-20))],
        load: Some(Watts::new(20_001)),
        limit: Watts::new(24_000),
        alarms: vec![
            alarm(40, WellKnown::OnBattery, Some(now)),
            alarm(70, WellKnown::GeneralFault, now.checked_sub(Duration::from_hours(1))),
            alarm(90, WellKnown::OutputOverload, None),
        ],
    }
}

/// Everything that is told, as `33.1.2.1.0 = Integer(2)`.
fn told(shown: Option<&UpsShown>) -> Vec<String> {
    let began = Instant::now();
    let now = began + Duration::from_millis(12_340);
    let tree = Tree::new(Seen { agent: &agent(began), ups: &ups(), shown, now });
    let line = |bound: &async_snmp::VarBind| format!("{} = {:?}", bound.oid.to_string().split_off(12), bound.value);
    tree.all().iter().map(line).collect()
}

fn check(shown: Option<&UpsShown>, object: &str, expected: Option<&str>) {
    let all = told(shown);
    let found = all.iter().find_map(|line| line.strip_prefix(&format!("{object} = ")));
    assert_eq!(found, expected, "{object} of {all:#?}");
}

#[test]
fn the_page_has_every_object_and_no_other() {
    let row = |object: &Object| {
        let numbers: Vec<String> = object.under.iter().map(u32::to_string).collect();
        format!("| `{}` | {} | {} |\n", object.name, numbers.join("."), object.what)
    };
    let table = format!(
        "| object | under `1.3.6.1.2.1` | is |\n|---|---|---|\n{}\n",
        OBJECTS.iter().map(row).collect::<String>()
    );
    assert!(README.contains(&table), "README.md has no such table:\n{table}");
}

#[test]
fn objects_stand_in_the_order_of_their_names_and_so_does_what_there_is() {
    assert!(OBJECTS.is_sorted_by(|one, next| one.oid() < next.oid()));
    let began = Instant::now();
    let shown = shown(began);
    let tree = Tree::new(Seen { agent: &agent(began), ups: &ups(), shown: Some(&shown), now: began });
    assert!(tree.all().is_sorted_by(|one, next| one.oid < next.oid));
    for bound in tree.all() {
        assert_eq!(tree.get(&bound.oid), *bound);
    }
}

#[test]
fn numbers_are_told_as_the_mib_wants_them() {
    let now = Instant::now();
    let ups = shown(now);
    let ups = Some(&ups);
    check(ups, "1.3.0", Some("TimeTicks(1234)"));
    check(ups, "33.1.2.1.0", Some("Integer(2)"));
    check(ups, "33.1.2.2.0", Some("Integer(9)"));
    check(ups, "33.1.2.3.0", Some("Integer(1)"));
    check(ups, "33.1.2.4.0", Some("Integer(64)"));
    check(ups, "33.1.3.1.0", Some("Counter32(2)"));
    check(ups, "33.1.3.2.0", Some("Integer(3)"));
    check(ups, "33.1.3.3.1.5.1", None);
    check(ups, "33.1.3.3.1.5.2", Some("Integer(1500)"));
    check(ups, "33.1.3.3.1.5.3", Some("Integer(0)"));
    check(ups, "33.1.4.1.0", Some("Integer(5)"));
    check(ups, "33.1.4.4.1.4.1", Some("Integer(20001)"));
    check(ups, "33.1.4.4.1.5.1", Some("Integer(84)"));
    check(ups, "33.1.6.1.0", Some("Gauge32(3)"));
    check(ups, "33.1.6.2.1.3.40", Some("TimeTicks(0)"));
    check(ups, "33.1.6.2.1.3.70", Some("TimeTicks(0)"));
    check(ups, "33.1.9.6.0", Some("Integer(24000)"));
    assert_eq!(told(ups).iter().filter(|line| line.contains("1.3.6.1.2.1.33.1.6.3.8)")).count(), 1, "{:?}", told(ups));
}

#[test]
fn a_battery_is_what_has_been_decided_and_then_what_is_known() {
    let now = Instant::now();
    let status = |low, charge_percent, expected| {
        let ups = UpsShown { low, charge_percent, ..shown(now) };
        check(Some(&ups), "33.1.2.1.0", Some(expected));
    };
    status(true, None, "Integer(3)");
    status(true, Some(0), "Integer(3)");
    status(false, None, "Integer(1)");
    status(false, Some(0), "Integer(4)");
    status(false, Some(1), "Integer(2)");
}

#[test]
fn what_is_not_known_is_not_told_and_what_does_not_fit_is_the_nearest() {
    let now = Instant::now();
    let ups = UpsShown {
        runtime: Some(Millis::seconds(59)),
        charge_percent: None,
        load: None,
        inputs: vec![Some(Watts::new(i64::MAX))],
        limit: Watts::ZERO,
        alarms: Vec::new(),
        ..shown(now)
    };
    for object in ["33.1.2.3.0", "33.1.2.4.0", "33.1.4.4.1.4.1", "33.1.4.4.1.5.1", "33.1.6.2.1.2.40"] {
        check(Some(&ups), object, None);
    }
    check(Some(&ups), "33.1.3.3.1.5.1", Some("Integer(2147483647)"));
    check(Some(&ups), "33.1.6.1.0", Some("Gauge32(0)"));
    let ups = UpsShown { load: Some(Watts::new(90_000)), ..shown(now) };
    check(Some(&ups), "33.1.4.4.1.5.1", Some("Integer(200)"));
    let ups = UpsShown { load: Some(Watts::new(1)), limit: Watts::ZERO, ..shown(now) };
    check(Some(&ups), "33.1.4.4.1.5.1", None);
}

#[test]
fn of_a_ups_that_is_not_known_nothing_is_told_but_that() {
    let changes: Vec<String> = told(None).into_iter().filter(|line| !line.starts_with("1.")).collect();
    let expected = [
        "33.1.1.1.0",
        "33.1.1.2.0",
        "33.1.1.3.0",
        "33.1.1.4.0",
        "33.1.1.5.0",
        "33.1.1.6.0",
        "33.1.2.1.0",
        "33.1.5.2.0",
        "33.1.6.1.0",
        "33.1.6.2.1.2.1",
        "33.1.6.2.1.3.1",
    ];
    let names: Vec<&str> = changes.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, expected);
    check(None, "33.1.2.1.0", Some("Integer(1)"));
    check(None, "33.1.6.1.0", Some("Gauge32(1)"));
    check(None, "33.1.6.2.1.3.1", Some("TimeTicks(0)"));
    assert!(told(None).iter().any(|line| line.contains("1.3.6.1.2.1.33.1.6.3.20)")), "it is not heard");
}

#[test]
fn time_begins_again_and_text_is_ascii() {
    let began = Instant::now();
    let agent = agent(began);
    assert_eq!(agent.ticks(began + Duration::from_millis(10 * (1 << 32) + 70)), 7);
    assert_eq!(agent.ticks(began.checked_sub(Duration::from_secs(1)).unwrap_or(began)), 0);
    assert_eq!(text("Ä 1\n"), Value::from("? 1?"));
}
