//! How a replica ends: who tells it to, and how its log is put to rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ridethrough_raft::Replica;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// How long a stopping replica may take to put its log to rest.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
/// How often it looks whether that is possible.
const STOP_POLL: Duration = Duration::from_millis(5);

/// A flag that SIGINT or SIGTERM raises, waking the control thread.
pub fn on_signal(runtime: &Runtime) -> Result<Arc<AtomicBool>> {
    let ending = Arc::new(AtomicBool::new(false));
    let (raised, control) = (Arc::clone(&ending), std::thread::current());
    let (mut interrupt, mut terminate) = runtime
        .block_on(async { signal(SignalKind::interrupt()).and_then(|one| Ok((one, signal(SignalKind::terminate())?))) })
        .context("cannot listen for signals")?;
    runtime.spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        // Pairs with the Acquire in the control loop's condition.
        raised.store(true, Ordering::Release);
        control.unpark();
    });
    Ok(ending)
}

/// Stops Raft once the last proposal has let go of it, so that the log is left in order.
pub async fn put_to_rest(mut replica: Arc<Replica>) {
    let deadline = Instant::now() + STOP_DEADLINE;
    while Instant::now() < deadline {
        match Arc::try_unwrap(replica) {
            Ok(last) => return last.stop().await,
            Err(shared) => replica = shared,
        }
        tokio::time::sleep(STOP_POLL).await;
    }
    tracing::warn!("proposals were still on their way when this replica stopped");
}
