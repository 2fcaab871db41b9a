//! From a site and a snapshot to what Redfish tells.

use std::collections::{HashMap, HashSet};

use ridethrough_core::site::Site;
use ridethrough_core::units::{Joules, Watts};
use ridethrough_dashboard::{KesmView, RackView, Snapshot};
use ridethrough_protocol::Outlet;
use ridethrough_redfish::{
    Device, Health, Kesm, KesmPlace, KesmShown, OutletShown, Rack, RackPlace, RackShown, Shown, Tree,
};

/// What a site is made of.
pub fn tree(site: &Site) -> Tree {
    let outlet = |server: &ridethrough_core::site::ServerId| {
        let nth = server.index();
        (nth, site.servers[nth].name.clone())
    };
    let rack = |rack: &ridethrough_core::site::Rack| RackPlace {
        name: rack.name.clone(),
        row: site.rows[rack.row.index()].name.clone(),
        limit: rack.limit,
        nameplate: rack.nameplate,
        outlets: rack.servers.iter().map(outlet).collect(),
        kesms: rack.kesms.iter().map(|kesm| Kesm(kesm.index())).collect(),
    };
    let kesm = |kesm: &ridethrough_core::site::Kesm| KesmPlace {
        name: kesm.name.clone(),
        rack: Rack(kesm.rack.index()),
        capacity: kesm.capacity,
    };
    let (racks, kesms) = (site.racks.iter().map(rack).collect(), site.kesms.iter().map(kesm).collect());
    Tree::new(site.name.clone(), env!("CARGO_PKG_VERSION"), racks, kesms)
}

/// What a snapshot tells, and what each outlet says, in the site's order of servers.
pub fn shown(snapshot: &Snapshot, outlets: Vec<Option<Outlet>>) -> Shown {
    let caps: HashMap<&str, i64> = snapshot.caps.iter().map(|cap| (cap.rack.as_str(), cap.cap_watts)).collect();
    let standing = Standing {
        held: snapshot.held.iter().map(String::as_str).collect(),
        doubted: snapshot.quarantined.iter().map(|one| one.name.as_str()).collect(),
    };
    let rack = |rack: &RackView| rack_shown(rack, caps.get(rack.name.as_str()).copied(), &standing);
    Shown {
        health: health(snapshot),
        racks: snapshot.racks.iter().map(rack).collect(),
        kesms: snapshot.kesms.iter().map(|kesm| kesm_shown(kesm, &standing)).collect(),
        outlets: outlets.into_iter().map(|outlet| outlet.map(outlet_shown)).collect(),
    }
}

/// How the most urgent alarm that stands judges the site.
fn health(snapshot: &Snapshot) -> Health {
    let standing = snapshot.alarms.iter().filter(|alarm| alarm.active);
    match standing.map(|alarm| alarm.priority).min() {
        Some(..=1) => Health::Critical,
        Some(2) => Health::Warning,
        _ => Health::Ok,
    }
}

/// Devices that are held or not relied on, as sites name them.
struct Standing<'a> {
    held: HashSet<&'a str>,
    doubted: HashSet<&'a str>,
}

impl Standing<'_> {
    fn of(&self, device: &str, is_heard: bool) -> Device {
        match is_heard {
            _ if self.doubted.contains(device) => Device::Quarantined,
            false => Device::Silent,
            true if self.held.contains(device) => Device::Held,
            true => Device::Heard,
        }
    }
}

fn rack_shown(rack: &RackView, cap: Option<i64>, standing: &Standing<'_>) -> RackShown {
    RackShown {
        pdu: standing.of(&format!("pdu {}", rack.name), rack.load_watts.is_some()),
        load: rack.load_watts.map(Watts::new),
        draw: rack.draw_watts.map(Watts::new),
        cap: cap.map(Watts::new),
        at_risk: rack.at_risk,
        tripped: rack.tripped,
    }
}

fn kesm_shown(kesm: &KesmView, standing: &Standing<'_>) -> KesmShown {
    let stored = kesm.stored_joules.map(Joules::new);
    KesmShown {
        device: standing.of(&format!("kesm {}", kesm.name), stored.is_some()),
        stored,
        // What is not heard now may have given that long ago.
        supply: stored.map(|_| Watts::new(kesm.supply_watts)),
    }
}

const fn outlet_shown(outlet: Outlet) -> OutletShown {
    match outlet {
        Outlet::Metered(power) => OutletShown::Feeds(power),
        Outlet::Unmetered => OutletShown::Unmetered,
        Outlet::Open => OutletShown::Open,
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_dashboard::{AlarmView, CapView, QuarantineView};

    use super::*;

    fn site() -> Site {
        let text = include_str!("../../../../fault-injection/scenarios/site-two-rows-generator.toml");
        Site::parse("two-rows", text).expect("good")
    }

    #[test]
    fn every_outlet_feeds_the_server_that_the_site_file_puts_there() {
        let site = site();
        let tree = tree(&site);
        assert_eq!(
            (tree.racks(), tree.kesms(), tree.outlets()),
            (site.racks.len(), site.kesms.len(), site.servers.len())
        );
    }

    #[test]
    fn devices_are_named_as_the_site_names_them() {
        let site = site();
        let named: Vec<String> = site.devices().map(|device| site.device_name(device)).collect();
        for expected in [format!("pdu {}", site.racks[0].name), format!("kesm {}", site.kesms[0].name)] {
            assert!(named.contains(&expected), "{expected} in {named:?}");
        }
    }

    #[test]
    fn devices_say_what_is_wrong_with_them_first() {
        let rack = |name: &str, load_watts| RackView { name: name.into(), load_watts, ..RackView::default() };
        let racks = vec![rack("A1", Some(1)), rack("A2", None), rack("A3", Some(1)), rack("A4", None)];
        let kesm = KesmView { name: "K1".into(), stored_joules: None, supply_watts: 5_000, ..KesmView::default() };
        let doubted = |name: &str| QuarantineView { name: name.into(), why: "it does not follow".into() };
        let snapshot = Snapshot {
            racks,
            kesms: vec![kesm],
            held: vec!["pdu A2".into(), "pdu A3".into(), "pdu A4".into()],
            quarantined: vec![doubted("pdu A4"), doubted("kesm K1")],
            caps: vec![CapView { rack: "A3".into(), cap_watts: 18_000, ..CapView::default() }],
            ..Snapshot::default()
        };
        let outlets = vec![Some(Outlet::Metered(Watts::new(7))), Some(Outlet::Unmetered), Some(Outlet::Open), None];
        let shown = shown(&snapshot, outlets);
        let devices: Vec<Device> = shown.racks.iter().map(|rack| rack.pdu).collect();
        assert_eq!(devices, [Device::Heard, Device::Silent, Device::Held, Device::Quarantined]);
        assert_eq!((shown.kesms[0].device, shown.kesms[0].supply), (Device::Quarantined, None), "nobody knows it now");
        assert_eq!(shown.racks.iter().filter_map(|rack| rack.cap).collect::<Vec<_>>(), [Watts::new(18_000)]);
        let feeds = Some(OutletShown::Feeds(Watts::new(7)));
        assert_eq!(shown.outlets, [feeds, Some(OutletShown::Unmetered), Some(OutletShown::Open), None]);
    }

    #[test]
    fn the_most_urgent_alarm_that_stands_judges_the_site() {
        let health_of = |alarms: &[(u8, bool)]| {
            let alarm = |(priority, active): &(u8, bool)| AlarmView {
                priority: *priority,
                active: *active,
                ..AlarmView::default()
            };
            health(&Snapshot { alarms: alarms.iter().map(alarm).collect(), ..Snapshot::default() })
        };
        assert_eq!((health_of(&[]), health_of(&[(3, true), (1, false)])), (Health::Ok, Health::Ok));
        assert_eq!(health_of(&[(3, true), (2, true), (1, false)]), Health::Warning);
        assert_eq!(health_of(&[(2, true), (1, true)]), Health::Critical);
    }
}
