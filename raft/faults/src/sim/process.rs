//! One run of a replica's process, on a runtime and a clock of its own: both may be stopped, and the clock may run wrong.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, RngSeed, Runtime, UnhandledPanic};
use tokio::task::LocalSet;
use tokio::time::{advance, sleep};

use super::run::TICK;

/// What a right clock is ahead by after one tick, in millionths of a tick.
const RIGHT: u64 = 1_000_000;
/// A process that has stood still for more ticks than this was frozen; a fast clock alone makes two of one.
const TICKS_MAX: u64 = 2;

/// What its clock does while a process stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// As Linux's monotonic clock does.
    GoesOn,
    /// As no replica can bear.
    StandsStill,
}

/// A process. Dropping it kills it.
pub struct Process {
    // Dropped in this order: tasks go with their runtime.
    tokio: Runtime,
    local: LocalSet,
    /// What its clock is ahead of what it has lived through, in millionths of a tick.
    ahead: u64,
    clock: Clock,
    frozen_until_ms: u64,
}

impl Process {
    /// Starts one. It lives from the next tick on.
    pub fn start(seed: u64, clock: Clock, life: impl Future<Output = ()> + 'static) -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true).rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
        // A panic in any task is the simulation's, which tells it with its seed.
        let tokio = builder.unhandled_panic(UnhandledPanic::ShutdownRuntime).build()?;
        let mut local = LocalSet::new();
        local.unhandled_panic(UnhandledPanic::ShutdownRuntime);
        // Timers are whole milliseconds from here on.
        tokio.block_on(async { sleep(TICK).await });
        local.spawn_local(life);
        Ok(Self { tokio, local, ahead: 0, clock, frozen_until_ms: 0 })
    }

    /// Does nothing until then, as after `SIGSTOP`: its kernel goes on, and so does its clock, which it looks at when it goes on itself.
    pub fn freeze(&mut self, until_ms: u64) {
        self.frozen_until_ms = self.frozen_until_ms.max(until_ms);
    }

    /// One tick of true time, which its clock takes for one that is longer by so many millionths.
    pub fn tick(&mut self, now_ms: u64, drift_ppm: i64) {
        let frozen = now_ms < self.frozen_until_ms;
        if !frozen || self.clock == Clock::GoesOn {
            self.ahead += RIGHT.saturating_add_signed(drift_ppm);
        }
        let ticks = self.ahead / RIGHT;
        if frozen || ticks == 0 {
            return;
        }
        self.ahead %= RIGHT;
        let unseen = if ticks > TICKS_MAX { ticks - 1 } else { 0 };
        self.tokio.block_on(self.local.run_until(async {
            if unseen > 0 {
                // All timers that are due by then, and all that has come meanwhile, are met at once.
                advance(lasting(unseen)).await;
            }
            sleep(lasting(ticks - unseen)).await;
        }));
    }
}

fn lasting(ticks: u64) -> Duration {
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}
