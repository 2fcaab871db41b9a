//! What is shown of this replica after every tick: one picture for the web view and all who read it.

use std::sync::Arc;

use ridethrough_core::planner::Inputs;
use ridethrough_core::units::Millis;
use ridethrough_dashboard::Snapshot;

use super::{ControlThread, alarms, crosschecks, publish};
use crate::operator::cluster::role_name;

impl ControlThread {
    /// Publishes it.
    pub(super) fn publish(&mut self, now: Millis) {
        let usual = self.parts.baselines.racks();
        let told = |inputs: Inputs<'_>| (publish::racks(&inputs, &usual), publish::quarantined(&inputs));
        let Some((racks, quarantined)) = self.control.with_inputs(now, told) else { return };
        let (site, ledger_now) = (&self.parts.site, self.control.ledger_at(now));
        let ledger = self.control.ledger().as_of(ledger_now);
        let (view, forecasts) = (self.control.view(), self.control.forecasts());
        self.meters.tell(&ledger, view.implausible(), quarantined.len());
        self.meters.tell_slowly(&self.parts.signals);
        let audit = self.parts.replica.audit();
        if let (Some(audited), Some(status)) = (&self.audited, audit) {
            audited.tell(status);
        }
        let heard = (0..site.devices().count()).filter(|&slot| view.heard(slot, now)).count();
        let snapshot = Snapshot {
            site: site.name.clone(),
            replica: self.parts.id.0,
            role: role_name(self.status.role).to_owned(),
            acting: self.leadership.acting().is_some(),
            term: self.status.term,
            leader: self.status.leader.map(|leader| leader.0),
            commit_index: self.status.committed_index.unwrap_or(0),
            applied_index: ledger.seen().index,
            uptime_ms: now.get(),
            ledger_ms: ledger_now.get(),
            forecast_source: forecasts.first().map(|forecast| forecast.source.to_string()).unwrap_or_default(),
            devices_heard: heard,
            devices: site.devices().count(),
            servers_heard: self.outlets.heard(),
            servers: site.servers.len(),
            outlets_doubted: self.outlets.doubted(site).map(|rack| site.rack(rack).name.clone()).collect(),
            racks,
            kesms: publish::kesms(site, view, now),
            ties: publish::ties(site, view, now),
            transfers: publish::transfers(&ledger, ledger_now),
            disputed: crosschecks::disputes(&self.control, site),
            feeds: publish::feeds(&ledger, view, now, ledger_now),
            caps: publish::caps(&ledger, ledger_now),
            sheds: publish::sheds(&ledger, ledger_now),
            held: ledger.held().map(|device| site.device_name(device)).collect(),
            locks: publish::locks(&ledger),
            leases: self.leases.shown(now, |slot| view.heard(slot, now)),
            drills: publish::drills(&ledger),
            audit: audit.map(publish::audit),
            manual: ledger.is_manual(),
            quarantined,
            alarms: alarms::shown(&ledger, ledger_now),
            alarm_flood: ledger.alarms().is_flood(ledger_now),
            models: publish::models(ledger.models(), &self.parts.forecasting.serving()),
            plans: self.plan_times.committed(),
            decisions: self.decisions.told(),
            counters: self.counters,
        };
        self.parts.shown.store(Arc::new(snapshot));
    }
}
