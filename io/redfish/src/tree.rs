//! What a site is made of, as far as it is told. It does not change while a replica runs.

use std::collections::HashMap;

use ridethrough_core::units::{Joules, Watts};

use crate::id::id;

/// A rack, by its place in the site's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rack(pub usize);

/// A module, by its place in the site's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kesm(pub usize);

/// What stands where.
#[derive(Debug)]
pub struct Tree {
    /// The site's name.
    pub site: String,
    /// The controller's version.
    pub version: &'static str,
    racks: Vec<RackPlace>,
    kesms: Vec<KesmPlace>,
    racks_by_id: HashMap<String, Rack>,
    kesms_by_id: HashMap<String, Kesm>,
}

/// A rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RackPlace {
    /// Its name in the site file.
    pub name: String,
    /// The name of its row.
    pub row: String,
    /// What its breaker carries for ever.
    pub limit: Watts,
    /// The most that its servers can take.
    pub nameplate: Watts,
    /// What each outlet of its PDU feeds: the server's place in the site's order, and its name.
    pub outlets: Vec<(usize, String)>,
    /// The modules that stand at it.
    pub kesms: Vec<Kesm>,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KesmPlace {
    /// Its name in the site file.
    pub name: String,
    /// The rack that it stands at.
    pub rack: Rack,
    /// Usable energy when full.
    pub capacity: Joules,
}

impl Tree {
    /// The tree of a site.
    pub fn new(site: String, version: &'static str, racks: Vec<RackPlace>, kesms: Vec<KesmPlace>) -> Self {
        let racks_by_id = racks.iter().enumerate().map(|(nth, rack)| (id(&rack.name), Rack(nth))).collect();
        let kesms_by_id = kesms.iter().enumerate().map(|(nth, kesm)| (id(&kesm.name), Kesm(nth))).collect();
        Self { site, version, racks, kesms, racks_by_id, kesms_by_id }
    }

    /// How many racks it has.
    pub const fn racks(&self) -> usize {
        self.racks.len()
    }

    /// How many modules it has.
    pub const fn kesms(&self) -> usize {
        self.kesms.len()
    }

    /// How many outlets it has.
    pub fn outlets(&self) -> usize {
        self.racks.iter().map(|rack| rack.outlets.len()).sum()
    }

    pub(crate) fn rack(&self, rack: Rack) -> &RackPlace {
        &self.racks[rack.0]
    }

    pub(crate) fn kesm(&self, kesm: Kesm) -> &KesmPlace {
        &self.kesms[kesm.0]
    }

    pub(crate) fn rack_by_id(&self, id: &str) -> Option<Rack> {
        self.racks_by_id.get(id).copied()
    }

    /// The module of this id, if it stands at this rack.
    pub(crate) fn kesm_at(&self, rack: Rack, id: &str) -> Option<Kesm> {
        self.kesms_by_id.get(id).copied().filter(|kesm| self.kesm(*kesm).rack == rack)
    }
}
