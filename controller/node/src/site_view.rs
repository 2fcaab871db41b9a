//! What the page draws and what never changes while a replica runs.

use ridethrough_core::site::{Feed, Kesm, RackId, Row, Site, Tie};
use ridethrough_core::units::Watts;
use ridethrough_dashboard::{FeedPlace, KesmPlace, RackPlace, RowPlace, SiteView, TiePlace};

use crate::config::Config;

/// The site with who else shows a page of it.
pub fn site_view(site: &Site, config: &Config) -> SiteView {
    SiteView {
        name: site.name.clone(),
        replica: config.replica.0,
        replicas: config.peers.len(),
        peers: config.http.peers.clone(),
        lease_ms: site.policy.lease.get(),
        margin_permille: site.policy.margin_permille,
        feeds: site.feeds.iter().map(feed).collect(),
        rows: site.rows.iter().map(row).collect(),
        racks: site.rack_ids().map(|id| rack(site, id)).collect(),
        kesms: site.kesms.iter().map(kesm).collect(),
        ties: site.ties.iter().map(tie).collect(),
    }
}

fn feed(feed: &Feed) -> FeedPlace {
    let generator_watts = feed.generator.map(Watts::get);
    FeedPlace { name: feed.name.clone(), limit_watts: feed.limit.get(), generator_watts }
}

fn row(row: &Row) -> RowPlace {
    RowPlace { name: row.name.clone(), feed: row.feed.index(), limit_watts: row.limit.get() }
}

fn rack(site: &Site, id: RackId) -> RackPlace {
    let rack = site.rack(id);
    RackPlace {
        name: rack.name.clone(),
        row: rack.row.index(),
        limit_watts: rack.limit.get(),
        nameplate_watts: rack.nameplate.get(),
        servers: site.servers_of(id).map(|server| server.name.clone()).collect(),
    }
}

fn kesm(kesm: &Kesm) -> KesmPlace {
    KesmPlace {
        name: kesm.name.clone(),
        rack: kesm.rack.index(),
        rated_watts: kesm.rated.get(),
        charge_watts: kesm.charge_rated.get(),
    }
}

fn tie(tie: &Tie) -> TiePlace {
    TiePlace {
        name: tie.name.clone(),
        between: [tie.between.0.index(), tie.between.1.index()],
        rated_watts: tie.rated.get(),
        length_mm: tie.length.get(),
    }
}
