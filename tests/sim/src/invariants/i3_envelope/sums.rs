//! What transfers ask of ties and modules together, summed up once more. Losses on the way are left out, so that this asks
//! less than the envelope does, and never more.

use std::collections::BTreeMap;

use ridethrough_core::command::{Leg, Plan};
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::{KesmId, TieId};

use super::super::Finding;

/// No tie and no module is asked for more than its rating, and no tie in both ways.
pub fn within_ratings(ledger: &Ledger) -> Finding {
    let site = ledger.site();
    let (mut ties, mut kesms) = (BTreeMap::<TieId, i64>::new(), BTreeMap::<KesmId, i64>::new());
    for leg in legs(ledger) {
        *kesms.entry(leg.kesm).or_default() += leg.supplied.get();
        for hop in &leg.path {
            *ties.entry(hop.tie).or_default() += leg.delivered.get();
        }
    }
    for (id, watts) in ties {
        let tie = site.tie(id);
        if watts > tie.rated.get() {
            return Err(format!("tie {} is to carry {watts} W of {}", tie.name, tie.rated));
        }
    }
    for (id, watts) in kesms {
        let kesm = site.kesm(id);
        if watts > kesm.rated.get() {
            return Err(format!("module {} is to give {watts} W of {}", kesm.name, kesm.rated));
        }
    }
    Ok(())
}

/// What a plan was told that its modules store covers, above their reserves, all that they now have to give.
pub fn above_reserves(ledger: &Ledger, plan: &Plan) -> Finding {
    let site = ledger.site();
    let granted = |kesm: KesmId| plan.grants.iter().flat_map(|grant| &grant.legs).any(|leg| leg.kesm == kesm);
    for told in plan.stored.iter().filter(|told| granted(told.kesm)) {
        let mut joules = 0;
        for transfer in ledger.transfers() {
            let left_ms = transfer.until.saturating_sub(ledger.now()).get().max(0);
            let legs = transfer.grant.legs.iter().filter(|leg| leg.kesm == told.kesm);
            joules += legs.map(|leg| leg.supplied.get() * left_ms / 1_000).sum::<i64>();
        }
        let kesm = site.kesm(told.kesm);
        if joules + kesm.reserve.get() > told.stored.get() {
            let (name, stored, reserve) = (&kesm.name, told.stored, kesm.reserve);
            return Err(format!(
                "module {name} stores {stored} and is to give {joules} J above a reserve of {reserve}"
            ));
        }
    }
    Ok(())
}

fn legs(ledger: &Ledger) -> impl Iterator<Item = &Leg> {
    ledger.transfers().flat_map(|transfer| &transfer.grant.legs)
}
