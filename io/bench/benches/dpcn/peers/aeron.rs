//! Aeron over UDP, with the real C driver and client, both run by the thread that sends and receives (invoker mode) and
//! never resting: the fastest way to use it.

use std::ffi::CString;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use ridethrough_dpcn_bench::cores::{Core, pin};
use ridethrough_dpcn_bench::latencies::Latencies;
use rusteron_client::{Aeron, AeronContext, AeronExclusivePublication, AeronSubscription, Handlers};
use rusteron_media_driver::bindings::aeron_threading_mode_enum::AERON_THREADING_MODE_INVOKER;
use rusteron_media_driver::{AeronDriver, AeronDriverContext};
use tempfile::TempDir;

use super::AERON;
use crate::rounds::{Case, Rest, timed};
use crate::session::{ACK_BYTES, ORDER_BYTES};

const STREAM: i32 = 1_001;
const FRAGMENTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(5);
/// The far end's turn is not now; it only keeps its connections.
const IDLE: Duration = Duration::from_millis(50);

/// Both ends.
pub struct AeronPair {
    near: End,
    far: FarThread,
}

impl AeronPair {
    pub fn new() -> Result<Self> {
        let (orders_at, acks_at) = (free_port()?, free_port()?);
        let far = FarThread::start(Ports { to: acks_at, from: orders_at })?;
        let near = End::new(Ports { to: orders_at, from: acks_at })?;
        let began = Instant::now();
        while !(near.publication.is_connected() && near.subscription.is_connected()) {
            ensure!(began.elapsed() < PATIENCE, "the ends do not find each other");
            near.work()?;
            // A real-time thread that never slept would not let the far one onto its core.
            thread::sleep(Duration::from_millis(1));
        }
        // Others have the far core until it is its turn.
        far.turn.store(false, Ordering::Relaxed);
        Ok(Self { near, far })
    }
}

impl Case for AeronPair {
    fn name(&self) -> &'static str {
        AERON
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        pin(Core::Near);
        self.far.turn.store(true, Ordering::Relaxed);
        // It sleeps at most once more.
        thread::sleep(2 * IDLE);
        let latencies = timed(samples, Rest::Spinning, || {
            self.near.send(&[1; ORDER_BYTES])?;
            let began = Instant::now();
            let mut came = 0;
            while came == 0 {
                ensure!(began.elapsed() < PATIENCE, "no answer");
                self.near.hear(|message| came = message.len())?;
            }
            ensure!(came == ACK_BYTES, "{came} bytes came back");
            Ok(())
        });
        self.far.turn.store(false, Ordering::Relaxed);
        latencies
    }
}

/// The far end's thread, which keeps its core only while it is its turn.
struct FarThread {
    turn: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FarThread {
    fn start(ports: Ports) -> Result<Self> {
        let (tell, told) = mpsc::channel();
        let (turn, ending) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (its_turn, its_ending) = (Arc::clone(&turn), Arc::clone(&ending));
        let thread = thread::spawn(move || {
            pin(Core::Far);
            // Whoever started it waits for that, asleep.
            let _ = tell.send(());
            if let Err(error) = serve(ports, &its_turn, &its_ending) {
                eprintln!("bench-dpcn: aeron: far end: {error:#}");
            }
        });
        told.recv().map_err(|_| anyhow!("the far end did not start"))?;
        Ok(Self { turn, ending, thread: Some(thread) })
    }
}

impl Drop for FarThread {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has told what was wrong.
            let _ = thread.join();
        }
    }
}

fn serve(ports: Ports, turn: &AtomicBool, ending: &AtomicBool) -> Result<()> {
    let far = End::new(ports)?;
    while !ending.load(Ordering::Relaxed) {
        let mut asked = 0;
        far.hear(|_| asked += 1)?;
        for _ in 0..asked {
            far.send(&[1; ACK_BYTES])?;
        }
        if !turn.load(Ordering::Relaxed) {
            thread::sleep(IDLE);
        }
    }
    Ok(())
}

/// UDP ports of the two ways.
#[derive(Clone, Copy)]
struct Ports {
    to: u16,
    from: u16,
}

/// One end, with a driver of its own as on a machine of its own. What is below ends later.
struct End {
    publication: AeronExclusivePublication,
    subscription: AeronSubscription,
    client: Aeron,
    driver: AeronDriver,
    _folder: TempDir,
}

impl End {
    fn new(ports: Ports) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = CString::new(folder.path().join("aeron").display().to_string())?;
        let context = AeronDriverContext::new()?;
        context.set_dir(&place)?;
        context.set_threading_mode(AERON_THREADING_MODE_INVOKER)?;
        let driver = AeronDriver::new(&context)?;
        driver.start(true)?;
        let context = AeronContext::new()?;
        context.set_dir(&place)?;
        context.set_use_conductor_agent_invoker(true)?;
        let client = Aeron::new(&context)?;
        client.start()?;
        let work = || -> Result<()> {
            driver.main_do_work()?;
            client.main_do_work()?;
            Ok(())
        };
        let adding = client.async_add_exclusive_publication(&channel(ports.to)?, STREAM)?;
        let publication = until(work, || Ok(adding.poll()?))?;
        let adding = client.async_add_subscription(&channel(ports.from)?, STREAM, Handlers::NONE, Handlers::NONE)?;
        let subscription = until(work, || Ok(adding.poll()?))?;
        Ok(Self { publication, subscription, client, driver, _folder: folder })
    }

    fn work(&self) -> Result<()> {
        self.driver.main_do_work()?;
        self.client.main_do_work()?;
        Ok(())
    }

    fn send(&self, message: &[u8]) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.publication.offer(message) {
                Ok(_) => return self.work(),
                Err(error) if error.is_retryable() && began.elapsed() < PATIENCE => self.work()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn hear(&self, mut take: impl FnMut(&[u8])) -> Result<()> {
        self.work()?;
        if self.subscription.poll_fn(|message, _| take(message), FRAGMENTS)? == 0 {
            spin_loop();
        }
        Ok(())
    }
}

/// Nothing else runs the driver and the client.
fn until<T>(work: impl Fn() -> Result<()>, ready: impl Fn() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        work()?;
        if let Some(made) = ready()? {
            return Ok(made);
        }
    }
    Err(anyhow!("the driver does not answer"))
}

fn channel(port: u16) -> Result<CString> {
    Ok(CString::new(format!("aeron:udp?endpoint=127.0.0.1:{port}"))?)
}

fn free_port() -> Result<u16> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}
