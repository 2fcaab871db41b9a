//! Where everything of a site is in the rows of its world.

use ridethrough_core::site::{RackId, Site};

use crate::plant::row::Row;
use crate::scenario::Scenario;

/// Row and place in it, by the index in the site.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    pub(super) racks: Vec<(usize, usize)>,
    pub(super) servers: Vec<(usize, usize, usize)>,
    pub(super) kesms: Vec<(usize, usize)>,
    pub(super) ties: Vec<(usize, usize)>,
}

/// What stands in one row, by the indexes in the site.
pub(super) struct RowMembers {
    racks: Vec<usize>,
    kesms: Vec<usize>,
    ties: Vec<usize>,
}

impl RowMembers {
    pub(super) fn new(site: &Site, row: usize) -> Self {
        let of = |rack: RackId| site.rack(rack).row.index() == row;
        let pick = |count: usize, belongs: &dyn Fn(usize) -> bool| (0..count).filter(|&nth| belongs(nth)).collect();
        Self {
            racks: pick(site.racks.len(), &|nth| site.racks[nth].row.index() == row),
            kesms: pick(site.kesms.len(), &|nth| of(site.kesms[nth].rack)),
            ties: pick(site.ties.len(), &|nth| of(site.ties[nth].between.0)),
        }
    }

    pub(super) fn build(&self, scenario: &Scenario, row: usize) -> Row {
        Row::new(scenario, row, &self.racks, &self.kesms, &self.ties)
    }
}

impl Places {
    pub(super) fn new(site: &Site) -> Self {
        let mut places = Self::default();
        let mut counts = vec![[0; 3]; site.rows.len()];
        let mut next = |kind: usize, rack: RackId| {
            let row = site.rack(rack).row.index();
            let place = counts[row][kind];
            counts[row][kind] += 1;
            (row, place)
        };
        places.racks = site.rack_ids().map(|rack| next(0, rack)).collect();
        places.kesms = site.kesms.iter().map(|kesm| next(1, kesm.rack)).collect();
        places.ties = site.ties.iter().map(|tie| next(2, tie.between.0)).collect();
        let mut servers = vec![0; site.racks.len()];
        let seat = |server: &ridethrough_core::site::Server| {
            let (row, rack) = places.racks[server.rack.index()];
            let place = servers[server.rack.index()];
            servers[server.rack.index()] += 1;
            (row, rack, place)
        };
        places.servers = site.servers.iter().map(seat).collect();
        places
    }
}
