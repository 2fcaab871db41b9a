//! Three real replicas and the demo's plant, with the committed model, for a test to play on.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::Orders;
use ridethrough_fault_injection::demo::cluster::{Cluster, Pace, REPLICAS, Setup};
use ridethrough_fault_injection::demo::plant::{Plant, PlantSetup};

use crate::{Ended, copy, demo_scenario, edit, model_files, program, programs, read, root, run, write};

/// How long anything may take that is waited for: only what never comes meets it.
pub const DEADLINE: Duration = Duration::from_mins(3);

/// What is played.
#[derive(Clone, Debug)]
pub struct Play {
    /// The scenario's folder.
    pub scenario: PathBuf,
    /// The model, its manifest and the runtime.
    pub model: [PathBuf; 3],
    /// A folder with further models.
    pub models: Option<PathBuf>,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
}

impl Default for Play {
    fn default() -> Self {
        Self { scenario: demo_scenario(), model: model_files(), models: None, orders: Orders::One }
    }
}

/// The processes, in a folder of theirs.
#[derive(Debug)]
pub struct Stage {
    /// The folder.
    pub home: PathBuf,
    /// The replicas.
    pub cluster: Cluster,
    /// The plant.
    pub plant: Plant,
}

impl Stage {
    /// Starts everything.
    pub fn start(home: &Path, play: &Play) -> Self {
        Self::start_with(home, play, |_| ())
    }

    /// Starts everything, once this has changed what was written for the cluster.
    pub fn start_with(home: &Path, play: &Play, change: impl FnOnce(&Cluster)) -> Self {
        let setup = Setup {
            home: home.to_owned(),
            programs: programs(),
            site: play.scenario.join("site.toml"),
            model: Some(play.model.clone()),
            orders: play.orders,
            pace: Pace::STEADY,
        };
        let mut cluster = Cluster::prepare(&setup).expect("configurations can be written");
        for node in &cluster.nodes {
            let Some(models) = &play.models else { continue };
            // The forecast's section is the last one.
            let mut config = OpenOptions::new().append(true).open(&node.config).expect("there");
            writeln!(config, "models = \"{}\"", models.display()).expect("room");
        }
        change(&cluster);
        let plant = Plant::start(&PlantSetup {
            drill: program("drill"),
            scenario: &play.scenario,
            replicas: cluster.nodes.iter().map(|node| node.dpcn).collect(),
            orders: play.orders,
            replicas_b: cluster.nodes.iter().map(|node| node.dpcn_b).collect(),
            secret: &cluster.secret.clone(),
            records: &home.join("records"),
            nvm: &home.join("nvm"),
        })
        .expect("the plant starts");
        (1..=REPLICAS).for_each(|id| cluster.start(id).expect("a replica starts"));
        Self { home: home.to_owned(), cluster, plant }
    }

    /// Starts everything, and the scenario once a leader hears every device.
    pub fn begin(home: &Path, play: &Play) -> Self {
        let mut stage = Self::start(home, play);
        stage.play();
        stage
    }

    /// Starts the scenario once a leader hears every device.
    pub fn play(&mut self) {
        self.wait_for("a leader that hears every device", |cluster| {
            let ready = cluster.snapshots().iter().flatten().any(|one| one.acting && one.devices_heard == one.devices);
            ready.then_some(())
        });
        self.plant.begin().expect("the plant begins");
    }

    /// Waits until something is found, while every process runs.
    pub fn wait_for<T>(&mut self, what: &str, mut found: impl FnMut(&Cluster) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            self.cluster.check_alive().expect("every replica runs");
            self.plant.listen().expect("the plant runs");
            if let Some(found) = found(&self.cluster) {
                return found;
            }
            assert!(Instant::now() < until, "{DEADLINE:?} went by without {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whoever leads.
    pub fn leader(&mut self) -> u16 {
        self.wait_for("a leader that may act", |cluster| {
            cluster.snapshots().into_iter().flatten().find(|one| one.acting).map(|one| one.replica)
        })
    }

    /// Waits until every replica's forecasts come from a source that this says yes to.
    pub fn wait_for_sources(&mut self, what: &str, is: impl Fn(u16, &str) -> bool) {
        self.wait_for(what, |cluster| {
            let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
            let whole = all.len() == usize::from(REPLICAS);
            (whole && all.iter().all(|one| is(one.replica, &one.forecast_source))).then_some(())
        });
    }

    /// Waits until a replica counts just this.
    pub fn wait_for_count(&mut self, id: u16, line: &str) {
        self.wait_for(line, |cluster| counts(cluster, id, line).then_some(()));
    }

    /// Whether a replica counts just this.
    pub fn counts(&self, id: u16, line: &str) -> bool {
        counts(&self.cluster, id, line)
    }

    /// The data folder of a replica.
    pub fn data(&self, id: u16) -> String {
        self.home.join(format!("n{id}")).display().to_string()
    }

    /// Ends the plant, then the replicas, each in good order.
    pub fn end(self) {
        let Self { mut cluster, plant, .. } = self;
        plant.end().expect("the plant ends");
        cluster.stop().expect("every replica stops when told to");
    }
}

fn counts(cluster: &Cluster, id: u16, line: &str) -> bool {
    cluster.metrics(id).is_some_and(|text| text.lines().any(|one| one == line))
}

/// `ridectl audit verify` over the folders of all replicas and the devices' records.
pub fn verify(home: &Path) -> Ended {
    let dirs: Vec<String> = (1..=REPLICAS).map(|id| home.join(format!("n{id}")).display().to_string()).collect();
    let records = home.join("records").display().to_string();
    let all = dirs.iter().flat_map(|dir| ["--dir", dir]);
    let words: Vec<&str> = ["audit", "verify", "-o", "json", "--records", &records].into_iter().chain(all).collect();
    run("ridectl", &words)
}

/// A scenario, written below `home`, in which the utility goes after so many seconds and the generator refuses to start.
pub fn outage_without_generator(home: &Path, at_s: u32) -> PathBuf {
    let scenarios = root().join("fault-injection/scenarios");
    let folder = home.join("scenario");
    copy(&scenarios.join("outage-no-start"), &folder);
    write(&folder.join("site.toml"), read(&scenarios.join("site-two-rows-generator.toml")));
    let file = folder.join("scenario.toml");
    edit(&file, "\"../site-two-rows-generator.toml\"", "\"site.toml\"");
    edit(&file, "\"../../../data\"", &format!("\"{}\"", root().join("data").display()));
    edit(&file, "at_s = 30\n", &format!("at_s = {at_s}\n"));
    edit(&file, "at_s = 20\n", "at_s = 1\n");
    folder
}
