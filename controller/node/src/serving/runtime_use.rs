//! Whether models are loaded into the runtime: one flag for all who load any, since a process has one runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// 0 is: nothing was loaded yet.
const USED: u8 = 1;
const MISSING: u8 = 2;
const GIVEN_UP: u8 = 3;

/// What this process does with the runtime. Once given up, it stays so.
#[derive(Clone, Debug, Default)]
pub struct RuntimeUse(Arc<AtomicU8>);

impl RuntimeUse {
    /// A model was loaded, into the runtime or for want of a sound one not.
    pub fn loaded(&self, missing: bool) {
        let next = if missing { MISSING } else { USED };
        // The flag guards no other data; whoever sees it late loads one model more into the runtime.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now != GIVEN_UP).then_some(next));
    }

    /// Nothing is loaded into it any more.
    pub fn give_up(&self) {
        self.0.store(GIVEN_UP, Ordering::Relaxed);
    }

    /// Whether a model runs in it.
    pub fn is_used(&self) -> bool {
        self.0.load(Ordering::Relaxed) == USED
    }

    /// Whether a model had to be loaded without it.
    pub fn is_missing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MISSING
    }

    /// Whether it was given up.
    pub fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == GIVEN_UP
    }
}
