//! Three etcd and a client at their leader: the nearest way to a commit that etcd has.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use ridethrough_commit_bench::etcd::{self, Client, Members};
use tokio::runtime::{Builder, Runtime};

/// Three of them, running.
pub struct Etcd {
    runtime: Runtime,
    leader: Client,
    written: u64,
    _members: Members,
}

impl Etcd {
    /// Starts them below `dir`; fails when the program is not there.
    pub fn start(dir: &Path) -> Result<Self> {
        let members = Members::start(dir, None)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (_, leader) = runtime.block_on(etcd::leader())?;
        Ok(Self { runtime, leader, written: 0, _members: members })
    }

    /// Puts so many values one after another; how long each took.
    pub fn serial(&mut self, puts: usize) -> Result<Vec<Duration>> {
        let Self { runtime, leader, written, .. } = self;
        runtime.block_on(async {
            let mut times = Vec::with_capacity(puts);
            while times.len() < puts {
                *written += 1;
                let began = Instant::now();
                leader.put(*written).await?;
                times.push(began.elapsed());
            }
            Ok(times)
        })
    }

    /// Puts so many values, this many at a time; how long all took.
    pub fn parallel(&mut self, puts: usize, in_flight: usize) -> Result<Duration> {
        let (first, leader) = (self.written, &self.leader);
        self.written += puts as u64;
        self.runtime.block_on(async {
            let began = Instant::now();
            let clients: Vec<_> = (0..in_flight)
                .map(|nth| {
                    let (mut client, own) = (leader.clone(), (nth..puts).step_by(in_flight));
                    tokio::spawn(async move {
                        for put in own {
                            client.put(first + put as u64).await?;
                        }
                        Ok::<_, anyhow::Error>(())
                    })
                })
                .collect();
            for client in clients {
                client.await??;
            }
            Ok(began.elapsed())
        })
    }
}
