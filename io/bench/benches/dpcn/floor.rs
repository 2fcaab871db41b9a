//! The floor: raw UDP of the same sizes, with the same waiting, without any check.

use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use ridethrough_dpcn_bench::cores::on_both;
use ridethrough_dpcn_bench::latencies::Latencies;
use ridethrough_dpcn_bench::sockets::{self, End, Waiting};

use crate::rounds::{Case, Rest, timed};
use crate::session::{ACK_BYTES, ORDER_BYTES};

/// A ping-pong.
pub struct Floor {
    name: &'static str,
    waiting: Waiting,
    near: End,
    far: End,
}

impl Floor {
    pub fn new(name: &'static str, waiting: Waiting) -> Result<Self> {
        let (near, far) = sockets::pair()?;
        Ok(Self { name, waiting, near, far })
    }
}

impl Case for Floor {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        let Self { waiting, near, far, .. } = self;
        against(
            near,
            |ending| echo(far, *waiting, ending),
            || {
                near.send(&[1; ORDER_BYTES])?;
                near.answer(&mut [0; 512], *waiting).context("no answer")?;
                Ok(())
            },
            samples,
        )
    }
}

/// The far end of it.
pub fn echo(far: &End, waiting: Waiting, ending: &AtomicBool) {
    let mut buffer = [0; 512];
    while far.receive(&mut buffer, waiting, ending).is_some() {
        // What is not sent is missed at the near end.
        let _ = far.send(&[1; ACK_BYTES]);
    }
}

/// Times `once` on the near core while `far_end` runs on the far one.
pub fn against(
    near: &End,
    far_end: impl FnOnce(&AtomicBool) + Send,
    once: impl FnMut() -> Result<()>,
    samples: usize,
) -> Result<Latencies> {
    on_both(far_end, || {
        let latencies = timed(samples, Rest::Spinning, once);
        // Wakes it, so that it sees that it should end.
        near.send(&[])?;
        latencies
    })
}
