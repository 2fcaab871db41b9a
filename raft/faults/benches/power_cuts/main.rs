//! Power cuts: replicas are killed (SIGKILL) in the middle of acknowledged proposals, what their disks had not stored is taken
//! back, and they start again. No acknowledged entry may be missing from a majority, and every replica must start.
//!
//! `cargo bench -p ridethrough-raft-faults --bench power_cuts -- [--cuts N] [--seed N] [--output json] [--keep DIR] [--lying-disks]`
//!
//! ```text
//! three processes ──proposals──► raft/log ──► Told: journal first, then the file
//!        │ acked INDEX NUMBER                          │
//!        ▼                 SIGKILL ──► tear by the journal ──► (all three down) every log read ──► start again
//! ```
//!
//! With `--lying-disks`, syncs store nothing: then entries must be missing, and the exit status says whether they were found to be.
//!
//! What is real: the processes, consensus, TLS, the log, and its files' bytes. Made up is what is durable: the journal tells
//! it at the seam between the log and the disk, a sync costs up to 8 ms. A seed repeats all choices, but not the machine's
//! timing. Not covered: sectors that a disk stores in part, lies about syncs, snapshots and checkpoints (which do not go through
//! the seam), new segments after the first (`raft/log`'s own tests cut those).

mod cluster;
mod replica;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cluster::Cluster;
use replica::Life;
use ridethrough_raft_faults::dice::Dice;
use ridethrough_raft_faults::members::MEMBERS;
use ridethrough_raft_faults::tear::Torn;

/// A cluster is founded anew after so many rounds, so that logs stay short.
const ROUNDS_PER_CLUSTER: u64 = 20;
/// Longest time from the first acknowledgement to the cut.
const CUT_AFTER_MS_MAX: u64 = 150;
/// Cuts where nobody says how many.
const CUTS: u64 = 1_000;
const CUTS_QUICK: u64 = 20;
const SEED: u64 = 20_261;

struct Options {
    cuts: u64,
    seed: u64,
    json: bool,
    lies: bool,
    keep: Option<PathBuf>,
}

/// What came of all cuts.
#[derive(Debug, Default)]
struct Figures {
    cuts: u64,
    whole_cluster: u64,
    before_acting: u64,
    clusters: u64,
    acked: u64,
    judged: u64,
    unsynced_sectors: u64,
    lost_sectors: u64,
    cuts_that_lost: u64,
    shortened: u64,
    names: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("--replica", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        let ended = Life::parse(rest).ok_or_else(|| "bad arguments".to_owned()).and_then(|life| replica::run(&life));
        ended.err().into_iter().for_each(|why| eprintln!("{why}"));
        return ExitCode::FAILURE;
    }
    let options = match options(&arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("power_cuts: {message}");
            return ExitCode::from(2);
        }
    };
    let place =
        tempfile::tempdir_in(if PathBuf::from("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).expect("a folder");
    let root = options.keep.clone().unwrap_or_else(|| place.path().to_path_buf());
    let (mut figures, begun) = (Figures::default(), Instant::now());
    let ran = run(&options, &root, &mut figures);
    figures.print(&options, begun.elapsed(), ran.as_ref().err());
    match ran {
        Ok(()) if options.lies => ExitCode::FAILURE,
        Err(_) if options.lies => ExitCode::SUCCESS,
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => {
            // Left where they are, wherever that is.
            let _ = place.keep();
            eprintln!("repeat with --seed {}; logs and journals are in {}", options.seed, root.display());
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Result<Options, String> {
    // The test command runs benches, too, and only `cargo bench` says so.
    let quick = arguments.iter().any(|word| word == "--quick") || !arguments.iter().any(|word| word == "--bench");
    let cuts = if quick { CUTS_QUICK } else { CUTS };
    let mut options = Options { cuts, seed: SEED, json: false, lies: false, keep: None };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|number| number.parse().ok()).ok_or_else(|| format!("{word} wants a number"));
        match word.as_str() {
            "--cuts" => options.cuts = number()?,
            "--seed" => options.seed = number()?,
            "--output" => options.json = words.next().is_some_and(|kind| kind == "json"),
            "--keep" => options.keep = words.next().map(PathBuf::from),
            "--lying-disks" => options.lies = true,
            "--bench" | "--quick" => {}
            // What the test harness is told of other benches.
            _ => {
                return Err(format!(
                    "`{word}` is no option; there are --cuts, --seed, --output json, --keep DIR, --lying-disks"
                ));
            }
        }
    }
    Ok(options)
}

fn run(options: &Options, root: &std::path::Path, figures: &mut Figures) -> Result<(), String> {
    let [.., high, low] = std::process::id().to_be_bytes();
    while figures.cuts < options.cuts {
        let number = figures.clusters;
        figures.clusters += 1;
        let folder = root.join(format!("cluster-{number}"));
        let network = [high | 1, low.wrapping_add(u8::try_from(number % 256).unwrap_or(0))];
        let mut cluster = Cluster::new(folder.clone(), network, (options.seed, options.lies))?;
        let mut dice = Dice::new(options.seed, number);
        let told = rounds(&mut cluster, &mut dice, options.cuts, figures);
        told.map_err(|why| format!("cluster {number}, after {} cuts: {why}", figures.cuts))?;
        drop(cluster);
        std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn rounds(cluster: &mut Cluster, dice: &mut Dice, cuts: u64, figures: &mut Figures) -> Result<(), String> {
    let mut stopped: Vec<u16> = MEMBERS.collect();
    for _ in 0..ROUNDS_PER_CLUSTER {
        cluster.start()?;
        // Some cuts come while replicas start and elect, most while they act.
        if dice.below(5) > 0 {
            cluster.wait_until_it_acts(stopped)?;
        } else {
            figures.before_acting += 1;
        }
        std::thread::sleep(Duration::from_millis(dice.below(CUT_AFTER_MS_MAX)));
        stopped = whom(dice);
        cluster.kill(&stopped)?;
        for id in &stopped {
            figures.add(cluster.tear(*id, dice)?);
        }
        if stopped.len() == MEMBERS.count() {
            figures.whole_cluster += 1;
            judge(cluster, figures)?;
        }
        if figures.cuts >= cuts {
            break;
        }
    }
    // Whoever is still up goes down, too, so that every cluster ends with a judgement; and then all start once more.
    cluster.start()?;
    cluster.wait_until_it_acts(stopped)?;
    let all: Vec<u16> = MEMBERS.collect();
    cluster.kill(&all)?;
    for id in &all {
        figures.add(cluster.tear(*id, dice)?);
    }
    figures.whole_cluster += 1;
    figures.acked += cluster.acked.len() as u64;
    judge(cluster, figures)?;
    cluster.start()?;
    cluster.wait_until_it_acts(all)
}

/// Half of the time all three, otherwise one or two.
fn whom(dice: &mut Dice) -> Vec<u16> {
    let set = if dice.below(2) == 0 { 7 } else { 1 + dice.below(6) };
    MEMBERS.filter(|id| set & (1 << (id - 1)) != 0).collect()
}

fn judge(cluster: &Cluster, figures: &mut Figures) -> Result<(), String> {
    let lost = cluster.lost()?;
    figures.judged += 1;
    if lost.is_empty() { Ok(()) } else { Err(format!("ACKNOWLEDGED ENTRIES LOST: {lost:?}")) }
}

impl Figures {
    fn add(&mut self, torn: Torn) {
        self.cuts += 1;
        self.unsynced_sectors += torn.unsynced_sectors;
        self.lost_sectors += torn.lost_sectors;
        self.cuts_that_lost += u64::from(torn.lost_sectors + torn.shortened + torn.names > 0);
        self.shortened += torn.shortened;
        self.names += torn.names;
    }

    fn told(&self) -> [(&'static str, u64); 11] {
        [
            ("cuts", self.cuts),
            ("whole_cluster", self.whole_cluster),
            ("before_acting", self.before_acting),
            ("clusters", self.clusters),
            ("acked_entries", self.acked),
            ("times_all_logs_were_judged", self.judged),
            ("unsynced_sectors", self.unsynced_sectors),
            ("lost_sectors", self.lost_sectors),
            ("cuts_that_took_something", self.cuts_that_lost),
            ("files_shortened", self.shortened),
            ("names_undone", self.names),
        ]
    }

    fn print(&self, options: &Options, took: Duration, failure: Option<&String>) {
        if options.json {
            let numbers: Vec<String> =
                self.told().iter().map(|(name, number)| format!("\"{name}\":{number}")).collect();
            let passed = failure.is_none();
            println!(
                "{{\"seed\":{},\"passed\":{passed},\"seconds\":{},{}}}",
                options.seed,
                took.as_secs(),
                numbers.join(",")
            );
        } else {
            self.told().iter().for_each(|(name, number)| println!("{name:<28} {number:>9}"));
            println!("{:<28} {:>9}", "seconds", took.as_secs());
        }
        if let Some(why) = failure {
            eprintln!("POWER CUTS: {why}");
        }
    }
}
