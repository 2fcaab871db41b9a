//! Order to ack while other work keeps both cores busy.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ridethrough_dpcn_bench::cores::{Scheduling, on_both};
use ridethrough_dpcn_bench::hogs::Hogs;
use ridethrough_dpcn_bench::latencies::{Latencies, Summary};
use ridethrough_dpcn_bench::sockets::{self, Waiting};

use crate::floor::echo;
use crate::inline::{exchange, obey};
use crate::options::Effort;
use crate::rounds::{Rest, orders_in_round, timed};
use crate::session::{ORDER_BYTES, open, orders_in_turn};

/// Spinning longer is no use when others want the core, and a real-time thread that never sleeps is stopped by the kernel.
const WAITING: Waiting = Waiting::Adaptive(Duration::from_micros(20));
/// One order in so long.
const REST: Rest = Rest::Sleeping(Duration::from_millis(1));

/// What is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Hogged {
    pub scheduling: Scheduling,
    /// Raw UDP of the same sizes under the same.
    pub floor: Summary,
    pub summary: Summary,
}

/// Both ends under the best scheduling that the system allows, and under the best without real-time.
pub fn measure(effort: Effort) -> Result<Vec<Hogged>> {
    let samples = match effort {
        Effort::Quick => 300,
        Effort::Whole => 5_000,
    };
    let mut wanted = vec![Scheduling::best(), Scheduling::Nice];
    wanted.dedup();
    let hogs = Hogs::start();
    let told = wanted.into_iter().map(|scheduling| {
        let floor = raw(scheduling, samples)?.summary().ok_or_else(|| anyhow!("no sample"))?;
        let summary = dpcn(scheduling, samples)?.summary().ok_or_else(|| anyhow!("no sample"))?;
        Ok(Hogged { scheduling, floor, summary })
    });
    let told = told.collect();
    drop(hogs);
    told
}

fn raw(scheduling: Scheduling, samples: usize) -> Result<Latencies> {
    let (near, far) = sockets::pair()?;
    let once = || {
        near.send(&[1; ORDER_BYTES])?;
        near.answer(&mut [0; 512], WAITING).ok_or_else(|| anyhow!("no answer"))?;
        Ok(())
    };
    under(scheduling, samples, |ending| echo(&far, WAITING, ending), once)
}

fn dpcn(scheduling: Scheduling, samples: usize) -> Result<Latencies> {
    let (mut replica, mut devices) = open(1)?;
    let (near, far) = sockets::pair()?;
    let mut orders = orders_in_turn(orders_in_round(samples), 1).into_iter();
    let once = || {
        let order = orders.next().ok_or_else(|| anyhow!("an order for each round trip"))?;
        exchange(&mut replica, &order, &near, WAITING)
    };
    under(scheduling, samples, |ending| obey(&mut devices, &far, WAITING, ending), once)
}

/// Both ends in threads of their own, which take the scheduling with them.
fn under(
    scheduling: Scheduling,
    samples: usize,
    far_end: impl FnOnce(&AtomicBool) + Send,
    once: impl FnMut() -> Result<()> + Send,
) -> Result<Latencies> {
    let far_end = |ending: &AtomicBool| {
        scheduling.adopt();
        far_end(ending);
    };
    thread::scope(|scope| {
        let timing = scope.spawn(|| {
            scheduling.adopt();
            on_both(far_end, || timed(samples, REST, once))
        });
        timing.join().map_err(|_| anyhow!("the near end panicked"))?
    })
}
