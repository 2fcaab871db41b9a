//! The runs of a comparison.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ridethrough_model::{LoadError, ModelFiles, OnnxForecast};

use super::capper::Capper;
use super::controller::Controller;
use super::forecasts::Forecaster;
use super::worth::Loads;
use super::{Curve, Outcome, PolicyName, PolicyOutcome, measure};
use crate::plant::{World, real};
use crate::scenario::{Scenario, ScenarioError};

/// Policies without a planner look this often, in ms.
const TICK_MS: u64 = 100;
/// What happens before this, in ms, is not judged under any policy: loads stand over their limits at time 0 with nobody at
/// the controls yet, which no plant does.
const JUDGED_FROM_MS: u64 = 1_000;
/// Curves have a sample for each of these, in ms.
const SAMPLE_MS: u64 = 1_000;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Request {
    /// The folders of the scenarios, in the order in which they are told.
    pub scenarios: Vec<PathBuf>,
    /// The policies, in the order in which they are told.
    pub policies: Vec<PolicyName>,
    /// What all dice come from; each scenario's own seed when left out.
    pub seed: Option<u64>,
    /// How many runs go on at one time.
    pub jobs: NonZeroUsize,
    /// Model, manifest and runtime for [`PolicyName::Ours`]; the rule-based forecast when left out.
    pub model: Option<[PathBuf; 3]>,
    /// Is told of every run that ends: the scenario's name, the policy, and how long it took on the real clock in s.
    pub progress: fn(&str, PolicyName, f64),
}

/// A comparison that cannot be made.
#[derive(Debug)]
pub enum OutcomeError {
    /// No scenario has this name, and no folder with a scenario this path.
    UnknownScenario {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is nothing to compare in this folder.
    NoScenarios(
        /// Which.
        PathBuf,
    ),
    /// A folder cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Two scenarios have one name, so that nobody could tell their scores apart.
    SameName(
        /// Which.
        String,
    ),
    /// A scenario is at fault.
    Scenario(ScenarioError),
    /// The model is.
    Model(LoadError),
}

impl fmt::Display for OutcomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScenario { name, known } if known.is_empty() => {
                write!(f, "no scenario `{name}`; give its folder")
            }
            Self::UnknownScenario { name, known } => {
                write!(f, "no scenario `{name}`; there are {}, or give its folder", known.join(", "))
            }
            Self::NoScenarios(path) => write!(f, "no scenario to compare in {}", path.display()),
            Self::Read { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Self::SameName(name) => write!(f, "two of the scenarios are named `{name}`"),
            Self::Scenario(error) => error.fmt(f),
            Self::Model(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OutcomeError {}

/// A run that waits for its turn: scenario and policy, by their places.
type Turn = (usize, usize);

/// Runs every scenario under every policy.
pub fn run(request: &Request) -> Result<Vec<Outcome>, OutcomeError> {
    let load = |folder: &PathBuf| Scenario::load_seeded(folder, request.seed).map_err(OutcomeError::Scenario);
    let scenarios = request.scenarios.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    if let Some(same) = scenarios.iter().find(|scenario| !names.insert(&scenario.name)) {
        return Err(OutcomeError::SameName(same.name.clone()));
    }
    let turns =
        (0..scenarios.len()).flat_map(|scenario| (0..request.policies.len()).map(move |policy| (scenario, policy)));
    let waiting: Mutex<VecDeque<Turn>> = Mutex::new(turns.collect());
    let done: Mutex<Vec<(Turn, Result<PolicyOutcome, OutcomeError>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..request.jobs.get() {
            scope.spawn(|| {
                // The lock must not be held while a run goes on.
                let next = || locked(&waiting).pop_front();
                while let Some(turn) = next() {
                    let outcome = run_one(&scenarios[turn.0], request.policies[turn.1], request);
                    locked(&done).push((turn, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(turn, _)| *turn);
    let mut outcomes: Vec<Outcome> = scenarios.iter().map(blank).collect();
    for ((scenario, _), outcome) in done {
        outcomes[scenario].policies.push(outcome?);
    }
    Ok(outcomes)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn blank(scenario: &Scenario) -> Outcome {
    Outcome {
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        seed: scenario.seed,
        seconds: real(i64::try_from(scenario.span_ms).unwrap_or(i64::MAX)) / 1_000.0,
        policies: Vec::new(),
    }
}

fn run_one(scenario: &Scenario, policy: PolicyName, request: &Request) -> Result<PolicyOutcome, OutcomeError> {
    let began = Instant::now();
    let model = match (&request.model, policy) {
        (Some([model, manifest, runtime]), PolicyName::Ours) => {
            Some(OnnxForecast::load(ModelFiles { model, manifest, runtime }).map_err(OutcomeError::Model)?)
        }
        _ => None,
    };
    let mut world = World::new(scenario);
    let mut actor = match (Forecaster::of(policy, scenario, model), policy) {
        (Some(forecaster), _) => Actor::Planner(Box::new(Controller::new(&world, forecaster))),
        (None, PolicyName::ReactiveCapping) => Actor::Capper(Capper::new(world.site())),
        (None, _) => Actor::Nobody,
    };
    let (mut curve, mut loads) = (Curve::default(), Loads::new(scenario));
    while world.now_ms() < scenario.span_ms {
        if world.now_ms() >= curve.capped_servers.len() as u64 * SAMPLE_MS {
            measure::sample(&mut curve, &world);
        }
        loads.note(&world);
        actor.tick(&mut world);
        if world.now_ms() == JUDGED_FROM_MS {
            world.begin_judging();
        }
    }
    curve.marks = measure::marks(scenario, &world);
    let planned = match &actor {
        Actor::Planner(controller) => {
            let (transfers, refusals) = (controller.begun(), controller.refusals());
            [transfers.len() as u64, loads.false_transfers(world.site(), transfers), refusals]
        }
        Actor::Capper(_) | Actor::Nobody => [0; 3],
    };
    let score = measure::score(&world, planned);
    let wall_seconds = began.elapsed().as_secs_f64();
    (request.progress)(&scenario.name, policy, wall_seconds);
    Ok(PolicyOutcome { policy, score, curve, wall_seconds })
}

/// Who acts in a run.
enum Actor {
    Nobody,
    Capper(Capper),
    Planner(Box<Controller>),
}

impl Actor {
    /// Acts, and lets the world go on to the next tick.
    fn tick(&mut self, world: &mut World) {
        match self {
            Self::Planner(controller) => return controller.tick(world),
            Self::Capper(capper) => capper.tick(world),
            Self::Nobody => {}
        }
        world.run_ms(TICK_MS);
    }
}
