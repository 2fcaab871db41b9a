//! What is wrong, in sentences that name the entry.

use std::fmt;
use std::path::PathBuf;

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A file in `audit/` is no checkpoint of this log, or is forged.
    Note {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No named witness vouches for anything in this directory.
    Unwitnessed {
        /// The directory.
        dir: PathBuf,
    },
    /// Two trees of one size were signed.
    Fork {
        /// Their size in entries.
        size: u64,
        /// Who signed one.
        one: String,
        /// Who signed the other.
        other: String,
    },
    /// An entry is not the one that was signed.
    Entry {
        /// The directory.
        dir: PathBuf,
        /// The entry's index.
        index: u64,
        /// What happened, as far as the leaves tell.
        change: Change,
        /// The smallest signed size that covers it.
        size: u64,
        /// Who signed it.
        witness: String,
    },
    /// One of some entries is not the one that was signed; nothing here tells which.
    Between {
        /// The directory.
        dir: PathBuf,
        /// The first.
        first: u64,
        /// The last.
        last: u64,
        /// Who signed them.
        witness: String,
    },
    /// Entries are not there.
    Missing {
        /// The directory.
        dir: PathBuf,
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The log begins after a snapshot, and no whole log was named beside it.
    CaughtUp {
        /// The directory.
        dir: PathBuf,
        /// The last that is not there.
        last: u64,
    },
    /// Fewer entries than were signed.
    Truncated {
        /// The directory.
        dir: PathBuf,
        /// The first that is not there.
        first: u64,
        /// How many were signed.
        size: u64,
        /// Who signed them.
        witness: String,
    },
}

/// How a log differs from what was signed at the first entry that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Other bytes stand there.
    Edited,
    /// What was signed there is gone, and what follows has moved up.
    Deleted,
    /// Something stands before what was signed there.
    Inserted,
    /// It has changed places with another.
    Swapped {
        /// The other's index.
        with: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note { file, reason } => write!(f, "{}: {reason}", file.display()),
            Self::Unwitnessed { dir } => {
                write!(f, "{}: no checkpoint there is signed by a witness that was named", dir.display())
            }
            Self::Fork { size, one, other } => {
                write!(f, "a fork: {one} and {other} have signed different logs of {size} entries")
            }
            Self::Entry { dir, index, change, size, witness } => {
                let dir = dir.display();
                write!(f, "{dir}: entry {index} {change} since {witness} signed the log of {size} entries")
            }
            Self::Between { dir, first, last, witness } => {
                let dir = dir.display();
                write!(f, "{dir}: one of the entries {first} to {last} is not what {witness} signed")
            }
            Self::Missing { dir, first, last } => write!(f, "{}: {} missing", dir.display(), range(*first, *last)),
            Self::CaughtUp { dir, last } => write!(
                f,
                "{}: this replica caught up by a snapshot and does not hold the entries up to {last}, so its log cannot \
                 be proved from the start: name the directory of a replica that has the whole log, too",
                dir.display()
            ),
            Self::Truncated { dir, first, size, witness } => {
                let (dir, missing) = (dir.display(), range(*first, size.saturating_sub(1)));
                write!(f, "{dir}: {missing} missing: {witness} signed a log of {size} entries")
            }
        }
    }
}

fn range(first: u64, last: u64) -> String {
    if first == last { format!("entry {first} is") } else { format!("entries {first} to {last} are") }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited => f.write_str("was edited"),
            Self::Deleted => f.write_str("was deleted, and what follows moved up,"),
            Self::Inserted => f.write_str("was inserted"),
            Self::Swapped { with } => write!(f, "was swapped with entry {with}"),
        }
    }
}
