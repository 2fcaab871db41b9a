//! Runbooks that run: what a page in `runbooks/` has an operator type is typed at real processes, and what it promises is
//! compared with what they say.
//!
//! The notation is that of a terminal, in blocks of the kind `console`:
//!
//! | in the page | means |
//! |---|---|
//! | `n1$ COMMAND` | typed on the host of replica 1, where the paths of an installation are its own |
//! | `leader$ COMMAND` | typed on the host of whoever leads |
//! | `$ COMMAND` | typed at the operator's desk: a folder with copies of the replicas' data folders, the authority and the site's secret |
//! | lines below it | what is said, all of it: nothing below it promises that nothing is said |
//! | `…` | anything; on a line of its own, any number of lines |
//! | `ENTRY` and the other [`PLACEHOLDERS`] | a word that the reader puts in; the same one on the whole page |
//! | `COMMAND # exit status 1` | how it ends, if not with 0 |
//! | `COMMAND # again until it says so` | typed again and again, up to a deadline |
//! | `# by hand: REASON` before a command | it is not typed by the tests; the reason is for readers, too |

mod alarms;
mod compare;
mod parse;

pub use self::alarms::{Alarm, alarms, metrics};
pub use self::compare::{Known, PLACEHOLDERS, compare, fill};
pub use self::parse::{Page, SECTIONS, Step, Where};
