//! What a tick decides.

use super::Canon;
use crate::command::{CapGrant, CapReason, ModeChange, Plan, RackLoad, ReleaseReason, StoredEnergy};
use crate::mode::{Mode, ModeReason};
use crate::units::Millis;

impl Canon {
    pub(super) fn plan(&mut self, plan: &Plan) {
        self.list(&plan.grants, Self::grant);
        self.list(&plan.releases, |canon, release| {
            canon.unsigned(u64::from(release.rack.0));
            canon.unsigned(match release.reason {
                ReleaseReason::ForecastFell => 1,
                ReleaseReason::DeviceFailed => 2,
                ReleaseReason::AckMissing => 3,
                ReleaseReason::NoLongerFeasible => 4,
                ReleaseReason::Operator => 5,
            });
        });
        self.list(&plan.charges, |canon, charge| {
            canon.unsigned(u64::from(charge.kesm.0));
            canon.signed(charge.charge_max.get());
            canon.signed(charge.hold.get());
        });
        self.list(&plan.shortfalls, |canon, shortfall| {
            canon.unsigned(u64::from(shortfall.rack.0));
            canon.risk(&shortfall.risk);
            canon.signed(shortfall.uncovered.get());
        });
        self.list(&plan.caps, Self::cap);
        self.list(&plan.lifts, |canon, rack| canon.unsigned(u64::from(rack.0)));
        self.list(&plan.generators, |canon, generator| {
            canon.unsigned(u64::from(generator.feed.0));
            canon.duty(generator.duty);
            canon.signed(generator.hold.get());
        });
        self.list(&plan.modes, Self::mode_change);
        self.list(&plan.stored, Self::stored);
        self.list(&plan.loads, Self::load);
    }

    fn cap(&mut self, cap: &CapGrant) {
        self.unsigned(u64::from(cap.rack.0));
        self.signed(cap.cap.get());
        self.unsigned(u64::from(cap.keep_tiers));
        self.unsigned(match cap.reason {
            CapReason::RackUncovered => 1,
            CapReason::RowUncovered => 2,
            CapReason::Insecure => 3,
            CapReason::TimeLeft => 4,
            CapReason::GeneratorFull => 5,
            CapReason::Operator => 6,
        });
        self.signed(cap.hold.get());
    }

    fn mode_change(&mut self, change: &ModeChange) {
        self.unsigned(u64::from(change.feed.0));
        self.mode(change.to);
        match change.reason {
            ModeReason::UtilityLost { witnesses, of } => {
                self.unsigned(1);
                self.unsigned(u64::from(witnesses));
                self.unsigned(u64::from(of));
            }
            ModeReason::GeneratorCarries => self.unsigned(2),
            ModeReason::GeneratorLost => self.unsigned(3),
            ModeReason::TimeIsUp => self.unsigned(4),
            ModeReason::UtilityBack => self.unsigned(5),
            ModeReason::Recharged => self.unsigned(6),
        }
        self.count(usize::from(change.time_left.is_some()));
        self.signed(change.time_left.map_or(0, Millis::get));
    }

    pub(crate) fn mode(&mut self, mode: Mode) {
        self.unsigned(match mode {
            Mode::Normal => 1,
            Mode::RideThrough => 2,
            Mode::Generator => 3,
            Mode::OrderlyShutdown => 4,
            Mode::Recovery => 5,
        });
    }

    pub(super) fn stored(&mut self, stored: &StoredEnergy) {
        self.unsigned(u64::from(stored.kesm.0));
        self.signed(stored.stored.get());
    }

    pub(super) fn load(&mut self, load: &RackLoad) {
        self.unsigned(u64::from(load.rack.0));
        self.signed(load.peak.get());
        self.unsigned(u64::from(load.heat_permille));
    }
}
