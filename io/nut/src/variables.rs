//! What is told of a UPS, by the names that NUT has for it.

use crate::fleet::{Ups, UpsView};

/// How a value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    Text,
}

/// A variable: its name, what it is, how it is read.
type Known = (&'static str, &'static str, Kind);

/// Every variable that any UPS has, in the order of their names.
pub const KNOWN: [Known; 18] = [
    ("battery.charge", "Usable energy of the row's modules (percent of what they hold when full)", Kind::Number),
    ("battery.runtime", "How long that carries the row's present load, less 8 % (seconds)", Kind::Number),
    ("battery.type", "What energy is stored in", Kind::Text),
    ("device.description", "Who lives on it", Kind::Text),
    ("device.location", "Site, row and rack", Kind::Text),
    ("device.mfr", "Manufacturer", Kind::Text),
    ("device.model", "Model", Kind::Text),
    ("device.type", "Type of device", Kind::Text),
    ("driver.name", "Driver name", Kind::Text),
    ("driver.version", "Driver version", Kind::Text),
    ("driver.version.internal", "Driver version", Kind::Text),
    ("experimental.ridethrough.tier", "Tier of the servers that live on it (1 matters most)", Kind::Number),
    ("ups.load", "Load of the rack (percent of what its breaker carries for ever)", Kind::Number),
    ("ups.mfr", "Manufacturer", Kind::Text),
    ("ups.model", "Model", Kind::Text),
    ("ups.realpower", "What the servers of the rack take (Watts)", Kind::Number),
    ("ups.realpower.nominal", "What the rack's breaker carries for ever (Watts)", Kind::Number),
    ("ups.status", "UPS status", Kind::Text),
];

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known of a variable, whether or not a UPS can tell it now.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))
}

/// A variable's value; none when there is none such, or nobody knows it now.
pub fn value(ups: &Ups, view: &UpsView, name: &str) -> Option<String> {
    let load = view.load.map(|load| load.get().max(0));
    match name.to_ascii_lowercase().as_str() {
        "battery.charge" => Some(view.charge_percent?.to_string()),
        "battery.runtime" => Some(view.runtime_s?.to_string()),
        "battery.type" => Some("flywheel".into()),
        "device.description" => Some(ups.description.clone()),
        "device.location" => Some(ups.location.clone()),
        "device.mfr" | "ups.mfr" => Some("Ridethrough".into()),
        "device.model" | "ups.model" => Some("rack and tier".into()),
        "device.type" => Some("ups".into()),
        "driver.name" => Some("ridethroughd".into()),
        "driver.version" | "driver.version.internal" => Some(VERSION.into()),
        "experimental.ridethrough.tier" => Some(ups.tier.to_string()),
        "ups.load" => Some((load? * 100 / ups.limit.get().max(1)).to_string()),
        "ups.realpower" => Some(load?.to_string()),
        "ups.realpower.nominal" => Some(ups.limit.get().to_string()),
        "ups.status" => Some(view.status()),
        _ => None,
    }
}

/// All that can be told now, by name.
pub fn all(ups: &Ups, view: &UpsView) -> impl Iterator<Item = (&'static str, String)> {
    KNOWN.iter().filter_map(|(name, ..)| Some((*name, value(ups, view, name)?)))
}

#[cfg(test)]
mod tests {
    use ridethrough_core::units::Watts;

    use super::*;

    #[test]
    fn names_are_in_order_and_each_has_a_value() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
        let ups = Ups {
            name: "A1-tier1".into(),
            description: "d".into(),
            location: "l".into(),
            tier: 1,
            limit: Watts::new(20_000),
        };
        let load = Some(Watts::new(15_000));
        let view = UpsView { charge_percent: Some(80), runtime_s: Some(90), load, ..UpsView::default() };
        assert_eq!(all(&ups, &view).count(), KNOWN.len());
        assert_eq!(value(&ups, &view, "UPS.load").as_deref(), Some("75"));
        assert_eq!(value(&ups, &UpsView::default(), "ups.load"), None, "nobody knows it");
        assert_eq!(value(&ups, &view, "ups.delay.shutdown"), None);
    }
}
