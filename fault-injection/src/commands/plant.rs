//! `drill plant`: the emulated plant on the real clock, for replicas to control over UDP.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use mio::Waker;
use ridethrough_fault_injection::field::Misled;
use ridethrough_fault_injection::realtime::{Plant, Setup};
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_protocol::{Keyring, Orders};
use serde::Serialize;

/// The plant in real time.
///
/// Prints `ready` when every device has its socket, then one JSON line per second. Lines on stdin control it: `start`
/// lets scenario time run, `mislead 1 A3 9000` tells replica 1 of 9 kW more at rack A3 than the others, `commission FILE` gives every device the keys that follow from these secrets, `stop` (or the end of stdin) ends the run with the verdict of the judges as its last line.
#[derive(Args)]
pub struct PlantCommand {
    /// The folder with the scenario.
    #[arg(long, value_name = "DIR")]
    scenario: PathBuf,
    /// Where the replicas listen for devices, replica 1 first.
    #[arg(long, value_name = "ADDR,ADDR,…", value_delimiter = ',', required = true)]
    replicas: Vec<SocketAddr>,
    /// The same on the second network, where there is one.
    #[arg(long, value_name = "ADDR,ADDR,…", value_delimiter = ',')]
    replicas_b: Vec<SocketAddr>,
    /// Devices act only on the word of two replicas.
    #[arg(long)]
    two_of_three: bool,
    /// The file with the site's secrets, as replicas have it: one or two lines of a key epoch and 64 hexadecimal digits.
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
    Mislead(String),
    Commission(PathBuf),
    Stop,
}

impl PlantCommand {
    /// Runs until it is told to stop.
    pub fn run(&self) -> Result<()> {
        let scenario = Scenario::load(&self.scenario)?;
        let keyring = read_keyring(&self.secret)?;
        let mut plant = Plant::bind(&Setup {
            scenario: &scenario,
            replicas: &self.replicas,
            replicas_b: &self.replicas_b,
            keyring: &keyring,
            orders: if self.two_of_three { Orders::TwoOfThree } else { Orders::One },
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
            Ok(Ask::Mislead(words)) => match Misled::parse(&words, plant.world().site()) {
                Ok(misled) => plant.mislead(misled),
                Err(why) => eprintln!("{why}"),
            },
            Ok(Ask::Commission(file)) => match read_keyring(&file) {
                Ok(keyring) => plant.commission(keyring),
                Err(why) => eprintln!("{why:#}"),
            },
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
                Ok(other) => match other.split_once(' ') {
                    Some(("mislead", words)) => Ask::Mislead(words.to_owned()),
                    Some(("commission", file)) => Ask::Commission(file.into()),
                    _ => {
                        eprintln!(
                            "`{other}` means nothing here, expected `start`, `mislead REPLICA RACK WATTS`, `commission FILE` or \
                             `stop`"
                        );
                        continue;
                    }
                },
            };
            if sender.send(ask).is_err() || waker.wake().is_err() {
                return;
            }
        }
    });
    receiver
}

fn read_keyring(path: &Path) -> Result<Keyring> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the secrets {}", path.display()))?;
    Keyring::parse(&text).with_context(|| path.display().to_string())
}

fn say(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

fn say_json(value: &impl Serialize) -> Result<()> {
    say(&serde_json::to_string(value)?)
}
