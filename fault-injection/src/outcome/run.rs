//! A scenario under a policy, from the first ms to the score.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use ridethrough_model::{HORIZON, LoadError, ModelFiles, OnnxForecast};

use super::capping::Capping;
use super::controller::{Begun, Controller};
use super::forecasts::Forecaster;
use super::policy::Policy;
use super::score::{Score, Transfers};
use crate::plant::{World, real};
use crate::scenario::{Scenario, ScenarioError};

/// For so long a transfer is in force at least: an overload in its time was worth it. Twice the horizon of a forecast.
const WORTH_MS: u64 = 2 * HORIZON.get().unsigned_abs();
/// Ticks of policies without a planner, in ms.
const TICK_MS: u64 = 100;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folders of scenarios.
    pub scenarios: Vec<PathBuf>,
    /// Policies.
    pub policies: Vec<Policy>,
    /// A seed in the place of the scenarios' own.
    pub seed: Option<u64>,
    /// Runs at a time.
    pub jobs: usize,
    /// Model, manifest and runtime; none for the rule.
    pub model: Option<[PathBuf; 3]>,
}

/// One policy in one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows.
    pub about: String,
    /// The seed of the run.
    pub seed: u64,
    /// For how many s of scenario time.
    pub seconds: u64,
    /// Which policy.
    pub policy: Policy,
    /// What was counted.
    pub score: Score,
    /// For how many s of true time.
    pub wall_seconds: f64,
}

/// Why nothing can be compared.
#[derive(Debug)]
pub enum OutcomeError {
    /// A scenario is at fault.
    Scenario(ScenarioError),
    /// The model is.
    Model(LoadError),
    /// The energy account of a run does not close, so that its score is worth nothing.
    Energy {
        /// Which scenario.
        scenario: String,
        /// Under which policy.
        policy: Policy,
        /// What does not add up, as a share of what was turned over.
        share: f64,
    },
}

impl fmt::Display for OutcomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(error) => error.fmt(f),
            Self::Model(error) => error.fmt(f),
            Self::Energy { scenario, policy, share } => {
                write!(
                    f,
                    "{scenario} under {}: the energy account is off by {share:e}, more than a thousandth",
                    policy.name()
                )
            }
        }
    }
}

impl std::error::Error for OutcomeError {}

/// Runs every scenario under every policy; `each` hears of every run that ends, in the order in which they do. The
/// outcomes are in the order of the request.
pub fn run_all(request: &Request, each: &(dyn Fn(&Outcome) + Sync)) -> Result<Vec<Outcome>, OutcomeError> {
    let load = |folder: &PathBuf| Scenario::load_seeded(folder, request.seed).map_err(OutcomeError::Scenario);
    let scenarios = request.scenarios.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let pairs = scenarios.iter().flat_map(|scenario| request.policies.iter().map(move |&policy| (scenario, policy)));
    let waiting: Mutex<VecDeque<_>> = Mutex::new(pairs.enumerate().collect());
    let done: Mutex<Vec<(usize, Result<Outcome, OutcomeError>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..request.jobs.max(1) {
            scope.spawn(|| {
                // The lock must not be held while a run goes on.
                let next = || locked(&waiting).pop_front();
                while let Some((nth, (scenario, policy))) = next() {
                    let outcome = run(scenario, policy, request);
                    if let Ok(outcome) = &outcome {
                        each(outcome);
                    }
                    locked(&done).push((nth, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs one scenario under one policy.
fn run(scenario: &Scenario, policy: Policy, request: &Request) -> Result<Outcome, OutcomeError> {
    let began = Instant::now();
    let mut world = World::new(scenario);
    let model = match (&request.model, policy) {
        (Some([model, manifest, runtime]), Policy::Ours) => {
            Some(OnnxForecast::load(ModelFiles { model, manifest, runtime }).map_err(OutcomeError::Model)?)
        }
        _ => None,
    };
    let begun = match Forecaster::of(policy, scenario, model) {
        Some(forecaster) => planned(&mut world, scenario, forecaster),
        None => unplanned(&mut world, scenario, policy),
    };
    let score = Score::of(&world, count(scenario, &begun));
    if score.energy_error_share.abs() > 0.001 {
        let (scenario, share) = (scenario.name.clone(), score.energy_error_share);
        return Err(OutcomeError::Energy { scenario, policy, share });
    }
    Ok(Outcome {
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        seed: scenario.seed,
        seconds: scenario.span_ms / 1_000,
        policy,
        score,
        wall_seconds: began.elapsed().as_secs_f64(),
    })
}

fn planned(world: &mut World, scenario: &Scenario, forecaster: Forecaster) -> Vec<Begun> {
    let mut controller = Controller::new(world, forecaster);
    while world.now_ms() < scenario.span_ms {
        controller.tick(world);
    }
    controller.begun().to_vec()
}

fn unplanned(world: &mut World, scenario: &Scenario, policy: Policy) -> Vec<Begun> {
    let mut capping = (policy == Policy::ReactiveCapping).then(|| Capping::new(world.site()));
    while world.now_ms() < scenario.span_ms {
        if let Some(capping) = &mut capping {
            capping.tick(world);
        }
        world.run_ms(TICK_MS);
    }
    Vec::new()
}

/// A transfer was false when its rack would not have passed its limit within [`WORTH_MS`] of its beginning.
fn count(scenario: &Scenario, begun: &[Begun]) -> Transfers {
    if begun.is_empty() {
        return Transfers::default();
    }
    let demand = scenario.demand(TICK_MS);
    let place = |ms: u64| usize::try_from(ms / TICK_MS).unwrap_or(usize::MAX);
    let is_false = |begun: &&Begun| {
        let limit_watts = real(scenario.site.rack(begun.rack).limit.get());
        let coming = demand[begun.rack.index()].iter().skip(place(begun.at_ms)).take(place(WORTH_MS));
        coming.copied().fold(0.0, f64::max) <= limit_watts
    };
    Transfers { begun: begun.len(), false_ones: begun.iter().filter(is_false).count() }
}
