//! One replica as a process.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::Pid;
use ridethrough_witness::WitnessKey;

/// How long a replica that was told to stop may take.
pub(super) const STOP_DEADLINE: Duration = Duration::from_secs(8);

/// One replica.
#[derive(Debug)]
pub struct Node {
    /// Counted from 1.
    pub id: u16,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// Where it takes telemetry on the first network.
    pub dpcn: SocketAddr,
    /// The same on the second.
    pub dpcn_b: SocketAddr,
    /// Where it tells hosts that they have to shut down; none where somebody else's does not.
    pub nut: Option<SocketAddr>,
    /// What it runs; nothing where somebody else starts it.
    pub program: PathBuf,
    /// What is in its environment besides ours.
    pub environment: Vec<(OsString, OsString)>,
    /// The public half of the key that it signs checkpoints of its log with.
    pub witness: WitnessKey,
    /// Where its page is.
    pub http: SocketAddr,
    pub(super) log: PathBuf,
    pub(super) child: Option<Child>,
    /// Whether somebody else started it and will start it again.
    pub(super) attached: bool,
}

impl Node {
    /// Starts it, or starts it again; one that somebody else started is left to him.
    pub(super) fn start(&mut self) -> Result<()> {
        if self.attached {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.args(["run", "--config"]).arg(&self.config).envs(self.environment.iter().cloned());
        // A process group of its own: Ctrl-C in the terminal is for the demo, which then ends its children in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        self.child = Some(command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?);
        Ok(())
    }

    /// Kills it as a power cut would: SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        if self.attached {
            // One that is gone already is what is wanted.
            return self.process().map_or(Ok(()), |_| self.signal(Signal::SIGKILL));
        }
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal to its process, which may be frozen.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.id;
        let process = self.process().with_context(|| format!("replica n{id} does not run"))?;
        kill(Pid::from_raw(i32::try_from(process)?), signal).with_context(|| format!("cannot signal replica n{id}"))
    }

    /// Tells it to stop and waits for it; for one that somebody else started he has to wait.
    pub(super) fn stop(&mut self) -> Result<()> {
        if self.attached {
            return self.signal(Signal::SIGTERM);
        }
        self.terminate();
        self.wait_for_end(Instant::now() + STOP_DEADLINE)
    }

    /// Tells it to stop if it is the demo's own and runs: SIGTERM, which the standard library cannot send.
    pub(super) fn terminate(&self) {
        if let Some(id) = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }

    /// Waits for the end of a replica that was told to stop, if it runs; kills it when it does not end in time.
    pub(super) fn wait_for_end(&mut self, deadline: Instant) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        while child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("replica n{} did not stop in {} s and was killed", self.id, STOP_DEADLINE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// How it ended, if it should run and has ended by itself.
    pub fn end(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.as_mut().map(Child::try_wait).transpose()?.flatten())
    }

    /// Its process, while it runs.
    pub(super) fn process(&self) -> Option<u32> {
        if self.attached { listener_of(&self.data) } else { self.child.as_ref().map(Child::id) }
    }

    /// Whether it was started and could answer.
    pub(super) fn should_answer(&self) -> bool {
        self.child.is_some() || self.attached
    }

    /// The address of its page.
    pub(super) fn web(&self) -> String {
        format!("http://{}/", self.http)
    }

    /// The end of what it has logged.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// No replica outlives the demo that started it.
impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The process that answers operators in this data folder, as the system knows it.
fn listener_of(data: &Path) -> Option<u32> {
    let stream = UnixStream::connect(data.join("operator.sock")).ok()?;
    let process = getsockopt(&stream, PeerCredentials).ok()?.pid();
    u32::try_from(process).ok()
}
