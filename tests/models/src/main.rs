//! Explores the model of a transfer as far as its bounds go, then every weakened rule until it breaks what it is there
//! for. Exits with 1 if anything is not as it should be.

use std::collections::BTreeSet;
use std::process::ExitCode;

use ridethrough_models::transfer::{Bounds, FULL, HELD_BY_THE_FENCE, Rules, Until, WEAKENED, Weakened, explore};

fn main() -> ExitCode {
    println!("The rules that ship");
    let shipped: Vec<_> = FULL.iter().map(|&bounds| hold(bounds, Rules::SHIPPED)).collect();
    let unique: usize = shipped.iter().map(|run| run.unique).sum();
    let happens: BTreeSet<_> = shipped.iter().flat_map(|run| &run.happens).collect();
    let missing: BTreeSet<_> = shipped.iter().flat_map(|run| &run.missing).filter(|it| !happens.contains(it)).collect();
    println!("  the sum of these: {unique} states");
    for event in &happens {
        println!("    it happens that {event}");
    }
    for event in &missing {
        println!("    IT NEVER HAPPENS that {event}");
    }

    println!("\nWithout the rule that a new leader first catches up");
    let held = hold(HELD_BY_THE_FENCE.0, HELD_BY_THE_FENCE.1);

    println!("\nRules weakened");
    let found = WEAKENED.iter().filter(|weakened| breaks(weakened)).count();

    let good = shipped.iter().all(|run| run.good) && held.good && missing.is_empty() && found == WEAKENED.len();
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Run {
    good: bool,
    unique: usize,
    happens: BTreeSet<&'static str>,
    missing: BTreeSet<&'static str>,
}

fn hold(bounds: Bounds, rules: Rules) -> Run {
    let run = explore(bounds, rules, Until::Explored);
    let (unique, met, depth, seconds) = (run.unique, run.met, run.depth, run.took.as_secs_f64());
    println!("  {bounds:?}: {unique} unique states, met {met} times, {depth} steps deep, {seconds:.1} s");
    for property in &run.holds {
        println!("    holds: {property}");
    }
    for (property, path) in &run.broken {
        println!("    BROKEN: {property}");
        for action in path {
            println!("      {action:?}");
        }
    }
    Run { good: run.broken.is_empty(), unique, happens: run.happens, missing: run.missing }
}

fn breaks(weakened: &Weakened) -> bool {
    println!("  {}", weakened.name);
    let found = |property: &'static str| {
        let run = explore(weakened.bounds, weakened.rules, Until::Broken(property));
        let (unique, seconds) = (run.unique, run.took.as_secs_f64());
        let path = run.counterexample(property);
        match path {
            Some(path) => println!("    breaks {property}: {} steps, {unique} states, {seconds:.1} s", path.len()),
            None => println!("    SHOULD BREAK {property}: {unique} states, {seconds:.1} s"),
        }
        path.is_some()
    };
    weakened.breaks.iter().filter(|&&property| found(property)).count() == weakened.breaks.len()
}
