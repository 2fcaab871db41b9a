//! What the control thread of a node decides, in its order: orders and outcomes in every turn, forecasts, a plan and alarms in every tick.

use std::sync::Arc;

use ridethrough_core::alarm::AlarmNote;
use ridethrough_core::command::{Command, Founding, StoredEnergy};
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::units::{Millis, Watts};
use ridethrough_model::{Forecast, Keep, site_samples};
use ridethrough_protocol::Orders;

use super::{About, Relied, Replica, Waiting, operator};
use crate::consensus::Role;
use crate::dice::Dice;

/// A proposal that is not committed by then counts as failed, as in the node.
const PROPOSAL_DEADLINE: Millis = Millis::new(500);
/// Proposals that may be on their way at once, as in the node.
const IN_FLIGHT_MAX: usize = 16;
/// The model's period.
const SECOND: Millis = Millis::seconds(1);
/// Unix time at which all runs begin, in ms; nothing may depend on it.
const WALL_BEGAN_MS: i64 = 1_790_000_000_000;

impl Replica {
    pub(super) fn command(&mut self, now: Millis) {
        let endpoint = &mut self.endpoint;
        if let Some(term) = self.leadership.acting() {
            self.control.send_orders(now, &mut |order, valid_for| {
                // As over the ring: whether the field's end takes it is not told.
                let _ = endpoint.submit(order, term, valid_for, now);
                true
            });
            self.note_outcomes(now);
        } else if self.setting.orders == Orders::TwoOfThree {
            self.control.endorse_orders(now, &mut |order, valid_for| {
                let _ = endpoint.endorse(order, valid_for, now);
                true
            });
        }
    }

    fn note_outcomes(&mut self, now: Millis) {
        for outcome in self.control.outcomes(now) {
            let transfer = outcome.transfer;
            if self.propose(Command::Outcome(outcome), now) {
                self.control.outcome_sent(transfer);
            }
        }
    }

    pub(super) fn tick(&mut self, now: Millis, relied: &mut Vec<Relied>) {
        while self.next_tick <= now {
            self.next_tick = self.next_tick.saturating_add(self.setting.site.policy.tick);
        }
        self.forecast(now);
        // Whoever tells people of what is disputed is the node's; here it is counted.
        self.control.cross_check_again(now);
        if self.leadership.acting().is_none() {
            return;
        }
        self.plan(now, relied);
        if self.control.is_founded() {
            self.tell_alarms(now);
            self.hear_operator(now);
        }
    }

    fn plan(&mut self, now: Millis, relied: &mut Vec<Relied>) {
        let founding = Founding { cluster: [7; 16], site_hash: self.setting.site.hash };
        if self.busy(if self.control.is_founded() { About::Plan } else { About::Founding }) {
            return;
        }
        if let Some(Ok(command)) = self.control.proposal(now, founding) {
            if let Command::Plan(plan) = &command {
                relied.extend(plan.stored.iter().map(|told| self.relied(told, now)));
            }
            self.propose(command, now);
        }
    }

    fn tell_alarms(&mut self, now: Millis) {
        if self.busy(About::Alarms) {
            return;
        }
        let note: Option<AlarmNote> = self.control.alarm_note(now, []);
        if let Some(note) = note {
            self.propose(Command::Alarms(note), now);
        }
    }

    /// What the node judges before it is proposed, and the ledger again.
    fn hear_operator(&mut self, now: Millis) {
        let ledger = self.control.ledger().as_of(self.control.ledger_at(now));
        if let Some(operation) = operator::wish(&ledger, &mut self.operator) {
            self.propose(Command::Operation(operation), now);
        }
    }

    fn busy(&self, about: About) -> bool {
        self.waiting.iter().any(|waiting| waiting.about == about)
    }

    fn relied(&self, told: &StoredEnergy, now: Millis) -> Relied {
        let heard = self.heard.get(&told.kesm);
        Relied { kesm: told.kesm, stored: told.stored, age: heard.map(|at| now.saturating_sub(*at)) }
    }

    fn forecast(&mut self, now: Millis) {
        let keep = if now >= self.next_second { Keep::Committed } else { Keep::Provisional };
        while self.next_second <= now {
            self.next_second = self.next_second.saturating_add(SECOND);
        }
        let (site, view) = (&self.setting.site, self.control.view());
        let loads: Vec<Option<Watts>> = site.rack_ids().map(|rack| view.load(rack, now)).collect();
        let mut racks = std::mem::take(&mut self.forecasts);
        self.forecaster.step(&site_samples(site, &loads), keep, &mut racks);
        if self.ailments.forecast_lies {
            for forecast in &mut racks {
                lie(forecast, &mut self.dice);
            }
        }
        let rows = racks.split_off(site.racks.len());
        self.control.set_forecasts(racks);
        self.control.set_row_forecasts(rows);
    }

    /// Whether it is on its way.
    fn propose(&mut self, command: Command, now: Millis) -> bool {
        let about = match &command {
            Command::Found(_) => About::Founding,
            Command::Plan(_) => About::Plan,
            Command::Outcome(outcome) => About::Outcome(outcome.transfer),
            Command::Alarms(_) => About::Alarms,
            Command::Operation(_) => About::Operation,
            _ => About::Other,
        };
        if self.busy(about) || self.waiting.len() >= IN_FLIGHT_MAX || self.node.role() != Role::Leader {
            return false;
        }
        let wall = WALL_BEGAN_MS.saturating_add(now.get()).saturating_add(self.ailments.wall_off_ms);
        let entry = Arc::new(self.control.entry(command, self.id, now, wall));
        let Some(index) = self.node.propose(entry, now) else { return false };
        let until = now.saturating_add(PROPOSAL_DEADLINE);
        self.waiting.push(Waiting { about, index, term: self.node.term(), until });
        true
    }
}

/// A forecast of anything, mostly up to many times what the rack may take, at times of what cannot be: the planner must
/// bear it.
fn lie(forecast: &mut RackForecast, dice: &mut Dice) {
    let watts = match dice.below(20) {
        0 => i64::MAX,
        1 => i64::MIN,
        _ => i64::try_from(dice.below(200_000)).unwrap_or(0),
    };
    *forecast = RackForecast::flat(Watts::new(watts), forecast.horizon, forecast.source);
}
