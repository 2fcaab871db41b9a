//! Rack PDUs, with the circuit that feeds each of them and its outlets.

use serde::Serialize;

use super::chassis::{Excerpt, excerpt};
use super::{Decimal, Head, Link, Sources, Status, Untold, collection, json, link};
use crate::path::{Resource, Sensed};
use crate::shown::{Device, Health, OutletShown, RackShown};
use crate::tree::{Rack, Tree};

/// All power equipment.
#[derive(Serialize)]
pub struct Equipment {
    #[serde(rename = "RackPDUs")]
    rack_pdus: Link,
    #[serde(rename = "Links")]
    links: ManagedBy,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedBy {
    managed_by: [Link; 1],
}

impl Equipment {
    pub fn new(tree: &Tree) -> Self {
        let links = ManagedBy { managed_by: [link(tree, &Resource::Manager)] };
        Self { rack_pdus: link(tree, &Resource::RackPdus), links }
    }
}

/// A PDU, or what belongs to it.
pub fn told(sources: &Sources<'_>, resource: &Resource) -> Result<Vec<u8>, Untold> {
    let Sources { tree, .. } = *sources;
    let shown = || sources.shown.ok_or(Untold::Unknown);
    let head = |name: String| Head::new(tree, resource, &name);
    let name = |rack: &Rack| &tree.rack(*rack).name;
    match resource {
        Resource::Pdu(rack) => {
            let pdu = Pdu::new(tree, *rack, &shown()?.racks[rack.0]);
            json(&head(format!("PDU of rack {}", name(rack))).with(pdu))
        }
        Resource::PduMetrics(rack) => {
            let metrics = Metrics::new(tree, *rack, &shown()?.racks[rack.0]);
            json(&head(format!("Metrics of the PDU of rack {}", name(rack))).with(metrics))
        }
        Resource::Mains(rack) => {
            collection(sources, resource, &format!("Mains of rack {}", name(rack)), &[Resource::Main(*rack)])
        }
        Resource::Main(rack) => {
            let main = Main::new(tree, *rack, &shown()?.racks[rack.0]);
            json(&head(format!("Main of rack {}", name(rack))).with(main))
        }
        Resource::Outlets(rack) => {
            let members = (0..tree.rack(*rack).outlets.len()).map(|nth| Resource::Outlet(*rack, nth));
            let name = format!("Outlets of rack {}", name(rack));
            collection(sources, resource, &name, &members.collect::<Vec<_>>())
        }
        Resource::Outlet(rack, nth) => {
            let (server, feeds) = tree.rack(*rack).outlets.get(*nth).ok_or(Untold::Missing)?;
            let shown = shown()?;
            let outlet = Outlet::new(feeds, shown.racks[rack.0].pdu, shown.outlets[*server]);
            json(&head(format!("Outlet {} of rack {}", nth + 1, name(rack))).with(outlet))
        }
        _ => Err(Untold::Missing),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pdu {
    equipment_type: &'static str,
    status: Status,
    location: Location,
    mains: Link,
    outlets: Link,
    metrics: Link,
    links: PduLinks,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Location {
    placement: Placement,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Placement {
    row: String,
    rack: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PduLinks {
    chassis: [Link; 1],
    managed_by: [Link; 1],
}

/// How well the PDU of a rack is: an open breaker is worse than a rack that needs help.
pub fn health(shown: &RackShown) -> Health {
    match (shown.tripped, shown.at_risk) {
        (true, _) => Health::Critical,
        (false, true) => Health::Warning,
        (false, false) => Health::Ok,
    }
}

impl Pdu {
    fn new(tree: &Tree, rack: Rack, shown: &RackShown) -> Self {
        let place = tree.rack(rack);
        Self {
            equipment_type: "RackPDU",
            status: Status::of(shown.pdu, health(shown)),
            location: Location { placement: Placement { row: place.row.clone(), rack: place.name.clone() } },
            mains: link(tree, &Resource::Mains(rack)),
            outlets: link(tree, &Resource::Outlets(rack)),
            metrics: link(tree, &Resource::PduMetrics(rack)),
            links: PduLinks {
                chassis: [link(tree, &Resource::Chassis(rack))],
                managed_by: [link(tree, &Resource::Manager)],
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metrics {
    power_watts: Excerpt,
    power_load_percent: Excerpt,
}

impl Metrics {
    fn new(tree: &Tree, rack: Rack, shown: &RackShown) -> Self {
        let excerpt = |sensed| excerpt(tree, rack, sensed, shown, None);
        Self { power_watts: excerpt(Sensed::Draw), power_load_percent: excerpt(Sensed::DrawPercent) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Main {
    circuit_type: &'static str,
    status: Status,
    breaker_state: Option<&'static str>,
    power_watts: Excerpt,
    power_load_percent: Excerpt,
}

impl Main {
    fn new(tree: &Tree, rack: Rack, shown: &RackShown) -> Self {
        let excerpt = |sensed| excerpt(tree, rack, sensed, shown, None);
        Self {
            circuit_type: "Mains",
            status: Status::of(shown.pdu, health(shown)),
            // That it was open stays true until somebody says otherwise; that it was closed does not.
            breaker_state: match (shown.tripped, shown.pdu) {
                (true, _) => Some("Tripped"),
                (false, Device::Silent) => None,
                (false, _) => Some("Normal"),
            },
            power_watts: excerpt(Sensed::Draw),
            power_load_percent: excerpt(Sensed::DrawPercent),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outlet<'a> {
    status: Status,
    electrical_consumer_names: [&'a str; 1],
    power_state: Option<&'static str>,
    power_watts: OutletPower,
}

/// An outlet's meter is no sensor of its own here: its reading says all that there is.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OutletPower {
    reading: Option<Decimal>,
}

impl<'a> Outlet<'a> {
    fn new(feeds: &'a str, pdu: Device, shown: Option<OutletShown>) -> Self {
        let (power_state, reading) = match shown {
            None | Some(OutletShown::Unmetered) => (None, None),
            Some(OutletShown::Open) => (Some("Off"), Some(Decimal { hundredths: 0 })),
            Some(OutletShown::Feeds(power)) => (Some("On"), Some(Decimal::watts(power))),
        };
        let status = if shown.is_some() { Status::of(pdu, Health::Ok) } else { Status::offline() };
        Self { status, electrical_consumer_names: [feeds], power_state, power_watts: OutletPower { reading } }
    }
}
