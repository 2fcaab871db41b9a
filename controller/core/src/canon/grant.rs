//! A transfer: its ways, and the risk that it is for.

use super::Canon;
use crate::command::{Grant, Hop, Leg, Risk};

impl Canon {
    pub(super) fn grant(&mut self, grant: &Grant) {
        self.unsigned(u64::from(grant.rack.0));
        self.list(&grant.legs, Self::leg);
        self.signed(grant.help_above.get());
        self.risk(&grant.risk);
        self.signed(grant.hold.get());
    }

    fn leg(&mut self, leg: &Leg) {
        self.unsigned(u64::from(leg.kesm.0));
        self.list(&leg.path, |canon, hop| canon.hop(*hop));
        self.signed(leg.supplied.get());
        self.signed(leg.delivered.get());
    }

    fn hop(&mut self, hop: Hop) {
        self.unsigned(u64::from(hop.tie.0));
        self.direction(hop.direction);
    }

    pub(super) fn risk(&mut self, risk: &Risk) {
        self.signed(risk.present.get());
        self.forecast(&risk.forecast);
        self.signed(risk.limit.get());
        self.signed(risk.margin.get());
    }
}
