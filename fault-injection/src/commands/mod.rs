//! One file per subcommand.

pub mod demo;
pub mod drills;
pub mod failover;
pub mod outcome;
pub mod plant;
pub mod reaction;
pub mod simulate;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

/// How a command tells its result.
#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON object on standard output.
    Json,
}

impl Output {
    /// Tells it on standard output.
    fn print(self, text: &str, result: &impl Serialize) -> Result<()> {
        match self {
            Self::Text => print!("{text}"),
            Self::Json => println!("{}", serde_json::to_string_pretty(result)?),
        }
        Ok(())
    }
}
