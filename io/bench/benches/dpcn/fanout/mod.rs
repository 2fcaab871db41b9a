//! One order to each of many devices, all acked, against one datagram to each and one back.
//!
//! Sending and receiving take turns, in batches, and the receive buffer is large: else acks are lost to it.

mod devices;
mod floor;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use ridethrough_dpcn_bench::batch::{Inbox, Outbox};
use ridethrough_dpcn_bench::cores::on_both;
use ridethrough_dpcn_bench::latencies::{Latencies, Summary};
use ridethrough_dpcn_bench::sockets::End;

use crate::options::Effort;

use devices::Devices;
use floor::Floor;

/// Devices that are told together before answers are looked at.
const CHUNK: usize = 64;
/// Answers that take longer are lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is told of one number of devices.
#[derive(Clone, Copy, Debug)]
pub struct FanOut {
    pub devices: u16,
    pub floor: Told,
    pub unicast: Told,
    pub gateway: Told,
}

/// What is told of one way to tell them.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub summary: Summary,
    pub lost: usize,
    /// What the leader spent on it until all was handed to the kernel, for each device and for each datagram.
    pub send_ns_per_device: f64,
    pub send_ns_per_datagram: f64,
}

/// How frames go into datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Datagrams {
    /// One each: every device has an address of its own.
    OfOneFrame,
    /// As many as fit: devices share a gateway.
    OfMany,
}

impl Datagrams {
    fn add(self, outbox: &mut Outbox, socket: &UdpSocket, frame: &[u8]) -> std::io::Result<()> {
        match self {
            Self::OfOneFrame => outbox.push(socket, frame),
            Self::OfMany => outbox.pack(socket, frame),
        }
    }
}

/// One way to tell all devices.
trait Way {
    /// Tells them all once and takes in their answers.
    fn tell(&mut self) -> Result<Once>;
}

/// What became of telling them once.
#[derive(Clone, Copy, Debug)]
struct Once {
    took: Duration,
    sending: Duration,
    datagrams: usize,
    answered: usize,
}

#[derive(Default)]
struct Taken {
    latencies: Latencies,
    sending: Duration,
    datagrams: usize,
    answered: usize,
}

/// Measures every way, in turns.
pub fn measure(devices: u16, effort: Effort) -> Result<FanOut> {
    let rounds = match effort {
        Effort::Quick => 5,
        Effort::Whole => 60,
    };
    let mut floor = Floor::new(devices)?;
    let mut unicast = Devices::new(devices, Datagrams::OfOneFrame)?;
    let mut gateway = Devices::new(devices, Datagrams::OfMany)?;
    let mut taken = [Taken::default(), Taken::default(), Taken::default()];
    for round in 0..=rounds {
        for (way, taken) in [&mut floor as &mut dyn Way, &mut unicast, &mut gateway].into_iter().zip(&mut taken) {
            let once = way.tell()?;
            // Memory is touched for the first time in the first round.
            if round > 0 {
                taken.note(once);
            }
        }
    }
    let [floor, unicast, gateway] = taken.map(|taken| taken.told(usize::from(devices)));
    Ok(FanOut { devices, floor: floor?, unicast: unicast?, gateway: gateway? })
}

impl Taken {
    fn note(&mut self, once: Once) {
        self.latencies.push(once.took);
        self.sending += once.sending;
        self.datagrams += once.datagrams;
        self.answered += once.answered;
    }

    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    fn told(self, devices: usize) -> Result<Told> {
        let asked = devices * self.latencies.len();
        let nanos = self.sending.as_secs_f64() * 1e9;
        Ok(Told {
            summary: self.latencies.summary().ok_or_else(|| anyhow::anyhow!("no round"))?,
            lost: asked - self.answered,
            send_ns_per_device: nanos / asked as f64,
            send_ns_per_datagram: nanos / self.datagrams as f64,
        })
    }
}

/// What the far end sends back.
struct Answers<'a> {
    outbox: &'a mut Outbox,
    socket: &'a UdpSocket,
    datagrams: Datagrams,
}

impl Answers<'_> {
    fn push(&mut self, datagram: &[u8]) {
        // What is not sent counts as lost at the near end.
        let _ = self.datagrams.add(self.outbox, self.socket, datagram);
    }

    fn leave(&mut self) {
        let _ = self.outbox.flush(self.socket);
    }
}

/// Runs the near end on its core while the far end runs on the other, from the same moment.
fn together<T>(
    far: &End,
    datagrams: Datagrams,
    mut far_end: impl FnMut(&[u8], &mut Answers<'_>) + Send,
    near_end: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let far_end = |ending: &AtomicBool| {
        let (mut asked, mut outbox) = (Inbox::default(), Outbox::new(far.other()));
        while !ending.load(Ordering::Relaxed) {
            let mut answers = Answers { outbox: &mut outbox, socket: far.socket(), datagrams };
            asked.receive(far.socket(), |datagram| far_end(datagram, &mut answers));
            answers.leave();
        }
    };
    on_both(far_end, near_end)
}

/// Tells chunk by chunk and takes in answers in between, then waits for the rest.
fn tell_in_chunks(
    devices: usize,
    mut send: impl FnMut(std::ops::Range<usize>) -> Result<usize>,
    mut take: impl FnMut() -> usize,
) -> Result<Once> {
    let began = Instant::now();
    let mut once = Once { took: Duration::ZERO, sending: Duration::ZERO, datagrams: 0, answered: 0 };
    for first in (0..devices).step_by(CHUNK) {
        let sending = Instant::now();
        once.datagrams += send(first..devices.min(first + CHUNK))?;
        once.sending += sending.elapsed();
        once.answered += take();
    }
    while once.answered < devices && began.elapsed() < PATIENCE {
        once.answered += take();
    }
    once.took = began.elapsed();
    Ok(once)
}
