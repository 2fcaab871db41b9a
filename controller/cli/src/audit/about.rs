//! Which racks and devices an entry is about.

use ridethrough_core::alarm::{AlarmKey, AlarmNote, Subject};
use ridethrough_core::audit::Record;
use ridethrough_core::command::{Action, Command, Grant, Plan, Shed, TransferId};
use ridethrough_core::device::DeviceId;
use ridethrough_core::fallback::Part;
use ridethrough_core::site::{FeedId, RackId, Site};

/// Whether an entry is about this rack: its transfers, its servers, what feeds it.
pub fn concerns(record: &Record, rack: RackId, site: &Site, transfers: &dyn Fn(TransferId) -> Option<RackId>) -> bool {
    match &record.entry.command {
        Command::Found(_) | Command::ModelRefused(_) => false,
        Command::Forecasts(note) => {
            note.engine.is_some() || note.changes.iter().any(|change| change.part.concerns(rack, site))
        }
        Command::Plan(plan) => plan_concerns(plan, rack, site.feed_of(rack)),
        Command::Outcome(outcome) => transfers(outcome.transfer) == Some(rack),
        Command::Operation(operation) => match &operation.action {
            Action::Transfer(grant, ..) => grant.rack == rack,
            Action::End(of) | Action::Restore(of) => *of == rack,
            Action::Shed(shed) => shed.rack == rack,
            Action::Acknowledge(alarm) | Action::Shelve(alarm, _) | Action::Unshelve(alarm) => {
                alarm_concerns(*alarm, rack, site)
            }
            Action::Hold(device) | Action::Resume(device) | Action::Lock(device) | Action::Unlock { device, .. } => {
                stands_at(*device, rack, site)
            }
            Action::ManualOn | Action::ManualOff => true,
            Action::Model(_) | Action::HandOver(_) | Action::Members(_) | Action::Drill(_) | Action::Denied(_) => false,
        },
        Command::Alarms(note) => alarms(note).any(|alarm| alarm_concerns(alarm, rack, site)),
    }
}

fn alarms(note: &AlarmNote) -> impl Iterator<Item = AlarmKey> + '_ {
    note.raised.iter().chain(&note.cleared).copied()
}

fn alarm_concerns(alarm: AlarmKey, rack: RackId, site: &Site) -> bool {
    match alarm.subject {
        Subject::Site => true,
        Subject::Feed(feed) => feed == site.feed_of(rack),
        Subject::Rack(id) => id == rack,
        Subject::Device(device) => stands_at(device, rack, site),
        Subject::Replica(_) => false,
    }
}

const fn alarm_device(alarm: AlarmKey) -> Option<DeviceId> {
    match alarm.subject {
        Subject::Device(device) => Some(device),
        _ => None,
    }
}

const fn alarm_rack(alarm: AlarmKey) -> Option<RackId> {
    match alarm.subject {
        Subject::Rack(rack) => Some(rack),
        _ => None,
    }
}

/// Every device that an entry names; some more than once.
pub fn devices(record: &Record) -> Vec<DeviceId> {
    match &record.entry.command {
        Command::Plan(plan) => plan_devices(plan),
        Command::Outcome(outcome) => outcome.acks.iter().map(|timed| timed.ack.device).collect(),
        Command::Operation(operation) => match &operation.action {
            Action::Transfer(grant, ..) => grant.devices().collect(),
            Action::Hold(device) | Action::Resume(device) | Action::Lock(device) | Action::Unlock { device, .. } => {
                vec![*device]
            }
            Action::Shed(Shed { rack, .. }) | Action::Restore(rack) => vec![DeviceId::Pdu(*rack)],
            Action::Acknowledge(alarm) | Action::Shelve(alarm, _) | Action::Unshelve(alarm) => {
                alarm_device(*alarm).into_iter().collect()
            }
            Action::End(_)
            | Action::ManualOn
            | Action::ManualOff
            | Action::Model(_)
            | Action::HandOver(_)
            | Action::Members(_)
            | Action::Drill(_)
            | Action::Denied(_) => Vec::new(),
        },
        Command::Alarms(note) => alarms(note).filter_map(alarm_device).collect(),
        Command::Found(_) | Command::ModelRefused(_) | Command::Forecasts(_) => Vec::new(),
    }
}

fn plan_devices(plan: &Plan) -> Vec<DeviceId> {
    let grants = plan.grants.iter().flat_map(Grant::devices);
    let charges = plan.charges.iter().map(|charge| DeviceId::Kesm(charge.kesm));
    let pdus = plan.caps.iter().map(|cap| cap.rack).chain(plan.lifts.iter().copied()).map(DeviceId::Pdu);
    let supplies = plan.generators.iter().map(|generator| generator.feed);
    let supplies = supplies.chain(plan.modes.iter().map(|change| change.feed)).map(DeviceId::Supply);
    grants.chain(charges).chain(pdus).chain(supplies).collect()
}

/// Every rack that an entry names, once; `transfers` says whose a transfer is.
pub fn racks(record: &Record, transfers: &dyn Fn(TransferId) -> Option<RackId>) -> Vec<RackId> {
    let mut racks: Vec<RackId> = match &record.entry.command {
        Command::Plan(plan) => {
            let grants = plan.grants.iter().map(|grant| grant.rack);
            let ended = plan.releases.iter().map(|release| release.rack);
            let short = plan.shortfalls.iter().map(|shortfall| shortfall.rack);
            let capped = plan.caps.iter().map(|cap| cap.rack).chain(plan.lifts.iter().copied());
            grants.chain(ended).chain(short).chain(capped).collect()
        }
        Command::Outcome(outcome) => transfers(outcome.transfer).into_iter().collect(),
        Command::Operation(operation) => match &operation.action {
            Action::Transfer(grant, ..) => vec![grant.rack],
            Action::End(rack) | Action::Restore(rack) | Action::Shed(Shed { rack, .. }) => vec![*rack],
            Action::Acknowledge(alarm) | Action::Shelve(alarm, _) | Action::Unshelve(alarm) => {
                alarm_rack(*alarm).into_iter().collect()
            }
            _ => Vec::new(),
        },
        Command::Forecasts(note) => note
            .changes
            .iter()
            .filter_map(|change| match change.part {
                Part::Rack(rack) => Some(rack),
                Part::Row(_) => None,
            })
            .collect(),
        Command::Alarms(note) => alarms(note).filter_map(alarm_rack).collect(),
        Command::Found(_) | Command::ModelRefused(_) => Vec::new(),
    };
    racks.sort_unstable();
    racks.dedup();
    racks
}

fn plan_concerns(plan: &Plan, rack: RackId, feed: FeedId) -> bool {
    plan.grants.iter().any(|grant| grant.rack == rack)
        || plan.releases.iter().any(|release| release.rack == rack)
        || plan.shortfalls.iter().any(|shortfall| shortfall.rack == rack)
        || plan.caps.iter().any(|cap| cap.rack == rack)
        || plan.lifts.contains(&rack)
        || plan.generators.iter().any(|generator| generator.feed == feed)
        || plan.modes.iter().any(|change| change.feed == feed)
}

fn stands_at(device: DeviceId, rack: RackId, site: &Site) -> bool {
    match device {
        DeviceId::Pdu(id) => id == rack,
        DeviceId::Kesm(id) => site.kesms.get(id.index()).is_some_and(|kesm| kesm.rack == rack),
        DeviceId::Tie(id) => {
            site.ties.get(id.index()).is_some_and(|tie| tie.between.0 == rack || tie.between.1 == rack)
        }
        DeviceId::Supply(id) => id == site.feed_of(rack),
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::site::{KesmId, TieId};

    use super::super::example::{Growing, outage};
    use super::*;

    fn about(command: Command, rack: u16) -> bool {
        let mut log = Growing::founded();
        log.commit(1_000, command);
        of_last(log, rack)
    }

    fn about_operation(action: Action, rack: u16) -> bool {
        let mut log = Growing::founded();
        log.operate(1_000, action);
        of_last(log, rack)
    }

    fn of_last(log: Growing, rack: u16) -> bool {
        let opened = log.opened();
        concerns(opened.replay.records.last().expect("not empty"), RackId(rack), &opened.site, &|_| None)
    }

    #[test]
    fn an_entry_concerns_the_racks_it_is_about_and_no_others() {
        let capped = || Command::Plan(Plan { modes: Vec::new(), generators: Vec::new(), ..outage() });
        assert!(about(capped(), 0) && !about(capped(), 1));
        assert!(about(Command::Plan(outage()), 1), "the mode of its feed");
        let held = || Action::Hold(DeviceId::Kesm(KesmId(0)));
        assert!(about_operation(held(), 1) && !about_operation(held(), 0), "K1 stands at A2");
        assert!(about_operation(Action::Hold(DeviceId::Tie(TieId(0))), 0));
    }
}
