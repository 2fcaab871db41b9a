//! The plant as a process: started, watched line by line, told when to begin and when to end.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Orders;

/// Lines of the plant that may wait to be read; it writes one a second.
const LINES_MAX: usize = 64;
/// How long the plant may take to bind its sockets, and to end.
const DEADLINE: Duration = Duration::from_secs(10);

/// The plant process.
#[derive(Debug)]
pub struct Plant {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// What it last said of itself.
    pub latest: Option<Value>,
    /// What its judges said at the end.
    pub verdict: Option<Value>,
}

/// What the plant needs to know.
#[derive(Debug)]
pub struct PlantSetup<'a> {
    /// This program.
    pub drill: PathBuf,
    /// The scenario's folder.
    pub scenario: &'a Path,
    /// Where the replicas take telemetry.
    pub replicas: Vec<SocketAddr>,
    /// The same on the second network.
    pub replicas_b: Vec<SocketAddr>,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// File with the DPCN secret.
    pub secret: &'a Path,
    /// Where devices keep their records.
    pub records: &'a Path,
    /// Where devices keep their fences.
    pub nvm: &'a Path,
}

impl Plant {
    /// Starts the plant; returns once its devices are on the network, with scenario time standing at nothing.
    pub fn start(setup: &PlantSetup<'_>) -> Result<Self> {
        let list = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut command = Command::new(&setup.drill);
        command.arg("plant").arg("--scenario").arg(setup.scenario).args(["--replicas", &list(&setup.replicas)]);
        command.args(["--replicas-b", &list(&setup.replicas_b)]);
        if setup.orders == Orders::TwoOfThree {
            command.arg("--two-of-three");
        }
        command.arg("--secret").arg(setup.secret).arg("--records").arg(setup.records).arg("--nvm").arg(setup.nvm);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().context("cannot start the plant")?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the plant has no pipes")
        };
        let (sender, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut plant = Self { child, input, lines, latest: None, verdict: None };
        plant.wait_until_ready()?;
        Ok(plant)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.trim() == "ready" => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("the plant was not ready in {} s", DEADLINE.as_secs()),
                Err(RecvTimeoutError::Disconnected) => bail!("the plant ended before it was ready"),
            }
        }
    }

    /// Lets scenario time run.
    pub fn begin(&mut self) -> Result<()> {
        writeln!(self.input, "start").context("the plant does not listen")
    }

    /// Tells one replica of more load at one rack than the others, from now on.
    pub fn mislead(&mut self, replica: u16, rack: &str, more_watts: u32) -> Result<()> {
        writeln!(self.input, "mislead {replica} {rack} {more_watts}").context("the plant does not listen")
    }

    /// Gives every device the keys that follow from the secrets in this file, one device after another.
    pub fn commission(&mut self, secrets: &Path) -> Result<()> {
        writeln!(self.input, "commission {}", secrets.display()).context("the plant does not listen")
    }

    /// Reads what the plant has said since the last call.
    pub fn listen(&mut self) -> Result<()> {
        while let Ok(line) = self.lines.try_recv() {
            self.take(&line);
        }
        match self.child.try_wait()? {
            Some(status) if self.verdict.is_none() => bail!("the plant ended by itself ({status})"),
            _ => Ok(()),
        }
    }

    fn take(&mut self, line: &str) {
        let Ok(value) = serde_json::from_str::<Value>(line) else { return };
        match value["kind"].as_str() {
            Some("verdict") => self.verdict = Some(value),
            Some("summary") => self.latest = Some(value),
            _ => {}
        }
    }

    /// Ends the plant and takes its judges' verdict.
    pub fn end(mut self) -> Result<Value> {
        writeln!(self.input, "stop").context("the plant does not listen")?;
        let deadline = Instant::now() + DEADLINE;
        while self.verdict.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).context("the plant gave no verdict")?;
            self.take(&line);
        }
        self.child.wait()?;
        self.verdict.take().context("the plant gave no verdict")
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
