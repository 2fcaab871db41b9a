//! A safety appliance is silent: loading and running the model starts no thread and opens no socket.
//!
//! Alone in its process and on one thread, since the environment can be changed safely only then.

mod support;

use std::fs;

use ridethrough_model::{Forecast, Guarded, Keep, TooLate, silence_telemetry};
use support::{committed, sample};

fn main() {
    assert_eq!(threads(), 1);
    assert_eq!(silence_telemetry(), Ok(()));
    assert_eq!(std::env::var("ORT_DISABLE_TELEMETRY").as_deref(), Ok("1"));
    let mut engine = Guarded::new(Some(committed()));
    let mut out = Vec::new();
    for _ in 0..20 {
        engine.step(&[sample(500, 1_000); 24], Keep::Committed, &mut out);
    }
    assert_eq!(threads(), 1, "the runtime must bring no thread");
    assert_eq!(sockets(), 0, "the runtime must open no socket");
    refuses_beside_other_threads();
    println!("silence: ok");
}

fn refuses_beside_other_threads() {
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| barrier.wait());
        assert_eq!(silence_telemetry(), Ok(()), "it is set already");
        // SAFETY: the other thread waits at a barrier and reads no environment.
        #[allow(unsafe_code, reason = "takes back what was set above")]
        unsafe {
            std::env::remove_var("ORT_DISABLE_TELEMETRY");
        }
        assert_eq!(silence_telemetry(), Err(TooLate { threads: 2 }));
        barrier.wait();
    });
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn sockets() -> usize {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return 0 };
    let is_socket = |link: std::path::PathBuf| link.to_string_lossy().starts_with("socket:");
    open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).filter(|link| is_socket(link.clone())).count()
}
