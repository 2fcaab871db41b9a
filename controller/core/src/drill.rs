//! Drills: faults that people cause on purpose. The ledger keeps that one began, was refused or ended, so that whoever reviews
//! the log can tell a drill from a failure. Nothing else follows from it.

/// A word on a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillNote {
    /// Its name, of at most [`crate::command::WORDS_BYTES_MAX`] bytes.
    pub drill: String,
    /// What all its dice come from: the same drill with the same seed does the same.
    pub seed: u64,
    /// How far it is.
    pub stage: DrillStage,
}

/// How far a drill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillStage {
    /// It is about to begin.
    Begun,
    /// It was asked for and may not be: the cluster is no demo, and was not named in full.
    Refused,
    /// It is over, and everything held that was to hold.
    Held,
    /// It is over, and something did not hold.
    Failed,
    /// It was broken off.
    Aborted,
}

impl DrillStage {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Begun, Self::Refused, Self::Held, Self::Failed, Self::Aborted];

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}
