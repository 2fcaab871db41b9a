use serde_json::{Value, json};

use super::*;
use crate::path::Sensed;
use crate::sample;
use crate::shown::{OutletShown, RackShown};
use crate::tree::{Kesm, RackPlace};

fn told(shown: Option<&Shown>, resource: &Resource) -> Result<Value, Untold> {
    let (tree, limits) = (sample::tree(), Limits::default());
    let sources = Sources { tree: &tree, shown, sessions: &[], skip: 0, limits: &limits };
    write(&sources, resource).map(|body| serde_json::from_slice(&body).expect("JSON"))
}

fn known(resource: &Resource) -> Value {
    told(Some(&sample::shown()), resource).expect("told")
}

const HEARD: Rack = Rack(0);
const SILENT: Rack = Rack(1);

#[test]
fn a_rack_says_what_is_measured_and_links_to_the_rest() {
    let chassis = known(&Resource::Chassis(HEARD));
    assert_eq!((&chassis["Id"], &chassis["ChassisType"]), (&json!("A1"), &json!("Rack")));
    assert_eq!(chassis["Status"], json!({"State": "Enabled", "Health": "OK"}));
    assert_eq!(chassis["Links"]["PowerDistribution"]["@odata.id"], "/redfish/v1/PowerEquipment/RackPDUs/A1");
    let pdu = known(&Resource::Pdu(HEARD));
    assert_eq!(pdu["Location"]["Placement"], json!({"Row": "A", "Rack": "A1"}));
    let main = known(&Resource::Main(HEARD));
    assert_eq!((&main["PowerWatts"]["Reading"], &main["PowerLoadPercent"]["Reading"]), (&json!(18_000), &json!(75)));
    assert_eq!(main["BreakerState"], "Normal");
    let environment = known(&Resource::Environment(HEARD));
    assert_eq!(environment["PowerLimitWatts"], json!({"ControlMode": "Automatic", "SetPoint": 21_000}));
    assert_eq!(environment["PowerWatts"]["DataSourceUri"], "/redfish/v1/Chassis/A1/Sensors/Load");
}

#[test]
fn what_nobody_knows_is_null_and_never_a_number() {
    for (resource, property) in [
        (Resource::Main(SILENT), "PowerWatts"),
        (Resource::Main(SILENT), "PowerLoadPercent"),
        (Resource::PduMetrics(SILENT), "PowerWatts"),
        (Resource::Environment(SILENT), "PowerWatts"),
        (Resource::BatteryMetrics(Kesm(1)), "StoredEnergyWattHours"),
        (Resource::BatteryMetrics(Kesm(1)), "ChargePercent"),
        (Resource::Outlet(SILENT, 0), "PowerWatts"),
    ] {
        assert_eq!(known(&resource)[property]["Reading"], Value::Null, "{resource:?}");
    }
    for sensed in Sensed::all(&sample::tree(), SILENT) {
        let sensor = known(&Resource::Sensor(SILENT, sensed));
        assert_eq!((&sensor["Reading"], &sensor["Status"]), (&Value::Null, &json!({"State": "UnavailableOffline"})));
    }
    assert_eq!(known(&Resource::Main(SILENT))["BreakerState"], Value::Null);
    assert_eq!(known(&Resource::Battery(Kesm(1)))["ChargeState"], Value::Null);
    assert_eq!(known(&Resource::Outlet(SILENT, 0))["PowerState"], Value::Null);
    let limit = &known(&Resource::Environment(SILENT))["PowerLimitWatts"];
    assert_eq!(*limit, json!({"ControlMode": "Disabled", "SetPoint": null}));
    assert_eq!(
        known(&Resource::Chassis(SILENT))["Status"],
        json!({"State": "Enabled"}),
        "it stands there all the same"
    );
}

#[test]
fn a_module_is_a_battery_with_its_charge() {
    let battery = known(&Resource::Battery(Kesm(0)));
    assert_eq!((&battery["CapacityActualWattHours"], &battery["ChargeState"]), (&json!(500), &json!("Charging")));
    let metrics = known(&Resource::BatteryMetrics(Kesm(0)));
    assert_eq!(metrics["StoredEnergyWattHours"]["Reading"], 250);
    assert_eq!(metrics["ChargePercent"]["Reading"], 50);
    let supply = known(&Resource::Sensor(HEARD, Sensed::Supply(Kesm(0))));
    assert_eq!((&supply["Reading"], &supply["ReadingUnits"]), (&json!(-2_000), &json!("W")));
    let draw = known(&Resource::Sensor(HEARD, Sensed::Draw));
    assert_eq!(draw["Thresholds"]["UpperCritical"], json!({"Reading": 24_000, "Activation": "Increasing"}));
}

#[test]
fn outlets_say_whom_they_feed_and_whether_they_are_open() {
    let shown = Shown { outlets: vec![Some(OutletShown::Unmetered); 3], ..sample::shown() };
    let (feeds, open) = (known(&Resource::Outlet(HEARD, 0)), known(&Resource::Outlet(HEARD, 1)));
    let unmetered = told(Some(&shown), &Resource::Outlet(HEARD, 0)).expect("told");
    assert_eq!((&feeds["Id"], &feeds["ElectricalConsumerNames"]), (&json!("1"), &json!(["A1-s0"])));
    assert_eq!((&feeds["PowerState"], &feeds["PowerWatts"]["Reading"]), (&json!("On"), &json!(3_100)));
    assert_eq!((&open["PowerState"], &open["PowerWatts"]["Reading"]), (&json!("Off"), &json!(0)));
    assert_eq!((&unmetered["PowerState"], &unmetered["PowerWatts"]["Reading"]), (&Value::Null, &Value::Null));
    assert_eq!(unmetered["Status"]["State"], "Enabled", "it is heard");
}

#[test]
fn how_something_stands_is_said_in_the_standards_words() {
    let status = |pdu, tripped, at_risk| {
        let mut shown = sample::shown();
        shown.racks[0] = RackShown { pdu, at_risk, tripped, ..shown.racks[0] };
        let pdu = told(Some(&shown), &Resource::Pdu(HEARD)).expect("told");
        let main = told(Some(&shown), &Resource::Main(HEARD)).expect("told");
        (pdu["Status"].clone(), main["BreakerState"].clone())
    };
    let is = |state: &str, health: &str| json!({"State": state, "Health": health});
    assert_eq!(status(Device::Heard, true, false), (is("Enabled", "Critical"), json!("Tripped")));
    assert_eq!(status(Device::Heard, false, true), (is("Enabled", "Warning"), json!("Normal")));
    assert_eq!(status(Device::Held, false, false), (is("Quiesced", "OK"), json!("Normal")));
    assert_eq!(status(Device::Quarantined, false, false), (is("Enabled", "Warning"), json!("Normal")));
    assert_eq!(status(Device::Quarantined, true, false).0, is("Enabled", "Critical"));
    assert_eq!(status(Device::Silent, true, false), (json!({"State": "UnavailableOffline"}), json!("Tripped")));
}

#[test]
fn without_anybody_who_knows_only_what_does_not_change_is_told() {
    for resource in [Resource::Root, Resource::ChassisAll, Resource::RackPdus, Resource::Sensors(HEARD)] {
        assert!(told(None, &resource).is_ok(), "{resource:?}");
    }
    for resource in [
        Resource::Manager,
        Resource::Chassis(HEARD),
        Resource::Environment(HEARD),
        Resource::Pdu(HEARD),
        Resource::PduMetrics(HEARD),
        Resource::Main(HEARD),
        Resource::Outlet(HEARD, 0),
        Resource::Battery(Kesm(0)),
        Resource::BatteryMetrics(Kesm(0)),
        Resource::Sensor(HEARD, Sensed::Load),
    ] {
        assert_eq!(told(None, &resource), Err(Untold::Unknown), "{resource:?}");
    }
    assert_eq!(told(None, &Resource::Session("5e55".into())), Err(Untold::Missing));
}

#[test]
fn a_large_collection_comes_in_pages() {
    let name = |nth: usize| format!("R{nth}");
    let place = sample::tree().rack(HEARD).clone();
    let rack = |nth| RackPlace { name: name(nth), outlets: Vec::new(), kesms: Vec::new(), ..place.clone() };
    let count = 2 * PAGE_MEMBERS + 1;
    let tree = Tree::new("hall".into(), "0.1.0", (0..count).map(rack).collect(), Vec::new());
    let page = |skip| -> Value {
        let sources = Sources { tree: &tree, shown: None, sessions: &[], skip, limits: &Limits::default() };
        serde_json::from_slice(&write(&sources, &Resource::ChassisAll).expect("told")).expect("JSON")
    };
    let mut found = Vec::new();
    let (mut skip, mut pages) = (0, 0);
    loop {
        let page = page(skip);
        assert_eq!(page["Members@odata.count"], count);
        found.extend(page["Members"].as_array().expect("a list").iter().map(|one| one["@odata.id"].clone()));
        pages += 1;
        let Some(next) = page["Members@odata.nextLink"].as_str() else { break };
        let (path, after) = next.split_once("?$skiptoken=").expect("a page");
        assert_eq!(path, "/redfish/v1/Chassis");
        skip = after.parse().expect("a number");
    }
    assert_eq!(pages, 3);
    assert_eq!(found, (0..count).map(|nth| json!(format!("/redfish/v1/Chassis/R{nth}"))).collect::<Vec<_>>());
    assert_eq!(page(usize::MAX)["Members"], json!([]));
}

#[test]
fn numbers_have_two_decimals_at_the_most() {
    let text = |hundredths| serde_json::to_string(&Decimal { hundredths }).expect("a number");
    assert_eq!([text(12_345), text(12_300), text(-5), text(0)], ["123.45", "123", "-0.05", "0"]);
    assert_eq!(Decimal::watt_hours(Joules::new(3_599)).hundredths, 99);
    assert_eq!(Decimal::percent(1, 3).map(|part| part.hundredths), Some(3_333));
    assert_eq!(Decimal::percent(1, 0), None);
}
