//! What an operator does to the ledger.

use super::{Effect, Ledger, Shedding};
use crate::command::{Action, Operation, Plan, Position, ReleaseReason};
use crate::device::DeviceId;
use crate::envelope::{Refusal, Violation};
use crate::operate;
use crate::request::CarriedOut;

impl Ledger {
    pub(super) fn carry_out_operation(&mut self, at: Position, operation: &Operation) -> Effect {
        let effect = self.operate(at, operation);
        if let (Effect::Admitted { .. }, Some(request)) = (&effect, operation.request) {
            self.requests.push(CarriedOut { request, index: at.index });
        }
        effect
    }

    fn operate(&mut self, at: Position, operation: &Operation) -> Effect {
        if self.founding.is_none() {
            return Effect::Refused(Refusal::one(Violation::NotFounded));
        }
        if let Err(refusal) = operate::check(self, operation) {
            return Effect::Refused(refusal);
        }
        match &operation.action {
            Action::Transfer(grant, stored, loads) => {
                let (grants, stored, loads) = (vec![grant.clone()], stored.clone(), loads.clone());
                return self.carry_out_plan(at, &Plan { grants, stored, loads, ..Plan::default() });
            }
            Action::End(rack) => self.release(*rack, ReleaseReason::Operator),
            Action::Hold(device) => self.hold(*device),
            Action::Resume(device) => drop(self.held.remove(device)),
            Action::Lock(device) => {
                self.hold(*device);
                self.locks.lock(*device, &operation.actor);
            }
            Action::Unlock { device, of } => self.locks.unlock(*device, of),
            Action::ManualOn => self.manual = true,
            Action::ManualOff => self.manual = false,
            // `operate::check` has asked the same question.
            Action::Model(action) => self.models = self.models.after(*action).unwrap_or(self.models),
            // An old log, in which nothing is numbered, keeps its states.
            Action::Drill(note) if operation.request.is_some() => {
                self.drills.hear(note, &operation.actor, at.index, self.now);
            }
            // What follows from it is consensus's, or done by whoever drills.
            Action::HandOver(_) | Action::Members(_) | Action::Drill(_) | Action::Denied(_) => {}
            Action::Shed(shed) => {
                let until = self.now.saturating_add(shed.hold);
                self.sheds.insert(shed.rack, Shedding { cap: shed.cap, until });
            }
            Action::Restore(rack) => drop(self.sheds.remove(rack)),
            Action::Acknowledge(alarm) => self.alarms.acknowledge(*alarm, &operation.actor),
            Action::Shelve(alarm, hold) => self.alarms.shelve(*alarm, Some(self.now.saturating_add(*hold))),
            Action::Unshelve(alarm) => self.alarms.shelve(*alarm, None),
        }
        Effect::Admitted { orders: self.derive_orders(at) }
    }

    /// A device is left alone from now on: whatever rests on it ends.
    fn hold(&mut self, device: DeviceId) {
        self.held.insert(device);
        let resting = self.transfers.values().filter(|transfer| transfer.uses(device));
        for rack in resting.map(|transfer| transfer.grant.rack).collect::<Vec<_>>() {
            self.release(rack, ReleaseReason::Operator);
        }
        match device {
            DeviceId::Pdu(rack) => drop(self.caps.remove(&rack)),
            DeviceId::Kesm(kesm) => drop(self.charges.remove(&kesm)),
            DeviceId::Tie(_) => {}
            DeviceId::Supply(feed) => drop(self.generators.remove(&feed)),
        }
    }
}
