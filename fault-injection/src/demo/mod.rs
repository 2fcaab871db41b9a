//! The demo: three real replicas and the plant on loopback, a leader killed half-way, a verdict at the end.

pub(crate) mod ask;
pub mod certificates;
pub mod cluster;
pub mod live;
pub mod plant;
pub mod ports;
pub mod summary;
pub(crate) mod wish;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use ridethrough_protocol::Orders;
use serde_json::Value;

use self::cluster::{Cluster, Node, Pace, REPLICAS, Setup};
use self::live::{Live, Moment};
use self::plant::{Plant, PlantSetup};
use self::summary::Summary;
use crate::plant::World;
use crate::report::Verdict;
use crate::scenario::Scenario;

/// How often the demo looks.
const PERIOD: Duration = Duration::from_millis(250);
/// How often it looks while it waits for a new leader.
const FAILOVER_PERIOD: Duration = Duration::from_millis(2);
/// How long replicas may take to elect a leader, and it to hear every device.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// How long a failover may take before the demo gives up.
const FAILOVER_DEADLINE: Duration = Duration::from_secs(10);
/// How long the model may take to know the racks before the scenario begins. It speaks of a rack after 30 s.
const WARM_UP_DEADLINE: Duration = Duration::from_secs(45);
/// How long the rule watches the racks when there is no model.
const WARM_UP_RULE: Duration = Duration::from_secs(10);
/// The site file in a scenario's folder.
pub(crate) const SITE_FILE: &str = "site.toml";
/// Without a given length, the leader is killed after so long and comes back after so long.
const ENDLESS_KILL_S: f64 = 30.0;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The scenario's folder.
    pub scenario: PathBuf,
    /// Scenario seconds; until Ctrl-C when none.
    pub seconds: Option<f64>,
    /// Where to work and what to leave behind; a temporary folder when none.
    pub keep: Option<PathBuf>,
    /// The folder with the model; the rule speaks when it or the runtime is missing.
    pub model: PathBuf,
    /// ONNX Runtime's shared library.
    pub runtime: PathBuf,
    /// Whether the leader is killed half-way.
    pub kill_leader: bool,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
}

/// A demo under way. Dropping it ends every process it started.
struct Demo {
    live: Live,
    cluster: Cluster,
    plant: Plant,
    begun: Instant,
    summary: Summary,
    interrupted: Arc<AtomicBool>,
}

/// Runs the demo.
pub fn run(options: &Options) -> Result<Summary> {
    let scenario = Scenario::load(&options.scenario)?;
    let home = Home::new("demo", options.keep.as_deref())?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&interrupted);
    ctrlc::set_handler(move || raised.store(true, Ordering::Release)).context("cannot listen for Ctrl-C")?;
    let mut demo = Demo::start(options, &scenario, home.path(), interrupted)?;
    demo.play(options)?;
    demo.finish(options, &scenario, home.path())
}

/// The folder that a run works in, removed at the end unless it is to be kept.
pub(crate) struct Home {
    path: PathBuf,
    keep: bool,
}

impl Home {
    pub(crate) fn new(what: &str, keep: Option<&Path>) -> Result<Self> {
        let path = match keep {
            Some(path) => path.to_owned(),
            None => std::env::temp_dir().join(format!("ridethrough-{what}-{}", std::process::id())),
        };
        if path.exists() {
            bail!("{} exists already; name a folder that does not", path.display());
        }
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path: path.canonicalize()?, keep: keep.is_some() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Demo {
    fn start(options: &Options, scenario: &Scenario, home: &Path, interrupted: Arc<AtomicBool>) -> Result<Self> {
        let mut live = Live::default();
        let drill = std::env::current_exe().context("where is this program?")?;
        let programs = drill.parent().map(Path::to_owned).unwrap_or_default();
        let setup = Setup {
            home: home.to_owned(),
            programs,
            site: options.scenario.join(SITE_FILE).canonicalize()?,
            model: model_files(&options.model, &options.runtime)?,
            orders: options.orders,
            pace: Pace::STEADY,
        };
        let with_model = setup.model.is_some();
        let mut cluster = Cluster::prepare(&setup)?;
        let (records, nvm) = (home.join("records"), home.join("nvm"));
        let plant = Plant::start(&PlantSetup {
            drill,
            scenario: &options.scenario,
            replicas: cluster.nodes.iter().map(|node| node.dpcn).collect(),
            replicas_b: cluster.nodes.iter().map(|node| node.dpcn_b).collect(),
            orders: options.orders,
            secret: &cluster.secret,
            records: &records,
            nvm: &nvm,
        })?;
        (1..=REPLICAS).try_for_each(|id| cluster.start(id))?;
        let pages: Vec<String> = (1..=REPLICAS).map(|id| cluster.web(id)).collect();
        live.say(&format!("three replicas and the plant are starting in {}", home.display()));
        live.say(&format!("watch them at {}", pages.join(" ")));
        let nut: Vec<String> = cluster.nodes.iter().filter_map(|node| node.nut).map(|at| at.to_string()).collect();
        live.say(&format!("hosts ask them by NUT (`upsc -l HOST:PORT`) at {}", nut.join(" ")));
        let summary =
            Summary { racks: scenario.site.racks.len(), kesms: scenario.site.kesms.len(), ..Summary::default() };
        let mut demo = Self { live, cluster, plant, begun: Instant::now(), summary, interrupted };
        demo.wait_until_ready()?;
        demo.warm_up(with_model)?;
        demo.plant.begin()?;
        demo.begun = Instant::now();
        Ok(demo)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_DEADLINE;
        while self.cluster.snapshots().iter().flatten().all(|one| !one.acting || one.devices_heard < one.devices) {
            self.cluster.check_alive()?;
            self.plant.listen()?;
            if Instant::now() > deadline {
                bail!("no leader heard every device within {} s", READY_DEADLINE.as_secs());
            }
            std::thread::sleep(PERIOD);
        }
        Ok(())
    }

    /// The racks stay at the scenario's first moment while forecasts learn what is normal.
    fn warm_up(&mut self, with_model: bool) -> Result<()> {
        self.live.say("a leader acts; the scenario begins once forecasts have watched the racks for half a minute");
        let begun = Instant::now();
        let warm = |demo: &Self| {
            if with_model { demo.summary.forecast_source.starts_with("model") } else { begun.elapsed() >= WARM_UP_RULE }
        };
        while !warm(self) && begun.elapsed() < WARM_UP_DEADLINE && !self.interrupted() {
            self.look()?;
            std::thread::sleep(PERIOD);
        }
        Ok(())
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    fn look(&mut self) -> Result<()> {
        self.cluster.check_alive()?;
        self.plant.listen()?;
        let snapshots = self.cluster.snapshots();
        if let Some(source) = snapshots.iter().flatten().find(|one| one.acting).map(|one| one.forecast_source.clone()) {
            self.summary.forecast_source = source;
        }
        let lag = self.plant.latest.as_ref().and_then(|plant| plant["lag_ms"].as_u64()).unwrap_or(0);
        self.summary.plant_lag_ms = self.summary.plant_lag_ms.max(lag);
        let moment = Moment { seconds: self.seconds(), snapshots: &snapshots, plant: self.plant.latest.as_ref() };
        self.live.draw(&moment);
        Ok(())
    }

    fn play(&mut self, options: &Options) -> Result<()> {
        let kill_at = options.seconds.map_or(ENDLESS_KILL_S, |seconds| seconds / 2.0);
        let back_at = options.seconds.map_or(ENDLESS_KILL_S * 1.5, |seconds| seconds * 0.75);
        let mut killed = None;
        let mut may_kill = options.kill_leader;
        while options.seconds.is_none_or(|seconds| self.seconds() < seconds) && !self.interrupted() {
            if may_kill && self.seconds() >= kill_at {
                may_kill = false;
                killed = Some(self.kill_leader()?);
            }
            if let Some(id) = killed.filter(|_| self.seconds() >= back_at) {
                self.live.say(&format!("{:6.1} s  n{id} is started again", self.seconds()));
                self.cluster.start(id)?;
                killed = None;
            }
            self.look()?;
            std::thread::sleep(PERIOD);
        }
        // A run that ends before the killed replica came back still ends with three logs to compare.
        killed.map_or(Ok(()), |id| self.cluster.start(id))
    }

    /// Kills the leader with SIGKILL and waits until another may act. Returns who was killed.
    fn kill_leader(&mut self) -> Result<u16> {
        let deadline = Instant::now() + FAILOVER_DEADLINE;
        let leader = loop {
            if let Some(leader) = self.cluster.snapshots().into_iter().flatten().find(|one| one.acting) {
                break leader;
            }
            if Instant::now() > deadline {
                bail!("there was no leader to kill");
            }
            std::thread::sleep(PERIOD);
        };
        let racks: Vec<&String> = leader.transfers.iter().map(|transfer| &transfer.rack).collect();
        self.live.say(&format!(
            "{:6.1} s  SIGKILL to the leader, n{}, with {} transfers in force",
            self.seconds(),
            leader.replica,
            racks.len()
        ));
        let killed_at = Instant::now();
        self.cluster.kill(leader.replica)?;
        let next = loop {
            let next = self.cluster.snapshots().into_iter().flatten().find(|one| one.acting && one.term > leader.term);
            if let Some(next) = next {
                break next;
            }
            if Instant::now() > deadline {
                bail!("no new leader within {} s of the kill", FAILOVER_DEADLINE.as_secs());
            }
            std::thread::sleep(FAILOVER_PERIOD);
        };
        let gap_ms = killed_at.elapsed().as_secs_f64() * 1_000.0;
        self.summary.failovers += 1;
        self.summary.failover_gap_ms = Some((gap_ms * 10.0).round() / 10.0);
        self.summary.transfers_at_kill = racks.len();
        self.summary.transfers_kept =
            racks.iter().filter(|rack| next.transfers.iter().any(|transfer| transfer.rack == ***rack)).count();
        self.live.say(&format!(
            "{:6.1} s  n{} acts as leader of term {}, {gap_ms:.0} ms after the kill",
            self.seconds(),
            next.replica,
            next.term
        ));
        Ok(leader.replica)
    }

    fn finish(mut self, options: &Options, scenario: &Scenario, home: &Path) -> Result<Summary> {
        let verdict = self.plant.end()?;
        self.summary.with_controller(&verdict);
        self.cluster.stop()?;
        self.live.say("replaying the log of every replica, and the scenario without the controller");
        let programs =
            std::env::current_exe().ok().and_then(|drill| drill.parent().map(Path::to_owned)).unwrap_or_default();
        take_audit(&mut self.summary, &audit(&programs, &self.cluster.nodes, &home.join("records"))?);
        let alone = simulate(scenario, self.summary.seconds)?;
        self.summary.without_controller(&alone);
        if options.keep.is_some() {
            self.live.say(&format!("logs, records and configurations are kept in {}", home.display()));
        }
        Ok(self.summary)
    }
}

/// The model in this folder, its manifest and the runtime library; none when one of them is missing, which is said: then
/// the rule forecasts.
pub fn model_files(folder: &Path, runtime: &Path) -> Result<Option<[PathBuf; 3]>> {
    let files = [folder.join("forecast.onnx"), folder.join("forecast.json"), runtime.to_owned()];
    if let Some(missing) = files.iter().find(|file| !file.exists()) {
        eprintln!(
            "{} is missing (`cargo xtask setup` fetches the runtime): forecasts come from the rule",
            missing.display()
        );
        return Ok(None);
    }
    let [model, manifest, runtime] = files;
    Ok(Some([model.canonicalize()?, manifest.canonicalize()?, runtime.canonicalize()?]))
}

/// `ridectl audit verify` on every replica's folder, as an auditor would type it.
pub(crate) fn audit(programs: &Path, nodes: &[Node], records: &Path) -> Result<Value> {
    let mut command = Command::new(programs.join("ridectl"));
    command.args(["audit", "verify", "--output", "json", "--records"]).arg(records);
    for node in nodes {
        command.arg("--dir").arg(&node.data).arg("--witness").arg(node.witness.to_string());
    }
    let output = command.output().context("cannot start ridectl")?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        bail!("ridectl audit verify: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("ridectl audit verify printed no JSON")
}

fn take_audit(summary: &mut Summary, audit: &Value) {
    let count = |key: &str| audit[key].as_u64().unwrap_or(0);
    summary.audit_verified = audit["verified"].as_bool() == Some(true);
    summary.audit_entries = count("entries");
    summary.transfers_committed = usize::try_from(count("transfers")).unwrap_or(0);
    summary.orders_acked = count("orders_executed");
    summary.orders_refused = count("orders_refused");
    summary.uncommitted_executed = count("uncommitted_executed");
    summary.executed_twice = count("executed_twice");
    summary.fences_not_rising = count("fences_not_rising");
}

/// The same scenario, same seed, same length, with nobody at the controls.
fn simulate(scenario: &Scenario, seconds: f64) -> Result<Value> {
    let mut world = World::new(scenario);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run's milliseconds fit")]
    world.run_ms((seconds * 1_000.0).round() as u64);
    Ok(serde_json::to_value(Verdict::of(&world))?)
}
