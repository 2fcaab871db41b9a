//! How long nobody commands when the leader goes: real replicas as processes, a leader killed or frozen again and again, and
//! devices that say when they first obeyed the next one.
//!
//! ```text
//!  ready: one leader acts, all follow it, every device is heard ─► SIGKILL or SIGSTOP to the leader
//!     ▲                                                              │ clock runs until a device has judged
//!     └── the replica comes back ◄── an order of a newer term ◄──────┘
//! ```
//!
//! The same for a leader that hands over because an operator wishes it: there the clock runs from the wish.

mod figures;
mod stalls;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use figures::{Figures, Gaps};
use nix::sys::signal::Signal;
use ridethrough_dashboard::Snapshot;
use ridethrough_protocol::Orders;
pub use stalls::Stalls;

use self::stalls::Watch;
use crate::demo::cluster::{Cluster, Pace, REPLICAS, Setup};
use crate::demo::{Home, SITE_FILE, audit, wish};
use crate::plant::random::mix;
use crate::realtime::{Networks, PlantThread, Site};
use crate::scenario::Scenario;

/// How often replicas are looked at until all is well.
const LOOK: Duration = Duration::from_millis(20);
/// How long a cluster may take until all is well. A scenario may need nothing for a while.
const READY_DEADLINE: Duration = Duration::from_mins(3);
/// A transfer must have this long left, or nothing might be left to confirm when the next leader has come.
const STANDS_MS: i64 = 1_000;
/// How long a failover may take.
const FAILOVER_DEADLINE: Duration = Duration::from_secs(10);
/// So often in a row a transfer may be refused.
const REFUSALS_MAX: u64 = 5;
/// A gap that is told by itself.
const NOTABLE: Duration = Duration::from_millis(100);
/// A trial begins at some moment of a tick.
const DITHER_MS: u64 = 100;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The scenario's folder.
    pub scenario: PathBuf,
    /// How often the leader is killed.
    pub kills: usize,
    /// How often it is frozen.
    pub freezes: usize,
    /// How often it is asked to hand over.
    pub transfers: usize,
    /// Seconds of nothing but waiting, in which nobody may be elected.
    pub soak_s: u64,
    /// How soon a silent leader is taken for lost.
    pub pace: Pace,
    /// Where to work and what to leave behind; a temporary folder when none.
    pub keep: Option<PathBuf>,
}

/// What happens to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Freeze,
    Transfer,
}

/// What came of one fault.
struct Trial {
    leader: Snapshot,
    /// How long until a device obeyed the next leader.
    gap: Duration,
    /// How many elections there were beyond the one needed.
    elections: u64,
    /// How often a transfer was asked for in vain before.
    refused: u64,
}

struct Bench {
    cluster: Cluster,
    field: PlantThread,
    trials: u64,
}

/// Runs all trials, then has the log and the devices' records compared.
pub fn run(options: &Options, mut say: impl FnMut(&str)) -> Result<Figures> {
    let home = Home::new("failover", options.keep.as_deref())?;
    let mut bench = Bench::start(options, home.path())?;
    let mut figures = Figures::default();
    bench.ready()?;
    let whole = Watch::start();
    if options.soak_s > 0 {
        let watch = Watch::start();
        figures.soak_s = options.soak_s;
        figures.soak_elections = bench.soak(Duration::from_secs(options.soak_s))?;
        figures.soak_stalls = watch.end();
        say(&format!(
            "{} s without a fault: {} elections; {}",
            options.soak_s,
            figures.soak_elections,
            figures.soak_stalls.told()
        ));
    }
    let faults = [(Fault::Transfer, options.transfers), (Fault::Kill, options.kills), (Fault::Freeze, options.freezes)];
    for (fault, times) in faults {
        for nth in 1..=times {
            let Trial { leader, gap, elections, refused } = bench.trial(fault)?;
            if gap > NOTABLE {
                say(&format!(
                    "{nth}: {fault:?} of n{}, leader of term {}: {} ms",
                    leader.replica,
                    leader.term,
                    gap.as_millis()
                ));
            }
            figures.note(fault, gap, elections);
            figures.transfers_refused += refused;
            if nth % 25 == 0 || nth == times {
                say(&format!("{nth} of {times}: {fault:?}, {}", figures.told(fault)));
            }
        }
    }
    figures.stalls = whole.end();
    bench.end(&mut figures)?;
    Ok(figures)
}

impl Bench {
    fn start(options: &Options, home: &Path) -> Result<Self> {
        let scenario = Scenario::load(&options.scenario)?;
        let setup = Setup {
            home: home.to_owned(),
            programs: programs()?,
            site: options.scenario.join(SITE_FILE).canonicalize()?,
            // Forecasts by the rule: what is measured here does not wait for them.
            model: None,
            orders: Orders::One,
            pace: options.pace,
        };
        let mut cluster = Cluster::prepare(&setup)?;
        let site = Site { scenario: &scenario, cluster: &cluster, home, orders: Orders::One, networks: Networks::Two };
        let field = PlantThread::start(&site, |_| {})?;
        (1..=REPLICAS).try_for_each(|id| cluster.start(id))?;
        Ok(Self { cluster, field, trials: 0 })
    }

    /// Waits until one replica acts, all follow it with the same log, it hears every device and an order stands that the
    /// next leader will have to confirm; returns what it says.
    fn ready(&mut self) -> Result<Snapshot> {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            self.cluster.check_alive()?;
            self.field.check()?;
            let all: Vec<Snapshot> = self.cluster.snapshots().into_iter().flatten().collect();
            if let Some(leader) = all.iter().find(|one| one.acting)
                && all.len() == usize::from(REPLICAS)
                && leader.devices_heard == leader.devices
                && leader.transfers.iter().any(|transfer| transfer.acked && transfer.left_ms > STANDS_MS)
                && all.iter().all(|one| {
                    one.term == leader.term
                        && one.leader == Some(leader.replica)
                        && one.applied_index + 8 >= leader.applied_index
                })
            {
                return Ok(leader.clone());
            }
            if Instant::now() > deadline {
                let seen: Vec<_> = all
                    .iter()
                    .map(|one| (one.replica, one.term, one.acting, one.applied_index, one.transfers.len()))
                    .collect();
                bail!(
                    "no whole cluster with a transfer within {} s; replica, term, acting, applied, transfers: {seen:?}",
                    READY_DEADLINE.as_secs()
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    /// One fault.
    fn trial(&mut self, fault: Fault) -> Result<Trial> {
        self.trials += 1;
        std::thread::sleep(Duration::from_millis(mix(self.trials) % DITHER_MS));
        let leader = self.ready()?;
        self.field.forget();
        let (began, leader, refused) = self.strike(fault, leader)?;
        let obeyed = self.field.first_above(leader.term, FAILOVER_DEADLINE);
        let obeyed = obeyed.with_context(|| format!("nobody commanded within {} s", FAILOVER_DEADLINE.as_secs()))?;
        match fault {
            Fault::Kill => {
                self.cluster.kill(leader.replica)?;
                self.cluster.start(leader.replica)?;
            }
            Fault::Freeze => self.cluster.signal(leader.replica, Signal::SIGCONT)?,
            Fault::Transfer => {}
        }
        let after = self.ready()?;
        let (gap, elections) = (obeyed.saturating_duration_since(began), after.term.saturating_sub(leader.term + 1));
        Ok(Trial { leader, gap, elections, refused })
    }

    /// Does to the leader what is to be done; returns when, to whom in the end, and how often a transfer was refused before.
    fn strike(&mut self, fault: Fault, leader: Snapshot) -> Result<(Instant, Snapshot, u64)> {
        let began = Instant::now();
        match fault {
            Fault::Kill => self.cluster.signal(leader.replica, Signal::SIGKILL)?,
            Fault::Freeze => self.cluster.signal(leader.replica, Signal::SIGSTOP)?,
            Fault::Transfer => return self.transfer(leader),
        }
        Ok((began, leader, 0))
    }

    /// A leader may refuse, as when the peer is behind just now; then it is asked again.
    fn transfer(&mut self, mut leader: Snapshot) -> Result<(Instant, Snapshot, u64)> {
        let mut refused = 0;
        loop {
            let to = leader.replica % REPLICAS + 1;
            let node = self.cluster.nodes.iter().find(|node| node.id == leader.replica).context("no such replica")?;
            let answered = wish::hand_over(&node.data, to)?;
            let Some(why) = answered.refused else { return Ok((answered.at, leader, refused)) };
            refused += 1;
            if refused == REFUSALS_MAX {
                bail!("n{} refuses to hand over to n{to}: {why}", leader.replica);
            }
            leader = self.ready()?;
            self.field.forget();
        }
    }

    /// How many elections there are while nothing happens.
    fn soak(&mut self, time: Duration) -> Result<u64> {
        let before = self.ready()?;
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.cluster.check_alive()?;
            self.field.check()?;
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(self.ready()?.term - before.term)
    }

    fn end(mut self, figures: &mut Figures) -> Result<()> {
        self.ready()?;
        self.cluster.stop()?;
        let records = self.field.end()?;
        let audit = audit(&programs()?, &self.cluster.nodes, &records)?;
        let count = |key: &str| audit[key].as_u64().with_context(|| format!("the audit does not say {key}"));
        figures.audit_verified = audit["verified"].as_bool() == Some(true);
        figures.orders_executed = count("orders_executed")?;
        figures.uncommitted_executed = count("uncommitted_executed")?;
        figures.executed_twice = count("executed_twice")?;
        Ok(())
    }
}

/// The folder of this program and those beside it.
pub(crate) fn programs() -> Result<PathBuf> {
    let drill = std::env::current_exe().context("where is this program?")?;
    drill.parent().map(Path::to_owned).context("this program lies nowhere")
}
