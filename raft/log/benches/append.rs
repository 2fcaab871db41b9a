//! What the log costs over the disk itself: append and sync of 128-byte entries against a bare write and fdatasync.
//!
//! `cargo bench -p ridethrough-raft-log` runs for about 20 seconds, with `-- --quick` for less than 2. The two sides
//! take turns, so that what else the machine does falls on both. `RIDETHROUGH_BENCH_DIR` names another disk.

use ridethrough_raft_log::{Log, LogConfig, LogEntry, SEGMENT_BYTES_DEFAULT};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PAYLOAD_BYTES: usize = 128;
/// What the log writes for one entry, and so what the floor writes: length, checksum, kind, sequence, index, payload.
const FRAME_BYTES: usize = 25 + PAYLOAD_BYTES;

/// How many writes a side makes before the other has its turn.
const TURN: u64 = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo test --benches` does not pass `--bench`; there the bench only shows that it still works.
    let quick = has("--quick") || !has("--bench");
    let time = if quick { Duration::from_millis(350) } else { Duration::from_secs(6) };
    let dir = tempfile::tempdir_in(bench_dir()).expect("a temporary directory");

    println!("{PAYLOAD_BYTES}-byte entries, {:.1} s per row, in {}", time.as_secs_f64(), dir.path().display());
    println!("{:<44}{:>9}{:>9}{:>9}{:>9}", "one at a time, microseconds", "p50", "p99", "max", "count");
    one_at_a_time(&dir.path().join("default"), "log, segments of 16 MiB", SEGMENT_BYTES_DEFAULT, time);
    one_at_a_time(&dir.path().join("small"), "log, segments of 128 KiB (rolls every 850)", 128 << 10, time);
    for in_flight in [1, 16, 256] {
        pipelined(&dir.path().join(format!("flight-{in_flight}")), in_flight, time / 3);
    }
}

fn bench_dir() -> PathBuf {
    let dir = std::env::var_os("RIDETHROUGH_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let dir = PathBuf::from(dir);
    fs::create_dir_all(&dir).expect("the bench directory");
    dir
}

fn one_at_a_time(dir: &Path, name: &str, segment_bytes: u64, time: Duration) {
    let log = open(dir, segment_bytes);
    let floor = Floor::new(dir);
    let (mut of_log, mut of_floor) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for turn in 0.. {
        let indexes = turn * TURN..(turn + 1) * TURN;
        of_floor.extend(indexes.clone().map(|index| timed(|| floor.write(index))));
        of_log.extend(indexes.map(|index| timed(|| append(&log, index))));
        if start.elapsed() >= time {
            break;
        }
    }
    let floor = print_row("floor: write and fdatasync, file zero-filled", of_floor);
    let log = print_row(name, of_log);
    let ratio = |at: usize| log[at] / floor[at];
    println!("{:<44}{:>8.2}x{:>8.2}x{:>8.2}x", "ratio", ratio(0), ratio(1), ratio(2));
}

/// The same bytes into a file that is as ready as a segment is, without any log.
struct Floor(File);

impl Floor {
    fn new(dir: &Path) -> Self {
        let path = dir.join("floor");
        fs::write(&path, vec![0; 16 << 20]).expect("the floor's file");
        let file = File::options().write(true).open(path).expect("the floor's file");
        file.sync_all().expect("the floor's file");
        Self(file)
    }

    fn write(&self, index: u64) {
        let places = (16 << 20) / FRAME_BYTES as u64;
        self.0.write_all_at(&[7; FRAME_BYTES], index % places * FRAME_BYTES as u64).expect("the floor's write");
        self.0.sync_data().expect("the floor's sync");
    }
}

fn pipelined(dir: &Path, in_flight: u64, time: Duration) {
    let log = open(dir, SEGMENT_BYTES_DEFAULT);
    let (sender, answers) = mpsc::channel();
    let queue = |index: u64| {
        let sender = sender.clone();
        log.append(vec![entry(index)], move |result| sender.send(result).expect("the bench waits"));
    };
    let start = Instant::now();
    (0..in_flight).for_each(&queue);
    let mut done = 0;
    while start.elapsed() < time {
        answers.recv().expect("an answer").expect("a durable entry");
        queue(in_flight + done);
        done += 1;
    }
    let rate = f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / start.elapsed().as_secs_f64();
    (0..in_flight).for_each(|_| answers.recv().expect("an answer").expect("a durable entry"));
    drop(log);
    let recovery = timed(|| drop(open(dir, SEGMENT_BYTES_DEFAULT)));
    let name = format!("log, {in_flight} in flight");
    println!("{name:<44}{rate:>9.0} entries/s, {done} of them reopened in {} ms", recovery.as_millis());
}

fn open(dir: &Path, segment_bytes: u64) -> Log {
    let config = LogConfig { dir: dir.to_path_buf(), cluster: [1; 16], segment_bytes };
    Log::open(config).expect("the log opens")
}

fn append(log: &Log, index: u64) {
    let (sender, answer) = mpsc::channel();
    log.append(vec![entry(index)], move |result| sender.send(result).expect("the bench waits"));
    answer.recv().expect("an answer").expect("a durable entry");
}

fn entry(index: u64) -> LogEntry {
    LogEntry { index, payload: vec![7; PAYLOAD_BYTES] }
}

fn timed(call: impl FnOnce()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}

/// Prints and returns p50, p99 and maximum in microseconds.
fn print_row(name: &str, mut times: Vec<Duration>) -> [f64; 3] {
    times.sort_unstable();
    let last = times.len() - 1;
    let micros = [last / 2, last * 99 / 100, last].map(|at| times[at].as_secs_f64() * 1e6);
    println!("{name:<44}{:>9.0}{:>9.0}{:>9.0}{:>9}", micros[0], micros[1], micros[2], times.len());
    micros
}
