//! What an operator asks for.

use std::net::IpAddr;

use super::Canon;
use crate::command::{Action, Operation};
use crate::drill::{DrillNote, DrillStage};
use crate::members::MemberChange;
use crate::request::RequestId;

impl Canon {
    pub(super) fn operation(&mut self, operation: &Operation) {
        self.words(&operation.actor);
        self.words(&operation.reason);
        match &operation.action {
            Action::Transfer(grant, stored, loads) => {
                self.unsigned(1);
                self.grant(grant);
                self.list(stored, Self::stored);
                self.list(loads, Self::load);
            }
            Action::End(rack) => {
                self.unsigned(2);
                self.unsigned(u64::from(rack.0));
            }
            Action::Hold(device) => {
                self.unsigned(3);
                self.unsigned(u64::from(device.to_wire()));
            }
            Action::Resume(device) => {
                self.unsigned(4);
                self.unsigned(u64::from(device.to_wire()));
            }
            Action::ManualOn => self.unsigned(5),
            Action::ManualOff => self.unsigned(6),
            Action::Model(action) => {
                self.unsigned(7);
                self.model_action(*action);
            }
            Action::HandOver(replica) => {
                self.unsigned(8);
                self.unsigned(u64::from(replica.0));
            }
            Action::Members(change) => {
                self.unsigned(9);
                self.member_change(*change);
            }
            Action::Drill(note) => {
                self.unsigned(10);
                self.drill(note);
            }
            Action::Shed(shed) => {
                self.unsigned(11);
                self.unsigned(u64::from(shed.rack.0));
                self.signed(shed.cap.get());
                self.millis(shed.hold);
            }
            Action::Restore(rack) => {
                self.unsigned(12);
                self.unsigned(u64::from(rack.0));
            }
            Action::Acknowledge(alarm) => {
                self.unsigned(13);
                self.alarm_key(*alarm);
            }
            Action::Shelve(alarm, hold) => {
                self.unsigned(14);
                self.alarm_key(*alarm);
                self.millis(*hold);
            }
            Action::Unshelve(alarm) => {
                self.unsigned(15);
                self.alarm_key(*alarm);
            }
            Action::Denied(asked) => {
                self.unsigned(16);
                self.words(asked);
            }
            Action::Lock(device) => {
                self.unsigned(17);
                self.unsigned(u64::from(device.to_wire()));
            }
            Action::Unlock { device, of } => {
                self.unsigned(18);
                self.unsigned(u64::from(device.to_wire()));
                self.words(of);
            }
        }
    }

    pub(crate) fn request(&mut self, request: RequestId) {
        self.bytes(&request.0.to_le_bytes());
    }

    pub(crate) fn drill(&mut self, note: &DrillNote) {
        self.words(&note.drill);
        self.unsigned(note.seed);
        self.unsigned(match note.stage {
            DrillStage::Begun => 1,
            DrillStage::Refused => 2,
            DrillStage::Held => 3,
            DrillStage::Failed => 4,
            DrillStage::Aborted => 5,
        });
    }

    fn member_change(&mut self, change: MemberChange) {
        match change {
            MemberChange::Forget { replica, although_alive } => {
                self.unsigned(1);
                self.unsigned(u64::from(replica.0));
                self.unsigned(u64::from(although_alive));
            }
            MemberChange::Add { replica, address } => {
                self.unsigned(2);
                self.unsigned(u64::from(replica.0));
                match address.ip() {
                    IpAddr::V4(ip) => {
                        self.unsigned(4);
                        self.bytes(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        self.unsigned(6);
                        self.bytes(&ip.octets());
                    }
                }
                self.unsigned(u64::from(address.port()));
            }
        }
    }
}
