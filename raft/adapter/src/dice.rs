//! tokio as openraft's runtime, with dice that a simulation can load: an election timeout and the phase of a heartbeat are
//! all that openraft draws.

use std::cell::RefCell;
use std::time::Duration;

use openraft::OptionalSend;
use openraft::rt::AsyncRuntime;
use rand::SeedableRng;
use rand::rngs::SmallRng;

#[allow(deprecated, reason = "the deprecation points to a crate that only openraft itself depends on")]
type Tokio = openraft::impls::TokioRuntime;

thread_local! {
    static LOADED: RefCell<Option<SmallRng>> = const { RefCell::new(None) };
}

/// From now on, what openraft draws on this thread follows from the seed alone. For simulations in one thread.
pub fn load_dice(seed: u64) {
    LOADED.set(Some(SmallRng::seed_from_u64(seed)));
}

/// tokio, and dice of its own.
#[derive(Debug)]
pub struct Runtime {
    tokio: Tokio,
}

impl AsyncRuntime for Runtime {
    type JoinError = <Tokio as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <Tokio as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <Tokio as AsyncRuntime>::Sleep;
    type Instant = <Tokio as AsyncRuntime>::Instant;
    type TimeoutError = <Tokio as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <Tokio as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = SmallRng;
    type Mpsc = <Tokio as AsyncRuntime>::Mpsc;
    type Watch = <Tokio as AsyncRuntime>::Watch;
    type Oneshot = <Tokio as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <Tokio as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        Tokio::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        Tokio::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        Tokio::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        Tokio::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        Tokio::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        Tokio::is_panic(error)
    }

    fn thread_rng() -> SmallRng {
        let loaded = LOADED.with_borrow_mut(|loaded| loaded.as_mut().map(SmallRng::from_rng));
        loaded.unwrap_or_else(|| SmallRng::from_rng(&mut Tokio::thread_rng()))
    }

    fn new(threads: usize) -> Self {
        Self { tokio: Tokio::new(threads) }
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.tokio.block_on(future)
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn loaded_dice_fall_alike_and_differ_from_throw_to_throw() {
        let throws = |seed| {
            load_dice(seed);
            [0; 4].map(|_: u64| Runtime::thread_rng().next_u64())
        };
        let first = throws(7);
        assert_eq!(throws(7), first);
        assert_ne!(throws(8), first);
        assert!(first.iter().all(|one| first.iter().filter(|other| one == *other).count() == 1));
        let other = std::thread::spawn(|| Runtime::thread_rng().next_u64()).join().expect("thrown");
        assert!(!first.contains(&other), "other threads' dice are not loaded");
    }
}
