//! How a thread sleeps without missing work, and how those who bring work find out that it sleeps.

use crate::sync::{AtomicBool, Ordering, fence};

/// One sleeper, any number of callers.
pub(crate) struct Bell {
    asleep: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicBool::new(false) }
    }

    /// The sleeper says that it is about to sleep. False when it must not, because `idle` finds something to do.
    pub(crate) fn lie_down(&self, idle: impl FnOnce() -> bool) -> bool {
        // Read and replaced at once, as in `must_wake`, so that a flag that a caller took down earlier stays behind this
        // one: a mere store could be overtaken by that.
        self.asleep.swap(true, Ordering::Relaxed);
        // Pairs with the fence in `must_wake`: either the caller sees the flag, or `idle` sees what it brought.
        fence(Ordering::SeqCst);
        let idle = idle();
        if !idle {
            self.get_up();
        }
        idle
    }

    /// The sleeper is awake. Only a hint: a caller that still sees the flag wakes it once for nothing.
    pub(crate) fn get_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// A caller has brought something; true when it must wake the sleeper. Of several callers one must.
    pub(crate) fn must_wake(&self) -> bool {
        // Pairs with the fence in `lie_down`.
        fence(Ordering::SeqCst);
        // Reading first leaves the line shared while the sleeper is awake.
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_callers_wakes_the_sleeper() {
        let bell = Bell::new();
        assert!(!bell.must_wake(), "it is awake");
        assert!(!bell.lie_down(|| false) && !bell.must_wake(), "it had something to do");
        assert!(bell.lie_down(|| true));
        assert!(bell.must_wake() && !bell.must_wake());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::{Arc, Notify};
    use loom::thread;

    use super::*;
    use crate::sync::AtomicUsize;

    /// What a sleeper and its callers share. The count is the weakest of queues: nothing orders it but the bell.
    struct Shared {
        bell: Bell,
        brought: AtomicUsize,
        wake: Notify,
    }

    fn call(shared: &Shared) {
        shared.brought.fetch_add(1, Ordering::Relaxed);
        if shared.bell.must_wake() {
            shared.wake.notify();
        }
    }

    /// Loom reports a deadlock if a wake-up is lost.
    #[test]
    fn loom_no_wake_up_is_lost() {
        // Every schedule with up to three preemptions; all of them would take hours.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            const CALLERS: usize = 2;
            let shared = Arc::new(Shared { bell: Bell::new(), brought: AtomicUsize::new(0), wake: Notify::new() });
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || call(&shared))
                })
                .collect();
            let mut seen = 0;
            while seen < CALLERS {
                let now = shared.brought.load(Ordering::Relaxed);
                if now == seen && shared.bell.lie_down(|| shared.brought.load(Ordering::Relaxed) == seen) {
                    shared.wake.wait();
                    shared.bell.get_up();
                }
                seen = now.max(seen);
            }
            for caller in callers {
                caller.join().expect("a caller does not panic");
            }
        });
    }
}
