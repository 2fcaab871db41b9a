//! Which racks and rows are at risk, and what would help them.
//!
//! The planner proposes; it has no say. What it returns is admitted by the [envelope](crate::envelope), committed by
//! a majority and applied by the [ledger](crate::ledger) before anything moves. What it remembers is patience (how long
//! a rack has been calm, what was reported last) and habit (how much of a store is usually needed): a new leader loses
//! nothing but a few seconds of the one and begins with full stores.
//!
//! ```text
//! judge racks, rows ─► modes of feeds ─► release, keep, or plan anew ─► one flow for each row ─► caps for what is left
//!      (risk)             (outage)              (standing)                  (assign)                 (shed)
//!                                                                                                     │
//!                        evidence ◄── charge from what is left ◄── make secure against failures ◄─────┘
//!                                          (charge)                      (secure)
//! ```

mod assign;
mod charge;
mod draft;
mod lasting;
mod outage;
mod proposal;
mod risk;
mod row;
mod secure;
mod shed;
#[cfg(test)]
mod tests;
mod topology;

pub use proposal::{Proposal, Proposer};
pub use risk::{Verdict, judge};

use self::assign::Assigner;
use self::charge::Charging;
use self::draft::Draft;
use self::outage::Outages;
use self::row::Patience;
use self::shed::Shedding;
use self::topology::Topology;
use crate::command::Plan;
use crate::device::DeviceId;
use crate::forecast::RackForecast;
use crate::ledger::Ledger;
use crate::site::Site;
use crate::trust::Fault;
use crate::units::Millis;
use crate::view::View;

/// No plan grants more than this; what is left is granted in the next tick. An entry of the log has an end.
const GRANTS_MAX: usize = 1_000;

/// What a tick knows.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// What is committed.
    pub ledger: &'a Ledger,
    /// What was measured.
    pub view: &'a View,
    /// What may come, one for each rack of the site.
    pub forecasts: &'a [RackForecast],
    /// What may come for whole rows; one for each, or none.
    pub row_forecasts: &'a [RackForecast],
    /// Why a device is not to be relied on now, if it is not.
    pub fault: &'a dyn Fn(DeviceId) -> Option<Fault>,
    /// The monotonic clock that `view` was fed with.
    pub now: Millis,
    /// Ledger time at this moment.
    pub ledger_now: Millis,
}

/// The planner with its short memory.
#[derive(Clone, Debug)]
pub struct Planner {
    topology: Topology,
    assigner: Assigner,
    patience: Patience,
    outages: Outages,
    shedding: Shedding,
    charging: Charging,
    verdicts: Vec<Verdict>,
}

impl Planner {
    /// A planner of this site that remembers nothing yet.
    pub fn new(site: &Site) -> Self {
        Self {
            topology: Topology::new(site),
            assigner: Assigner::default(),
            patience: Patience::new(site),
            outages: Outages::new(site),
            shedding: Shedding::new(site),
            charging: Charging::new(site),
            verdicts: Vec::with_capacity(site.racks.len()),
        }
    }

    /// What should change now; mostly nothing. The forecasts must be one for each rack.
    pub fn plan(&mut self, inputs: Inputs<'_>) -> Plan {
        let mut verdicts = std::mem::take(&mut self.verdicts);
        verdicts.clear();
        for rack in inputs.ledger.site().rack_ids() {
            let comes_back_to = self.outages.comes_back_to(&inputs, rack);
            verdicts.push(risk::judge_expecting(&inputs, rack, comes_back_to));
        }
        let mut draft = Draft::new(inputs);
        self.outages.follow(&mut draft, &self.topology, &verdicts);
        // In manual mode the site's operator plans; what is in force runs out or is ended by hand.
        if !inputs.ledger.is_manual() {
            self.help(&mut draft, &verdicts);
        }
        self.verdicts = verdicts;
        draft.finish()
    }

    fn help(&mut self, draft: &mut Draft<'_>, verdicts: &[Verdict]) {
        let mut planned = Vec::new();
        for row in draft.site().row_ids() {
            // While modules bridge, devices do so by themselves, and what is stored is for that.
            if draft.mode_of_row(row).bridges() || draft.plan.grants.len() >= GRANTS_MAX {
                continue;
            }
            row::plan(draft, &self.topology.rows[row.index()], row, verdicts, &mut self.patience, &mut self.assigner);
            planned.push(row);
        }
        self.shedding.plan(draft, &self.topology, verdicts, &self.outages);
        secure::make(draft, verdicts);
        for row in planned {
            row::tell_shortfalls(draft, &self.topology.rows[row.index()], verdicts, &mut self.patience);
        }
        self.charging.plan(draft, &self.topology, verdicts);
        draft.attach_evidence(verdicts);
    }
}
