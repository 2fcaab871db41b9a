//! Order to ack while a stranger sends frames with good headers and forged MACs to both ends.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use ridethrough_core::device::Order;
use ridethrough_core::ledger::Committed;
use ridethrough_dpcn_bench::batch::Outbox;
use ridethrough_dpcn_bench::cores::{Scheduling, on_both, unpin};
use ridethrough_dpcn_bench::latencies::{Latencies, Summary};
use ridethrough_dpcn_bench::memory::resident_bytes;
use ridethrough_dpcn_bench::sockets::{self, End, Waiting, bound};
use ridethrough_protocol::{Lan, Outgoing};

use crate::inline::obey;
use crate::options::Effort;
use crate::session::{Device, Replica, freshen, open, orders_in_turn};

/// The control rate.
const ORDERS_EVERY: Duration = Duration::from_millis(2);
/// A hundred forged frames for each order, to the two ends in turn.
const PAIRS_PER_ORDER: u64 = 50;
/// As the link and a device wait: they leave the core to others when nothing comes.
const WAITING: Waiting = Waiting::Adaptive(Duration::from_micros(20));
/// How long an order is waited for; what takes longer counts as unanswered.
const PATIENCE: Duration = Duration::from_millis(500);
/// Fewer orders are tried under a sighted forger, which may cost the patience for each.
const SIGHTED_SAMPLES: usize = 20;

/// What the stranger knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forger {
    /// Addresses and the layout.
    Blind,
    /// All that goes over the network: the lives of both ends and their sequences.
    Sighted,
}

/// What is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    pub calm: Summary,
    pub blind: Summary,
    pub sighted: Summary,
    /// Orders that were not answered in time, blind and sighted.
    pub unanswered: [u64; 2],
    /// How many forged frames were sent in a second, to both ends together.
    pub frames_per_s: f64,
    /// How much memory the process holds more after the floods than before.
    pub rss_growth_bytes: i64,
}

/// Calm, then flooded by each.
pub fn measure(effort: Effort) -> Result<Flood> {
    let samples = match effort {
        Effort::Quick => 300,
        Effort::Whole => 5_000,
    };
    let mut ends = Ends::new()?;
    // Once before anything is told, so that all memory is there.
    ends.run(samples / 10, Some(Forger::Blind))?;
    let calm = ends.run(samples, None)?;
    let before = resident_bytes();
    let blind = ends.run(samples, Some(Forger::Blind))?;
    let rss_growth_bytes = resident_bytes().zip(before).map_or(0, |(after, before)| after - before);
    let sighted = ends.run(SIGHTED_SAMPLES, Some(Forger::Sighted))?;
    Ok(Flood {
        calm: calm.summary,
        blind: blind.summary,
        sighted: sighted.summary,
        unanswered: [blind.unanswered, sighted.unanswered],
        frames_per_s: blind.frames_per_s,
        rss_growth_bytes,
    })
}

/// What came of one run.
struct Run {
    summary: Summary,
    unanswered: u64,
    frames_per_s: f64,
}

struct Ends {
    replica: Replica,
    devices: Vec<Device>,
    near: End,
    far: End,
    next_index: u64,
}

impl Ends {
    fn new() -> Result<Self> {
        let (replica, devices) = open(1)?;
        let (near, far) = sockets::pair()?;
        // An order is sent again when it is due, not when the next datagram comes.
        near.block_at_most(Duration::from_millis(1))?;
        Ok(Self { replica, devices, near, far, next_index: 1 })
    }

    fn run(&mut self, samples: usize, forger: Option<Forger>) -> Result<Run> {
        let frames = self.forge(forger.unwrap_or(Forger::Blind))?;
        let orders = orders_in_turn(samples, self.next_index).into_iter();
        self.next_index += samples as u64;
        let Self { replica, devices, near, far, .. } = self;
        let (ending, sent, mut unanswered) = (AtomicBool::new(false), AtomicU64::new(0), 0);
        let began = Instant::now();
        let taken: Result<Vec<Duration>> = thread::scope(|scope| {
            if forger.is_some() {
                let victims = [(near.other(), &frames.order), (far.other(), &frames.ack)];
                let (ending, sent) = (&ending, &sent);
                scope.spawn(move || flood(victims, ending, sent));
            }
            let far_end = |ending: &AtomicBool| obey(devices, far, WAITING, ending);
            let latencies = on_both(far_end, || {
                orders
                    .map(|order| {
                        let began = Instant::now();
                        let answered = exchange(replica, &order, near)?;
                        let took = began.elapsed();
                        unanswered += u64::from(!answered);
                        keep_hearing(replica, near, began + ORDERS_EVERY);
                        Ok(took)
                    })
                    .collect()
            });
            ending.store(true, Ordering::Relaxed);
            latencies
        });
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let frames_per_s = sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        let mut latencies = Latencies::default();
        taken?.into_iter().for_each(|took| latencies.push(took));
        let summary = latencies.summary().ok_or_else(|| anyhow!("no sample"))?;
        Ok(Run { summary, unanswered, frames_per_s })
    }

    /// An order and an ack as they go over the network, changed so that no MAC fits.
    fn forge(&mut self, forger: Forger) -> Result<Forged> {
        // After a flood the budgets fill again.
        thread::sleep(Duration::from_millis(100));
        freshen(&mut self.replica, &mut self.devices)?;
        let order = orders_in_turn(1, self.next_index).into_iter().next().ok_or_else(|| anyhow!("an order"))?;
        self.next_index += 1;
        let mut frame = Vec::new();
        self.replica.order(&order, |bytes| frame = bytes.to_vec())?;
        let ack = self.devices[0].answer(&frame, Lan::A).ok_or_else(|| anyhow!("an ack"))?.to_vec();
        ensure!(self.replica.hears(&ack, Lan::A) == 1, "the ack is good before it is changed");
        Ok(Forged { order: change(frame, forger), ack: change(ack, forger) })
    }
}

struct Forged {
    order: Vec<u8>,
    ack: Vec<u8>,
}

/// Header fields of a frame.
const SESSION_AND_BOOT: std::ops::Range<usize> = 16..32;
/// The sequence's third byte: far ahead, so that it passes for news.
const SEQUENCE_AHEAD: usize = 34;

fn change(mut frame: Vec<u8>, forger: Forger) -> Vec<u8> {
    match forger {
        Forger::Blind => frame[SESSION_AND_BOOT].fill(0xaa),
        Forger::Sighted => frame[SEQUENCE_AHEAD] = 0x7f,
    }
    frame
}

/// Like the link: what is due again is sent again, whatever else comes in. Says whether the order was answered.
fn exchange(replica: &mut Replica, order: &Committed<Order>, near: &End) -> Result<bool> {
    let began = Instant::now();
    let mut buffer = [0; 512];
    let mut sent = Ok(0);
    replica.order(order, |bytes| sent = near.send(bytes))?;
    while began.elapsed() < PATIENCE {
        let received = near.attempt(&mut buffer, WAITING);
        if received.is_some_and(|length| replica.hears(&buffer[..length], Lan::A) > 0) {
            sent?;
            return Ok(true);
        }
        let now = replica.clock.now();
        replica.endpoint.poll(now, &mut |outgoing: Outgoing<'_>| sent = near.send(outgoing.bytes));
    }
    Ok(false)
}

/// What comes between two orders is taken in as it comes.
fn keep_hearing(replica: &mut Replica, near: &End, until: Instant) {
    let mut buffer = [0; 512];
    while Instant::now() < until {
        if let Some(length) = near.attempt(&mut buffer, WAITING) {
            replica.hears(&buffer[..length], Lan::A);
        }
    }
}

/// Keeps the rate whatever the scheduler does; says how many were sent.
fn flood(victims: [(SocketAddr, &Vec<u8>); 2], ending: &AtomicBool, sent: &AtomicU64) {
    Scheduling::Normal.adopt();
    unpin();
    let Ok(socket) = bound() else { return };
    let mut outboxes = victims.map(|(to, frame)| (Outbox::new(to), frame));
    let began = Instant::now();
    let mut rounds = 0;
    while !ending.load(Ordering::Relaxed) {
        let orders = began.elapsed().as_secs_f64() / ORDERS_EVERY.as_secs_f64();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a count"
        )]
        let due = (orders * PAIRS_PER_ORDER as f64) as u64;
        while rounds < due {
            for (outbox, frame) in &mut outboxes {
                // A forger does not mind what is not sent.
                let _ = outbox.push(&socket, frame);
            }
            rounds += 1;
        }
        sent.store(2 * rounds, Ordering::Relaxed);
        thread::sleep(Duration::from_micros(100));
    }
}
