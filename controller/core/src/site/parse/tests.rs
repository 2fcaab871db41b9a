use super::*;

const GOOD: &str = r#"
name = "two racks"
[policy]
tick_ms = 100
margin_permille = 50
transfer_hold_ms = 8000
lease_ms = 1500
stale_after_ms = 500
branch_drop_permille = 30
path_drop_permille = 50
[[feed]]
id = "utility"
limit_watts = 100000
[[row]]
id = "A"
feed = "utility"
limit_watts = 60000
bus_volts = 800
[[rack]]
id = "A1"
row = "A"
limit_watts = 24000
[[rack]]
id = "A2"
row = "A"
limit_watts = 24000
[[server]]
id = "A1-s1"
rack = "A1"
rated_watts = 10400
[[server]]
id = "A2-s1"
rack = "A2"
rated_watts = 24000
[[kesm]]
id = "K1"
rack = "A2"
rated_watts = 50000
charge_rated_watts = 15000
capacity_joules = 2000000
reserve_joules = 600000
[[tie]]
id = "A1-A2"
between = ["A1", "A2"]
length_mm = 12000
resistance_microohm = 8400
rated_watts = 25000
"#;

fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "the test edits what is there");
    let error = Site::parse("site.toml", &GOOD.replacen(from, to, 1)).expect_err(expected).to_string();
    assert!(error.contains(expected), "expected `{expected}` in:\n{error}");
}

#[test]
fn a_good_site_is_read_whole() {
    let site = Site::parse("site.toml", GOOD).expect("good");
    assert_eq!(site.racks.len(), 2);
    assert_eq!(site.rack(RackId(0)).nameplate, Watts::new(10_400));
    assert_eq!(site.hold(RackId(0)), Watts::new(22_800));
    assert_eq!(site.ties[0].between, (RackId(0), RackId(1)));
    assert_eq!(site.devices().count(), 5);
}

#[test]
fn faults_name_file_line_and_field() {
    check("id = \"A2\"", "id = \"A1\"", "site.toml:24: rack.id: `A1` is already the id of the rack in line 20");
    check("[\"A1\", \"A2\"]", "[\"A1\", \"A9\"]", "site.toml:44: tie.between: there is no rack `A9` in this file");
    check("length_mm", "lenght_mm", "unknown field `lenght_mm`");
    check("limit_watts = 24000", "limit_watts = -1", "rack.limit_watts: -1, expected 1 to 1000000000");
    check("limit_watts = 24000", "limit_watts = \"24 kW\"", "invalid type: string");
    check("lease_ms = 1500", "lease_ms = 200", "policy.lease_ms: 200, expected at least three ticks");
    check("reserve_joules = 600000", "reserve_joules = 2000000", "kesm.reserve_joules");
    check("rack = \"A2\"", "", "missing field `rack`");
    check("name = \"two racks\"", "name = ", "site.toml:2");
}

#[test]
fn what_cannot_be_is_refused() {
    check("resistance_microohm = 8400", "resistance_microohm = -1", "site.toml:46: tie.resistance_microohm: -1");
    check("resistance_microohm = 8400", "resistance_microohm = 0", "tie.resistance_microohm: 0");
    check("capacity_joules = 2000000", "capacity_joules = 0", "site.toml:40: kesm.capacity_joules: 0, expected 1");
    check("reserve_joules = 600000", "reserve_joules = 2000001", "site.toml:41: kesm.reserve_joules: 2000001");
    check("[\"A1\", \"A2\"]", "[\"A1\", \"A1\"]", "site.toml:44: tie.between: both ends are `A1`");
    check("rack = \"A2\"", "rack = \"A1\"", "site.toml:24: rack.id: rack `A2` has no [[server]]");
}

#[test]
fn nothing_is_rated_above_its_breaker() {
    check(
        "rated_watts = 10400",
        "rated_watts = 24001",
        "site.toml:30: server.rated_watts: 24001, expected at most the limit_watts of rack `A1` (24000)",
    );
    check("charge_rated_watts = 15000", "charge_rated_watts = 24001", "site.toml:39: kesm.charge_rated_watts: 24001");
    check(
        "limit_watts = 24000",
        "limit_watts = 60001",
        "site.toml:22: rack.limit_watts: 60001, expected at most the limit_watts of row `A` (60000)",
    );
    check(
        "limit_watts = 60000",
        "limit_watts = 100001",
        "site.toml:17: row.limit_watts: 100001, expected at most the limit_watts of feed `utility` (100000)",
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let bad = GOOD.replace("tick_ms = 100", "tick_ms = 0").replace("length_mm = 12000", "length_mm = 0");
    assert_eq!(Site::parse("site.toml", &bad).expect_err("two bad quantities").faults.len(), 2);
}

#[test]
fn names_have_one_to_sixty_four_characters_and_a_file_has_its_end() {
    let named = |length: usize| {
        let text = GOOD.replace("\"A1-A2\"\nbetween", &format!("\"{}\"\nbetween", "ä".repeat(length)));
        Site::parse("site.toml", &text).is_ok()
    };
    assert!(named(1) && named(64) && !named(65) && !named(0));
    let long = |bytes: usize| {
        let text = format!("{GOOD}#{}", " ".repeat(bytes - GOOD.len() - 1));
        Site::parse("site.toml", &text).is_ok()
    };
    assert!(long(FILE_BYTES_MAX) && !long(FILE_BYTES_MAX + 1));
}

#[test]
fn a_lease_has_three_ticks_at_least() {
    let leased =
        |ms: i64| Site::parse("site.toml", &GOOD.replace("lease_ms = 1500", &format!("lease_ms = {ms}"))).is_ok();
    assert!(leased(300) && !leased(299));
}

#[test]
fn a_transfer_is_held_for_longer_than_a_lease() {
    let said = "policy.transfer_hold_ms: 1500, expected more than lease_ms (1500), so that a failover outlives no plan";
    check("transfer_hold_ms = 8000", "transfer_hold_ms = 1500", said);
    let longer = GOOD.replacen("transfer_hold_ms = 8000", "transfer_hold_ms = 1501", 1);
    assert_eq!(Site::parse("site.toml", &longer).expect("good").policy.transfer_hold, Millis::new(1_501));
}

#[test]
fn a_tie_joins_racks_of_one_row_wherever_they_stand_in_the_file() {
    let two_rows = GOOD.replace(
        "[[rack]]\nid = \"A2\"\nrow = \"A\"",
        "[[row]]\nid = \"B\"\nfeed = \"utility\"\nlimit_watts = 60000\nbus_volts = 800\n[[rack]]\nid = \"A2\"\nrow = \"B\"",
    );
    let told = |text: &str| Site::parse("site.toml", text).expect_err("two rows").to_string();
    assert!(told(&two_rows).contains("`A1` and `A2` stand in different rows"));
    let back = two_rows.replace("[\"A1\", \"A2\"]", "[\"A2\", \"A1\"]");
    assert!(told(&back).contains("`A2` and `A1` stand in different rows"));
    // Of a rack that is not there nobody can say where it stands.
    let nowhere = two_rows.replace("[\"A1\", \"A2\"]", "[\"A1\", \"A9\"]");
    assert!(!told(&nowhere).contains("different rows"));
}

#[test]
fn a_tie_in_a_file_without_racks_is_a_fault_and_no_panic() {
    let racks = GOOD.find("[[rack]]").expect("there");
    let tie = GOOD.find("[[tie]]").expect("there");
    let text = format!("{}{}", &GOOD[..racks], &GOOD[tie..]);
    assert!(Site::parse("site.toml", &text).expect_err("no racks").to_string().contains("no rack `A1`"));
}
