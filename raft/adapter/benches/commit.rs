//! How long one entry takes from proposal to applied, with three replicas on this machine, beside what the machine
//! itself needs for it: one TCP round trip over loopback and two `fdatasync`s. Then: how long nobody can commit when
//! the leader goes.
//!
//! `cargo bench -p ridethrough-raft --bench commit [-- --quick]`

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{BRISK, CALM, Cluster, entry, found, idle};
use ridethrough_raft::ProposeError;

/// What an idle plan takes in the log, with its frame.
const ENTRY_BYTES: usize = 220;
const DEADLINE: Duration = Duration::from_secs(5);

fn main() {
    // The test command runs benches, too, and only `cargo bench` says so.
    let quick = std::env::args().any(|arg| arg == "--quick") || !std::env::args().any(|arg| arg == "--bench");
    let (samples, failovers) = if quick { (200, 3) } else { (5_000, 30) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let cluster = Cluster::started().await;
        cluster.propose(found()).await;
        let floor = floor(cluster.root.path(), samples);
        let commits = commits(&cluster, samples).await;
        println!("floor    {floor}  (loopback round trip + 2 fdatasyncs of {ENTRY_BYTES} bytes)");
        println!("commit   {commits}  (propose to applied, {samples} entries one after another)");
        let ratio = commits.p50.as_secs_f64() / floor.p50.as_secs_f64();
        println!("ratio    {ratio:.2} at p50");
        drop(cluster);
        for pace in [CALM, BRISK] {
            let mut cluster = Cluster::paced(pace);
            cluster.start_all().await;
            cluster.propose(found()).await;
            println!(
                "failover {}  (leader stopped to next commit, {failovers} times)",
                failover(cluster, failovers).await
            );
            println!("         {pace:?}");
        }
    });
}

async fn commits(cluster: &Cluster, samples: usize) -> Spread {
    let leader = cluster.leader().await;
    let replica = &cluster.replicas[&leader];
    let mut times = Vec::with_capacity(samples);
    while times.len() < samples {
        let entry = entry(leader, replica.ledger().seen(), idle());
        let began = Instant::now();
        match replica.propose(entry, DEADLINE).await {
            Ok(_) => times.push(began.elapsed()),
            Err(ProposeError::NotLeader { .. }) => panic!("the leader changed: the machine is too busy to measure"),
            Err(error) => panic!("{error}"),
        }
    }
    Spread::of(times)
}

async fn failover(mut cluster: Cluster, times: usize) -> Spread {
    let mut pauses = Vec::with_capacity(times);
    for _ in 0..times {
        cluster.all_see(cluster.propose(idle()).await.seen).await;
        let leader = cluster.leader().await;
        let began = Instant::now();
        cluster.stop(leader).await;
        cluster.propose(idle()).await;
        pauses.push(began.elapsed());
        cluster.start(leader).await.expect("starts again");
    }
    Spread::of(pauses)
}

/// What the machine needs for one commit, whoever asks.
fn floor(dir: &Path, samples: usize) -> Spread {
    let (mut near, mut far) = loopback();
    let echo = std::thread::spawn(move || {
        let mut bytes = [0; ENTRY_BYTES];
        while far.read_exact(&mut bytes).is_ok() && far.write_all(&bytes).is_ok() {}
    });
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(dir.join("floor")).expect("a file");
    // As the log does it: the file has its length already, so that a sync writes data alone.
    file.write_all_at(&vec![0; ENTRY_BYTES * (2 * samples + 1)], 0).and_then(|()| file.sync_all()).expect("written");
    let mut bytes = [7; ENTRY_BYTES];
    let times = (0..samples).map(|sample| {
        let began = Instant::now();
        for half in 0..2 {
            file.write_all_at(&bytes, ((2 * sample + half) * ENTRY_BYTES) as u64).expect("written");
            file.sync_data().expect("synced");
        }
        near.write_all(&bytes).expect("sent");
        near.read_exact(&mut bytes).expect("answered");
        began.elapsed()
    });
    let spread = Spread::of(times.collect());
    drop(near);
    echo.join().expect("ends with the connection");
    spread
}

fn loopback() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let (far, _) = listener.accept().expect("accepts");
    near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).expect("sets");
    (near, far)
}

struct Spread {
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |permille: usize| times[(times.len() - 1) * permille / 1_000];
        Self { p50: at(500), p99: at(990), max: at(1_000) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "p50 {:8.3}  p99 {:8.3}  max {:8.3} ms", millis(self.p50), millis(self.p99), millis(self.max))
    }
}
