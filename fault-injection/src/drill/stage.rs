//! Replicas, plant and wires of one run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ridethrough_core::site::Site as SiteFile;
use ridethrough_dashboard::Snapshot;

use super::builds::TwoBuilds;
use super::file::{Drill, Kind, Program, Target};
use super::wires::Wires;
use crate::demo::SITE_FILE;
use crate::demo::cluster::{Cluster, Node, Pace, REPLICAS, Setup};
use crate::failover::programs;
use crate::plant::random::mix;
use crate::realtime::{Networks, Plant, PlantThread, Site};
use crate::scenario::{SCENARIO_FILE, Scenario};

/// What a run works with.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    /// None where the plant is somebody else's.
    field: Option<PlantThread>,
    pub(super) wires: Wires,
    pub(super) site: SiteFile,
    /// The files of the model that replicas run with, if they do.
    pub(super) model: Option<[PathBuf; 3]>,
    pub(super) seed: u64,
    /// The programs of a drill that mixes two.
    pub(super) builds: Option<TwoBuilds>,
    /// Replicas that a fault keeps from answering.
    pub(super) silenced: BTreeSet<u16>,
    /// The module in use that a fault has chosen.
    pub(super) chosen: Option<String>,
    /// Replicas that any fault has touched so far.
    pub(super) touched: BTreeSet<u16>,
}

impl Stage {
    /// Starts everything in this folder.
    pub(super) fn start(
        drill: &Drill,
        home: &Path,
        seed: u64,
        pace: Pace,
        model: Option<&[PathBuf; 3]>,
        builds: Option<TwoBuilds>,
    ) -> Result<Self> {
        let mut scenario = Scenario::load_seeded(&drill.plant, Some(seed))?;
        // What happens is the drill's.
        scenario.events.clear();
        let model = model.map(|files| own_copy(files, home)).transpose()?;
        let setup = Setup {
            home: home.to_owned(),
            programs: programs()?,
            site: site_file(&drill.plant)?,
            model: model.clone(),
            orders: drill.orders,
            pace,
        };
        let mut wires = Wires::default();
        let with_wires = drill.faults.iter().any(|fault| fault.kind.is_between_replicas());
        let mut cluster =
            Cluster::prepare_over(
                &setup,
                |from, to, listens| {
                    if with_wires { wires.lay(from, to, listens) } else { Ok(listens) }
                },
            )?;
        if drill.faults.iter().any(|fault| matches!(fault.kind, Kind::DiskFull { .. })) {
            super::faults::small_disks(&cluster)?;
        }
        if drill.faults.iter().any(|fault| matches!(fault.kind, Kind::ClockStep { .. })) {
            super::faults::own_clocks(&mut cluster)?;
        }
        if let Some(builds) = &builds {
            begin_with(drill.begins_with, builds, &mut cluster)?;
        }
        let setting =
            Site { scenario: &scenario, cluster: &cluster, home, orders: drill.orders, networks: Networks::Two };
        let field = Some(PlantThread::start(&setting, Plant::eavesdrop)?);
        let site = scenario.site.clone();
        let (silenced, touched) = (BTreeSet::new(), BTreeSet::new());
        let mut stage = Self { cluster, field, wires, site, model, seed, builds, silenced, chosen: None, touched };
        (1..=REPLICAS).try_for_each(|id| stage.cluster.start(id))?;
        Ok(stage)
    }

    /// Replicas of somebody else that run already, with a plant that is not ours.
    pub(super) fn attach(drill: &Drill, configurations: &[PathBuf], seed: u64) -> Result<Self> {
        if let Some(fault) = drill.faults.iter().find(|fault| !fault.kind.is_of_a_process()) {
            bail!(
                "{}: on a cluster that is not the drill's own, replicas are killed, paused, restarted and asked to hand over, \
                 nothing else",
                fault.kind.describe()
            );
        }
        let cluster = Cluster::attach(configurations)?;
        if cluster.nodes.len() != usize::from(REPLICAS) {
            bail!("{} configurations, expected those of all {REPLICAS} replicas", cluster.nodes.len());
        }
        let site = Scenario::load(&drill.plant)?.site;
        let (silenced, touched) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self {
            cluster,
            field: None,
            wires: Wires::default(),
            site,
            model: None,
            seed,
            builds: None,
            silenced,
            chosen: None,
            touched,
        })
    }

    /// The plant, where it is ours.
    pub(super) fn plant(&self) -> Option<&PlantThread> {
        self.field.as_ref()
    }

    /// The plant; an error where it is somebody else's.
    pub(super) fn own_plant(&self) -> Result<&PlantThread> {
        self.field.as_ref().context("the plant is not the drill's own")
    }

    /// An error when the plant has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        self.field.as_mut().map_or(Ok(()), PlantThread::check)
    }

    /// Stops what this drill started; returns where its devices' records lie. What somebody else started goes on.
    pub(super) fn end(&mut self) -> Result<Option<PathBuf>> {
        let Some(field) = &mut self.field else { return Ok(None) };
        self.cluster.stop().context("after the drill")?;
        field.end().map(Some)
    }

    /// What replicas say of themselves, by id; none for those that do not answer.
    pub(super) fn snapshots(&self) -> Vec<Option<Snapshot>> {
        (1..=REPLICAS).map(|id| (!self.silenced.contains(&id)).then(|| self.cluster.snapshot(id)).flatten()).collect()
    }

    /// The replica that acts, of the newest term.
    pub(super) fn leader(&self) -> Option<Snapshot> {
        self.snapshots().into_iter().flatten().filter(|one| one.acting).max_by_key(|one| one.term)
    }

    /// The two programs; an error in a drill of one.
    pub(super) fn builds(&self) -> Result<&TwoBuilds> {
        self.builds.as_ref().context("there is one program only")
    }

    /// What replicas were left to run, and whether they do, by the system's word; none where there is one program.
    pub(super) fn programs_run(&self) -> Option<(String, bool)> {
        let builds = self.builds.as_ref()?;
        let runs = |node: &Node| {
            let build = builds.at(&node.program);
            (node.id, build, self.cluster.process(node.id).is_some_and(|process| build.is_run_by(process)))
        };
        let all: Vec<_> = self.cluster.nodes.iter().map(runs).collect();
        let told = all.iter().map(|(id, build, runs)| format!("n{id} {}{build}", if *runs { "" } else { "NOT " }));
        Some((told.collect::<Vec<_>>().join(", "), all.iter().all(|(_, _, runs)| *runs)))
    }

    /// Whether, by the system's word, replicas of both programs are among those that answer.
    pub(super) fn runs_both(&self, answers: &[Option<Snapshot>]) -> bool {
        let Some(TwoBuilds { own, other }) = &self.builds else { return false };
        let answering = self.cluster.nodes.iter().zip(answers).filter(|(_, answer)| answer.is_some());
        let running: Vec<u32> = answering.filter_map(|(node, _)| self.cluster.process(node.id)).collect();
        [own, other].into_iter().all(|build| running.iter().any(|process| build.is_run_by(*process)))
    }

    /// The name of a module that a transfer draws on now.
    pub(super) fn module_in_use(&self) -> Result<String> {
        let leader = self.leader().context("nobody leads just now")?;
        let mut sources = leader.transfers.iter().filter(|transfer| transfer.acked).flat_map(|transfer| &transfer.from);
        let first = sources.find_map(|source| source.split_whitespace().next());
        first.map(|name| format!("kesm {name}")).context("no transfer draws on a module just now")
    }

    /// Who that is now.
    pub(super) fn resolve(&self, target: Target) -> Result<Vec<u16>> {
        let leader = || self.leader().map(|leader| leader.replica).context("nobody leads just now");
        Ok(match target {
            Target::All => (1..=REPLICAS).collect(),
            Target::N1 => vec![1],
            Target::N2 => vec![2],
            Target::N3 => vec![3],
            Target::Leader => vec![leader()?],
            Target::Follower => {
                let leader = leader()?;
                let followers: Vec<u16> = (1..=REPLICAS).filter(|id| *id != leader).collect();
                let nth = usize::try_from(mix(self.seed) % followers.len() as u64).unwrap_or(0);
                vec![followers[nth]]
            }
        })
    }
}

/// Gives every replica the program that it runs at first. Both must understand what is configured.
fn begin_with(first: Program, builds: &TwoBuilds, cluster: &mut Cluster) -> Result<()> {
    let (first, next) = match first {
        Program::Own => (&builds.own, &builds.other),
        Program::Other => (&builds.other, &builds.own),
    };
    for node in &mut cluster.nodes {
        [first, next].into_iter().try_for_each(|build| build.check(&node.config))?;
        node.program.clone_from(&first.program);
    }
    Ok(())
}

/// The plant's site file, which its scenario names.
fn site_file(plant: &Path) -> Result<PathBuf> {
    let file = plant.join(SCENARIO_FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let table: toml::Table = text.parse().with_context(|| file.display().to_string())?;
    let site = table.get("site").and_then(toml::Value::as_str).unwrap_or(SITE_FILE);
    plant.join(site).canonicalize().with_context(|| format!("{}: its site", file.display()))
}

/// The run's own copy of the model, so that a fault may swap it.
fn own_copy([model, manifest, runtime]: &[PathBuf; 3], home: &Path) -> Result<[PathBuf; 3]> {
    let folder = home.join("model");
    fs::create_dir_all(&folder)?;
    let copy = |file: &PathBuf| -> Result<PathBuf> {
        let to = folder.join(file.file_name().context("a model's file has a name")?);
        fs::copy(file, &to).with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(to)
    };
    // Who signed it stands beside the manifest.
    copy(&manifest.with_added_extension("sig"))?;
    Ok([copy(model)?, copy(manifest)?, runtime.clone()])
}

/// Replicas as people call them.
pub(super) fn named(ids: impl Iterator<Item = u16>) -> String {
    ids.map(|id| format!("n{id}")).collect::<Vec<_>>().join(", ")
}
