//! `cargo xtask nightly`: every property on millions of random cases.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, step};

/// Cases of each property.
const CASES: u32 = 2_000_000;
/// Package, target and name of every property.
const PROPERTIES: &[(&str, &[&str], &str)] = &[
    ("ridethrough-core", &["--test", "properties"], "admitted::"),
    ("ridethrough-core", &["--test", "properties"], "cover::"),
    ("ridethrough-core", &["--test", "properties"], "least_loss::"),
    ("ridethrough-core", &["--lib"], "flow::tests::"),
    ("ridethrough-core", &["--lib"], "ledger::tests::every_plan"),
    ("ridethrough-fault-injection", &["--test", "single_failures"], ""),
];

/// Builds the tests in release mode and runs each property by itself; all of them, whatever becomes of the first.
pub fn run(options: &[String]) -> Result<()> {
    let cases = cases(options)?;
    let mut build = cargo(&["test", "--release", "--locked", "--no-run", "-p", "ridethrough-core"]);
    build.args(["-p", "ridethrough-fault-injection", "--lib", "--test", "properties", "--test", "single_failures"]);
    step("building tests in release mode", &mut build)?;
    let mut failed = Vec::new();
    println!("{:<34} {:>10} {:>8}", "property", "cases", "seconds");
    for (package, target, name) in PROPERTIES {
        let mut test = cargo(&["test", "--release", "--locked", "--quiet", "-p", package]);
        test.args(*target).args(["--", *name]).env("RIDETHROUGH_CASES", cases.to_string());
        let begun = Instant::now();
        let output = test.output().with_context(|| format!("cannot start {test:?}"))?;
        let shown = if name.is_empty() { target[1] } else { name.trim_end_matches("::") };
        println!("{shown:<34} {cases:>10} {:>8.1}", begun.elapsed().as_secs_f64());
        if !output.status.success() {
            println!("{}", String::from_utf8_lossy(&output.stdout));
            failed.push(shown);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("these properties do not hold: {}", failed.join(", ")) }
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
