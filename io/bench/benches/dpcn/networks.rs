//! Order to ack over two networks at once: every frame goes out on both, the first copy is taken.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ridethrough_dpcn_bench::cores::on_both;
use ridethrough_dpcn_bench::latencies::Latencies;
use ridethrough_dpcn_bench::sockets::{self, End};
use ridethrough_protocol::{Lan, frames};

use crate::rounds::{Case, Rest, orders_in_round, timed};
use crate::session::{Device, Replica, freshen, open, orders_in_turn};

/// An answer that takes longer is lost: earlier than an order is sent again, so that none is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether network B brings anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LanB {
    /// It does.
    Works,
    /// What is sent there is sent and goes nowhere.
    Dead,
}

/// One replica and one device, with a socket on each network.
pub struct TwoNetworks {
    name: &'static str,
    replica: Replica,
    devices: Vec<Device>,
    near: [End; 2],
    far: [End; 2],
    /// Where a dead network leads; nobody reads it.
    _nowhere: [UdpSocket; 2],
    next_index: u64,
}

impl TwoNetworks {
    pub fn new(name: &'static str, lan_b: LanB) -> Result<Self> {
        let (replica, devices) = open(1)?;
        let ((near_a, far_a), (mut near_b, mut far_b)) = (sockets::pair()?, sockets::pair()?);
        let nowhere = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
        if lan_b == LanB::Dead {
            near_b.redirect(nowhere[0].local_addr()?);
            far_b.redirect(nowhere[1].local_addr()?);
        }
        let (near, far) = ([near_a, near_b], [far_a, far_b]);
        Ok(Self { name, replica, devices, near, far, _nowhere: nowhere, next_index: 1 })
    }
}

impl Case for TwoNetworks {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        let count = orders_in_round(samples);
        let mut orders = orders_in_turn(count, self.next_index).into_iter();
        self.next_index += count as u64;
        freshen(&mut self.replica, &mut self.devices)?;
        let Self { replica, devices, near, far, .. } = self;
        let far_end = |ending: &AtomicBool| {
            while !ending.load(Ordering::Relaxed) {
                hear_once(far, |lan, datagram| answer(devices, far, lan, datagram));
            }
        };
        on_both(far_end, || {
            timed(samples, Rest::Spinning, || {
                let order = orders.next().context("an order for each round trip")?;
                let mut sent = Ok(());
                replica.order(&order, |frame| sent = send_on_both(near, frame))?;
                sent?;
                await_ack(replica, near)
            })
        })
    }
}

/// The second copy of an earlier ack may come first.
fn await_ack(replica: &mut Replica, near: &[End; 2]) -> Result<()> {
    let (began, mut acked) = (Instant::now(), 0);
    while acked == 0 && began.elapsed() < PATIENCE {
        hear_once(near, |lan, datagram| acked += replica.hears(datagram, lan));
    }
    ensure!(acked == 1, "no answer");
    Ok(())
}

fn answer(devices: &mut [Device], far: &[End; 2], lan: Lan, datagram: &[u8]) {
    for frame in frames(datagram).flatten() {
        if let Some(ack) = devices.first_mut().and_then(|device| device.answer(frame, lan)) {
            // What is not sent is missed at the near end.
            let _ = send_on_both(far, ack);
        }
    }
}

fn send_on_both(ends: &[End; 2], frame: &[u8]) -> std::io::Result<()> {
    ends.iter().try_for_each(|end| end.send(frame).map(drop))
}

/// Looks once at each network.
fn hear_once(ends: &[End; 2], mut hear: impl FnMut(Lan, &[u8])) {
    let mut buffer = [0; 512];
    for (lan, end) in Lan::ALL.into_iter().zip(ends) {
        if let Some(length) = end.try_receive(&mut buffer) {
            hear(lan, &buffer[..length]);
        }
    }
}
