//! What devices are told, and what they answer.

use super::Canon;
use crate::command::Outcome;
use crate::device::{Direction, GeneratorDuty, Order, Setpoint, Verdict};

impl Canon {
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
            Setpoint::Pdu { cap, keep_tiers } => {
                self.signed(cap.get());
                self.unsigned(u64::from(keep_tiers));
            }
            Setpoint::Supply { generator } => self.duty(generator),
        }
    }

    pub(super) fn duty(&mut self, duty: GeneratorDuty) {
        self.unsigned(match duty {
            GeneratorDuty::Auto => 1,
            GeneratorDuty::Run => 2,
        });
    }

    pub(super) fn direction(&mut self, direction: Direction) {
        self.unsigned(match direction {
            Direction::Forward => 1,
            Direction::Backward => 2,
        });
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome) {
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
                Verdict::LockedOut => 7,
            });
            canon.signed(timed.ack.device_at.get());
            canon.unsigned(u64::from(timed.after_us));
        });
    }
}
