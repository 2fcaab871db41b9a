//! One byte string for one value, so that a state hash means the same on every replica and for every auditor.
//! It is hashed and never decoded; what is stored and sent has its own codec.

use sha2::{Digest, Sha256};

use crate::command::{Command, Entry, Grant, Hop, Leg, Outcome, Plan, Position, ReleaseReason, Risk};
use crate::device::{Direction, Order, Setpoint, Verdict};
use crate::forecast::{ForecastSource, RackForecast, RuleReason};

/// Feeds values to a hash, every field at fixed width, every list with its length first.
pub(crate) struct Canon(Sha256);

impl Canon {
    /// Begins with what kind of thing is hashed, so that no two kinds can share a hash.
    pub(crate) fn new(kind: &[u8]) -> Self {
        let mut canon = Self(Sha256::new());
        canon.count(kind.len());
        canon.bytes(kind);
        canon
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn signed(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.unsigned(count as u64);
    }

    pub(crate) fn position(&mut self, position: &Position) {
        self.unsigned(position.term);
        self.unsigned(u64::from(position.leader.0));
        self.unsigned(position.index);
    }

    pub(crate) fn entry(&mut self, entry: &Entry) {
        self.signed(entry.stamp.at.get());
        self.signed(entry.stamp.wall_unix_ms);
        self.unsigned(u64::from(entry.by.0));
        self.unsigned(entry.seen.index);
        self.bytes(&entry.seen.hash);
        match &entry.command {
            Command::Found(founding) => {
                self.unsigned(1);
                self.bytes(&founding.cluster);
                self.bytes(&founding.site_hash);
            }
            Command::Plan(plan) => {
                self.unsigned(2);
                self.plan(plan);
            }
            Command::Outcome(outcome) => {
                self.unsigned(3);
                self.outcome(outcome);
            }
        }
    }

    pub(crate) fn order(&mut self, order: &Order) {
        self.unsigned(u64::from(order.device.to_wire()));
        self.unsigned(order.index);
        self.unsigned(order.term);
        self.signed(order.until.get());
        match order.setpoint {
            Setpoint::Kesm { supply_max, charge_max, hold } => {
                for watts in [supply_max, charge_max, hold] {
                    self.signed(watts.get());
                }
            }
            Setpoint::Tie { direction, flow_max, hold } => {
                self.direction(direction);
                for watts in [flow_max, hold] {
                    self.signed(watts.get());
                }
            }
        }
    }

    fn direction(&mut self, direction: Direction) {
        self.unsigned(match direction {
            Direction::Forward => 1,
            Direction::Backward => 2,
        });
    }

    fn plan(&mut self, plan: &Plan) {
        self.list(&plan.grants, Self::grant);
        self.list(&plan.releases, |canon, release| {
            canon.unsigned(u64::from(release.rack.0));
            canon.unsigned(match release.reason {
                ReleaseReason::ForecastFell => 1,
                ReleaseReason::DeviceFailed => 2,
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
        self.list(&plan.stored, |canon, stored| {
            canon.unsigned(u64::from(stored.kesm.0));
            canon.signed(stored.stored.get());
        });
    }

    fn grant(&mut self, grant: &Grant) {
        self.unsigned(u64::from(grant.rack.0));
        self.list(&grant.legs, Self::leg);
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

    fn risk(&mut self, risk: &Risk) {
        self.signed(risk.present.get());
        self.forecast(&risk.forecast);
        self.signed(risk.limit.get());
        self.signed(risk.margin.get());
    }

    fn forecast(&mut self, forecast: &RackForecast) {
        for watts in [forecast.p50, forecast.p90, forecast.p99, forecast.peak_p99] {
            self.signed(watts.get());
        }
        self.signed(forecast.horizon.get());
        match forecast.source {
            ForecastSource::Model { hash8 } => self.bytes(&hash8),
            ForecastSource::Rule(reason) => self.unsigned(match reason {
                RuleReason::NoModel => 1,
                RuleReason::NotFinite => 2,
                RuleReason::OutOfRange => 3,
                RuleReason::Late => 4,
                RuleReason::RuntimeFailed => 5,
                RuleReason::ColdStart => 6,
            }),
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.unsigned(outcome.transfer.index);
        self.unsigned(u64::from(outcome.transfer.nth));
        self.list(&outcome.acks, |canon, timed| {
            canon.unsigned(u64::from(timed.ack.device.to_wire()));
            canon.unsigned(timed.ack.fence.term);
            canon.unsigned(timed.ack.fence.index);
            canon.unsigned(match timed.ack.verdict {
                Verdict::Executed => 1,
                Verdict::Duplicate => 2,
                Verdict::StaleFence => 3,
                Verdict::Expired => 4,
                Verdict::BeyondLimits => 5,
                Verdict::Unavailable => 6,
            });
            canon.signed(timed.ack.device_at.get());
            canon.unsigned(u64::from(timed.after_us));
        });
    }

    fn list<T>(&mut self, items: &[T], mut feed: impl FnMut(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            feed(self, item);
        }
    }
}
