//! What no entry may ever lead to (I3), asked of every state.

use super::Ledger;
use crate::command::Plan;
use crate::envelope::Usage;
use crate::model::Models;

impl Ledger {
    pub(super) fn assert_within_limits(&self) {
        let usage = Usage::kept(self, &Plan::default());
        for (&tie, (flow, ways)) in &usage.ties {
            assert!(*flow <= self.site.tie(tie).rated && ways.len() == 1, "I3: {tie:?} carries {flow} in {ways:?}");
        }
        for (&kesm, supply) in &usage.kesms {
            assert!(*supply <= self.site.kesm(kesm).rated, "I3: {kesm:?} supplies {supply}");
        }
        for (&kesm, charge) in &self.charges {
            assert!(charge.charge_max <= self.site.kesm(kesm).charge_rated, "I3: {kesm:?} charges {charge:?}");
        }
        let Models { active, minimum_version, .. } = self.models;
        assert!(active.is_none_or(|id| id.version >= minimum_version), "an overtaken model decides: {:?}", self.models);
        for transfer in self.transfers.values() {
            let level = transfer.grant.help_above;
            assert!(level <= self.site.hold(transfer.grant.rack), "I3: help above {level} is help too late");
            assert!(!transfer.devices().iter().any(|device| self.held.contains(device)), "I3: a held device is used");
        }
        for (device, person) in self.locks.rows() {
            assert!(self.held.contains(&device), "I3: {device:?} is locked by {person} and not held");
        }
    }
}
