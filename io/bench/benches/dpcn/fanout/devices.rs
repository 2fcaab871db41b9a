//! An authenticated order to each device and its ack back, with all checks of both ends.

use anyhow::Result;
use ridethrough_core::units::Millis;
use ridethrough_dpcn_bench::batch::{Inbox, Outbox};
use ridethrough_dpcn_bench::sockets::{self, End};
use ridethrough_protocol::{Lan, Outgoing, frames};

use super::{Answers, Datagrams, Once, Way, tell_in_chunks, together};
use crate::session::{Device, Replica, TERM, VALID_FOR, freshen, open, orders_to_each};

/// A replica and its devices.
pub(super) struct Devices {
    count: u16,
    datagrams: Datagrams,
    next_index: u64,
    replica: Replica,
    devices: Vec<Device>,
    near: End,
    far: End,
}

impl Devices {
    pub(super) fn new(count: u16, datagrams: Datagrams) -> Result<Self> {
        let (replica, devices) = open(count)?;
        let (near, far) = sockets::pair()?;
        Ok(Self { count, datagrams, next_index: 1, replica, devices, near, far })
    }
}

impl Way for Devices {
    fn tell(&mut self) -> Result<Once> {
        let index = self.next_index;
        self.next_index += 1;
        let committed = orders_to_each(self.count, index);
        freshen(&mut self.replica, &mut self.devices)?;
        let (near, far, devices) = (&self.near, &self.far, &mut self.devices);
        let datagrams = self.datagrams;
        let (mut orders, mut answered) = (Outbox::new(near.other()), Inbox::default());
        let far_end = |datagram: &[u8], answers: &mut Answers<'_>| {
            for frame in frames(datagram).flatten() {
                if let Some(ack) = Device::addressed(devices, frame).and_then(|device| device.answer(frame, Lan::A)) {
                    answers.push(ack);
                }
            }
        };
        let replica = std::cell::RefCell::new(&mut self.replica);
        together(far, datagrams, far_end, || {
            let send = |chunk: std::ops::Range<usize>| {
                let (replica, before) = (&mut *replica.borrow_mut(), orders.sent());
                let now = replica.clock.now();
                for order in &committed[chunk] {
                    replica.endpoint.submit(order, TERM, VALID_FOR, now)?;
                }
                transmit(replica, now, near, datagrams, &mut orders)?;
                Ok(orders.sent() - before)
            };
            let take = || {
                let (replica, mut acked) = (&mut *replica.borrow_mut(), 0);
                answered.drain(near.socket(), |acks| acked += replica.hears(acks, Lan::A));
                acked
            };
            tell_in_chunks(usize::from(self.count), send, take)
        })
    }
}

fn transmit(replica: &mut Replica, now: Millis, near: &End, datagrams: Datagrams, orders: &mut Outbox) -> Result<()> {
    let mut sent = Ok(());
    replica.endpoint.poll(now, &mut |outgoing: Outgoing<'_>| {
        if let Err(error) = datagrams.add(orders, near.socket(), outgoing.bytes) {
            sent = Err(error);
        }
    });
    sent?;
    orders.flush(near.socket())?;
    Ok(())
}
