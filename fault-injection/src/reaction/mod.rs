//! From sensor to actuator: real replicas as processes with their forecasts, a whole site's plant in this process, and racks that
//! step over their limits one after another.
//!
//! ```text
//!  sample over the limit is sent ─► the next tick ─► plan, N−1, proposal ─► commit ─► order ─► the module's ack
//!                                  wait_for_tick      decide                 commit    wire
//! ```
//!
//! The two ends are read on this process's clock. The leader tells on the same clock (`CLOCK_MONOTONIC` is the machine's) when the
//! tick began that decided the plan, when it was proposed and when it was committed.

mod figures;
mod moments;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::Site as SiteFile;
use ridethrough_dashboard::Snapshot;
use ridethrough_protocol::Orders;

pub use self::figures::Figures;
use self::moments::{Clock, Moments};
use self::steps::Steps;
use crate::demo::Home;
use crate::demo::cluster::{Cluster, Pace, REPLICAS, Setup};
use crate::failover::programs;
use crate::field::Act;
use crate::realtime::{Networks, PlantThread, Site, Surge, Witnessed};
use crate::scenario::generated;

/// How long replicas may take until one acts, hears every device and forecasts by the model.
const READY_DEADLINE: Duration = Duration::from_mins(4);
/// How often they are looked at until then.
const LOOK: Duration = Duration::from_millis(500);
/// When the leader is first asked what it made of a step, and how often again: its page is large, and asking costs it.
const ASK_AFTER: Duration = Duration::from_millis(250);
/// A step that was not answered by then counts as unanswered.
const ANSWER_DEADLINE: Duration = Duration::from_millis(1_500);
/// Samples over a limit that may wait to be looked at.
const SURGES_MAX: usize = 1_024;
/// Acks that are remembered while the leader is asked.
const ACKS_MAX: usize = 16_384;
/// So long beyond the last step is waited for.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Racks of the site; eight servers in each, a module for every ten.
    pub racks: usize,
    /// How many racks step over their limits.
    pub steps: usize,
    /// What all dice come from.
    pub seed: u64,
    /// The model, its manifest and the runtime library; none for the rule.
    pub model: Option<[PathBuf; 3]>,
    /// The folder with recordings.
    pub data: PathBuf,
    /// Where to work and what to leave behind; a temporary folder when none.
    pub keep: Option<PathBuf>,
}

struct Bench {
    site: SiteFile,
    cluster: Cluster,
    field: PlantThread,
    surges: Receiver<Surge>,
    acks: Vec<Witnessed>,
    clock: Clock,
}

/// Runs all steps.
pub fn run(options: &Options, mut say: impl FnMut(&str)) -> Result<Figures> {
    let home = Home::new("reaction", options.keep.as_deref())?;
    let kesms = (options.racks / 10).max(1);
    let (mut scenario, site_text) = generated::large_with_site(options.racks, 8, kesms, options.seed, &options.data)?;
    let steps = Steps::plan(&scenario, options.steps, options.seed);
    steps.apply(&mut scenario)?;
    let site_file = home.path().join("site.toml");
    std::fs::write(&site_file, site_text)?;
    let (sender, surges) = sync_channel(SURGES_MAX);
    let mut cluster = Cluster::prepare(&Setup {
        home: home.path().to_owned(),
        programs: programs()?,
        site: site_file,
        model: options.model.clone(),
        orders: Orders::One,
        pace: Pace::STEADY,
    })?;
    let began = Instant::now();
    let home_path = home.path();
    let (orders, networks) = (Orders::One, Networks::One);
    let place = Site { scenario: &scenario, cluster: &cluster, home: home_path, orders, networks };
    let field = PlantThread::start(&place, |plant| plant.tell_surges(sender))?;
    (1..=REPLICAS).try_for_each(|id| cluster.start(id))?;
    let site = scenario.site.clone();
    let mut bench = Bench { site, cluster, field, surges, acks: Vec::new(), clock: Clock::start() };
    let mut figures = Figures { racks: options.racks, kesms, steps: steps.len(), ..Figures::default() };
    let leader = bench.ready(options.model.is_some())?;
    figures.forecast_source = leader.forecast_source;
    say(&format!(
        "n{} acts and hears {} devices after {} s",
        leader.replica,
        leader.devices,
        began.elapsed().as_secs()
    ));
    if began.elapsed() > Duration::from_millis(steps.first_ms()) {
        bail!("replicas were ready only after {} s: this machine is too slow", began.elapsed().as_secs());
    }
    bench.play(&steps, began, &mut figures, &mut say)?;
    figures.plant_lag_ms = bench.end()?;
    Ok(figures)
}

impl Bench {
    /// Waits until one replica acts, hears every device and forecasts as it should; returns what it says.
    fn ready(&mut self, by_model: bool) -> Result<Snapshot> {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            self.cluster.check_alive()?;
            self.field.check()?;
            if let Some(leader) = self.leader()
                && leader.devices_heard == leader.devices
                && (!by_model || leader.forecast_source.starts_with("model"))
            {
                return Ok(leader);
            }
            if Instant::now() > deadline {
                bail!("no leader hears every device and forecasts within {} s", READY_DEADLINE.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    fn leader(&self) -> Option<Snapshot> {
        self.cluster.snapshots().into_iter().flatten().find(|one| one.acting)
    }

    /// Takes every step as it comes.
    fn play(&mut self, steps: &Steps, began: Instant, figures: &mut Figures, say: &mut impl FnMut(&str)) -> Result<()> {
        let until = began + Duration::from_millis(steps.last_ms()) + AFTERWARDS;
        let mut taken = 0;
        while taken < steps.len() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(surge) = self.surges.recv_timeout(left) else { break };
            if !steps.is_of(surge.rack) {
                continue;
            }
            taken += 1;
            let answered = self.answered(&surge)?;
            figures.note(answered.as_ref());
            if taken % 25 == 0 || taken == steps.len() {
                say(&format!("{taken} of {}: {}", steps.len(), figures.told()));
            }
        }
        figures.unseen = steps.len() - taken;
        Ok(())
    }

    /// What came of a step; none when no module had acknowledged an order for it in time.
    fn answered(&mut self, surge: &Surge) -> Result<Option<Moments>> {
        let rack = self.site.rack(surge.rack).name.clone();
        let deadline = surge.at + ANSWER_DEADLINE;
        while Instant::now() < deadline {
            std::thread::sleep(ASK_AFTER);
            self.cluster.check_alive()?;
            self.field.check()?;
            self.acks.extend(self.field.witnessed());
            let Some(leader) = self.leader() else { continue };
            if let Some(moments) = self.moments(surge, &rack, &leader) {
                self.acks.drain(..self.acks.len().saturating_sub(ACKS_MAX));
                return Ok(Some(moments));
            }
        }
        Ok(None)
    }

    /// The moments of the plan that helps this rack, once its first module has acknowledged.
    fn moments(&self, surge: &Surge, rack: &str, leader: &Snapshot) -> Option<Moments> {
        let transfer = leader.transfers.iter().find(|transfer| transfer.rack == rack)?;
        let index: u64 = transfer.id.split('.').next()?.parse().ok()?;
        let plan = leader.plans.iter().find(|plan| plan.index == Some(index))?;
        let modules: Vec<DeviceId> = transfer.from.iter().filter_map(|from| self.module(from)).collect();
        let acks = self.acks.iter().filter(|ack| modules.contains(&ack.device) && is_ack_of(&ack.act, index));
        let acked = acks.map(|ack| ack.at).min()?;
        Some(Moments {
            sampled: surge.at,
            tick: self.clock.instant(plan.tick_at_ns)?,
            proposed: self.clock.instant(plan.proposed_at_ns)?,
            committed: self.clock.instant(plan.committed_at_ns)?,
            acked,
        })
    }

    /// The module of a source such as `K2 via A3-A4`.
    fn module(&self, from: &str) -> Option<DeviceId> {
        let name = from.split(' ').next()?;
        self.site.kesm_ids().find(|id| self.site.kesm(*id).name == name).map(DeviceId::Kesm)
    }

    fn end(mut self) -> Result<u64> {
        self.cluster.stop()?;
        self.field.end().context("the plant")?;
        Ok(self.field.lag_max_ms())
    }
}

fn is_ack_of(act: &Act, index: u64) -> bool {
    matches!(act, Act::Order { verdict: "executed" | "duplicate", fence_index, .. } if *fence_index == index)
}

/// The data folder of this source tree.
pub fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data")
}
