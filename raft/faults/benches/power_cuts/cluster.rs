//! Three replicas as processes: started, killed, torn, and judged by their logs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ridethrough_pki::{Authority, Validity};
use ridethrough_raft::audit_read::{AuditContent, read_log};
use ridethrough_raft_faults::dice::Dice;
use ridethrough_raft_faults::members::{CLUSTER, MEMBERS};
use ridethrough_raft_faults::tear::{Torn, tear};

use crate::replica::{self, Life};

/// Only what never comes meets it.
const DEADLINE: Duration = Duration::from_mins(1);

/// What a replica said.
enum Said {
    Started(u16),
    Acked {
        index: u64,
        number: u64,
    },
    /// Its output ended.
    Gone(u16),
}

/// A running process.
struct Process {
    child: Child,
    hears: JoinHandle<()>,
}

/// A cluster of three in a folder of its own.
pub struct Cluster {
    root: PathBuf,
    network: [u8; 2],
    seed: u64,
    lies: bool,
    lives: u64,
    running: BTreeMap<u16, Process>,
    said: (Sender<Said>, Receiver<Said>),
    /// The number of each acknowledged entry, by index.
    pub acked: BTreeMap<u64, u64>,
}

impl Cluster {
    /// A cluster that was never started.
    pub fn new(root: PathBuf, network: [u8; 2], (seed, lies): (u64, bool)) -> Result<Self, String> {
        let authority = Authority::found(CLUSTER, Validity::days(2)).map_err(|error| error.to_string())?;
        let write = |name: String, text: &str| fs::write(root.join(name), text).map_err(|error| error.to_string());
        fs::create_dir_all(&root).map_err(|error| error.to_string())?;
        write("ca.pem".into(), authority.certificate_pem())?;
        for id in MEMBERS {
            let issued = authority.issue(id, Validity::days(1)).map_err(|error| error.to_string())?;
            write(format!("n{id}.pem"), &issued.certificate_pem)?;
            write(format!("n{id}.key"), &issued.key_pem)?;
        }
        let (running, acked) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { root, network, seed, lies, lives: 0, running, said: channel(), acked })
    }

    /// Starts those replicas that do not run.
    pub fn start(&mut self) -> Result<(), String> {
        for id in MEMBERS.filter(|id| !self.running.contains_key(id)).collect::<Vec<_>>() {
            self.lives += 1;
            let (root, network) = (self.root.clone(), self.network);
            let life = Life { root, id, life: self.lives, network, seed: self.seed, lies: self.lies };
            let mut child = spawn(&life)?;
            let output = child.stdout.take().ok_or("no output")?;
            let to = self.said.0.clone();
            let hears = std::thread::spawn(move || hear(id, output, &to));
            self.running.insert(id, Process { child, hears });
        }
        Ok(())
    }

    /// Waits until all that were started run and something more has been acknowledged.
    pub fn wait_until_it_acts(&mut self, mut missing: Vec<u16>) -> Result<(), String> {
        let (before, until) = (self.acked.len(), Instant::now() + DEADLINE);
        while !missing.is_empty() || self.acked.len() == before {
            match self.said.1.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Said::Started(id)) => missing.retain(|other| *other != id),
                Ok(Said::Acked { index, number }) => self.note(index, number)?,
                Ok(Said::Gone(id)) => return Err(format!("replica {id} ended by itself (see n{id}.err)")),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(format!("not started: {missing:?}; acknowledged since: {}", self.acked.len() - before));
                }
            }
        }
        Ok(())
    }

    /// Kills these replicas at once (SIGKILL) and takes in all that they had said.
    pub fn kill(&mut self, ids: &[u16]) -> Result<(), String> {
        let mut killed: Vec<Process> = ids.iter().filter_map(|id| self.running.remove(id)).collect();
        for process in &mut killed {
            process.child.kill().map_err(|error| error.to_string())?;
        }
        for mut process in killed {
            process.child.wait().map_err(|error| error.to_string())?;
            process.hears.join().map_err(|_| "who listens to a replica panicked")?;
        }
        while let Ok(said) = self.said.1.try_recv() {
            match said {
                Said::Acked { index, number } => self.note(index, number)?,
                Said::Gone(id) if self.running.contains_key(&id) => {
                    return Err(format!("replica {id} ended by itself"));
                }
                Said::Started(_) | Said::Gone(_) => {}
            }
        }
        Ok(())
    }

    /// Takes back what a replica's disk had not stored.
    pub fn tear(&self, id: u16, dice: &mut Dice) -> Result<Torn, String> {
        tear(&replica::journal(&self.root, id), dice).map_err(|error| format!("replica {id}: {error}"))
    }

    /// How many acknowledged entries are not in the logs of two replicas. Only while none runs.
    pub fn lost(&self) -> Result<Vec<u64>, String> {
        let logs =
            MEMBERS.map(|id| numbers(&replica::dir(&self.root, id)).map_err(|error| format!("replica {id}: {error}")));
        let logs = logs.collect::<Result<Vec<_>, _>>()?;
        let holds = |index: &u64, number: &u64| logs.iter().filter(|log| log.get(index) == Some(number)).count();
        Ok(self.acked.iter().filter(|(index, number)| holds(index, number) < 2).map(|(index, _)| *index).collect())
    }

    fn note(&mut self, index: u64, number: u64) -> Result<(), String> {
        match self.acked.insert(index, number) {
            Some(other) if other != number => Err(format!("entry {index} was acknowledged as {other} and as {number}")),
            _ => Ok(()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let ids: Vec<u16> = self.running.keys().copied().collect();
        // What they had to say has been judged, or the trial has failed already.
        drop(self.kill(&ids));
    }
}

fn spawn(life: &Life) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let errors = life.root.join(format!("n{}.err", life.id));
    let errors = fs::File::options().create(true).append(true).open(errors).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(life.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
    command.spawn().map_err(|error| error.to_string())
}

fn hear(id: u16, output: ChildStdout, to: &Sender<Said>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let said = match words.as_slice() {
            ["started"] => Some(Said::Started(id)),
            ["acked", index, number] => {
                index.parse().ok().zip(number.parse().ok()).map(|(index, number)| Said::Acked { index, number })
            }
            _ => None,
        };
        // Nobody listens any more only when the trial is over.
        if let Some(said) = said {
            drop(to.send(said));
        }
    }
    drop(to.send(Said::Gone(id)));
}

/// The number of each entry in a replica's log, by index; of a replica that has no log yet, none.
fn numbers(dir: &Path) -> Result<BTreeMap<u64, u64>, String> {
    let segments = fs::read_dir(dir.join("log"))
        .map(|files| files.flatten().filter(|file| file.path().extension().is_some_and(|it| it == "seg")).count());
    if !segments.is_ok_and(|count| count > 0) {
        return Ok(BTreeMap::new());
    }
    let log = read_log(dir).map_err(|error| error.to_string())?;
    let number = |content| match content {
        AuditContent::Entry(entry) => u64::try_from(entry.stamp.wall_unix_ms).ok(),
        AuditContent::Blank | AuditContent::Membership(_) => None,
    };
    Ok(log.entries.into_iter().filter_map(|entry| Some((entry.at.index, number(entry.content)?))).collect())
}
