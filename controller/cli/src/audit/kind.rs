//! What an entry is about, in a word or several.

use clap::ValueEnum;
use ridethrough_core::audit::Record;
use ridethrough_core::command::{Action, Command, Operation, Plan};
use ridethrough_core::ledger::Effect;

use super::history::{Item, Said};

/// A kind of decision or record. One entry can be of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The first of all: the log is bound to a cluster and a site.
    Founding,
    /// What a tick decided, whatever it is.
    Plan,
    /// Power from KESMs to a rack, by a plan or by an operator.
    Transfer,
    /// The end of a transfer before its expiry, by a plan or by an operator.
    Release,
    /// Leave for a KESM to spin up.
    Charge,
    /// A rack at risk whose need could not be met.
    Shortfall,
    /// Less for the servers of a rack.
    Cap,
    /// Servers that are free again.
    Lift,
    /// What a generator is told.
    Generator,
    /// A feed that goes from one mode to another.
    Mode,
    /// What devices made of a transfer's orders.
    Outcome,
    /// What an operator asked for.
    Operation,
    /// A device held, locked or planned with again, manual mode on or off.
    Hold,
    /// Which model decides or is tried, and models that are refused.
    Model,
    /// Who speaks for racks and rows: the rule or the model.
    Forecast,
    /// Refused when it was applied: nothing changed.
    Refusal,
    /// Its proposer saw another state than the log gives.
    Divergence,
    /// A new leader begins a term, or an operator wants one to hand over.
    Leader,
    /// The members of the cluster, and what operators ask of them.
    Membership,
    /// Faults that somebody caused on purpose, or was refused to.
    Drill,
    /// What wants somebody, came or went, was seen or put aside.
    Alarm,
}

impl Kind {
    /// The word on the command line and in exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Founding => "founding",
            Self::Plan => "plan",
            Self::Transfer => "transfer",
            Self::Release => "release",
            Self::Charge => "charge",
            Self::Shortfall => "shortfall",
            Self::Cap => "cap",
            Self::Lift => "lift",
            Self::Generator => "generator",
            Self::Mode => "mode",
            Self::Outcome => "outcome",
            Self::Operation => "operation",
            Self::Hold => "hold",
            Self::Model => "model",
            Self::Forecast => "forecast",
            Self::Refusal => "refusal",
            Self::Divergence => "divergence",
            Self::Leader => "leader",
            Self::Membership => "membership",
            Self::Drill => "drill",
            Self::Alarm => "alarm",
        }
    }

    /// All that an entry is, in the order above but for what became of it, which is last.
    pub fn of(item: &Item) -> Vec<Self> {
        match &item.said {
            Said::Ledger(record) => of_record(record),
            Said::Blank => vec![Self::Leader],
            Said::Membership(_) => vec![Self::Membership],
        }
    }
}

fn of_record(record: &Record) -> Vec<Kind> {
    let mut kinds = match &record.entry.command {
        Command::Found(_) => vec![Kind::Founding],
        Command::Plan(plan) => of_plan(plan),
        Command::Outcome(_) => vec![Kind::Outcome],
        Command::Operation(operation) => of_operation(operation),
        Command::ModelRefused(_) => vec![Kind::Model],
        Command::Forecasts(_) => vec![Kind::Forecast],
        Command::Alarms(_) => vec![Kind::Alarm],
    };
    match record.effect {
        Effect::Refused(_) => kinds.push(Kind::Refusal),
        Effect::Diverged { .. } => kinds.push(Kind::Divergence),
        Effect::Founded | Effect::Admitted { .. } | Effect::Noted => {}
    }
    kinds
}

fn of_plan(plan: &Plan) -> Vec<Kind> {
    let parts = [
        (Kind::Transfer, plan.grants.is_empty()),
        (Kind::Release, plan.releases.is_empty()),
        (Kind::Charge, plan.charges.is_empty()),
        (Kind::Shortfall, plan.shortfalls.is_empty()),
        (Kind::Cap, plan.caps.is_empty()),
        (Kind::Lift, plan.lifts.is_empty()),
        (Kind::Generator, plan.generators.is_empty()),
        (Kind::Mode, plan.modes.is_empty()),
    ];
    let there = parts.into_iter().filter(|(_, empty)| !empty).map(|(kind, _)| kind);
    std::iter::once(Kind::Plan).chain(there).collect()
}

fn of_operation(operation: &Operation) -> Vec<Kind> {
    let what = match operation.action {
        Action::Transfer(..) => Kind::Transfer,
        Action::End(_) => Kind::Release,
        Action::Hold(_)
        | Action::Resume(_)
        | Action::Lock(_)
        | Action::Unlock { .. }
        | Action::ManualOn
        | Action::ManualOff => Kind::Hold,
        Action::Model(_) => Kind::Model,
        Action::HandOver(_) => Kind::Leader,
        Action::Members(_) => Kind::Membership,
        Action::Drill(_) => Kind::Drill,
        Action::Shed(_) => Kind::Cap,
        Action::Restore(_) => Kind::Lift,
        Action::Acknowledge(_) | Action::Shelve(..) | Action::Unshelve(_) => Kind::Alarm,
        Action::Denied(_) => Kind::Refusal,
    };
    vec![Kind::Operation, what]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_kind_is_that_of_the_command_line() {
        for kind in Kind::value_variants() {
            assert_eq!(kind.to_possible_value().expect("none is hidden").get_name(), kind.as_str());
        }
    }
}
