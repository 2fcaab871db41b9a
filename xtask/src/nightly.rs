//! `cargo xtask nightly`: every property on millions of random cases, the long run of every fuzz target, a thousand power cuts, planted bugs,
//! a share of the mutants, the lines that tests run, every interleaving of hand-written atomics.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, root, step};
use crate::{commit, coverage, drill, fuzz, mutants, planted, raft_sim, runtime};

/// Cases of each property.
const CASES: u32 = 2_000_000;
/// Always all packages: another choice would choose other features of what they share, and build that again.
const PACKAGES: [&str; 8] = [
    "-p",
    "ridethrough-core",
    "-p",
    "ridethrough-fault-injection",
    "-p",
    "ridethrough-intake",
    "-p",
    "ridethrough-model",
];
/// Target and name of every property.
const PROPERTIES: &[(&[&str], &str)] = &[
    (&["--test", "properties"], "admitted::"),
    (&["--test", "properties"], "cover::"),
    (&["--test", "properties"], "least_loss::"),
    (&["--lib"], "flow::tests::"),
    (&["--lib"], "ledger::tests::every_plan"),
    (&["--test", "single_failures"], "no_single_failure"),
    (&["--test", "arbitrary"], "any_"),
    (&["--test", "arbitrary"], "what_prost"),
    // Not random: with any number of cases, every bit of the model's files is flipped.
    (&["--test", "signed"], "change"),
];

/// Builds the tests in release mode and runs each property by itself; all of them, whatever becomes of the first.
pub fn run(options: &[String]) -> Result<()> {
    let cases = cases(options)?;
    runtime::ensure()?;
    let mut build = cargo(&["test", "--release", "--locked", "--no-run"]);
    build.args(PACKAGES).args(["--lib", "--test", "properties", "--test", "single_failures", "--test", "arbitrary"]);
    build.args(["--test", "signed"]);
    step("building tests in release mode", &mut build)?;
    let mut failed = Vec::new();
    println!("{:<34} {:>10} {:>8}", "property", "cases", "seconds");
    for (target, name) in PROPERTIES {
        let mut test = cargo(&["test", "--release", "--locked", "--quiet"]);
        test.args(PACKAGES).args(*target).args(["--", *name]).env("RIDETHROUGH_CASES", cases.to_string());
        let begun = Instant::now();
        let output = test.output().with_context(|| format!("cannot start {test:?}"))?;
        let shown = name.trim_end_matches("::");
        println!("{shown:<34} {cases:>10} {:>8.1}", begun.elapsed().as_secs_f64());
        if !output.status.success() {
            println!("{}", String::from_utf8_lossy(&output.stdout));
            failed.push(shown);
        }
    }
    let fuzzed = fuzz::nightly();
    lint_peers()?;
    raft_sim::lints()?;
    loom()?;
    step("building the programs", &mut cargo(&["build", "--release", "--locked", "--workspace", "--bins"]))?;
    let system = |name: &str, tests: &str| {
        let words = ["test", "--locked", "--package", "ridethrough-tests", tests, "--", "--ignored"];
        step(name, &mut cargo(&words))
    };
    system("fallbacks of the forecast", "forecast_fallbacks::")?;
    system("followers that judge their leader", "second_opinion::")?;
    system("runbooks that wait", "runbooks::")?;
    step("two thousand simulated minutes", &mut cargo(&["sim", "--seeds", "2000"]))?;
    // A follower judges a rack that it has heard for a minute: in short runs it has no say.
    step(
        "three hundred simulated minutes, a hundred runs",
        &mut cargo(&["sim", "--seeds", "100", "--seconds", "180"]),
    )?;
    step("six hundred minutes of Raft on virtual time", &mut cargo(&["sim-raft", "--seeds", "600"]))?;
    let planted = planted::run(&[]);
    let mutants = mutants::nightly();
    let coverage = coverage::nightly();
    drill::all_drills()?;
    drill::short_reaction()?;
    step("a thousand power cuts", &mut cargo(&["bench-power-cuts", "--cuts", "1000"]))?;
    commit::short()?;
    step("short bench of inference", &mut cargo(&["bench-inference", "--quick"]))?;
    // Not in the test command: a fresh machine fetches 250 MB of packages for it.
    step("short bench of the forecast", &mut cargo(&["bench-forecast", "--quick"]))?;
    if !failed.is_empty() {
        bail!("these properties do not hold: {}", failed.join(", "));
    }
    fuzzed.and(planted).and(mutants).and(coverage)
}

/// Every interleaving of the field network's hand-written atomics. In a folder of its own: with another `cfg` everything is
/// built anew.
fn loom() -> Result<()> {
    let words = ["test", "--package", "ridethrough-link", "--lib", "--release", "--locked", "--quiet", "--", "loom"];
    let mut models = cargo(&words);
    models.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", root().join("target/loom"));
    step("models of atomics", &mut models)
}

/// What benches are compared with lies behind features that nothing else is built with: minutes of building for few lines.
fn lint_peers() -> Result<()> {
    for (package, feature) in [("ridethrough-dpcn-bench", "peers"), ("ridethrough-commit-bench", "etcd")] {
        let words = ["clippy", "--package", package, "--all-targets", "--features", feature, "--locked", "--quiet"];
        step(&format!("lints of {feature}"), cargo(&words).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn cases(options: &[String]) -> Result<u32> {
    match options {
        [] => Ok(CASES),
        [flag, number] if flag == "--cases" => {
            number.parse().with_context(|| format!("`{number}` is no number of cases"))
        }
        _ => bail!("usage: cargo xtask nightly [--cases N]"),
    }
}
