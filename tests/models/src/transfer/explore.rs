//! A run of the checker and what came of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use super::{Action, Bounds, Rules, Transfer};

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To the end of the bounds.
    Explored,
    /// Until this property is broken.
    Broken(&'static str),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Explored {
    /// Different states.
    pub unique: usize,
    /// States, counted as often as they were met.
    pub met: usize,
    /// Steps to the farthest state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// What does not always hold, and how it is broken.
    pub broken: Vec<(&'static str, Vec<Action>)>,
    /// What always holds, as far as was explored.
    pub holds: BTreeSet<&'static str>,
    /// What happens.
    pub happens: BTreeSet<&'static str>,
    /// What should happen and does not.
    pub missing: BTreeSet<&'static str>,
}

impl Explored {
    /// How this property is broken, if it is.
    pub fn counterexample(&self, property: &str) -> Option<&[Action]> {
        self.broken.iter().find(|(name, _)| *name == property).map(|(_, path)| path.as_slice())
    }
}

/// Explores the model on every core.
pub fn explore(bounds: Bounds, rules: Rules, until: Until) -> Explored {
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = Transfer::new(bounds, rules).checker().threads(threads);
    let checker = match until {
        // No run discovers all: what holds is never discovered.
        Until::Explored => checker,
        Until::Broken(property) => checker.finish_when(HasDiscoveries::AnyOf([property].into())),
    };
    let checker = checker.spawn_bfs().join();
    let mut explored = Explored {
        unique: checker.unique_state_count(),
        met: checker.state_count(),
        depth: checker.max_depth(),
        took: begun.elapsed(),
        broken: Vec::new(),
        holds: BTreeSet::new(),
        happens: BTreeSet::new(),
        missing: BTreeSet::new(),
    };
    let mut found = checker.discoveries();
    for property in checker.model().properties() {
        match (property.expectation.discovery_is_failure(), found.remove(property.name)) {
            (true, Some(path)) => explored.broken.push((property.name, path.into_actions())),
            (true, None) => _ = explored.holds.insert(property.name),
            (false, Some(_)) => _ = explored.happens.insert(property.name),
            (false, None) => _ = explored.missing.insert(property.name),
        }
    }
    explored
}
