//! `cargo sim`: runs of many seeds; those that fail are shrunk and told, with the command that repeats them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_sim::faults::Kind;
use ridethrough_sim::run::{Outcome, Plan};
use ridethrough_sim::shrink::shrink;
use serde_json::json;

/// Three replicas, two field networks and the plant on virtual time, while anything goes wrong.
#[derive(Parser)]
#[command(name = "sim")]
struct Options {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first of them; with one seed, what failed is repeated.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Virtual seconds of each run.
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u64,
    /// Only these faults of the schedule, by their numbers: what shrinking found.
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
    /// The folder with the scenario.
    #[arg(long, value_name = "DIR", default_value = "fault-injection/scenarios/demo")]
    scenario: PathBuf,
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
    faults: BTreeMap<Kind, u64>,
    committed: u64,
    executed: u64,
    failovers: u64,
    /// Transfers that followers judged by their own numbers: as they should be, not known enough of, disputed.
    judged: [u64; 3],
    sent: u64,
    lost: u64,
    violations: Vec<(u64, String, String)>,
}

fn main() -> ExitCode {
    // A panic is told with its seed, once.
    std::panic::set_hook(Box::new(|_| {}));
    // `cargo sim -- --seeds 10` hands a `--` on, `cargo sim --seeds 10` does not: both mean the same.
    match run(&Options::parse_from(std::env::args().filter(|word| word != "--"))) {
        Ok(clean) => ExitCode::from(u8::from(!clean)),
        Err(error) => {
            eprintln!("sim: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let scenario = Scenario::load(&options.scenario).context("the scenario")?;
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
                    one(options, &scenario, options.seed.wrapping_add(nth), &sum);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    tell(options, &sum, begun.elapsed().as_secs_f64());
    Ok(sum.violations.is_empty())
}

fn one(options: &Options, scenario: &Scenario, seed: u64, sum: &Mutex<Sum>) {
    let mut plan = Plan::of(seed, scenario, options.seconds * 1_000);
    if let Some(only) = &options.only {
        plan.faults.retain(|fault| only.contains(&fault.nth));
    }
    let outcome = plan.run(scenario);
    if let Some(violation) = outcome.violations.first() {
        let least = if options.no_shrink { plan } else { shrink(&plan, scenario) };
        let only: Vec<String> = least.faults.iter().map(|fault| fault.nth.to_string()).collect();
        eprintln!("seed {seed}: {violation}");
        least.faults.iter().for_each(|fault| eprintln!("  {fault}"));
        eprintln!(
            "  repeat: cargo sim --seeds 1 --seed {seed} --seconds {} --only {}",
            options.seconds,
            only.join(",")
        );
    }
    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.add(seed, &outcome);
}

fn failed(sum: &Mutex<Sum>) -> bool {
    !sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner).violations.is_empty()
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        for (kind, count) in &outcome.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        self.committed += outcome.committed;
        self.executed += outcome.executed;
        self.failovers += outcome.failovers;
        let judged = [outcome.judged.agreed, outcome.judged.unjudged, outcome.judged.disputed];
        self.judged.iter_mut().zip(judged).for_each(|(sum, more)| *sum += more);
        self.sent += outcome.wires.sent;
        self.lost += outcome.wires.lost;
        let violations = outcome.violations.iter().take(1);
        self.violations
            .extend(violations.map(|violation| (seed, violation.invariant.to_owned(), violation.to_string())));
    }
}

fn tell(options: &Options, sum: &Sum, wall_seconds: f64) {
    let simulated = sum.seeds * options.seconds;
    if options.output == Output::Json {
        let faults: serde_json::Map<_, _> =
            sum.faults.iter().map(|(kind, count)| (kind.name().to_owned(), json!(count))).collect();
        let violations: Vec<_> = sum
            .violations
            .iter()
            .map(|(seed, invariant, what)| json!({ "seed": seed, "invariant": invariant, "what": what }))
            .collect();
        let told = json!({
            "seeds": sum.seeds, "simulated_seconds": simulated, "wall_seconds": wall_seconds, "faults": faults,
            "committed": sum.committed, "orders_executed": sum.executed, "failovers": sum.failovers,
            "transfers_agreed": sum.judged[0], "transfers_unjudged": sum.judged[1], "transfers_disputed": sum.judged[2],
            "packets_sent": sum.sent, "packets_lost": sum.lost, "violations": violations,
        });
        println!("{told:#}");
        return;
    }
    println!("seeds        {} from {} on, {} s each", sum.seeds, options.seed, options.seconds);
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let times = simulated as f64 / wall_seconds;
    println!("time         {simulated} s simulated in {wall_seconds:.1} s: {times:.0} times real time");
    let faults: Vec<String> = sum.faults.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
    println!("faults       {}", faults.join(", "));
    println!("wires        {} packets sent, {} lost", sum.sent, sum.lost);
    println!(
        "log          {} entries committed, {} orders executed, {} failovers",
        sum.committed, sum.executed, sum.failovers
    );
    let [agreed, unjudged, disputed] = sum.judged;
    println!("followers    agreed to {agreed} transfers, disputed {disputed}, did not judge {unjudged}");
    println!("violations   {}", sum.violations.len());
}
