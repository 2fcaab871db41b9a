//! Three replicas as processes, and asking their leader.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ridethrough_pki::{Authority, Validity};

use crate::options::Options;
use crate::replica::{Answer, Question, Setup};
use ridethrough_commit_bench::processes::{Killed, REPLICAS, address};

const CLUSTER: [u8; 16] = *b"ridethroughbench";
const PORT: u16 = 7_301;
/// How long nobody may lead.
const LEADER_DEADLINE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// Three replicas, running, and which of them leads.
pub struct Cluster {
    replicas: Vec<Asked>,
    leader: usize,
}

/// One replica's process.
struct Asked {
    _process: Killed,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    /// Starts them below `dir` and founds the cluster.
    pub fn start(dir: &Path, options: &Options) -> Result<Self> {
        let authority = Authority::found(CLUSTER, Validity::days(2))?;
        let peers: BTreeMap<_, _> = (1..=REPLICAS).map(|id| (id, address(id, PORT))).collect();
        let mut replicas = Vec::new();
        for id in 1..=REPLICAS {
            let issued = authority.issue(id, Validity::days(1))?;
            replicas.push(Asked::start(&Setup {
                id,
                cluster: CLUSTER,
                dir: dir.join(format!("n{id}")),
                workers: options.workers,
                sign: options.sign,
                peers: peers.clone(),
                ca: authority.certificate_pem().into(),
                certificate: issued.certificate_pem.clone(),
                key: issued.key_pem.clone(),
            })?);
        }
        let mut cluster = Self { replicas, leader: 0 };
        cluster.find_leader()?;
        cluster.ask(&Question::Found)?;
        Ok(cluster)
    }

    /// Commits so many entries one after another; how long each took.
    pub fn serial(&mut self, entries: usize) -> Result<Vec<Duration>> {
        match self.ask(&Question::Serial { entries })? {
            Answer::Serial(nanos) => Ok(nanos.into_iter().map(Duration::from_nanos).collect()),
            other => bail!("a replica answers another question: {other:?}"),
        }
    }

    /// Commits so many entries, this many at a time; how long all took.
    pub fn parallel(&mut self, entries: usize, in_flight: usize) -> Result<Duration> {
        match self.ask(&Question::Parallel { entries, in_flight })? {
            Answer::Parallel(nanos) => Ok(Duration::from_nanos(nanos)),
            other => bail!("a replica answers another question: {other:?}"),
        }
    }

    fn find_leader(&mut self) -> Result<()> {
        let until = Instant::now() + LEADER_DEADLINE;
        while Instant::now() < until {
            for (nth, replica) in self.replicas.iter_mut().enumerate() {
                if matches!(replica.ask(&Question::Leads)?, Answer::Leads(true)) {
                    self.leader = nth;
                    return Ok(());
                }
            }
            std::thread::sleep(LOOK);
        }
        bail!("no replica leads within {} s", LEADER_DEADLINE.as_secs())
    }

    fn ask(&mut self, question: &Question) -> Result<Answer> {
        self.replicas[self.leader].ask(question)
    }
}

impl Asked {
    fn start(setup: &Setup) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("where is this program?")?);
        command.arg("replica").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a replica")?;
        let questions = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut asked = Self { _process: Killed(child), questions, answers };
        asked.say(&serde_json::to_string(setup)?)?;
        Ok(asked)
    }

    fn ask(&mut self, question: &Question) -> Result<Answer> {
        self.say(&serde_json::to_string(question)?)?;
        let mut line = String::new();
        // A replica gives every proposal up in time, and when it ends this reads nothing.
        if self.answers.read_line(&mut line)? == 0 {
            bail!("a replica has ended");
        }
        serde_json::from_str(&line).context("a replica answers nothing that is known")
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.questions, "{line}").and_then(|()| self.questions.flush()).context("a replica has ended")
    }
}
