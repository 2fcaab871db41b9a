//! Drills on the command line: list, validate, plan, run, abort, replay, report.

mod find;
mod plan;
mod report;
mod run;

pub use self::find::{List, Validate};
pub use self::plan::Plan;
pub use self::report::Report;
pub use self::run::{Abort, Replay, Run};
