//! What belongs together: ties join racks of one row only, so a row is planned by itself.

use crate::site::{KesmId, RackId, Site, TieId};

/// What stands in one row.
#[derive(Clone, Debug, Default)]
pub(super) struct RowMembers {
    pub(super) racks: Vec<RackId>,
    pub(super) kesms: Vec<KesmId>,
    pub(super) ties: Vec<TieId>,
    /// Racks with a module or a tie: those that can be helped.
    pub(super) joined: Vec<RackId>,
}

/// The rows of a site, looked up once.
#[derive(Clone, Debug, Default)]
pub(super) struct Topology {
    pub(super) rows: Vec<RowMembers>,
}

impl Topology {
    pub(super) fn new(site: &Site) -> Self {
        let mut rows = vec![RowMembers::default(); site.rows.len()];
        let mut joined = vec![false; site.racks.len()];
        for kesm in site.kesm_ids() {
            let rack = site.kesm(kesm).rack;
            rows[site.rack(rack).row.index()].kesms.push(kesm);
            joined[rack.index()] = true;
        }
        for tie in site.tie_ids() {
            let (first, second) = site.tie(tie).between;
            rows[site.rack(first).row.index()].ties.push(tie);
            joined[first.index()] = true;
            joined[second.index()] = true;
        }
        for rack in site.rack_ids() {
            let row = &mut rows[site.rack(rack).row.index()];
            row.racks.push(rack);
            if joined[rack.index()] {
                row.joined.push(rack);
            }
        }
        Self { rows }
    }
}
