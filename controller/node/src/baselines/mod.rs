//! The baselines' thread: learns from every second, tells scores, and keeps what was learned in a file. The control
//! thread posts what racks draw and waits for nothing; the forecast's thread has no part in it.

mod kept;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam::queue::ArrayQueue;
use metrics::{Gauge, counter, describe_counter, describe_gauge, gauge};
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;
use ridethrough_model::{BaselineStore, Heard, Outlook, Refused};

use self::kept::Kept;
use crate::power::ServerPower;

/// Seconds that may wait for the thread; then the oldest goes. A file on a slow disk may take that long.
const WAITING_MAX: usize = 8;
/// How long the idle thread sleeps before it looks whether it should end.
const IDLE: Duration = Duration::from_millis(200);
/// Seconds between two files, and until the first, so that a replica that soon falls again keeps something.
const SAVE_EVERY_S: u32 = 60;
const SAVE_FIRST_S: u32 = 20;
/// From this score on, once in a thousand seconds, a rack is counted as odd.
const ODD: u8 = 60;
/// Sites with more racks are told in sums only.
const RACKS_TOLD_MAX: usize = 64;

/// What racks drew in one second.
#[derive(Debug)]
struct Second {
    at_ms: i64,
    loads: Vec<Option<Watts>>,
}

/// The baselines as the control thread has them.
#[derive(Debug)]
pub struct Baselines {
    seconds: Arc<ArrayQueue<Second>>,
    told: Arc<ArcSwap<Vec<Outlook>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Baselines {
    /// Starts the thread; it reads what was kept in `folder` first.
    pub fn start(site: Arc<Site>, power: Arc<ServerPower>, folder: PathBuf) -> std::io::Result<Self> {
        let seconds = Arc::new(ArrayQueue::new(WAITING_MAX));
        let told = Arc::new(ArcSwap::from_pointee(Vec::new()));
        let ending = Arc::new(AtomicBool::new(false));
        let (inbox, outbox, end) = (Arc::clone(&seconds), Arc::clone(&told), Arc::clone(&ending));
        let thread = std::thread::Builder::new().name("baselines".into()).spawn(move || {
            let mut learner = Learner::new(&site, power, Kept::in_folder(&folder));
            outbox.store(Arc::new(learner.store.racks().collect()));
            // Pairs with the Release in `drop`.
            while !end.load(Ordering::Acquire) {
                match inbox.pop() {
                    Some(second) => outbox.store(Arc::new(learner.learn(&second))),
                    None => std::thread::park_timeout(IDLE),
                }
            }
        })?;
        Ok(Self { seconds, told, ending, thread: Some(thread) })
    }

    /// Posts what racks drew in the second that ends at this time of the wall's clock. Call it once a second.
    pub fn post(&self, at_ms: i64, loads: &[Option<Watts>]) {
        if self.seconds.force_push(Second { at_ms, loads: loads.to_vec() }).is_some() {
            counter!("ridethrough_baseline_seconds_dropped_total").increment(1);
        }
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// What the thread last said of each rack; empty before it has read what was kept.
    pub fn racks(&self) -> Arc<Vec<Outlook>> {
        self.told.load_full()
    }
}

impl Drop for Baselines {
    fn drop(&mut self) {
        // Pairs with the Acquire in the thread's loop. A disk that hangs must not keep the replica from stopping, so
        // the thread is not joined; a file that is half written was not yet given its name.
        self.ending.store(true, Ordering::Release);
    }
}

/// What the thread works with.
struct Learner {
    store: BaselineStore,
    power: Arc<ServerPower>,
    kept: Kept,
    save_at_s: Option<u32>,
    scores: Vec<Gauge>,
}

impl Learner {
    fn new(site: &Site, power: Arc<ServerPower>, kept: Kept) -> Self {
        describe();
        let watts = |watts: Watts| u32::try_from(watts.get()).unwrap_or(u32::MAX);
        let racks: Vec<u32> = site.racks.iter().map(|rack| watts(rack.limit)).collect();
        let rated: Vec<u32> = site.servers.iter().map(|server| watts(server.rated)).collect();
        let mut store = BaselineStore::new(site.hash, &racks, &rated);
        kept.restore(&mut store);
        let told = if site.racks.len() <= RACKS_TOLD_MAX { site.racks.as_slice() } else { &[] };
        let gauge_of = |name: &str| gauge!("ridethrough_anomaly_score", "rack" => name.to_owned());
        let scores = told.iter().map(|rack| gauge_of(&rack.name)).collect();
        Self { store, power, kept, save_at_s: None, scores }
    }

    fn learn(&mut self, second: &Second) -> Vec<Outlook> {
        let begun = Instant::now();
        let at_s = seconds(second.at_ms);
        for (rack, load) in second.loads.iter().enumerate() {
            if let Some(watts) = load {
                count(self.store.observe_rack(rack, Heard { at_s, watts: watts.get() }));
            }
        }
        self.learn_servers(second.at_ms);
        let racks: Vec<Outlook> = self.store.racks().collect();
        self.tell(&racks);
        metrics::histogram!("ridethrough_baseline_seconds").record(begun.elapsed().as_secs_f64());
        self.save(at_s);
        racks
    }

    fn learn_servers(&mut self, at_ms: i64) {
        let now = Instant::now();
        for server in self.power.servers() {
            let Some(reading) = self.power.read(server, now) else { continue };
            let age_ms = i64::try_from(reading.age.as_millis()).unwrap_or(i64::MAX);
            let heard = Heard { at_s: seconds(at_ms.saturating_sub(age_ms)), watts: reading.power.get() };
            match self.store.observe_server(server.index(), heard) {
                // A server's power is read every second and may be told more rarely.
                Err(Refused::Duplicate) => {}
                other => count(other),
            }
        }
    }

    fn tell(&self, racks: &[Outlook]) {
        let set = |name: &'static str, value: u32| gauge!(name).set(f64::from(value));
        let odd = racks.iter().filter(|rack| rack.anomaly >= ODD).count();
        set("ridethrough_anomaly_racks", u32::try_from(odd).unwrap_or(u32::MAX));
        set("ridethrough_anomaly_highest", racks.iter().map(|rack| u32::from(rack.anomaly)).max().unwrap_or(0));
        set("ridethrough_drift_highest", racks.iter().map(|rack| u32::from(rack.drift)).max().unwrap_or(0));
        set("ridethrough_baseline_heard_seconds", racks.iter().map(|rack| rack.heard_s).max().unwrap_or(0));
        for (gauge, rack) in self.scores.iter().zip(racks) {
            gauge.set(f64::from(rack.anomaly));
        }
    }

    /// A clock that went back far saves at once rather than in years.
    fn save(&mut self, at_s: u32) {
        let due_s = *self.save_at_s.get_or_insert(at_s.saturating_add(SAVE_FIRST_S));
        if at_s < due_s && due_s - at_s <= SAVE_EVERY_S {
            return;
        }
        self.save_at_s = Some(at_s.saturating_add(SAVE_EVERY_S));
        if let Err(error) = self.kept.save(&self.store.snapshot(at_s)) {
            counter!("ridethrough_baseline_saves_failed_total").increment(1);
            tracing::warn!(%error, "the baselines could not be kept; learning goes on");
        }
    }
}

fn count(learned: Result<(), Refused>) {
    if let Err(refused) = learned {
        let reason = match refused {
            Refused::Absurd => "absurd",
            Refused::Duplicate => "duplicate",
            Refused::TooOld => "too_old",
        };
        counter!("ridethrough_baseline_samples_refused_total", "reason" => reason).increment(1);
    }
}

fn seconds(unix_ms: i64) -> u32 {
    u32::try_from(unix_ms.max(0) / 1_000).unwrap_or(u32::MAX)
}

fn describe() {
    describe_gauge!("ridethrough_anomaly_racks", "Racks whose draw is as rare as once in 1,000 seconds, or rarer");
    describe_gauge!(
        "ridethrough_anomaly_highest",
        "The highest anomaly score of a rack: 20 for each power of ten of rarity"
    );
    describe_gauge!("ridethrough_anomaly_score", "How rare a rack's draw is by its own history, 0 to 100");
    describe_gauge!(
        "ridethrough_drift_highest",
        "The highest drift score of a rack: 25 for each spread that its level moved"
    );
    describe_gauge!(
        "ridethrough_baseline_heard_seconds",
        "Seconds that the oldest baseline of a rack was learned from"
    );
    describe_counter!(
        "ridethrough_baseline_files_refused_total",
        "Kept baselines that were damaged, foreign or of another site"
    );
    describe_counter!("ridethrough_baseline_samples_refused_total", "Samples that baselines did not learn from");
}
