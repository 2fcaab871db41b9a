//! Which of DMTF's schemas are spoken, in which version (bundle 2025.4 of DSP8010), and the two documents that say so.

use std::fmt::Write as _;

use serde::Serialize;

use crate::path::Resource;
use crate::tree::Tree;

/// Where clients find all of them.
const HOME: &str = "http://redfish.dmtf.org/schemas/v1";

/// The newest version of the root that has a container of its own.
const CONTAINER: &str = "ServiceRoot.v1_16_0";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schema {
    name: &'static str,
    /// None for collections, which have no versions.
    version: Option<&'static str>,
}

macro_rules! schemas {
    ($($constant:ident: $name:literal $(, $version:literal)?;)*) => {
        impl Schema {
            $(pub(crate) const $constant: Self = Self::new($name, [$($version)?].as_slice());)*
            /// All of them.
            const ALL: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

schemas! {
    ROOT: "ServiceRoot", "v1_20_0";
    CHASSIS_ALL: "ChassisCollection";
    CHASSIS: "Chassis", "v1_28_0";
    ENVIRONMENT: "EnvironmentMetrics", "v1_5_0";
    POWER_SUBSYSTEM: "PowerSubsystem", "v1_1_3";
    BATTERIES: "BatteryCollection";
    BATTERY: "Battery", "v1_5_0";
    BATTERY_METRICS: "BatteryMetrics", "v1_1_0";
    SENSORS: "SensorCollection";
    SENSOR: "Sensor", "v1_12_0";
    POWER_EQUIPMENT: "PowerEquipment", "v1_2_3";
    PDUS: "PowerDistributionCollection";
    PDU: "PowerDistribution", "v1_6_0";
    PDU_METRICS: "PowerDistributionMetrics", "v1_4_0";
    CIRCUITS: "CircuitCollection";
    CIRCUIT: "Circuit", "v1_9_0";
    OUTLETS: "OutletCollection";
    OUTLET: "Outlet", "v1_4_4";
    MANAGERS: "ManagerCollection";
    MANAGER: "Manager", "v1_24_0";
    SESSION_SERVICE: "SessionService", "v1_2_0";
    SESSIONS: "SessionCollection";
    SESSION: "Session", "v1_8_0";
    MESSAGE: "Message", "v1_3_0";
    ERROR: "RedfishError", "v1_0_2";
    RESOURCE: "Resource", "v1_23_0";
    CONTROL: "Control", "v1_7_0";
}

impl Schema {
    const fn new(name: &'static str, version: &[&'static str]) -> Self {
        let version = if let [version] = version { Some(*version) } else { None };
        Self { name, version }
    }

    /// What `@odata.type` says of a resource of this schema.
    pub(crate) fn odata_type(self) -> String {
        let Self { name, version } = self;
        version.map_or_else(|| format!("#{name}.{name}"), |version| format!("#{name}.{version}.{name}"))
    }

    /// What the `Link` header says of it.
    pub(crate) fn described_by(self) -> String {
        let Self { name, version } = self;
        let version = version.map(|version| format!(".{version}")).unwrap_or_default();
        format!("<{HOME}/{name}{version}.json>; rel=describedby")
    }

    /// What a resource is an instance of; none where it is no Redfish resource.
    pub(crate) const fn of(resource: &Resource) -> Option<Self> {
        Some(match resource {
            Resource::Versions | Resource::OData | Resource::Metadata => return None,
            Resource::Root => Self::ROOT,
            Resource::ChassisAll => Self::CHASSIS_ALL,
            Resource::Chassis(_) => Self::CHASSIS,
            Resource::Environment(_) => Self::ENVIRONMENT,
            Resource::PowerSubsystem(_) => Self::POWER_SUBSYSTEM,
            Resource::Batteries(_) => Self::BATTERIES,
            Resource::Battery(_) => Self::BATTERY,
            Resource::BatteryMetrics(_) => Self::BATTERY_METRICS,
            Resource::Sensors(_) => Self::SENSORS,
            Resource::Sensor(..) => Self::SENSOR,
            Resource::PowerEquipment => Self::POWER_EQUIPMENT,
            Resource::RackPdus => Self::PDUS,
            Resource::Pdu(_) => Self::PDU,
            Resource::PduMetrics(_) => Self::PDU_METRICS,
            Resource::Mains(_) => Self::CIRCUITS,
            Resource::Main(_) => Self::CIRCUIT,
            Resource::Outlets(_) => Self::OUTLETS,
            Resource::Outlet(..) => Self::OUTLET,
            Resource::Managers => Self::MANAGERS,
            Resource::Manager => Self::MANAGER,
            Resource::SessionService => Self::SESSION_SERVICE,
            Resource::Sessions => Self::SESSIONS,
            Resource::Session(_) => Self::SESSION,
        })
    }
}

/// The document at `$metadata`: where each schema is. Every name in it is one of ours, so nothing has to be escaped.
pub(crate) fn metadata() -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <edmx:Edmx xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\" Version=\"4.0\">\n",
    );
    for Schema { name, version } in Schema::ALL {
        let include = |text: &mut String, space: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "    <edmx:Include Namespace=\"{space}\"/>");
        };
        let _ = writeln!(text, "  <edmx:Reference Uri=\"{HOME}/{name}_v1.xml\">");
        include(&mut text, name);
        if let Some(version) = version {
            include(&mut text, &format!("{name}.{version}"));
        }
        text.push_str("  </edmx:Reference>\n");
    }
    let _ = write!(
        text,
        "  <edmx:Reference Uri=\"{HOME}/ServiceRoot_v1.xml\">\n    <edmx:Include Namespace=\"{CONTAINER}\"/>\n  </edmx:Reference>\n  \
         <edmx:DataServices>\n    <Schema xmlns=\"http://docs.oasis-open.org/odata/ns/edm\" Namespace=\"Service\">\n      \
         <EntityContainer Name=\"Service\" Extends=\"{CONTAINER}.ServiceContainer\"/>\n    </Schema>\n  \
         </edmx:DataServices>\n</edmx:Edmx>\n"
    );
    text
}

/// The document at `odata`: what OData clients begin with.
#[derive(Serialize)]
pub(crate) struct ServiceDocument {
    #[serde(rename = "@odata.context")]
    context: &'static str,
    value: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    kind: &'static str,
    url: String,
}

impl ServiceDocument {
    pub(crate) fn new(tree: &Tree) -> Self {
        let entry =
            |(name, resource): (&'static str, Resource)| Entry { name, kind: "Singleton", url: resource.uri(tree) };
        let listed = [
            ("Service", Resource::Root),
            ("Chassis", Resource::ChassisAll),
            ("Managers", Resource::Managers),
            ("PowerEquipment", Resource::PowerEquipment),
            ("SessionService", Resource::SessionService),
            ("Sessions", Resource::Sessions),
        ];
        Self { context: "/redfish/v1/$metadata", value: listed.into_iter().map(entry).collect() }
    }
}

#[cfg(test)]
mod tests;
