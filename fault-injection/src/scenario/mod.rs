//! What a run is made of: the site, the physics that only the plant knows, the recordings that its servers replay,
//! and the seed.
//!
//! A scenario is a folder with a `scenario.toml` beside the site file that it names. [`Scenario::load`] reads it, the
//! site and every recording, or tells everything that is wrong, by file and line.
//!
//! ```toml
//! name = "two racks"
//! about = "The utility fails for ten seconds while two racks train."   # optional, for people
//! seconds = 300                                                        # optional: how long it runs
//! seed = 7
//! site = "site.toml"
//! data = "../../../data"
//!
//! [supply]                      # before the rows of every feed; also [supply.generator]
//! second_utility = true
//!
//! [flywheel]                    # also [supercapacitor], [plant], [server_supply] and [meter]: all keys are optional
//! speed_max_rpm = 36750.0
//!
//! [[event]]                     # one target: feed (its supply), kesm, tie or rack; `what` and its parameter
//! at_s = 60
//! for_s = 10
//! feed = "utility"
//! what = "utility_a"
//! share = 0.0
//!
//! [[mix]]                       # recordings to draw from by the seed
//! id = "train"
//! synchronous = true            # servers of one rack begin at one moment of their recordings
//! traces = [{ trace = "power/run.csv.gz", series = "node_0" }]
//! workload = { trace = "power/requests.csv.gz", from_s = 0 }
//!
//! [[compose]]                   # whose servers play a mix: ids, prefixes such as "A*", or "*" for all others
//! racks = ["A1", "B*"]
//! mix = "train"
//!
//! [[server]]                    # a server of its own: pieces of recordings, one after the other, again and again
//! id = "C1-s1"
//! play = [{ trace = "power/run.csv.gz", series = "node_1", from_s = 0, to_s = 60, repeat = 2 }]
//! ```

mod demand;
pub mod generated;
mod parse;
mod physics;
pub mod workload;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ridethrough_core::site::{Fault, Site, SiteError};

use crate::plant::fault::Event;
use crate::plant::meter::MeterSpec;
use crate::plant::server::Playback;
use crate::plant::supply::SupplySpec;

use parse::Source;
pub use physics::Physics;
use workload::WorkloadPlayback;

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
    /// What users ask of each server, in the same order; not recorded on the machine whose power it replays.
    pub workloads: Vec<Option<Arc<WorkloadPlayback>>>,
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
        Self::load_seeded(folder, None)
    }

    /// The same with another seed than its own: other dice, and another draw of what composed racks replay.
    pub fn load_seeded(folder: &Path, seed: Option<u64>) -> Result<Self, ScenarioError> {
        let path = folder.join(SCENARIO_FILE);
        let text = read(&path)?;
        parse::scenario(&Source { file: &path.display().to_string(), text: &text, folder, site: None, seed })
    }

    /// Reads a scenario from TOML. `file` is the name that errors carry; the paths in it start from `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ScenarioError> {
        parse::scenario(&Source { file, text, folder, site: None, seed: None })
    }

    /// The same with a site in TOML in place of the file that the scenario names.
    pub fn parse_with_site(file: &str, text: &str, site: &str, folder: &Path) -> Result<Self, ScenarioError> {
        parse::scenario(&Source { file, text, folder, site: Some(site), seed: None })
    }
}

fn read(path: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(path).map_err(|error| ScenarioError::Read { path: path.to_owned(), error })
}
