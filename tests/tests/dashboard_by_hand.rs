//! What is looked at and measured by hand: pictures of the page in every state, and what many viewers cost the control loop.
//!
//! ```console
//! $ cargo test --release -p ridethrough-tests dashboard_by_hand:: -- --ignored --nocapture
//! ```

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use ridethrough_fault_injection::demo::cluster::{Cluster, REPLICAS};
use ridethrough_tests::browser::Browser;
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{alone, folder, root};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const VIEWERS: usize = 200;
/// A viewer is told something, if only that the line is good, more often than this.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How often it is measured with them and without.
const ROUNDS: usize = 5;
/// Quantiles that a replica tells are of its last minute.
const WINDOW: Duration = Duration::from_secs(70);

struct Album {
    folder: PathBuf,
}

impl Album {
    fn take(&self, browser: &Browser, name: &str) {
        for (width, height) in [(1440, 900), (1920, 1080)] {
            browser.resize(width, height);
            std::thread::sleep(Duration::from_millis(600));
            browser.picture(&self.folder.join(format!("{name}-{width}x{height}.png")));
        }
    }
}

#[test]
#[ignore = "for eyes: minutes of a cluster under load"]
fn pictures_of_every_state() {
    let _alone = alone();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let album = Album { folder: target.join("dashboard") };
    fs::create_dir_all(&album.folder).expect("a folder");
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let leader = stage.leader();
    let (second, third) = (leader % REPLICAS + 1, (leader + 1) % REPLICAS + 1);
    let browser = Browser::start(1440, 900);
    browser.open(&stage.cluster.web(second));
    pass(&mut stage, Duration::from_secs(100), nothing);
    album.take(&browser, "load");
    for (name, what) in [
        ("decision", ".decision [data-kind=transfer]"),
        ("rack", ".rack[data-rack=A2]"),
        ("kesm", ".kesm[data-kesm=K1]"),
    ] {
        browser.run(&format!("document.querySelector('{what}').focus()"));
        browser.press(Key::Enter);
        pass(&mut stage, Duration::from_secs(2), nothing);
        album.take(&browser, name);
        browser.press(Key::Escape);
    }
    browser.run("document.getElementById('as-table').click()");
    album.take(&browser, "table");
    browser.run("document.getElementById('as-table').click()");
    stage.cluster.kill(leader).expect("killed");
    pass(&mut stage, Duration::from_secs(20), nothing);
    album.take(&browser, "leader-killed");
    stage.cluster.kill(second).expect("killed");
    pass(&mut stage, Duration::from_secs(6), nothing);
    album.take(&browser, "no-quorum");
    stage.cluster.kill(third).expect("killed");
    pass(&mut stage, Duration::from_secs(3), nothing);
    album.take(&browser, "nobody");
    println!("pictures in {}", album.folder.display());
}

/// People who watch a replica and take all they are told, on one thread: what they cost is to be the replica's, not theirs.
struct Viewers {
    ending: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Viewers {
    fn open(address: &str) -> Self {
        let (ending, bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (address, until, told) = (address.to_owned(), Arc::clone(&ending), Arc::clone(&bytes));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let all =
                    (0..VIEWERS).map(|_| tokio::spawn(watch(address.clone(), Arc::clone(&until), Arc::clone(&told))));
                for viewer in all.collect::<Vec<_>>() {
                    viewer.await.expect("nobody was cut off");
                }
            });
        });
        Self { ending, bytes, thread }
    }

    /// How many bytes they were told.
    fn close(self) -> u64 {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.join().expect("nobody was cut off");
        self.bytes.load(Ordering::Relaxed)
    }
}

async fn watch(address: String, ending: Arc<AtomicBool>, bytes: Arc<AtomicU64>) {
    let mut stream = TcpStream::connect(&address).await.expect("it listens");
    let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("taken");
    let mut heap = vec![0; 64 << 10];
    // Two tasks that only count; nothing hangs on their order.
    while !ending.load(Ordering::Relaxed) {
        let taken = tokio::time::timeout(SILENCE_MAX, stream.read(&mut heap)).await.expect("goes on").expect("goes on");
        assert!(taken > 0, "a viewer was cut off");
        bytes.fetch_add(u64::try_from(taken).expect("small"), Ordering::Relaxed);
    }
}

/// The 99th percentile of a tick in the last minute, in seconds.
fn tick_p99(cluster: &Cluster, id: u16) -> f64 {
    let text = cluster.metrics(id).expect("it answers");
    let line = text.lines().find(|line| line.starts_with("ridethrough_tick_seconds") && line.contains("0.99\""));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_else(|| panic!("no p99 in {text}"))
}

/// Lets time pass, and does something once a second.
fn pass(stage: &mut Stage, span: Duration, mut each_second: impl FnMut(&Cluster)) {
    let until = Instant::now() + span;
    while Instant::now() < until {
        stage.cluster.check_alive().expect("every replica runs");
        stage.plant.listen().expect("the plant runs");
        each_second(&stage.cluster);
        std::thread::sleep(Duration::from_secs(1).min(until.saturating_duration_since(Instant::now())));
    }
}

fn nothing(_: &Cluster) {}

/// The middle one.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[test]
#[ignore = "a measurement: ten minutes of a cluster under load"]
fn what_viewers_cost_the_control_loop() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let leader = stage.leader();
    let address = stage.cluster.web(leader).trim_start_matches("http://").trim_end_matches('/').to_owned();
    // The first window warms up: forecasts learn, the scenario begins.
    pass(&mut stage, WINDOW, nothing);
    let (mut unwatched, mut watched) = (Vec::new(), Vec::new());
    // One after the other, again and again: machine and scenario change more in minutes than viewers change anything.
    for round in 1..=ROUNDS {
        pass(&mut stage, WINDOW, nothing);
        let alone = tick_p99(&stage.cluster, leader);
        let viewers = Viewers::open(&address);
        pass(&mut stage, WINDOW, |cluster| {
            cluster.metrics(leader).expect("it answers");
        });
        let crowded = tick_p99(&stage.cluster, leader);
        let sent_kb = u32::try_from(viewers.close() / 1_000).expect("minutes are short");
        assert_eq!(stage.leader(), leader, "another leader was measured");
        println!(
            "round {round}: ridethrough_tick_seconds p99 {:.3} ms with nobody, {:.3} ms with {VIEWERS} viewers and a scrape a second \
             (ratio {:.2}); {:.1} MB/s to viewers",
            alone * 1e3,
            crowded * 1e3,
            crowded / alone,
            f64::from(sent_kb) / WINDOW.as_secs_f64() / 1e3,
        );
        unwatched.push(alone);
        watched.push(crowded);
    }
    let (alone, crowded) = (median(unwatched), median(watched));
    println!("median of {ROUNDS}: {:.3} and {:.3} ms, ratio {:.2}", alone * 1e3, crowded * 1e3, crowded / alone);
    stage.end();
}
