//! Which resource an address names, and back. Nothing is tidied up: an address that is not spelled as it is told names nothing.

use crate::id::id;
use crate::tree::{Kesm, Rack, Tree};

/// Everything that has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Versions,
    Root,
    OData,
    Metadata,
    ChassisAll,
    Chassis(Rack),
    Environment(Rack),
    PowerSubsystem(Rack),
    Batteries(Rack),
    Battery(Kesm),
    BatteryMetrics(Kesm),
    Sensors(Rack),
    Sensor(Rack, Sensed),
    PowerEquipment,
    RackPdus,
    Pdu(Rack),
    PduMetrics(Rack),
    Mains(Rack),
    Main(Rack),
    Outlets(Rack),
    /// Outlets are counted from 0 here and from 1 in addresses.
    Outlet(Rack, usize),
    Managers,
    Manager,
    SessionService,
    Sessions,
    Session(String),
}

/// What is measured at a rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sensed {
    Load,
    Draw,
    DrawPercent,
    Stored(Kesm),
    Charge(Kesm),
    Supply(Kesm),
}

/// The one manager: the controller, whichever replica tells.
pub(crate) const MANAGER: &str = "Controller";
/// The one circuit that feeds a rack's PDU.
pub(crate) const MAIN: &str = "Main";

impl Sensed {
    /// Everything that is measured at a rack.
    pub(crate) fn all(tree: &Tree, rack: Rack) -> Vec<Self> {
        let of_kesm = |kesm: &Kesm| [Self::Stored(*kesm), Self::Charge(*kesm), Self::Supply(*kesm)];
        let own = [Self::Load, Self::Draw, Self::DrawPercent].into_iter();
        own.chain(tree.rack(rack).kesms.iter().flat_map(of_kesm)).collect()
    }

    pub(crate) fn id(self, tree: &Tree) -> String {
        let of = |kesm: Kesm, what| format!("Kesm-{}-{what}", id(&tree.kesm(kesm).name));
        match self {
            Self::Load => "Load".into(),
            Self::Draw => "Draw".into(),
            Self::DrawPercent => "DrawPercent".into(),
            Self::Stored(kesm) => of(kesm, "Stored"),
            Self::Charge(kesm) => of(kesm, "Charge"),
            Self::Supply(kesm) => of(kesm, "Supply"),
        }
    }

    fn parse(tree: &Tree, rack: Rack, text: &str) -> Option<Self> {
        let own = [Self::Load, Self::Draw, Self::DrawPercent].into_iter().find(|own| own.id(tree) == text);
        own.or_else(|| {
            let (name, what) = text.strip_prefix("Kesm-")?.rsplit_once('-')?;
            let kesm = tree.kesm_at(rack, name)?;
            match what {
                "Stored" => Some(Self::Stored(kesm)),
                "Charge" => Some(Self::Charge(kesm)),
                "Supply" => Some(Self::Supply(kesm)),
                _ => None,
            }
        })
    }
}

impl Resource {
    /// What a path names. One slash may follow it.
    pub(crate) fn parse(tree: &Tree, path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path).strip_prefix('/')?;
        let segments: Vec<&str> = path.split('/').collect();
        match segments.strip_prefix(&["redfish"])? {
            [] => Some(Self::Versions),
            ["v1"] => Some(Self::Root),
            ["v1", "odata"] => Some(Self::OData),
            ["v1", "$metadata"] => Some(Self::Metadata),
            ["v1", "Chassis"] => Some(Self::ChassisAll),
            ["v1", "Chassis", rack, rest @ ..] => in_rack(tree, tree.rack_by_id(rack)?, rest),
            ["v1", "PowerEquipment"] => Some(Self::PowerEquipment),
            ["v1", "PowerEquipment", "RackPDUs"] => Some(Self::RackPdus),
            ["v1", "PowerEquipment", "RackPDUs", pdu, rest @ ..] => in_pdu(tree, tree.rack_by_id(pdu)?, rest),
            ["v1", "Managers"] => Some(Self::Managers),
            ["v1", "Managers", MANAGER] => Some(Self::Manager),
            ["v1", "SessionService"] => Some(Self::SessionService),
            ["v1", "SessionService", "Sessions"] => Some(Self::Sessions),
            ["v1", "SessionService", "Sessions", one] if !one.is_empty() => Some(Self::Session((*one).into())),
            _ => None,
        }
    }

    /// Its address.
    pub(crate) fn uri(&self, tree: &Tree) -> String {
        let chassis = |rack: &Rack| format!("/redfish/v1/Chassis/{}", id(&tree.rack(*rack).name));
        let pdu = |rack: &Rack| format!("/redfish/v1/PowerEquipment/RackPDUs/{}", id(&tree.rack(*rack).name));
        let battery = |kesm: &Kesm| {
            let place = tree.kesm(*kesm);
            format!("{}/PowerSubsystem/Batteries/{}", chassis(&place.rack), id(&place.name))
        };
        match self {
            Self::Versions => "/redfish".into(),
            Self::Root => "/redfish/v1/".into(),
            Self::OData => "/redfish/v1/odata".into(),
            Self::Metadata => "/redfish/v1/$metadata".into(),
            Self::ChassisAll => "/redfish/v1/Chassis".into(),
            Self::Chassis(rack) => chassis(rack),
            Self::Environment(rack) => chassis(rack) + "/EnvironmentMetrics",
            Self::PowerSubsystem(rack) => chassis(rack) + "/PowerSubsystem",
            Self::Batteries(rack) => chassis(rack) + "/PowerSubsystem/Batteries",
            Self::Battery(kesm) => battery(kesm),
            Self::BatteryMetrics(kesm) => battery(kesm) + "/Metrics",
            Self::Sensors(rack) => chassis(rack) + "/Sensors",
            Self::Sensor(rack, sensed) => chassis(rack) + "/Sensors/" + &sensed.id(tree),
            Self::PowerEquipment => "/redfish/v1/PowerEquipment".into(),
            Self::RackPdus => "/redfish/v1/PowerEquipment/RackPDUs".into(),
            Self::Pdu(rack) => pdu(rack),
            Self::PduMetrics(rack) => pdu(rack) + "/Metrics",
            Self::Mains(rack) => pdu(rack) + "/Mains",
            Self::Main(rack) => pdu(rack) + "/Mains/" + MAIN,
            Self::Outlets(rack) => pdu(rack) + "/Outlets",
            Self::Outlet(rack, nth) => format!("{}/Outlets/{}", pdu(rack), nth + 1),
            Self::Managers => "/redfish/v1/Managers".into(),
            Self::Manager => format!("/redfish/v1/Managers/{MANAGER}"),
            Self::SessionService => "/redfish/v1/SessionService".into(),
            Self::Sessions => "/redfish/v1/SessionService/Sessions".into(),
            Self::Session(one) => format!("/redfish/v1/SessionService/Sessions/{one}"),
        }
    }

    /// Whether everybody may read it, as the standard wants: what a client needs before it can log in.
    pub(crate) const fn is_public(&self) -> bool {
        matches!(self, Self::Versions | Self::Root | Self::OData | Self::Metadata)
    }

    /// The methods that it knows.
    pub(crate) const fn allows(&self) -> &'static str {
        match self {
            Self::Sessions => "GET, HEAD, POST",
            Self::Session(_) => "GET, HEAD, DELETE",
            _ => "GET, HEAD",
        }
    }
}

fn in_rack(tree: &Tree, rack: Rack, rest: &[&str]) -> Option<Resource> {
    match rest {
        [] => Some(Resource::Chassis(rack)),
        ["EnvironmentMetrics"] => Some(Resource::Environment(rack)),
        ["PowerSubsystem"] => Some(Resource::PowerSubsystem(rack)),
        ["PowerSubsystem", "Batteries"] => Some(Resource::Batteries(rack)),
        ["PowerSubsystem", "Batteries", kesm] => tree.kesm_at(rack, kesm).map(Resource::Battery),
        ["PowerSubsystem", "Batteries", kesm, "Metrics"] => tree.kesm_at(rack, kesm).map(Resource::BatteryMetrics),
        ["Sensors"] => Some(Resource::Sensors(rack)),
        ["Sensors", sensor] => Sensed::parse(tree, rack, sensor).map(|sensed| Resource::Sensor(rack, sensed)),
        _ => None,
    }
}

fn in_pdu(tree: &Tree, rack: Rack, rest: &[&str]) -> Option<Resource> {
    match rest {
        [] => Some(Resource::Pdu(rack)),
        ["Metrics"] => Some(Resource::PduMetrics(rack)),
        ["Mains"] => Some(Resource::Mains(rack)),
        ["Mains", MAIN] => Some(Resource::Main(rack)),
        ["Outlets"] => Some(Resource::Outlets(rack)),
        ["Outlets", outlet] => outlet_of(tree, rack, outlet),
        _ => None,
    }
}

fn outlet_of(tree: &Tree, rack: Rack, text: &str) -> Option<Resource> {
    let nth = text.parse::<usize>().ok()?.checked_sub(1)?;
    // One outlet has one spelling: no sign, no leading zero.
    let is_there = nth < tree.rack(rack).outlets.len() && text == (nth + 1).to_string();
    is_there.then_some(Resource::Outlet(rack, nth))
}

#[cfg(test)]
mod tests;
