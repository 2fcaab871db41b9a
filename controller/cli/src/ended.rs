//! How a command ended, for whoever called it.

use std::process::ExitCode;

/// What the exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As was asked for.
    Well,
    /// The answer is no.
    Negative,
    /// Nobody who could do it was reached: no replica, no leader, no majority.
    Unreachable,
    /// It may not be, by the envelope or by who asks.
    Refused,
    /// What became of it is not known: the log says.
    Unknown,
}

impl From<bool> for Ended {
    fn from(well: bool) -> Self {
        if well { Self::Well } else { Self::Negative }
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(match ended {
            Ended::Well => 0,
            Ended::Negative => 1,
            Ended::Unreachable => 3,
            Ended::Refused => 4,
            Ended::Unknown => 5,
        })
    }
}
