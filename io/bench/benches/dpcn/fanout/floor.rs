//! One datagram to each device and one back, without any check.

use anyhow::Result;
use ridethrough_dpcn_bench::batch::{Inbox, Outbox};
use ridethrough_dpcn_bench::sockets::{self, End};

use super::{Answers, Datagrams, Once, Way, tell_in_chunks, together};
use crate::session::{ACK_BYTES, ORDER_BYTES};

/// Both ends of it.
pub(super) struct Floor {
    devices: u16,
    near: End,
    far: End,
}

impl Floor {
    pub(super) fn new(devices: u16) -> Result<Self> {
        let (near, far) = sockets::pair()?;
        Ok(Self { devices, near, far })
    }
}

impl Way for Floor {
    fn tell(&mut self) -> Result<Once> {
        let (near, far) = (&self.near, &self.far);
        let (mut orders, mut answered) = (Outbox::new(near.other()), Inbox::default());
        let far_end = |_: &[u8], answers: &mut Answers<'_>| answers.push(&[1; ACK_BYTES]);
        together(far, Datagrams::OfOneFrame, far_end, || {
            let send = |chunk: std::ops::Range<usize>| {
                let before = orders.sent();
                for _ in chunk {
                    orders.push(near.socket(), &[1; ORDER_BYTES])?;
                }
                orders.flush(near.socket())?;
                Ok(orders.sent() - before)
            };
            let take = || {
                let mut count = 0;
                answered.drain(near.socket(), |_| count += 1);
                count
            };
            tell_in_chunks(usize::from(self.devices), send, take)
        })
    }
}
