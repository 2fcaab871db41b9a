//! What people asked for, in words.

use ridethrough_core::command::{Action, Operation};
use ridethrough_core::drill::{DrillNote, DrillStage};
use ridethrough_core::members::MemberChange;
use ridethrough_core::model::ModelAction;
use ridethrough_core::site::Site;

use super::{grant_words, names, seconds};

/// What somebody asked for, who and why.
pub(super) fn line(index: u64, operation: &Operation, site: &Site) -> String {
    let what = match &operation.action {
        Action::Transfer(grant, ..) => format!("transfer {}", grant_words(index, 0, grant, site)),
        Action::End(rack) => format!("end the transfer to {}", names::rack(site, *rack)),
        Action::Hold(device) => format!("leave {} alone", site.device_name(*device)),
        Action::Resume(device) => format!("plan with {} again", site.device_name(*device)),
        Action::Lock(device) => format!("lock {}", site.device_name(*device)),
        Action::Unlock { device, of } => {
            format!("take the lock of {} off {}", names::quoted(of), site.device_name(*device))
        }
        Action::ManualOn => "leave the whole site alone".into(),
        Action::ManualOff => "plan the whole site again".into(),
        Action::Model(action) => model_words(*action),
        Action::HandOver(replica) => format!("let {replica} lead"),
        Action::Members(change) => member_words(*change),
        Action::Drill(note) => drill_words(note),
        Action::Shed(shed) => {
            let (cap, rack) = (shed.cap.kilo(), names::rack(site, shed.rack));
            format!("at most {cap} for the servers of {rack} for {}", seconds(shed.hold))
        }
        Action::Restore(rack) => format!("no less any longer for the servers of {}", names::rack(site, *rack)),
        Action::Acknowledge(alarm) => format!("alarm {} has been seen", alarm.name(site)),
        Action::Shelve(alarm, hold) => format!("put alarm {} aside for {}", alarm.name(site), seconds(*hold)),
        Action::Unshelve(alarm) => format!("take alarm {} off the shelf", alarm.name(site)),
        Action::Denied(asked) => format!("was DENIED {}", names::quoted(asked)),
    };
    format!("operation by {}: {what}; {}", names::quoted(&operation.actor), names::quoted(&operation.reason))
}

fn drill_words(note: &DrillNote) -> String {
    let (drill, seed) = (names::quoted(&note.drill), note.seed);
    match note.stage {
        DrillStage::Begun => format!("drill {drill} begins, with seed {seed}"),
        DrillStage::Refused => format!("drill {drill} was refused"),
        DrillStage::Held => format!("drill {drill} is over, and all held"),
        DrillStage::Failed => format!("drill {drill} is over, and something did not hold"),
        DrillStage::Aborted => format!("drill {drill} was broken off"),
    }
}

fn member_words(change: MemberChange) -> String {
    match change {
        MemberChange::Forget { replica, although_alive: false } => format!("forget {replica}"),
        MemberChange::Forget { replica, although_alive: true } => format!("forget {replica}, although it may be alive"),
        MemberChange::Add { replica, address } => format!("add {replica} at {address}"),
    }
}

fn model_words(action: ModelAction) -> String {
    match action {
        ModelAction::Shadow(model) => format!("try model {model} in shadow"),
        ModelAction::Promote { model, minimum } => {
            let least = minimum.map(|least| format!(", and none older than version {least} from now on"));
            format!("let model {model} decide{}", least.unwrap_or_default())
        }
        ModelAction::Rollback { minimum } => {
            let least = minimum.map(|least| format!(", from version {least} on"));
            format!("let the model decide that did before{}", least.unwrap_or_default())
        }
    }
}
