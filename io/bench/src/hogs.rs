//! Other work: threads that never rest.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::cores::{Scheduling, count, unpin};

/// As many busy threads as there are cores, until it is dropped.
#[derive(Debug)]
pub struct Hogs {
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Hogs {
    /// Starts them, wherever the scheduler puts them.
    pub fn start() -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let hog = |_| {
            let ending = Arc::clone(&ending);
            thread::spawn(move || work(&ending))
        };
        let threads = (0..count()).map(hog).collect();
        Self { ending, threads }
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It has nothing to panic at.
            let _ = thread.join();
        }
    }
}

fn work(ending: &AtomicBool) {
    Scheduling::Normal.adopt();
    unpin();
    let mut sum = 0_u64;
    while !ending.load(Ordering::Relaxed) {
        sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}
