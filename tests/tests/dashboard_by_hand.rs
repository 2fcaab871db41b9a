//! What is looked at and measured by hand: pictures of the page in every state, and what many viewers cost the control loop.
//!
//! ```console
//! $ cargo test --release -p ridethrough-tests dashboard_by_hand:: -- --ignored --nocapture
//! ```

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
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

const VIEWERS: usize = 200;
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

/// Somebody who watches a replica and takes all he is told.
fn viewer(address: String, ending: Arc<AtomicBool>, bytes: Arc<AtomicU64>) -> JoinHandle<()> {
    let watch = move || {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a deadline");
        write!(stream, "GET /api/events HTTP/1.1\r\nhost: {address}\r\n\r\n").expect("taken");
        let mut heap = vec![0; 64 << 10];
        // Two threads that only count; nothing hangs on their order.
        while !ending.load(Ordering::Relaxed) {
            let taken = stream.read(&mut heap).expect("goes on");
            assert!(taken > 0, "a viewer was cut off");
            bytes.fetch_add(u64::try_from(taken).expect("small"), Ordering::Relaxed);
        }
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(watch).expect("a thread")
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

#[test]
#[ignore = "a measurement: four minutes of a cluster under load"]
fn what_viewers_cost_the_control_loop() {
    let _alone = alone();
    let home = folder();
    let mut stage = Stage::begin(home.path(), &Play::default());
    let leader = stage.leader();
    let address = stage.cluster.web(leader).trim_start_matches("http://").trim_end_matches('/').to_owned();
    // The first window warms up: forecasts learn, the scenario begins.
    pass(&mut stage, WINDOW, nothing);
    pass(&mut stage, WINDOW, nothing);
    let alone = tick_p99(&stage.cluster, leader);
    let (ending, bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let all: Vec<_> = (0..VIEWERS).map(|_| viewer(address.clone(), Arc::clone(&ending), Arc::clone(&bytes))).collect();
    pass(&mut stage, WINDOW, |cluster| {
        cluster.metrics(leader).expect("it answers");
    });
    let watched = tick_p99(&stage.cluster, leader);
    let sent_kb = u32::try_from(bytes.load(Ordering::Relaxed) / 1_000).expect("minutes are short");
    ending.store(true, Ordering::Relaxed);
    for viewer in all {
        viewer.join().expect("nobody was cut off");
    }
    assert_eq!(stage.leader(), leader, "another leader was measured");
    pass(&mut stage, WINDOW, nothing);
    let again = tick_p99(&stage.cluster, leader);
    println!(
        "ridethrough_tick_seconds p99: {:.3} ms with nobody, {:.3} ms with {VIEWERS} viewers and a scrape a second (ratio {:.2}), \
         {:.3} ms after they went; {:.1} MB/s to viewers",
        alone * 1e3,
        watched * 1e3,
        watched / alone,
        again * 1e3,
        f64::from(sent_kb) / WINDOW.as_secs_f64() / 1e3,
    );
    stage.end();
}
