//! What this machine's cores cost each other: the yardstick by which figures of two machines can be compared at all.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::cores::on_both;
use crate::latencies::{Latencies, Summary};

/// Round trips that are timed together: one alone is not much longer than reading the clock.
const EXCHANGES: u32 = 200;
const BATCHES: u32 = 200;

/// How long a cache line takes from one core to the other and back.
pub fn round_trip() -> Option<Summary> {
    let line = AtomicU32::new(0);
    let mut latencies = Latencies::default();
    let far_end = |_: &_| (0..EXCHANGES * BATCHES).for_each(|nth| answer(&line, nth));
    on_both(far_end, || {
        for batch in 0..BATCHES {
            let began = Instant::now();
            (batch * EXCHANGES..(batch + 1) * EXCHANGES).for_each(|nth| ask(&line, nth));
            latencies.push(began.elapsed() / EXCHANGES);
        }
    });
    latencies.summary()
}

/// Each side's Release pairs with the other's Acquire.
fn ask(line: &AtomicU32, nth: u32) {
    line.store(2 * nth + 1, Ordering::Release);
    while line.load(Ordering::Acquire) != 2 * nth + 2 {
        spin_loop();
    }
}

fn answer(line: &AtomicU32, nth: u32) {
    while line.load(Ordering::Acquire) != 2 * nth + 1 {
        spin_loop();
    }
    line.store(2 * nth + 2, Ordering::Release);
}
