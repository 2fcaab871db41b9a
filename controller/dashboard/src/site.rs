//! What does not change while a replica runs: what stands where, and who else shows a page.

use serde::{Deserialize, Serialize};

/// The site, as the page draws it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteView {
    /// Its name.
    pub name: String,
    /// The replica that tells this.
    pub replica: u16,
    /// How many replicas its configuration names.
    pub replicas: usize,
    /// The web addresses of all replicas, as `http.peers` lists them.
    pub peers: Vec<String>,
    /// For how long a device obeys without hearing from a leader, in milliseconds.
    pub lease_ms: i64,
    /// Distance kept from every rack limit, in thousandths of the limit.
    pub margin_permille: u16,
    /// Feeds.
    pub feeds: Vec<FeedPlace>,
    /// Rows.
    pub rows: Vec<RowPlace>,
    /// Racks, in the order of the snapshot's.
    pub racks: Vec<RackPlace>,
    /// Modules, in the order of the snapshot's.
    pub kesms: Vec<KesmPlace>,
    /// Ties, in the order of the snapshot's.
    pub ties: Vec<TiePlace>,
}

/// A feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPlace {
    /// Its id in the site file.
    pub name: String,
    /// What it can carry.
    pub limit_watts: i64,
    /// Rating of its generator, where there is one.
    pub generator_watts: Option<i64>,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPlace {
    /// Its id in the site file.
    pub name: String,
    /// Its feed's place in the list.
    pub feed: usize,
    /// What its feeder can carry.
    pub limit_watts: i64,
}

/// A rack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RackPlace {
    /// Its id in the site file.
    pub name: String,
    /// Its row's place in the list.
    pub row: usize,
    /// What its breaker carries.
    pub limit_watts: i64,
    /// The most that its servers can take.
    pub nameplate_watts: i64,
    /// Its servers, by name.
    pub servers: Vec<String>,
}

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KesmPlace {
    /// Its id in the site file.
    pub name: String,
    /// Its rack's place in the list.
    pub rack: usize,
    /// The most that it gives.
    pub rated_watts: i64,
    /// The most that it takes to spin up.
    pub charge_watts: i64,
}

/// A tie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TiePlace {
    /// Its id in the site file.
    pub name: String,
    /// Places of its two racks in the list.
    pub between: [usize; 2],
    /// The most that its converter takes from the source bus.
    pub rated_watts: i64,
    /// Length of the cable, in millimetres.
    pub length_mm: i64,
}
