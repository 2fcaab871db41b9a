//! What the log last tells of racks and modules, as if it had been measured now.
//!
//! Plans carry what they were judged by and nothing else, so this is old where little was planned lately; how old, every
//! answer says.

use std::collections::BTreeSet;

use ridethrough_core::audit::Record;
use ridethrough_core::command::{Action, Command, RackLoad, Risk, StoredEnergy};
use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::{KesmId, RackId, RowId, Site};
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_core::view::View;

/// Where the rule looks to, too.
const HORIZON: Millis = Millis::seconds(30);

/// What is known of every rack and module, and since when.
#[derive(Debug)]
pub struct Evidence {
    racks: Vec<Option<Rack>>,
    kesms: Vec<Option<(Joules, Millis)>>,
}

/// What is known of a rack.
#[derive(Clone, Copy, Debug)]
struct Rack {
    present: Watts,
    forecast: RackForecast,
    heat_permille: u16,
    at: Millis,
}

impl Evidence {
    /// Gathers what the entries that were carried out were judged by; the newest of each counts.
    pub fn gather(site: &Site, records: &[Record]) -> Self {
        let mut evidence = Self { racks: vec![None; site.racks.len()], kesms: vec![None; site.kesms.len()] };
        for record in records.iter().filter(|record| record.admitted()) {
            match &record.entry.command {
                Command::Plan(plan) => {
                    evidence.take(record.at, &plan.stored, &plan.loads);
                    let shortfalls = plan.shortfalls.iter().map(|shortfall| (shortfall.rack, shortfall.risk));
                    let granted = plan.grants.iter().map(|grant| (grant.rack, grant.risk));
                    shortfalls.chain(granted).for_each(|(rack, risk)| evidence.take_risk(record.at, rack, &risk));
                }
                Command::Operation(operation) => {
                    let Action::Transfer(grant, stored, loads) = &operation.action else { continue };
                    evidence.take(record.at, stored, loads);
                    evidence.take_risk(record.at, grant.rack, &grant.risk);
                }
                Command::Found(_)
                | Command::Outcome(_)
                | Command::ModelRefused(_)
                | Command::Forecasts(_)
                | Command::Alarms(_) => {}
            }
        }
        evidence
    }

    fn take(&mut self, at: Millis, stored: &[StoredEnergy], loads: &[RackLoad]) {
        for told in stored {
            self.kesms[told.kesm.index()] = Some((told.stored, at));
        }
        for &RackLoad { rack, peak, heat_permille } in loads {
            // What it took at the time is not told with it: no more than it might come to take.
            self.racks[rack.index()] = Some(Rack { present: peak, forecast: flat(peak), heat_permille, at });
        }
    }

    fn take_risk(&mut self, at: Millis, rack: RackId, risk: &Risk) {
        let heat_permille = self.racks[rack.index()].map_or(0, |known| known.heat_permille);
        self.racks[rack.index()] = Some(Rack { present: risk.present, forecast: risk.forecast, heat_permille, at });
    }

    /// The view that a replica would have that had measured all of it at `now`.
    pub fn view(&self, ledger: &Ledger, now: Millis) -> View {
        let site = ledger.site();
        let mut view = View::new(site);
        for (rack, known) in site.rack_ids().zip(&self.racks) {
            let Some(Rack { present: load, heat_permille: breaker_permille, .. }) = *known else { continue };
            let reading = Reading::Pdu { load, draw: load, bus: site.bus(rack), breaker_permille, tripped: false };
            view.observe(site, DeviceId::Pdu(rack), reading, now);
        }
        for (kesm, known) in site.kesm_ids().zip(&self.kesms) {
            let Some((stored, _)) = *known else { continue };
            let (supply, capacitor) = (Watts::ZERO, site.bus(site.kesm(kesm).rack));
            let reading = Reading::Kesm { stored, supply, speed_rpm: 0, capacitor, available: true };
            view.observe(site, DeviceId::Kesm(kesm), reading, now);
        }
        view
    }

    /// What every rack may come to take. One that the log never told of may take all that its servers can.
    pub fn forecasts(&self, site: &Site) -> Vec<RackForecast> {
        let racks = self.racks.iter().zip(&site.racks);
        racks.map(|(known, rack)| known.map_or_else(|| flat(rack.nameplate), |known| known.forecast)).collect()
    }

    /// Ledger time of the oldest evidence on these racks and modules; none when there is none.
    pub fn oldest(&self, racks: &BTreeSet<RackId>, kesms: &BTreeSet<KesmId>) -> Option<Millis> {
        let racks = racks.iter().filter_map(|rack| Some(self.racks[rack.index()]?.at));
        racks.chain(kesms.iter().filter_map(|kesm| Some(self.kesms[kesm.index()]?.1))).min()
    }

    /// Modules of a row that the log never told of: nothing can be promised from them.
    pub fn unknown_kesms(&self, site: &Site, row: RowId) -> Vec<String> {
        let unknown = |id: &KesmId| self.kesms[id.index()].is_none() && site.rack(site.kesm(*id).rack).row == row;
        site.kesm_ids().filter(unknown).map(|id| site.kesm(id).name.clone()).collect()
    }

    /// Racks of a row that the log never told of.
    pub fn unknown_racks(&self, site: &Site, row: RowId) -> Vec<String> {
        let unknown = |id: &RackId| self.racks[id.index()].is_none() && site.rack(*id).row == row;
        site.rack_ids().filter(unknown).map(|id| site.rack(id).name.clone()).collect()
    }
}

/// A forecast without doubt.
fn flat(watts: Watts) -> RackForecast {
    let source = ForecastSource::Rule(RuleReason::NoModel);
    RackForecast::flat(watts, HORIZON, source)
}
