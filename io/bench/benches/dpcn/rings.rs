//! Order to ack from a control thread: through the ring to the link's thread, to the device, and back through the ring.
//!
//! Three threads on two cores: one pair must share. The link's thread has the near core and keeps looking while orders come.
//! Control and device share the far one, as they never work at the same moment; the device goes first when something has
//! come for it. In the other arrangement all three sleep until they are woken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ridethrough_core::device::Order;
use ridethrough_core::ledger::Committed;
use ridethrough_dpcn_bench::cores::{Core, Scheduling, go_before, number, on_both, pin};
use ridethrough_dpcn_bench::latencies::Latencies;
use ridethrough_dpcn_bench::sockets::{End, Waiting, towards};
use ridethrough_link::{FromLink, Link, LinkConfig, ToLink, Urgency, Wake};
use ridethrough_protocol::{Lan, frames};

use crate::rounds::{Case, PACE, Rest, orders_in_round, timed};
use crate::session::{Clock, Device, LEASE, REPLICA, SESSION, TERM, VALID_FOR, device_id, keyring, orders_in_turn};

/// How often a device reports.
const TELEMETRY_EVERY: Duration = Duration::from_millis(20);
/// What takes longer is lost.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A running link and the devices that it leads.
pub struct Linked {
    pub link: Link,
    pub devices: Vec<Device>,
    pub far: End,
    consumer: Consumer,
}

/// How the control thread waits for acks.
#[derive(Clone, Debug)]
pub enum Consumer {
    /// Looks again and again.
    Looks,
    /// Sleeps until the link wakes it.
    Sleeps(Thread),
}

impl Linked {
    pub fn start(devices: u16, scheduling: Scheduling, consumer: Consumer) -> Result<Self> {
        let ids = (0..devices).map(device_id).collect();
        let mut config = LinkConfig::new("127.0.0.1:0".parse()?, keyring().replica(REPLICA), ids);
        config.session = SESSION;
        config.core = number(Core::Near);
        config.spin = Some(match &consumer {
            // From one order to the next, and no longer: other cases need the core.
            Consumer::Looks => 2 * PACE,
            Consumer::Sleeps(_) => Duration::ZERO,
        });
        config.urgency_max = match scheduling {
            Scheduling::Fifo => Urgency::Fifo,
            Scheduling::Nice => Urgency::Nice,
            Scheduling::Normal => Urgency::Normal,
        };
        if let Consumer::Sleeps(thread) = &consumer {
            config.consumer = Some(thread.clone());
            config.wake = Wake::Acks;
        }
        config.receive_buffer_bytes = 16 << 20;
        let link = Link::start(config)?;
        let far = towards(link.local_addr(Lan::A).context("network A")?)?;
        let clock = Clock::start();
        let devices = (0..devices).map(|number| Device::new(number, clock)).collect();
        let mut linked = Self { link, devices, far, consumer };
        linked.meet()?;
        Ok(linked)
    }

    /// Lets every device be heard, and the link lead them.
    pub fn meet(&mut self) -> Result<()> {
        ensure!(self.link.send(ToLink::Lead { term: TERM, lease: LEASE, valid_for: LEASE }), "the link's ring is full");
        let began = Instant::now();
        let mut fresh = vec![false; self.devices.len()];
        while !fresh.iter().all(|fresh| *fresh) {
            ensure!(began.elapsed() < 5 * PATIENCE, "the link does not hear all devices");
            for (number, _) in fresh.iter().enumerate().filter(|(_, fresh)| !**fresh) {
                self.far.send(self.devices[number].telemetry()?)?;
                hear_all(&mut self.devices, &self.far);
            }
            thread::sleep(Duration::from_millis(2));
            hear_all(&mut self.devices, &self.far);
            while self.link.poll().is_some() {}
            fresh.iter_mut().zip(&self.devices).for_each(|(fresh, device)| *fresh = device.holds_lease());
        }
        Ok(())
    }

    /// Waits for the next ack.
    pub fn next_ack(link: &Link, consumer: &Consumer) -> Result<u64> {
        let began = Instant::now();
        loop {
            match link.poll() {
                Some(FromLink::Ack { ack, .. }) => return Ok(ack.fence.index),
                Some(FromLink::Telemetry(_)) => {}
                None if began.elapsed() > PATIENCE => anyhow::bail!("no ack"),
                None => match consumer {
                    Consumer::Looks => std::hint::spin_loop(),
                    Consumer::Sleeps(_) => thread::park_timeout(Duration::from_millis(20)),
                },
            }
        }
    }
}

/// Takes in what has come for devices behind one socket, and answers.
fn hear_all(devices: &mut [Device], far: &End) {
    let mut buffer = [0; 2_048];
    while let Some(length) = far.try_receive(&mut buffer) {
        answer(devices, far, &buffer[..length]);
    }
}

fn answer(devices: &mut [Device], far: &End, datagram: &[u8]) {
    for frame in frames(datagram).flatten() {
        let device = Device::addressed(devices, frame);
        if let Some(answer) = device.and_then(|device| device.answer(frame, Lan::A)) {
            // What is not sent is missed at the near end.
            let _ = far.send(answer);
        }
    }
}

/// A device that reports beside obeying.
fn serve(devices: &mut [Device], far: &End, waiting: Waiting, ending: &AtomicBool) {
    let mut buffer = [0; 2_048];
    let mut reported = Instant::now();
    while !ending.load(Ordering::Relaxed) {
        if let Some(length) = far.attempt(&mut buffer, waiting) {
            answer(devices, far, &buffer[..length]);
        }
        if reported.elapsed() >= TELEMETRY_EVERY {
            reported = Instant::now();
            for device in &mut *devices {
                // A device whose report is not sent reports again.
                let _ = device.telemetry().map(|report| far.send(report));
            }
        }
    }
}

/// One order through the rings.
pub struct ViaRings {
    name: &'static str,
    linked: Linked,
    next_index: u64,
}

impl ViaRings {
    pub fn new(name: &'static str, waiting: Waiting, scheduling: Scheduling) -> Result<Self> {
        let consumer = match waiting {
            Waiting::Spinning => Consumer::Looks,
            Waiting::Blocking | Waiting::Adaptive(_) => Consumer::Sleeps(thread::current()),
        };
        Ok(Self { name, linked: Linked::start(1, scheduling, consumer)?, next_index: 1 })
    }
}

impl Case for ViaRings {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        let count = orders_in_round(samples);
        let mut orders = orders_in_turn(count, self.next_index).into_iter();
        self.next_index += count as u64;
        self.linked.meet()?;
        let Self { linked: Linked { link, devices, far, consumer }, .. } = self;
        let far_end = |ending: &AtomicBool| {
            go_before();
            serve(devices, far, Waiting::Blocking, ending);
        };
        on_both(far_end, || {
            pin(Core::Far);
            timed(samples, Rest::Spinning, || {
                let order = orders.next().context("an order for each round trip")?;
                ensure!(link.send(to_link(order)), "the link's ring is full");
                while Linked::next_ack(link, consumer)? != order.get().index {}
                Ok(())
            })
        })
    }
}

pub fn to_link(order: Committed<Order>) -> ToLink {
    ToLink::Order { order, term: TERM, valid_for: VALID_FOR }
}
