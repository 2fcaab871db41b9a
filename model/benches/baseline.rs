//! What a second of baselines costs for 10,000 racks and 80,000 servers, and their snapshot.
//!
//! `cargo bench -p ridethrough-model --bench baseline`, one thread.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ridethrough_model::{Baseline, BaselineStore, Heard};

fn main() {
    // `cargo test --benches` runs it too, without `--bench`: small, so that it never rots.
    let whole = std::env::args().any(|argument| argument == "--bench");
    let (racks, servers, seconds) = if whole { (10_000, 80_000, 600) } else { (10, 80, 130) };
    let mut store = BaselineStore::new([0; 32], &vec![60_000; racks], &vec![8_000; servers]);
    let mut times = Vec::new();
    for at_s in 1_000_000..1_000_000 + seconds {
        let begun = Instant::now();
        second(black_box(&mut store), racks, servers, at_s);
        times.push(begun.elapsed());
    }
    // The first period is looked for only once there is something to look in.
    let tail = &mut times[seconds as usize * 2 / 3..];
    tail.sort();
    let micros = |permille: usize| tail[(tail.len() - 1) * permille / 1_000].as_secs_f64() * 1e6;
    println!("{racks} racks, {servers} servers, one second: p50 {:.0} µs, p99 {:.0} µs", micros(500), micros(990));
    println!("bytes of a rack or server: {} in memory", size_of::<Baseline>());
    let (bytes, taken) = timed(|| store.snapshot(1));
    println!("snapshot: {} bytes, {:.1} ms", bytes.len(), taken.as_secs_f64() * 1e3);
    let (restored, taken) = timed(|| store.restore(&bytes));
    println!("restored: {restored:?}, {:.1} ms", taken.as_secs_f64() * 1e3);
}

fn second(store: &mut BaselineStore, racks: usize, servers: usize, at_s: u32) {
    let load = |unit: usize, of: i64| of + (i64::from(at_s) * 37 + i64::try_from(unit).unwrap_or(0) * 101) % (of / 3);
    for rack in 0..racks {
        let _ = black_box(store.observe_rack(rack, Heard { at_s, watts: load(rack, 30_000) }));
    }
    for server in 0..servers {
        let _ = black_box(store.observe_server(server, Heard { at_s, watts: load(server, 4_000) }));
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let out = work();
    (out, begun.elapsed())
}
