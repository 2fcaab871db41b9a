//! One datagram to each device and one back, without any check.

use anyhow::Result;
use ridethrough_dpcn_bench::batch::{Inbox, Outbox};
use ridethrough_dpcn_bench::sockets::{self, End};

use super::{Once, Way, tell_in_chunks, together};
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
        together(
            far,
            |_, answers| answers.push(&[1; ACK_BYTES]),
            || {
                let send = |chunk: std::ops::Range<usize>| {
                    let count = chunk.len();
                    for _ in chunk {
                        orders.push(near.socket(), &[1; ORDER_BYTES])?;
                    }
                    orders.flush(near.socket())?;
                    Ok(count)
                };
                tell_in_chunks(usize::from(self.devices), send, || answered.receive(near.socket(), |_| {}))
            },
        )
    }
}
