//! What a run is made of: the site, the physics that only the plant knows, the recordings that its servers replay,
//! and the seed.
//!
//! A scenario is a folder with a `scenario.toml` beside the site file that it names. [`Scenario::load`] reads it, the
//! site and every recording, or tells everything that is wrong, by file and line.

mod parse;
mod physics;

use std::fmt;
use std::path::{Path, PathBuf};

use ridethrough_core::site::{Fault, Site, SiteError};

use crate::plant::fault::Event;
use crate::plant::meter::MeterSpec;
use crate::plant::server::Playback;
use crate::plant::supply::SupplySpec;

pub use physics::Physics;

/// The file in a scenario's folder.
pub const SCENARIO_FILE: &str = "scenario.toml";

/// A run that can begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What people call it.
    pub name: String,
    /// What all dice of the plant come from.
    pub seed: u64,
    /// What stands where.
    pub site: Site,
    /// What only the plant knows.
    pub physics: Physics,
    /// How good the meters are.
    pub meters: MeterSpec,
    /// What each server replays, in the order of the site's servers.
    pub playbacks: Vec<Playback>,
    /// What stands before the rows of every feed, in the order of the site's feeds.
    pub supplies: Vec<SupplySpec>,
    /// What happens, in the order of time.
    pub events: Vec<Event>,
    /// For how long it is to run, in ms of scenario time.
    pub span_ms: u64,
    /// What it shows, for people.
    pub about: String,
}

/// A scenario that cannot be used.
#[derive(Debug)]
pub enum ScenarioError {
    /// A file cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The site file is at fault.
    Site(SiteError),
    /// The scenario file is at fault.
    Faults {
        /// The file, as the caller named it.
        file: String,
        /// What is wrong with it, at least one.
        faults: Vec<Fault>,
    },
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Self::Site(error) => error.fmt(f),
            Self::Faults { file, faults } => {
                for (nth, fault) in faults.iter().enumerate() {
                    let separator = if nth == 0 { "" } else { "\n" };
                    write!(f, "{separator}{file}:{fault}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Reads the scenario in this folder, with its site and its recordings.
    pub fn load(folder: &Path) -> Result<Self, ScenarioError> {
        let path = folder.join(SCENARIO_FILE);
        let text = read(&path)?;
        Self::parse(&path.display().to_string(), &text, folder)
    }

    /// Reads a scenario from TOML. `file` is the name that errors carry; the paths in it start from `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ScenarioError> {
        parse::scenario(file, text, folder)
    }
}

fn read(path: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(path).map_err(|error| ScenarioError::Read { path: path.to_owned(), error })
}
