//! Racks as chassis, with what is measured at them and the modules that stand there.
//!
//! A module is a `Battery`: the standard says that this is any unit of energy storage, and no other schema has a charge, a
//! capacity and stored energy. A `PowerDistribution` of the type `BatteryShelf` distributes, and has none of them.

use serde::Serialize;

use super::equipment::health;
use super::{Decimal, Head, Link, Sources, State, Status, Untold, collection, json, link};
use crate::path::{Resource, Sensed};
use crate::shown::{Health, KesmShown, RackShown, Shown};
use crate::tree::{Kesm, Rack, Tree};

/// A module that gives or takes less rests, in watts.
const FLOWS: i64 = 100;

/// A rack, or what belongs to it.
pub fn told(sources: &Sources<'_>, resource: &Resource) -> Result<Vec<u8>, Untold> {
    let Sources { tree, .. } = *sources;
    let shown = || sources.shown.ok_or(Untold::Unknown);
    let head = |name: String| Head::new(tree, resource, &name);
    let name = |rack: &Rack| &tree.rack(*rack).name;
    match resource {
        Resource::Chassis(rack) => {
            let chassis = Chassis::new(tree, *rack, &shown()?.racks[rack.0]);
            json(&head(format!("Rack {}", name(rack))).with(chassis))
        }
        Resource::Environment(rack) => {
            let environment = Environment::new(tree, *rack, &shown()?.racks[rack.0]);
            json(&head(format!("Power of rack {}", name(rack))).with(environment))
        }
        Resource::PowerSubsystem(rack) => {
            json(&head(format!("Power of rack {}", name(rack))).with(Power::new(tree, *rack)))
        }
        Resource::Batteries(rack) => {
            let members: Vec<Resource> = tree.rack(*rack).kesms.iter().map(|kesm| Resource::Battery(*kesm)).collect();
            collection(sources, resource, &format!("Modules at rack {}", name(rack)), &members)
        }
        Resource::Battery(kesm) => {
            let battery = Battery::new(tree, *kesm, &shown()?.kesms[kesm.0]);
            json(&head(format!("Module {}", tree.kesm(*kesm).name)).with(battery))
        }
        Resource::BatteryMetrics(kesm) => {
            let metrics = BatteryMetrics::new(tree, *kesm, shown()?);
            json(&head(format!("Metrics of module {}", tree.kesm(*kesm).name)).with(metrics))
        }
        Resource::Sensors(rack) => {
            let members = Sensed::all(tree, *rack).into_iter().map(|sensed| Resource::Sensor(*rack, sensed));
            let name = format!("Sensors of rack {}", name(rack));
            collection(sources, resource, &name, &members.collect::<Vec<_>>())
        }
        Resource::Sensor(rack, sensed) => json(&sensor(tree, *rack, *sensed, shown()?)),
        _ => Err(Untold::Missing),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Chassis {
    chassis_type: &'static str,
    status: Status,
    max_power_watts: Decimal,
    environment_metrics: Link,
    power_subsystem: Link,
    sensors: Link,
    links: ChassisLinks,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChassisLinks {
    managed_by: [Link; 1],
    power_distribution: Link,
}

impl Chassis {
    fn new(tree: &Tree, rack: Rack, shown: &RackShown) -> Self {
        // The rack is there also when nobody hears its PDU; how well it is, nobody knows then.
        let known = shown.load.is_some() || shown.tripped;
        let health = Status::enabled(health(shown)).health.filter(|_| known);
        Self {
            chassis_type: "Rack",
            status: Status { state: State::Enabled, health },
            max_power_watts: Decimal::watts(tree.rack(rack).nameplate),
            environment_metrics: link(tree, &Resource::Environment(rack)),
            power_subsystem: link(tree, &Resource::PowerSubsystem(rack)),
            sensors: link(tree, &Resource::Sensors(rack)),
            links: ChassisLinks {
                managed_by: [link(tree, &Resource::Manager)],
                power_distribution: link(tree, &Resource::Pdu(rack)),
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    power_watts: Excerpt,
    power_limit_watts: Limit,
}

/// What the servers of a rack may take together; nobody sets it here.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Limit {
    control_mode: &'static str,
    set_point: Option<Decimal>,
}

impl Environment {
    fn new(tree: &Tree, rack: Rack, shown: &RackShown) -> Self {
        let control_mode = if shown.cap.is_some() { "Automatic" } else { "Disabled" };
        Self {
            power_watts: excerpt(tree, rack, Sensed::Load, shown, None),
            power_limit_watts: Limit { control_mode, set_point: shown.cap.map(Decimal::watts) },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Power {
    capacity_watts: Decimal,
    batteries: Link,
}

impl Power {
    fn new(tree: &Tree, rack: Rack) -> Self {
        let capacity_watts = Decimal::watts(tree.rack(rack).limit);
        Self { capacity_watts, batteries: link(tree, &Resource::Batteries(rack)) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Battery {
    description: &'static str,
    status: Status,
    capacity_actual_watt_hours: Decimal,
    charge_state: Option<&'static str>,
    metrics: Link,
}

impl Battery {
    fn new(tree: &Tree, kesm: Kesm, shown: &KesmShown) -> Self {
        Self {
            description: "Kinetic energy storage module",
            status: Status::of(shown.device, Health::Ok),
            capacity_actual_watt_hours: Decimal::watt_hours(tree.kesm(kesm).capacity),
            charge_state: shown.supply.map(|supply| match supply.get() {
                FLOWS.. => "Discharging",
                watts if watts <= -FLOWS => "Charging",
                _ => "Idle",
            }),
            metrics: link(tree, &Resource::BatteryMetrics(kesm)),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatteryMetrics {
    status: Status,
    stored_energy_watt_hours: Excerpt,
    charge_percent: Excerpt,
}

impl BatteryMetrics {
    fn new(tree: &Tree, kesm: Kesm, shown: &Shown) -> Self {
        let rack = tree.kesm(kesm).rack;
        let (at, own) = (&shown.racks[rack.0], &shown.kesms[kesm.0]);
        let excerpt = |sensed| excerpt(tree, rack, sensed, at, Some(own));
        Self {
            status: Status::of(own.device, Health::Ok),
            stored_energy_watt_hours: excerpt(Sensed::Stored(kesm)),
            charge_percent: excerpt(Sensed::Charge(kesm)),
        }
    }
}

/// A sensor's reading where it is told a second time, and where it is told whole.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Excerpt {
    data_source_uri: String,
    reading: Option<Decimal>,
}

/// The reading of a sensor at this rack; a module's needs the module.
pub fn excerpt(tree: &Tree, rack: Rack, sensed: Sensed, shown: &RackShown, kesm: Option<&KesmShown>) -> Excerpt {
    let data_source_uri = Resource::Sensor(rack, sensed).uri(tree);
    Excerpt { data_source_uri, reading: reading(tree, rack, sensed, shown, kesm) }
}

fn reading(tree: &Tree, rack: Rack, sensed: Sensed, shown: &RackShown, kesm: Option<&KesmShown>) -> Option<Decimal> {
    match sensed {
        Sensed::Load => shown.load.map(Decimal::watts),
        Sensed::Draw => shown.draw.map(Decimal::watts),
        Sensed::DrawPercent => Decimal::percent(shown.draw?.get(), tree.rack(rack).limit.get()),
        Sensed::Stored(_) => kesm?.stored.map(Decimal::watt_hours),
        Sensed::Charge(kind) => Decimal::percent(kesm?.stored?.get(), tree.kesm(kind).capacity.get()),
        Sensed::Supply(_) => kesm?.supply.map(Decimal::watts),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sensor {
    reading_type: &'static str,
    reading_units: &'static str,
    reading: Option<Decimal>,
    physical_context: &'static str,
    implementation: &'static str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Thresholds>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Thresholds {
    upper_critical: Threshold,
}

/// What a breaker carries for ever. Above it, it opens sooner or later.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Threshold {
    reading: Decimal,
    activation: &'static str,
}

fn sensor(tree: &Tree, rack: Rack, sensed: Sensed, shown: &Shown) -> impl Serialize + use<> {
    let (place, at) = (tree.rack(rack), &shown.racks[rack.0]);
    let own = match sensed {
        Sensed::Stored(kesm) | Sensed::Charge(kesm) | Sensed::Supply(kesm) => Some(kesm),
        _ => None,
    };
    let module = own.map(|kesm| tree.kesm(kesm).name.as_str()).unwrap_or_default();
    let (name, reading_type, reading_units) = match sensed {
        Sensed::Load => (format!("Power of the servers of rack {}", place.name), "Power", "W"),
        Sensed::Draw => (format!("Power through the breaker of rack {}", place.name), "Power", "W"),
        Sensed::DrawPercent => (format!("Part of its limit that rack {} draws", place.name), "Percent", "%"),
        Sensed::Stored(_) => (format!("Usable energy of module {module}"), "EnergyWh", "W.h"),
        Sensed::Charge(_) => (format!("Charge of module {module}"), "Percent", "%"),
        Sensed::Supply(_) => (format!("Power that module {module} gives; negative while it charges"), "Power", "W"),
    };
    let reading = reading(tree, rack, sensed, at, own.map(|kesm| &shown.kesms[kesm.0]));
    let limit = Threshold { reading: Decimal::watts(place.limit), activation: "Increasing" };
    Head::new(tree, &Resource::Sensor(rack, sensed), &name).with(Sensor {
        reading_type,
        reading_units,
        reading,
        physical_context: if own.is_some() { "Battery" } else { "Chassis" },
        implementation: if reading_type == "Percent" { "Synthesized" } else { "Reported" },
        status: reading.map_or(Status::offline(), |_| Status::enabled(Health::Ok)),
        thresholds: (sensed == Sensed::Draw).then_some(Thresholds { upper_critical: limit }),
    })
}
