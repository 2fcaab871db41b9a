//! One replica in a process of its own. It reads a line with what it must know, then a line for each question, and answers
//! each with one line; it ends when its standard input does.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ridethrough_core::command::{Command, Entry, Founding, Plan, Stamp};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_raft::{LogSize, PeerPems, PeerTls, Replica, ReplicaConfig, Role};
use ridethrough_witness::SigningKey;
use serde::{Deserialize, Serialize};

const SITE: &str = include_str!("../../../adapter/tests/site.toml");
/// How long a commit may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// So quickly a replica says no when it does not lead.
const LOOK: Duration = Duration::from_millis(1);

/// What a replica must be told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setup {
    pub id: u16,
    pub cluster: [u8; 16],
    pub dir: PathBuf,
    /// Threads of its runtime.
    pub workers: usize,
    /// Whether it signs checkpoints of its log.
    pub sign: bool,
    pub peers: BTreeMap<u16, SocketAddr>,
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

/// What it is asked.
#[derive(Debug, Serialize, Deserialize)]
pub enum Question {
    /// Whether it leads and takes proposals.
    Leads,
    /// To commit the site's founding.
    Found,
    /// To commit so many entries, one after another.
    Serial { entries: usize },
    /// To commit so many entries, this many at a time.
    Parallel { entries: usize, in_flight: usize },
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Leads(bool),
    Done,
    /// Nanoseconds from each proposal to its being applied.
    Serial(Vec<u64>),
    /// Nanoseconds for all.
    Parallel(u64),
}

/// Serves questions until there are no more.
pub fn run() -> Result<()> {
    let mut lines = std::io::stdin().lock().lines();
    let setup = lines.next().context("no setup")??;
    let setup: Setup = serde_json::from_str(&setup).context("the setup is none")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(setup.workers).enable_all().build()?;
    let cluster = setup.cluster;
    let replica = Arc::new(runtime.block_on(start(setup))?);
    for line in lines {
        let question = serde_json::from_str(&line?).context("no question")?;
        let replica = Arc::clone(&replica);
        // On one of the runtime's own threads, where the daemon's proposals begin, too.
        let answer = runtime.block_on(runtime.spawn(answer(replica, question, cluster)))??;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
        out.flush()?;
    }
    Ok(())
}

async fn start(setup: Setup) -> Result<Replica> {
    let Setup { id, cluster, dir, workers: _, sign, peers, ca, certificate, key } = setup;
    let pems = PeerPems { ca: &ca, certificate: &certificate, key: &key, revoked: None };
    // Patient enough for a machine that does other things, too: what it costs to lose a leader is another bench's question.
    let first = Duration::from_millis(800 + 200 * u64::from(id));
    let seed = [u8::try_from(id)?; 32];
    let key = || SigningKey::new(&format!("n{id}"), seed).context("the witness's name");
    let witness = sign.then(key).transpose()?.map(Arc::new);
    let config = ReplicaConfig {
        id: ReplicaId(id),
        cluster,
        dir,
        listen: *peers.get(&id).context("it is not among its peers")?,
        peers: peers.into_iter().map(|(id, address)| (ReplicaId(id), address)).collect(),
        moved: std::collections::BTreeSet::new(),
        dialled: BTreeMap::new(),
        tls: PeerTls::new(cluster, ReplicaId(id), pems)?,
        heartbeat: Duration::from_millis(50),
        election: first..first + Duration::from_millis(150),
        site: site()?,
        log: LogSize::default(),
        witness,
    };
    Ok(Replica::start(config, Box::new(|| {})).await?)
}

async fn answer(replica: Arc<Replica>, question: Question, cluster: [u8; 16]) -> Result<Answer> {
    Ok(match question {
        Question::Leads => {
            let leads = replica.status().role == Role::Leader && replica.wait_leadership_ready(LOOK).await;
            Answer::Leads(leads)
        }
        Question::Found => {
            propose(&replica, Command::Found(Founding { cluster, site_hash: site()?.hash })).await?;
            Answer::Done
        }
        Question::Serial { entries } => {
            let mut times = Vec::with_capacity(entries);
            while times.len() < entries {
                times.push(nanos(propose(&replica, Command::Plan(Plan::default())).await?));
            }
            Answer::Serial(times)
        }
        Question::Parallel { entries, in_flight } => parallel(replica, entries, in_flight).await?,
    })
}

async fn parallel(replica: Arc<Replica>, entries: usize, in_flight: usize) -> Result<Answer> {
    let began = Instant::now();
    let proposers: Vec<_> = (0..in_flight)
        .map(|nth| {
            let replica = Arc::clone(&replica);
            let own = entries / in_flight + usize::from(nth < entries % in_flight);
            tokio::spawn(async move {
                for _ in 0..own {
                    propose(&replica, Command::Plan(Plan::default())).await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for proposer in proposers {
        proposer.await??;
    }
    Ok(Answer::Parallel(nanos(began.elapsed())))
}

/// How long it took until it was applied here.
async fn propose(replica: &Replica, command: Command) -> Result<Duration> {
    let seen = replica.ledger().seen();
    let Some(by) = replica.status().leader else { bail!("nobody leads: the machine is too busy to measure") };
    let stamp = Stamp { at: Millis::new(1_000), wall_unix_ms: 1_700_000_000_000 };
    let entry = Entry { stamp, by, seen, command };
    let began = Instant::now();
    replica.propose(entry, DEADLINE).await?;
    Ok(began.elapsed())
}

fn site() -> Result<Arc<Site>> {
    Ok(Arc::new(Site::parse("site.toml", SITE)?))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
