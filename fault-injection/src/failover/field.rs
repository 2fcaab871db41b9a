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

/// The plant on a thread of its own.
pub(super) struct Field {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), RealtimeError>>>,
    witnessed: Receiver<Witnessed>,
    records: PathBuf,
}

impl Field {
    pub(super) fn start(scenario: &Scenario, cluster: &Cluster, home: &Path) -> Result<Self> {
        let secret = std::fs::read_to_string(&cluster.secret).context("the site's secret")?;
        let keyring = Keyring::parse(&secret).context("the site's secret")?;
        let (records, nvm) = (home.join("records"), home.join("nvm"));
        let (replicas, replicas_b): (Vec<_>, Vec<_>) =
            cluster.nodes.iter().map(|node| (node.dpcn, node.dpcn_b)).unzip();
        let mut plant = Plant::bind(&Setup {
            scenario,
            replicas: &replicas,
            replicas_b: &replicas_b,
            keyring: &keyring,
            orders: Orders::One,
            records: &records,
            nvm: Some(&nvm),
        })?;
        let (sender, witnessed) = sync_channel(WITNESSED_MAX);
        plant.tell(sender);
        plant.start();
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let turn = move || {
            // Pairs with the Release in `end`.
            while !told.load(Ordering::Acquire) {
                plant.turn()?;
            }
            Ok(())
        };
        let thread = std::thread::Builder::new().name("plant".into()).spawn(turn).context("the plant's thread")?;
        Ok(Self { ending, thread: Some(thread), witnessed, records })
    }

    /// An error when the plant has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
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

    /// Ends the plant; returns where its devices' records lie.
    pub(super) fn end(&mut self) -> Result<PathBuf> {
        // Pairs with the Acquire of the plant's thread.
        self.ending.store(true, Ordering::Release);
        self.join()?;
        Ok(self.records.clone())
    }

    fn join(&mut self) -> Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => Ok(ended?),
            Some(Err(_)) => bail!("the plant's thread panicked"),
            None => Ok(()),
        }
    }
}
