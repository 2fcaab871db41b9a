use super::*;
use crate::sample::tree;

fn every(tree: &Tree) -> Vec<Resource> {
    use Resource as R;
    let mut all = vec![R::Versions, R::Root, R::OData, R::Metadata, R::ChassisAll, R::PowerEquipment, R::RackPdus];
    all.extend([R::Managers, R::Manager, R::SessionService, R::Sessions, R::Session("5e55".into())]);
    for rack in (0..tree.racks()).map(Rack) {
        all.extend([R::Chassis(rack), R::Environment(rack), R::PowerSubsystem(rack), R::Batteries(rack)]);
        all.extend([R::Sensors(rack), R::Pdu(rack), R::PduMetrics(rack), R::Mains(rack), R::Main(rack)]);
        all.extend(Sensed::all(tree, rack).into_iter().map(|sensed| R::Sensor(rack, sensed)));
        all.push(R::Outlets(rack));
        all.extend((0..tree.rack(rack).outlets.len()).map(|nth| R::Outlet(rack, nth)));
    }
    all.extend((0..tree.kesms()).flat_map(|kesm| [R::Battery(Kesm(kesm)), R::BatteryMetrics(Kesm(kesm))]));
    all
}

#[test]
fn every_resource_has_one_address() {
    let tree = tree();
    let all = every(&tree);
    let mut addresses: Vec<String> = all.iter().map(|one| one.uri(&tree)).collect();
    for (one, address) in all.iter().zip(&addresses) {
        assert_eq!(Resource::parse(&tree, address).as_ref(), Some(one), "{address}");
        assert_eq!(Resource::parse(&tree, &format!("{address}//")), None, "{address}");
        assert_eq!(Resource::parse(&tree, &address.replacen('/', "//", 1)), None, "{address}");
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), all.len());
}

#[test]
fn what_is_spelled_otherwise_names_nothing() {
    let tree = tree();
    for wrong in [
        "",
        "/",
        "/Redfish",
        "/redfish/v2",
        "redfish/v1/",
        "/redfish/v1/chassis",
        "/redfish/v1/Chassis/",
        "/redfish/v1/Chassis/A2",
        "/redfish/v1/Chassis/a1",
        "/redfish/v1/Chassis/A%31",
        "/redfish/v1/Chassis/../Managers",
        "/redfish/v1/Chassis/A1/../A1",
        "/redfish/v1/Chassis/./A1",
        "/redfish/v1/Chassis/A1/Sensors/Kesm-K2-Stored",
        "/redfish/v1/Chassis/A1/Sensors/Kesm-K1-Heat",
        "/redfish/v1/Chassis/A1/PowerSubsystem/Batteries/K2",
        "/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/0",
        "/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/3",
        "/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/01",
        "/redfish/v1/PowerEquipment/RackPDUs/A1/Outlets/+1",
        "/redfish/v1/PowerEquipment/RackPDUs/A1/Mains/main",
        "/redfish/v1/SessionService/Sessions/a/b",
        "/redfish/v1/..%2f..%2fetc/passwd",
        "/etc/passwd",
    ] {
        // With one slash behind it, a collection is itself.
        let expected = (wrong == "/redfish/v1/Chassis/").then_some(Resource::ChassisAll);
        assert_eq!(Resource::parse(&tree, wrong), expected, "{wrong}");
    }
}
