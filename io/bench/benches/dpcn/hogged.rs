//! Order to ack while other work keeps both cores busy.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ridethrough_dpcn_bench::cores::{Core, Scheduling, pin};
use ridethrough_dpcn_bench::hogs::Hogs;
use ridethrough_dpcn_bench::latencies::{Latencies, Summary};
use ridethrough_dpcn_bench::sockets::{self, Waiting};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::inline::{exchange, obey};
use crate::options::Effort;
use crate::rounds::{Rest, orders_in_round, timed};
use crate::session::{open, orders_in_turn};

/// Spinning longer is no use when others want the core, and a real-time thread that never sleeps is stopped by the kernel.
pub const WAITING: Waiting = Waiting::Adaptive(Duration::from_micros(20));
/// The control rate: one order in so long.
pub const REST: Rest = Rest::Sleeping(Duration::from_millis(1));

/// What is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Hogged {
    pub scheduling: Scheduling,
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
        let summary = under(scheduling, samples)?.summary().ok_or_else(|| anyhow!("no sample"))?;
        Ok(Hogged { scheduling, summary })
    });
    let told = told.collect();
    drop(hogs);
    told
}

fn under(scheduling: Scheduling, samples: usize) -> Result<Latencies> {
    let (mut replica, mut devices) = open(1)?;
    let (near, far) = sockets::pair()?;
    let mut orders = orders_in_turn(orders_in_round(samples), 1).into_iter();
    let ending = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(Core::Far);
            scheduling.adopt();
            obey(&mut devices, &far, WAITING, &ending);
        });
        let timing = scope.spawn(|| {
            scheduling.adopt();
            timed(samples, REST, || {
                let order = orders.next().ok_or_else(|| anyhow!("an order for each round trip"))?;
                exchange(&mut replica, &order, &near, WAITING)
            })
        });
        let latencies = timing.join().map_err(|_| anyhow!("the near end panicked"));
        ending.store(true, Ordering::Relaxed);
        near.send(&[])?;
        latencies?
    })
}
