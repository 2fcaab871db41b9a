//! One file per subcommand.

pub mod demo;
pub mod plant;
pub mod simulate;
