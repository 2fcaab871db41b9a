//! Order to ack with all checks of both ends, on the threads that own the sockets.

use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use ridethrough_core::device::Order;
use ridethrough_core::ledger::Committed;
use ridethrough_dpcn_bench::latencies::Latencies;
use ridethrough_dpcn_bench::sockets::{self, End, Waiting};
use ridethrough_protocol::{Lan, frames};

use crate::floor::against;
use crate::rounds::{Case, orders_in_round};
use crate::session::{Device, Replica, freshen, open, orders_in_turn};

/// One replica and one device.
pub struct Inline {
    name: &'static str,
    waiting: Waiting,
    replica: Replica,
    devices: Vec<Device>,
    near: End,
    far: End,
    next_index: u64,
}

impl Inline {
    pub fn new(name: &'static str, waiting: Waiting) -> Result<Self> {
        let (replica, devices) = open(1)?;
        let (near, far) = sockets::pair()?;
        Ok(Self { name, waiting, replica, devices, near, far, next_index: 1 })
    }

    fn orders(&mut self, count: usize) -> Vec<Committed<Order>> {
        let orders = orders_in_turn(count, self.next_index);
        self.next_index += count as u64;
        orders
    }
}

impl Case for Inline {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        let mut orders = self.orders(orders_in_round(samples)).into_iter();
        freshen(&mut self.replica, &mut self.devices)?;
        let Self { waiting, replica, devices, near, far, .. } = self;
        let once = || {
            let order = orders.next().context("an order for each round trip")?;
            exchange(replica, &order, near, *waiting)
        };
        against(near, |ending| obey(devices, far, *waiting, ending), once, samples)
    }
}

/// Sends an order and waits for the device's word.
pub fn exchange(replica: &mut Replica, order: &Committed<Order>, near: &End, waiting: Waiting) -> Result<()> {
    let mut sent = Ok(0);
    replica.order(order, |bytes| sent = near.send(bytes))?;
    sent?;
    let mut buffer = [0; 512];
    let length = near.answer(&mut buffer, waiting).context("no answer")?;
    ensure!(replica.hears(&buffer[..length], Lan::A) == 1, "the answer is no word of the device that it does it");
    Ok(())
}

/// The device's end.
pub fn obey(devices: &mut [Device], far: &End, waiting: Waiting, ending: &AtomicBool) {
    let mut buffer = [0; 512];
    while let Some(length) = far.receive(&mut buffer, waiting, ending) {
        for frame in frames(&buffer[..length]).flatten() {
            if let Some(ack) = devices.first_mut().and_then(|device| device.answer(frame, Lan::A)) {
                // What is not sent is missed at the near end.
                let _ = far.send(ack);
            }
        }
    }
}
