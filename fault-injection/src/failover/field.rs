//! The plant in this process, and what its devices were heard to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ridethrough_protocol::{Keyring, Orders};

use crate::demo::cluster::Cluster;
use crate::field::Act;
use crate::realtime::{Plant, RealtimeError, Setup, Witnessed};
use crate::scenario::Scenario;

/// Judged orders that may wait to be looked at.
const WITNESSED_MAX: usize = 4_096;

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
}

/// The plant on a thread of its own.
pub(crate) struct Field {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64, RealtimeError>>>,
    /// How late the plant was at worst, once it has ended.
    lag_max_ms: u64,
    witnessed: Receiver<Witnessed>,
    records: PathBuf,
}

impl Field {
    /// Starts the plant and scenario time; `before` is called with the plant before that.
    pub(crate) fn start(site: &Site<'_>, networks: Networks, before: impl FnOnce(&mut Plant)) -> Result<Self> {
        let Site { scenario, cluster, home } = *site;
        let secret = std::fs::read_to_string(&cluster.secret).context("the site's secret")?;
        let keyring = Keyring::parse(&secret).context("the site's secret")?;
        let (records, nvm) = (home.join("records"), home.join("nvm"));
        let (replicas, replicas_b): (Vec<_>, Vec<_>) =
            cluster.nodes.iter().map(|node| (node.dpcn, node.dpcn_b)).unzip();
        let mut plant = Plant::bind(&Setup {
            scenario,
            replicas: &replicas,
            replicas_b: if networks == Networks::Two { &replicas_b } else { &[] },
            keyring: &keyring,
            orders: Orders::One,
            records: &records,
            nvm: Some(&nvm),
        })?;
        let (sender, witnessed) = sync_channel(WITNESSED_MAX);
        plant.tell(sender);
        before(&mut plant);
        plant.start();
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let turn = move || {
            // Pairs with the Release in `end`.
            while !told.load(Ordering::Acquire) {
                plant.turn()?;
            }
            Ok(plant.ending().lag.max_ms)
        };
        let thread = std::thread::Builder::new().name("plant".into()).spawn(turn).context("the plant's thread")?;
        Ok(Self { ending, thread: Some(thread), lag_max_ms: 0, witnessed, records })
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
    pub(super) fn forget(&self) {
        while self.witnessed.try_recv().is_ok() {}
    }

    /// All that was witnessed since the last call.
    pub(crate) fn witnessed(&self) -> impl Iterator<Item = Witnessed> + '_ {
        self.witnessed.try_iter()
    }

    /// When a device first obeyed a leader of a later term; none when nobody did in time.
    pub(super) fn first_above(&self, term: u64, deadline: Duration) -> Option<Instant> {
        let until = Instant::now() + deadline;
        loop {
            let witnessed = self.witnessed.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
            if let Act::Order { verdict: "executed" | "duplicate", fence_term, .. } = witnessed.act
                && fence_term > term
            {
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
