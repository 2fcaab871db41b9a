//! The plant in real time on a thread of its own, and what its devices were heard to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Keyring, Orders, Plant, RealtimeError, Setup, Witnessed};
use crate::demo::cluster::Cluster;
use crate::field::Act;
use crate::scenario::Scenario;

/// Judged orders that may wait to be looked at.
const WITNESSED_MAX: usize = 4_096;
/// Wishes that may wait for the plant's next turn.
const WISHES_MAX: usize = 64;
/// How long the plant may take to see to a wish: a turn is at most some milliseconds, on a machine that stalls more.
const WISH_DEADLINE: Duration = Duration::from_secs(5);

/// Over how many networks devices speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Networks {
    /// Only the first.
    One,
    /// Both.
    Two,
}

/// What stands where, who controls it and where it works.
pub(crate) struct Site<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) cluster: &'a Cluster,
    pub(crate) home: &'a Path,
    pub(crate) orders: Orders,
    pub(crate) networks: Networks,
}

/// What somebody wants done with the plant between two turns.
type Wish = Box<dyn FnOnce(&mut Plant) + Send>;

/// The plant on a thread of its own.
pub(crate) struct PlantThread {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64, RealtimeError>>>,
    /// How late the plant was at worst, once it has ended.
    lag_max_ms: u64,
    witnessed: Receiver<Witnessed>,
    wishes: SyncSender<Wish>,
    records: PathBuf,
}

impl PlantThread {
    /// Starts the plant and scenario time; `before` is called with the plant before that.
    pub(crate) fn start(site: &Site<'_>, before: impl FnOnce(&mut Plant)) -> Result<Self> {
        let Site { scenario, cluster, home, orders, networks } = *site;
        let secret = std::fs::read_to_string(&cluster.secret).context("the site's secret")?;
        let keyring = Keyring::parse(&secret).context("the site's secret")?;
        let (records, nvm) = (home.join("records"), home.join("nvm"));
        let (replicas, replicas_b): (Vec<SocketAddr>, Vec<SocketAddr>) =
            cluster.nodes.iter().map(|node| (node.dpcn, node.dpcn_b)).unzip();
        let mut plant = Plant::bind(&Setup {
            scenario,
            replicas: &replicas,
            replicas_b: if networks == Networks::Two { &replicas_b } else { &[] },
            keyring: &keyring,
            orders,
            records: &records,
            nvm: Some(&nvm),
        })?;
        let (sender, witnessed) = sync_channel(WITNESSED_MAX);
        plant.tell(sender);
        before(&mut plant);
        plant.start();
        let (wishes, queue) = sync_channel::<Wish>(WISHES_MAX);
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let turn = move || {
            // Pairs with the Release in `end`.
            while !told.load(Ordering::Acquire) {
                plant.turn()?;
                for wish in queue.try_iter() {
                    wish(&mut plant);
                }
            }
            Ok(plant.ending().lag.max_ms)
        };
        let thread = std::thread::Builder::new().name("plant".into()).spawn(turn).context("the plant's thread")?;
        Ok(Self { ending, thread: Some(thread), lag_max_ms: 0, witnessed, wishes, records })
    }

    /// Does something with the plant between two turns, and returns what came of it.
    pub(crate) fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Plant) -> T + Send + 'static) -> Result<T> {
        let (answer, answered) = sync_channel(1);
        let wish: Wish = Box::new(move |plant| drop(answer.try_send(work(plant))));
        self.wishes.try_send(wish).ok().context("the plant has ended, or is too far behind to be asked")?;
        answered.recv_timeout(WISH_DEADLINE).context("the plant did not answer")
    }

    /// An error when the plant has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join()?;
            bail!("the plant ended by itself");
        }
        Ok(())
    }

    /// Forgets all that was witnessed until now.
    pub(crate) fn forget(&self) {
        while self.witnessed.try_recv().is_ok() {}
    }

    /// All that was witnessed since the last call.
    pub(crate) fn witnessed(&self) -> impl Iterator<Item = Witnessed> + '_ {
        self.witnessed.try_iter()
    }

    /// When a device first obeyed a leader of a later term; none when nobody did in time.
    pub(crate) fn first_above(&self, term: u64, deadline: Duration) -> Option<Instant> {
        let until = Instant::now() + deadline;
        loop {
            let witnessed = self.witnessed.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
            if witnessed.obeys_after(term) {
                return Some(witnessed.at);
            }
        }
    }

    /// How late the plant was at worst, in ms; nothing before its end.
    pub(crate) fn lag_max_ms(&self) -> u64 {
        self.lag_max_ms
    }

    /// Ends the plant; returns where its devices' records lie.
    pub(crate) fn end(&mut self) -> Result<PathBuf> {
        // Pairs with the Acquire of the plant's thread.
        self.ending.store(true, Ordering::Release);
        self.join()?;
        Ok(self.records.clone())
    }

    fn join(&mut self) -> Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => {
                self.lag_max_ms = ended?;
                Ok(())
            }
            Some(Err(_)) => bail!("the plant's thread panicked"),
            None => Ok(()),
        }
    }
}

impl Witnessed {
    /// Whether a device obeys a leader of a later term than this.
    pub(crate) fn obeys_after(&self, term: u64) -> bool {
        matches!(self.act, Act::Order { verdict: "executed" | "duplicate", fence_term, .. } if fence_term > term)
    }
}
