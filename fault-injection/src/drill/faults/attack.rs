//! Somebody without a key: floods, and frames that were sent before.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::super::stage::Stage;
use super::Fault;
use crate::plant::random::mix;

/// As long as a frame of telemetry, so that length alone gives nothing away.
const FLOOD_BYTES: usize = 96;
/// The end of a frame.
const MAC_BYTES: usize = 16;
/// How often a flood sends what is due.
const BURST: Duration = Duration::from_millis(2);

/// Datagrams of noise.
pub(super) struct Flood {
    id: u16,
    per_second: u32,
    sent: Arc<AtomicU64>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    pub(super) fn new(id: u16, per_second: u32) -> Self {
        Self { id, per_second, sent: Arc::default(), ending: Arc::default(), thread: None }
    }
}

impl Fault for Flood {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let to = stage.cluster.node(self.id)?.dpcn;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("a flood's socket")?;
        let heard = stage.own_plant()?.with(|plant| plant.overheard())?;
        let shaped: Vec<Box<[u8]>> = heard.into_iter().map(|(_, bytes)| bytes).collect();
        let (per_second, seed) = (u64::from(self.per_second), stage.seed);
        let (sent, ending) = (Arc::clone(&self.sent), Arc::clone(&self.ending));
        self.thread = Some(std::thread::spawn(move || {
            let began = Instant::now();
            let mut tried = 0;
            while !ending.load(Ordering::Relaxed) {
                let due = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX) * per_second / 1_000_000;
                while tried < due {
                    tried += 1;
                    let done = socket.send_to(&junk(seed ^ tried, &shaped), to).is_ok();
                    sent.fetch_add(u64::from(done), Ordering::Relaxed);
                }
                std::thread::sleep(BURST);
            }
        }));
        Ok(())
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let (sent, wanted) = (self.sent.load(Ordering::Relaxed), u64::from(self.per_second));
        let refused = stage.cluster.metrics(self.id).map_or(0.0, |text| refused_frames(&text));
        let dropped = dropped_by_the_system(stage.cluster.node(self.id)?.dpcn);
        // A second's worth has gone out, and it was seen for what it is.
        let seen = sent >= wanted && (refused > 0.0 || dropped > 0);
        Ok(seen.then(|| {
            format!(
                "{sent} datagrams sent; the system dropped {dropped} before n{} saw them, n{} refused {refused:.0}",
                self.id, self.id
            )
        }))
    }

    fn recover(&mut self, _stage: &mut Stage) -> Result<()> {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok().context("the flood's thread panicked")?;
        }
        Ok(())
    }
}

/// Noise, or, every other time, a frame that somebody overheard, with another end: only its MAC gives it away.
fn junk(key: u64, shaped: &[Box<[u8]>]) -> Vec<u8> {
    let nth = usize::try_from(key / 2).unwrap_or(0) % shaped.len().max(1);
    let mut bytes = match shaped.get(nth).filter(|_| key.is_multiple_of(2)) {
        Some(frame) => frame.to_vec(),
        None => vec![0; FLOOD_BYTES],
    };
    let from = if key.is_multiple_of(2) { bytes.len().saturating_sub(MAC_BYTES) } else { 0 };
    for (nth, chunk) in (0..).zip(bytes[from..].chunks_mut(8)) {
        let drawn = mix(key.wrapping_mul(31).wrapping_add(nth)).to_le_bytes();
        chunk.copy_from_slice(&drawn[..chunk.len()]);
    }
    bytes
}

/// Datagrams to this address that the system itself has dropped: its filter, or a full buffer.
fn dropped_by_the_system(address: SocketAddr) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let port = format!(":{:04X}", address.port());
    let own = table.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port)));
    own.filter_map(|line| line.split_whitespace().next_back()?.parse::<u64>().ok()).sum()
}

/// Frames that a replica has refused, whatever for.
fn refused_frames(metrics: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with("ridethrough_dpcn_rejected_total"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// What devices were sent before is sent to them again, once as it was and once with a bit flipped.
#[derive(Default)]
pub(super) struct Replay {
    sent: usize,
    refused_before: u64,
}

impl Fault for Replay {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let (heard, refused) = stage.own_plant()?.with(|plant| (plant.overheard(), plant.refusals()))?;
        if heard.is_empty() {
            bail!("nothing was sent to devices that could be sent again");
        }
        self.refused_before = refused;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("an intruder's socket")?;
        for (nth, (to, mut bytes)) in (0_u64..).zip(heard) {
            send(&socket, &bytes, to)?;
            let place = usize::try_from(mix(stage.seed ^ nth)).unwrap_or(usize::MAX) % bytes.len().max(1);
            bytes[place] ^= 0x10;
            send(&socket, &bytes, to)?;
            self.sent += 2;
        }
        Ok(())
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        let refused = stage.own_plant()?.with(|plant| plant.refusals())?.saturating_sub(self.refused_before);
        Ok((refused > 0).then(|| format!("{} frames sent again, devices refused {refused}", self.sent)))
    }

    fn recover(&mut self, _stage: &mut Stage) -> Result<()> {
        Ok(())
    }
}

fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) -> Result<()> {
    socket.send_to(bytes, to).map(drop).context("cannot send what was heard")
}
