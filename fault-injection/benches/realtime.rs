//! A plant of 1,000 racks, 8,000 servers and 100 modules on the real clock: every device a UDP endpoint that sends its
//! telemetry to three replicas at 10 Hz. The replicas here only count what arrives.
//!
//! `cargo bench -p ridethrough-fault-injection --bench realtime -- --quick` runs it small, so that it never rots.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ridethrough_fault_injection::realtime::{Plant, Setup};
use ridethrough_fault_injection::scenario::generated;
use ridethrough_protocol::{KeyEpoch, Keyring, Orders, SiteSecret};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (racks, kesms, seconds) = if quick { (100, 10, 2) } else { (1_000, 100, 20) };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let scenario = generated::large(racks, 8, kesms, 1, &data).unwrap_or_else(|error| panic!("{error}"));
    let ending = Arc::new(AtomicBool::new(false));
    let heard = Arc::new(AtomicU64::new(0));
    let sinks: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port is free")).collect();
    let replicas: Vec<SocketAddr> = sinks.iter().map(|sink| sink.local_addr().expect("it is bound")).collect();
    let counters: Vec<_> = sinks.into_iter().map(|sink| count(sink, Arc::clone(&heard), Arc::clone(&ending))).collect();
    let records = tempfile::tempdir().expect("a folder for records");
    let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32]));
    let setup = Setup {
        scenario: &scenario,
        replicas: &replicas,
        replicas_b: &[],
        keyring: &keyring,
        orders: Orders::One,
        records: records.path(),
        nvm: None,
    };
    let mut plant = Plant::bind(&setup).unwrap_or_else(|error| panic!("{error}"));
    plant.start();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        plant.turn().unwrap_or_else(|error| panic!("{error}"));
    }
    let cpu = began.elapsed().as_secs_f64();
    // Pairs with the Acquire in `count`.
    ending.store(true, Ordering::Release);
    for counter in counters {
        drop(counter.join());
    }
    let (devices, told) = (scenario.site.devices().count(), heard.load(Ordering::Relaxed));
    let lag = plant.ending().lag;
    let due = devices as u64 * 3 * 10 * seconds;
    println!(
        "{racks} racks, {devices} devices at 10 Hz to 3 replicas, {cpu:.1} s: {told} of {due} datagrams heard, \
         lag now {} ms, at worst {} ms, {} of {} turns 5 ms late or later",
        lag.now_ms, lag.max_ms, lag.late_turns, lag.turns
    );
}

/// Counts what arrives until the end.
fn count(sink: UdpSocket, heard: Arc<AtomicU64>, ending: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        sink.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout can be set");
        // Pairs with the Release at the end of the run.
        while !ending.load(Ordering::Acquire) {
            if sink.recv(&mut buffer).is_ok() {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
}
