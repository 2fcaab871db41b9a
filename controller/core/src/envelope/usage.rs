//! What transfers use of ties and modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Leg, Plan};
use crate::device::Direction;
use crate::electrical;
use crate::ledger::Ledger;
use crate::site::{KesmId, RackId, Site, TieId};
use crate::units::{Joules, Millis, Watts};

/// What ties and modules carry, summed over transfers.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Flow at the source end of each tie, and the ways in which transfers use it.
    pub ties: BTreeMap<TieId, (Watts, BTreeSet<Direction>)>,
    /// Supply of each module.
    pub kesms: BTreeMap<KesmId, Watts>,
    /// Energy that each module must give to hold what it has been asked for.
    pub energy: BTreeMap<KesmId, Joules>,
}

impl Usage {
    /// What stays in use once the plan's releases and replacements have gone, without its grants.
    pub fn kept(ledger: &Ledger, plan: &Plan) -> Self {
        let gone: BTreeSet<RackId> = plan
            .grants
            .iter()
            .map(|grant| grant.rack)
            .chain(plan.releases.iter().map(|release| release.rack))
            .collect();
        let mut usage = Self::default();
        for transfer in ledger.transfers().filter(|transfer| !gone.contains(&transfer.grant.rack)) {
            let left = transfer.until.saturating_sub(ledger.now()).or_zero();
            usage.add(ledger.site(), &transfer.grant.legs, left);
        }
        usage
    }

    /// What is in use once the plan is carried out.
    pub fn after(ledger: &Ledger, plan: &Plan) -> Self {
        let mut usage = Self::kept(ledger, plan);
        plan.grants.iter().for_each(|grant| usage.add(ledger.site(), &grant.legs, grant.hold));
        usage
    }

    /// Takes back what [`Self::add`] has added.
    pub fn remove(&mut self, site: &Site, legs: &[Leg], span: Millis) {
        for leg in legs {
            let lessen = |sum: &mut Watts, by: Watts| *sum = sum.saturating_sub(by).or_zero();
            lessen(self.kesms.entry(leg.kesm).or_default(), leg.supplied);
            let energy = self.energy.entry(leg.kesm).or_default();
            let given = electrical::stored_for(site.kesm(leg.kesm), leg.supplied, span);
            *energy = energy.saturating_sub(given).or_zero();
            for (hop, flow) in leg.path.iter().zip(electrical::path_flows(site, &leg.path, leg.delivered)) {
                if let Some((sum, _)) = self.ties.get_mut(&hop.tie) {
                    lessen(sum, flow);
                    // A tie that carries nothing is free to be used either way.
                    if *sum == Watts::ZERO {
                        self.ties.remove(&hop.tie);
                    }
                }
            }
        }
    }

    /// Adds the legs of one transfer that holds for `span`.
    pub fn add(&mut self, site: &Site, legs: &[Leg], span: Millis) {
        for leg in legs {
            let supply = self.kesms.entry(leg.kesm).or_default();
            *supply = supply.saturating_add(leg.supplied);
            let energy = self.energy.entry(leg.kesm).or_default();
            *energy = energy.saturating_add(electrical::stored_for(site.kesm(leg.kesm), leg.supplied, span));
            for (hop, flow) in leg.path.iter().zip(electrical::path_flows(site, &leg.path, leg.delivered)) {
                let (sum, ways) = self.ties.entry(hop.tie).or_default();
                *sum = sum.saturating_add(flow);
                ways.insert(hop.direction);
            }
        }
    }
}
