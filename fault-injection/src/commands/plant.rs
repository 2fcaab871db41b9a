//! `drill plant`: the emulated plant on the real clock, for replicas to control over UDP.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use mio::Waker;
use ridethrough_fault_injection::realtime::{Plant, Setup};
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_protocol::SiteSecret;
use serde::Serialize;

/// The plant in real time.
///
/// Prints `ready` when every device has its socket, then one JSON line per second. Lines on stdin control it: `start`
/// lets scenario time run, `stop` (or the end of stdin) ends the run with the verdict of the judges as its last line.
#[derive(Args)]
pub struct PlantCommand {
    /// The folder with the scenario.
    #[arg(long, value_name = "DIR")]
    scenario: PathBuf,
    /// Where the replicas listen for devices, replica 1 first.
    #[arg(long, value_name = "ADDR,ADDR,…", value_delimiter = ',', required = true)]
    replicas: Vec<SocketAddr>,
    /// The file with the site's secret: 32 bytes, or 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// Where every device keeps its own record of orders, one JSON line each.
    #[arg(long, value_name = "DIR")]
    records: PathBuf,
    /// Where devices keep their fences over a restart; without it they forget.
    #[arg(long, value_name = "DIR")]
    nvm: Option<PathBuf>,
}

/// What a line on stdin asks for.
enum Ask {
    Start,
    Stop,
}

impl PlantCommand {
    /// Runs until it is told to stop.
    pub fn run(&self) -> Result<()> {
        let scenario = Scenario::load(&self.scenario)?;
        let secret = read_secret(&self.secret)?;
        let mut plant = Plant::bind(&Setup {
            scenario: &scenario,
            replicas: &self.replicas,
            secret: &secret,
            records: &self.records,
            nvm: self.nvm.as_deref(),
        })?;
        let asks = listen(plant.waker()?);
        say("ready")?;
        turn_until_stopped(&mut plant, &asks)?;
        say_json(&plant.ending())
    }
}

fn turn_until_stopped(plant: &mut Plant, asks: &Receiver<Ask>) -> Result<()> {
    let mut next_summary = Instant::now() + Duration::from_secs(1);
    loop {
        plant.turn()?;
        match asks.try_recv() {
            Ok(Ask::Start) => plant.start(),
            Ok(Ask::Stop) | Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => {}
        }
        if Instant::now() >= next_summary {
            say_json(&plant.summary())?;
            next_summary += Duration::from_secs(1);
        }
    }
}

/// Reads stdin on a thread of its own: it may be a file, a pipe or a terminal, and not all of them can be polled.
fn listen(waker: Waker) -> Receiver<Ask> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let ask = match line.as_deref().map(str::trim) {
                Ok("start") => Ask::Start,
                Ok("stop") | Err(_) => Ask::Stop,
                Ok("") => continue,
                Ok(other) => {
                    eprintln!("`{other}` means nothing here, expected `start` or `stop`");
                    continue;
                }
            };
            if sender.send(ask).is_err() || waker.wake().is_err() {
                return;
            }
        }
    });
    receiver
}

fn read_secret(path: &Path) -> Result<SiteSecret> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the secret {}", path.display()))?;
    if let Ok(raw) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(SiteSecret::new(raw));
    }
    let text = std::str::from_utf8(&bytes).unwrap_or("").trim();
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_hex, "{}: expected 32 bytes, or 64 hexadecimal digits", path.display());
    let mut raw = [0; 32];
    for (nth, byte) in raw.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * nth..2 * nth + 2], 16)?;
    }
    Ok(SiteSecret::new(raw))
}

fn say(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

fn say_json(value: &impl Serialize) -> Result<()> {
    say(&serde_json::to_string(value)?)
}
