//! One file per subcommand.

pub mod demo;
pub mod failover;
pub mod outcome;
pub mod plant;
pub mod reaction;
pub mod simulate;
