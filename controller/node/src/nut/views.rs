//! From a site to its UPSes, and from a snapshot to what is true of each of them.
//!
//! A UPS is one tier of one rack, since that is what is told to go: a row sheds tier by tier, and a host knows its rack.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ridethrough_core::mode::Mode;
use ridethrough_core::site::{RackId, RowId, Site, TIER_MAX};
use ridethrough_core::units::Watts;
use ridethrough_dashboard::Snapshot;
use ridethrough_nut::{Fleet, FleetError, Flow, Power, Ups, UpsView};

use crate::stored::Stored;

/// Modules that give or take less than this rest.
const FLOWS: i64 = 100;

/// A rack and a tier that it has servers of.
type Place = (RackId, u8);

/// The UPSes of a site.
pub fn fleet(site: &Site) -> Result<Fleet, FleetError> {
    Fleet::new(places(site).into_iter().map(|place| ups(site, place)).collect())
}

fn places(site: &Site) -> Vec<Place> {
    let tiers = |rack: RackId| site.servers_of(rack).map(|server| server.tier).collect::<BTreeSet<u8>>();
    site.rack_ids().flat_map(|rack| tiers(rack).into_iter().map(move |tier| (rack, tier))).collect()
}

fn ups(site: &Site, (id, tier): Place) -> Ups {
    let rack = site.rack(id);
    let servers = site.servers_of(id).filter(|server| server.tier == tier).count();
    Ups {
        name: format!("{}-tier{tier}", rack.name),
        description: format!("{servers} servers of tier {tier} in rack {}", rack.name),
        location: format!("{}, row {}, rack {}", site.name, site.rows[rack.row.index()].name, rack.name),
        tier,
        limit: rack.limit,
    }
}

/// Makes what is told of every UPS.
pub struct Teller {
    site: Arc<Site>,
    places: Vec<Place>,
    racks: HashMap<String, RackId>,
    /// The highest tier that is kept on, by row: within one outage it never rises.
    kept: Vec<u8>,
}

/// What the UPSes of a row share.
#[derive(Clone, Copy, Default)]
struct Row {
    bridges: bool,
    flow: Flow,
    charge_percent: Option<u8>,
    runtime_s: Option<u32>,
    heard: bool,
}

impl Teller {
    /// A teller for this site.
    pub fn new(site: Arc<Site>) -> Self {
        let racks = site.rack_ids().map(|rack| (site.rack(rack).name.clone(), rack)).collect();
        Self { places: places(&site), racks, kept: vec![TIER_MAX; site.rows.len()], site }
    }

    /// One for each UPS; none where the snapshot is not of this site, as the first one is of none.
    pub fn views(&mut self, snapshot: &Snapshot) -> Option<Vec<UpsView>> {
        let site = Arc::clone(&self.site);
        let [racks, kesms, feeds] = [snapshot.racks.len(), snapshot.kesms.len(), snapshot.feeds.len()];
        if [racks, kesms, feeds] != [site.racks.len(), site.kesms.len(), site.feeds.len()] {
            return None;
        }
        let rows: Vec<Row> = site.row_ids().map(|row| row_of(&site, snapshot, row)).collect();
        self.follow_tiers(snapshot, &rows);
        let view = |(rack, tier): &Place| {
            let row = site.rack(*rack).row.index();
            let Row { bridges, flow, charge_percent, runtime_s, heard } = rows[row];
            let power = match bridges {
                false => Power::Line,
                true if *tier > self.kept[row] => Power::Last,
                true => Power::Battery,
            };
            let load = snapshot.racks[rack.index()].load_watts.map(Watts::new);
            UpsView { power, flow, charge_percent, runtime_s, load, heard }
        };
        Some(self.places.iter().map(view).collect())
    }

    /// What the ledger's caps say of tiers counts for the whole row, also for a rack whose PDU takes no orders.
    fn follow_tiers(&mut self, snapshot: &Snapshot, rows: &[Row]) {
        for (kept, row) in self.kept.iter_mut().zip(rows) {
            if !row.bridges {
                *kept = TIER_MAX;
            }
        }
        for cap in &snapshot.caps {
            let Some(row) = self.racks.get(&cap.rack).map(|rack| self.site.rack(*rack).row.index()) else { continue };
            if rows[row].bridges {
                self.kept[row] = self.kept[row].min(cap.tiers_kept);
            }
        }
    }
}

fn row_of(site: &Site, snapshot: &Snapshot, row: RowId) -> Row {
    let feed = site.rows[row.index()].feed;
    let mode = &snapshot.feeds[feed.index()].mode;
    let Stored { loads, supply, charge_percent, runtime } = Stored::of(site, snapshot, row);
    Row {
        bridges: [Mode::RideThrough, Mode::OrderlyShutdown].iter().any(|one| one.as_str() == mode),
        flow: flow(supply.get()),
        charge_percent,
        runtime_s: runtime.map(|runtime| u32::try_from(runtime.get() / 1_000).unwrap_or(u32::MAX)),
        heard: loads.iter().any(Option::is_some),
    }
}

const fn flow(supply: i64) -> Flow {
    if supply >= FLOWS {
        Flow::Discharging
    } else if supply <= -FLOWS {
        Flow::Charging
    } else {
        Flow::Rest
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_dashboard::{CapView, FeedView, KesmView, RackView};

    use super::*;

    fn site() -> Arc<Site> {
        let text = include_str!("../../../../fault-injection/scenarios/site-two-rows-generator.toml");
        Arc::new(Site::parse("two-rows", text).expect("good"))
    }

    fn snapshot(site: &Site, mode: &str, kept: &[(&str, u8)]) -> Snapshot {
        let rack = |_| RackView { load_watts: Some(15_000), ..RackView::default() };
        let kesm = |kesm: &ridethrough_core::site::Kesm| KesmView {
            stored_joules: Some(kesm.capacity.get() / 2),
            capacity_joules: kesm.capacity.get(),
            supply_watts: 40_000,
            ..KesmView::default()
        };
        let cap = |(rack, kept): &(&str, u8)| CapView { rack: (*rack).into(), tiers_kept: *kept, ..CapView::default() };
        Snapshot {
            racks: site.racks.iter().map(rack).collect(),
            kesms: site.kesms.iter().map(kesm).collect(),
            feeds: vec![FeedView { mode: mode.into(), ..FeedView::default() }],
            caps: kept.iter().map(cap).collect(),
            ..Snapshot::default()
        }
    }

    fn told(teller: &mut Teller, snapshot: &Snapshot, name: &str) -> UpsView {
        let (nth, _) = fleet(&teller.site).expect("good").find(name).map(|(nth, ups)| (nth, ups.tier)).expect(name);
        teller.views(snapshot).expect("of this site")[nth]
    }

    #[test]
    fn every_tier_of_every_rack_is_a_ups() {
        let (site, text) = (site(), |ups: &Ups| format!("{}: {}; {}", ups.name, ups.description, ups.location));
        let fleet = fleet(&site).expect("good");
        assert_eq!(fleet.len(), 16);
        let (_, first) = fleet.find("A1-tier1").expect("there");
        assert_eq!(text(first), "A1-tier1: 4 servers of tier 1 in rack A1; two-rows-generator, row A, rack A1");
        assert!(fleet.find("A1-tier4").is_none(), "it has none such");
    }

    #[test]
    fn a_tier_goes_when_its_row_lets_it_go_and_the_others_stay() {
        let site = site();
        let mut teller = Teller::new(Arc::clone(&site));
        let status = |teller: &mut Teller, snapshot: &Snapshot, name| told(teller, snapshot, name).status();
        let normal = snapshot(&site, "normal", &[("A2", 4)]);
        assert_eq!(status(&mut teller, &normal, "A2-tier4"), "OL DISCHRG", "a cap alone is no outage");
        let bridged = snapshot(&site, "ride-through", &[]);
        assert_eq!(status(&mut teller, &bridged, "A2-tier4"), "OB DISCHRG");
        // A2 says it; A5 stands in the same row, B2 in another.
        let shed = snapshot(&site, "orderly shutdown", &[("A2", 2)]);
        for (name, expected) in [
            ("A2-tier4", "FSD OB LB DISCHRG"),
            ("A5-tier4", "FSD OB LB DISCHRG"),
            ("A3-tier2", "OB DISCHRG"),
            ("A1-tier1", "OB DISCHRG"),
            ("B2-tier4", "OB DISCHRG"),
        ] {
            assert_eq!(status(&mut teller, &shed, name), expected, "{name}");
        }
        let lapsed = snapshot(&site, "orderly shutdown", &[]);
        assert_eq!(status(&mut teller, &lapsed, "A2-tier4"), "FSD OB LB DISCHRG", "it never rises within an outage");
        let carried = snapshot(&site, "generator", &[("A2", 2)]);
        assert_eq!(status(&mut teller, &carried, "A2-tier4"), "OL DISCHRG", "the generator carries it");
        assert_eq!(status(&mut teller, &bridged, "A2-tier4"), "OB DISCHRG", "a new outage begins anew");
    }

    #[test]
    fn charge_and_runtime_are_those_of_the_row() {
        let site = site();
        let mut teller = Teller::new(Arc::clone(&site));
        let mut now = snapshot(&site, "ride-through", &[]);
        let view = told(&mut teller, &now, "A1-tier1");
        assert_eq!((view.charge_percent, view.load), (Some(50), Some(Watts::new(15_000))));
        // 3 modules with 1 066 500 J each, less 8 %, for 8 racks of 15 kW: 24.5 s without losses.
        let runtime = view.runtime_s.expect("all is heard");
        assert!((20..=24).contains(&runtime), "{runtime}");
        now.kesms[0].stored_joules = None;
        let view = told(&mut teller, &now, "A1-tier1");
        assert_eq!((view.charge_percent, view.runtime_s), (None, None), "one module is not heard");
        assert!(told(&mut teller, &now, "B1-tier1").runtime_s.is_some(), "the other row knows");
        now.racks.iter_mut().for_each(|rack| rack.load_watts = None);
        assert!(!told(&mut teller, &now, "A1-tier1").is_known(), "no meter of the row is heard");
    }

    #[test]
    fn a_snapshot_of_nothing_tells_nothing() {
        assert!(Teller::new(site()).views(&Snapshot::default()).is_none());
    }
}
