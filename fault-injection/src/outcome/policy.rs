//! The policies that are compared.

use clap::ValueEnum;
use serde::Serialize;

/// A way to deal with overloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Policy {
    /// No controller.
    None,
    /// Dynamo's three-band capping: at 99 % of a limit down to 95 %, uncapped below 90 %, every 3 s.
    ReactiveCapping,
    /// Transfers only once a limit is passed.
    ReactiveTransfer,
    /// Our planner with the last value as forecast.
    Persistence,
    /// Our planner with the model.
    Ours,
    /// Our planner with the true future: the bound.
    Oracle,
}

impl Policy {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::None, Self::ReactiveCapping, Self::ReactiveTransfer, Self::Persistence, Self::Ours, Self::Oracle];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReactiveCapping => "reactive_capping",
            Self::ReactiveTransfer => "reactive_transfer",
            Self::Persistence => "persistence",
            Self::Ours => "ours",
            Self::Oracle => "oracle",
        }
    }
}
