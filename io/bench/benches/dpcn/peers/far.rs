//! The far end of a peer: a thread on the far core for as long as the peer is measured, asleep while it is not its turn.

use std::future::Future;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use ridethrough_dpcn_bench::cores::{Core, pin};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A far end on tokio.
pub struct FarEnd {
    ending: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FarEnd {
    /// Starts it. `bind` gives what the near end has to know, and then what is served until the end.
    pub fn start<T, B, S>(bind: impl FnOnce() -> B + Send + 'static) -> Result<(Self, T)>
    where
        T: Send + 'static,
        B: Future<Output = Result<(T, S)>>,
        S: Future<Output = Result<()>>,
    {
        let (tell, told) = mpsc::channel();
        let (ending, ended) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            pin(Core::Far);
            match runtime() {
                Ok(runtime) => runtime.block_on(run(bind(), tell, ended)),
                Err(error) => eprintln!("bench-dpcn: far end: {error:#}"),
            }
        });
        let known = told.recv().map_err(|_| anyhow!("the far end did not start"))??;
        Ok((Self { ending: Some(ending), thread: Some(thread) }, known))
    }
}

async fn run<T, S: Future<Output = Result<()>>>(
    bind: impl Future<Output = Result<(T, S)>>,
    tell: mpsc::Sender<Result<T>>,
    ended: oneshot::Receiver<()>,
) {
    // The near end is gone only when the bench has failed.
    match bind.await {
        Ok((known, serve)) => {
            let _ = tell.send(Ok(known));
            tokio::select! {
                _ = ended => {}
                served = serve => served.unwrap_or_else(|error| eprintln!("bench-dpcn: far end: {error:#}")),
            }
        }
        Err(error) => {
            let _ = tell.send(Err(error));
        }
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            // It may have ended by itself.
            let _ = ending.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A runtime of the thread that calls it.
pub fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("a runtime")
}
