//! How long the lists and words of a command may be. Both ways: what would not be read back is not written.

use ridethrough_core::alarm::NOTE_ALARMS_MAX;
use ridethrough_core::command::{
    ACKS_MAX, Action, Command, EVIDENCE_MAX, Grant, HOPS_MAX, LEGS_MAX, Operation, PLAN_ITEMS_MAX, Plan, RackLoad,
    StoredEnergy, WORDS_BYTES_MAX,
};
use ridethrough_core::fallback::{CHANGES_MAX, ForecastNote, TALLIES_MAX};

use crate::codec::CodecError;

/// Refuses a command with a list or a text that is longer than any is ever needed.
pub(super) fn check(command: &Command) -> Result<(), CodecError> {
    match command {
        Command::Found(_) | Command::ModelRefused(_) => Ok(()),
        Command::Plan(plan) => check_plan(plan),
        Command::Outcome(outcome) => within("acks", outcome.acks.len(), ACKS_MAX),
        Command::Operation(operation) => check_operation(operation),
        Command::Forecasts(note) => check_note(note),
        Command::Alarms(note) => within("alarms in a note", note.raised.len().max(note.cleared.len()), NOTE_ALARMS_MAX),
    }
}

fn check_plan(plan: &Plan) -> Result<(), CodecError> {
    let lists = [
        ("grants", plan.grants.len()),
        ("releases", plan.releases.len()),
        ("charges", plan.charges.len()),
        ("shortfalls", plan.shortfalls.len()),
        ("caps", plan.caps.len()),
        ("lifts", plan.lifts.len()),
        ("generators", plan.generators.len()),
        ("modes", plan.modes.len()),
    ];
    lists.into_iter().try_for_each(|(what, length)| within(what, length, PLAN_ITEMS_MAX))?;
    check_evidence(&plan.stored, &plan.loads)?;
    plan.grants.iter().try_for_each(check_grant)
}

/// Legs and hops of a grant, wherever it stands.
pub(crate) fn check_grant(grant: &Grant) -> Result<(), CodecError> {
    within("legs", grant.legs.len(), LEGS_MAX)?;
    grant.legs.iter().try_for_each(|leg| within("hops", leg.path.len(), HOPS_MAX))
}

fn check_operation(operation: &Operation) -> Result<(), CodecError> {
    within("bytes of an actor", operation.actor.len(), WORDS_BYTES_MAX)?;
    within("bytes of a reason", operation.reason.len(), WORDS_BYTES_MAX)?;
    match &operation.action {
        Action::Transfer(grant, stored, loads) => {
            check_evidence(stored, loads)?;
            check_grant(grant)
        }
        Action::Drill(note) => within("bytes of a drill's name", note.drill.len(), WORDS_BYTES_MAX),
        Action::Unlock { of, .. } => within("bytes of a lock's owner", of.len(), WORDS_BYTES_MAX),
        Action::Denied(asked) => within("bytes of a request", asked.len(), WORDS_BYTES_MAX),
        _ => Ok(()),
    }
}

fn check_note(note: &ForecastNote) -> Result<(), CodecError> {
    within("changes of forecasts", note.changes.len(), CHANGES_MAX)?;
    within("tallies of forecasts", note.more.len(), TALLIES_MAX)
}

fn check_evidence(stored: &[StoredEnergy], loads: &[RackLoad]) -> Result<(), CodecError> {
    within("stored energies", stored.len(), EVIDENCE_MAX)?;
    within("loads", loads.len(), EVIDENCE_MAX)
}

fn within(what: &'static str, found: usize, max: usize) -> Result<(), CodecError> {
    if found <= max { Ok(()) } else { Err(CodecError::TooMany { what, found, max }) }
}
