//! One leader that goes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ridethrough_commit_bench::etcd::{self, Client, Members, Pace};
use ridethrough_commit_bench::processes::REPLICAS;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

/// How often each member is offered a write.
const OFFER: Duration = Duration::from_millis(1);
/// How long nobody may take writes.
const GAP_MAX: Duration = Duration::from_secs(10);
/// How long all is left alone before the next trial, so that what came back has caught up.
const CALM: Duration = Duration::from_millis(300);

/// What happens to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Freeze,
}

/// Three etcd whose leaders go.
pub struct Trials {
    members: Members,
    written: u64,
}

impl Trials {
    /// Starts them below `dir`.
    pub fn begin(dir: &Path, pace: Pace) -> Result<Self> {
        Ok(Self { members: Members::start(dir, Some(pace))?, written: 0 })
    }

    /// From the fault until another member has acknowledged a write; then all are well again.
    pub async fn once(&mut self, fault: Fault) -> Result<Duration> {
        let (gone, others) = self.ready().await?;
        let leader = Pid::from_raw(i32::try_from(self.members.process(gone)?)?);
        let began = Instant::now();
        kill(leader, if fault == Fault::Kill { Signal::SIGKILL } else { Signal::SIGSTOP })?;
        let taken = self.first_taken(&others).await;
        match fault {
            Fault::Freeze => kill(leader, Signal::SIGCONT)?,
            Fault::Kill => {
                self.members.kill(gone)?;
                self.members.start_one(gone)?;
            }
        }
        Ok(taken?.duration_since(began))
    }

    /// Waits until one leads and takes writes, with connections to both others; tells which leads.
    async fn ready(&mut self) -> Result<(u16, Vec<Client>)> {
        for _ in 0..20 {
            tokio::time::sleep(CALM).await;
            let (id, mut leader) = etcd::leader().await?;
            self.written += 1;
            if leader.put(self.written).await.is_err() {
                continue;
            }
            let mut others = Vec::new();
            for other in (1..=REPLICAS).filter(|&other| other != id) {
                let mut client = Client::connect(other).await?;
                // The connection is warm, and the member takes part.
                client.put(self.written).await.with_context(|| format!("e{other}"))?;
                others.push(client);
            }
            if leader.leads().await.unwrap_or(false) {
                return Ok((id, others));
            }
        }
        bail!("the three do not settle on a leader")
    }

    /// When the first of many writes was acknowledged.
    async fn first_taken(&mut self, others: &[Client]) -> Result<Instant> {
        let (tell, mut taken) = mpsc::channel(1);
        let (mut offers, mut offered, mut every) = (JoinSet::new(), self.written, interval(OFFER));
        let offering = async {
            loop {
                every.tick().await;
                for client in others {
                    offered += 1;
                    let (mut client, tell) = (client.clone(), tell.clone());
                    offers.spawn(async move {
                        if client.put(offered).await.is_ok() {
                            // Full when another was first.
                            let _ = tell.try_send(Instant::now());
                        }
                    });
                }
            }
        };
        let first = tokio::select! {
            first = timeout(GAP_MAX, taken.recv()) => first,
            () = offering => unreachable!("it ends only with the first that is taken"),
        };
        self.written = offered;
        first.ok().flatten().with_context(|| format!("no write was taken for {} s", GAP_MAX.as_secs()))
    }
}
