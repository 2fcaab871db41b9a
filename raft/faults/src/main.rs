//! `cargo sim-raft`: runs of many seeds; those that fail are shrunk and told, with the command that repeats them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use ridethrough_raft_faults::sim::book::Violation;
use ridethrough_raft_faults::sim::plan::{Kind, Plan};
use ridethrough_raft_faults::sim::run::Outcome;
use ridethrough_raft_faults::sim::shrink::shrink;
use serde_json::json;

/// openraft, the adapter around it, TLS and the log on virtual time, while anything goes wrong.
#[derive(Parser)]
#[command(name = "raft-sim")]
struct Options {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first of them; with one seed, what failed is repeated.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Virtual seconds of faults in each run.
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u64,
    /// Only these faults of the plan, by their numbers: what shrinking found.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    only: Option<Vec<usize>>,
    /// Runs at a time; by default as many as there are cores.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Fail at once, without looking for fewer faults.
    #[arg(long)]
    no_shrink: bool,
    /// Begin no further seed once one has failed.
    #[arg(long)]
    until_violation: bool,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON object on standard output.
    Json,
}

/// What all runs came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    simulated_ms: u64,
    faults: BTreeMap<Kind, u64>,
    acked: u64,
    leaderships: u64,
    handed_over: u64,
    replaced: u64,
    lost_sectors: u64,
    violations: Vec<(u64, Violation)>,
    errors: Vec<io::Error>,
}

fn main() -> ExitCode {
    // A panic is told with its seed, once.
    std::panic::set_hook(Box::new(|_| {}));
    // `cargo sim-raft -- --seeds 10` hands a `--` on, `cargo sim-raft --seeds 10` does not: both mean the same.
    let options = Options::parse_from(std::env::args().filter(|word| word != "--"));
    let (next, sum, begun) = (AtomicU64::new(0), Mutex::new(Sum::default()), Instant::now());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.unwrap_or(cores).max(1) {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= options.seeds || (options.until_violation && failed(&sum)) {
                        break;
                    }
                    one(&options, options.seed.wrapping_add(nth), &sum);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.tell(&options, begun.elapsed().as_secs_f64());
    for error in &sum.errors {
        eprintln!("sim-raft: {error}");
    }
    match (sum.errors.is_empty(), sum.violations.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
        (false, _) => ExitCode::from(2),
    }
}

fn failed(sum: &Mutex<Sum>) -> bool {
    !sum.lock().unwrap_or_else(PoisonError::into_inner).violations.is_empty()
}

fn one(options: &Options, seed: u64, sum: &Mutex<Sum>) {
    let mut plan = Plan::of(seed, options.seconds * 1_000);
    if let Some(only) = &options.only {
        plan.faults.retain(|fault| only.contains(&fault.nth));
    }
    let ran = in_memory(|dir| plan.run(dir));
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    match ran {
        Ok(outcome) => {
            if let Some(violation) = outcome.violations.first() {
                tell_violation(options, &plan, violation);
            }
            sum.add(seed, outcome);
        }
        Err(error) => sum.errors.push(error),
    }
}

/// With a folder that costs no disk, where there is memory for it.
fn in_memory<T>(run: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }?;
    run(dir.path())
}

fn tell_violation(options: &Options, plan: &Plan, violation: &Violation) {
    let least = if options.no_shrink { plan.clone() } else { shrink(plan, |plan| in_memory(|dir| plan.run(dir))) };
    let only: Vec<String> = least.faults.iter().map(|fault| fault.nth.to_string()).collect();
    eprintln!("seed {}: {violation}", plan.seed);
    least.faults.iter().for_each(|fault| eprintln!("  {fault}"));
    let (seed, seconds, only) = (plan.seed, options.seconds, only.join(","));
    eprintln!("  repeat: cargo sim-raft --seeds 1 --seed {seed} --seconds {seconds} --only {only}");
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        for (kind, count) in outcome.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.simulated_ms += outcome.simulated_ms;
        self.acked += outcome.acked;
        self.leaderships += outcome.leaderships;
        self.handed_over += outcome.handed_over;
        self.replaced += outcome.replaced;
        self.lost_sectors += outcome.lost_sectors;
        self.violations.extend(outcome.violations.into_iter().take(1).map(|violation| (seed, violation)));
    }

    fn tell(&self, options: &Options, wall_seconds: f64) {
        let simulated_s = self.simulated_ms / 1_000;
        if options.output == Output::Json {
            let faults: serde_json::Map<_, _> =
                self.faults.iter().map(|(kind, count)| (kind.name().to_owned(), json!(count))).collect();
            let violation = |(seed, violation): &(u64, Violation)| json!({ "seed": seed, "invariant": violation.rule.name(), "what": violation.to_string() });
            let violations: Vec<_> = self.violations.iter().map(violation).collect();
            let told = json!({
                "seeds": self.seeds, "simulated_seconds": simulated_s, "wall_seconds": wall_seconds,
                "faults": faults, "acknowledged": self.acked, "leaderships": self.leaderships,
                "handed_over": self.handed_over, "replaced": self.replaced, "lost_sectors": self.lost_sectors, "violations": violations,
            });
            println!("{told:#}");
            return;
        }
        println!("seeds        {} from {} on, {} s of faults each", self.seeds, options.seed, options.seconds);
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let times = simulated_s as f64 / wall_seconds;
        println!("time         {simulated_s} s simulated in {wall_seconds:.1} s: {times:.0} times real time");
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
        println!("faults       {}", faults.join(", "));
        println!("log          {} entries acknowledged, {} sectors lost to power cuts", self.acked, self.lost_sectors);
        println!("leaders      {} elected, {} as they were asked to be", self.leaderships, self.handed_over);
        println!("members      {} replaced", self.replaced);
        println!("violations   {}", self.violations.len());
    }
}
