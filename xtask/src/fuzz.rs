//! `cargo xtask fuzz`: libFuzzer on every decoder of DPCN, in `io/protocol/fuzz`.
//!
//! The targets are built by this toolchain itself: all that they need beside libFuzzer is LLVM's coverage pass, which is
//! in every rustc. cargo-fuzz would ask for a nightly compiler and an address sanitizer, which finds nothing in crates
//! that forbid unsafe code; its layout is kept, so `cargo +nightly fuzz run` works for whoever has it.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::debian;
use crate::shell::{cargo, step, target};

/// The targets' own workspace, from the root.
pub const MANIFEST: &str = "io/protocol/fuzz/Cargo.toml";
/// A target and its share of a nightly run, in thousandths: one run of an endpoint plays many frames.
const TARGETS: [(&str, u64); 3] = [("device", 60), ("controller", 60), ("frames", 880)];
/// Runs of each target in `cargo xtask test`.
const RUNS_SLICE: u64 = 200_000;
/// Runs of all targets together in `cargo xtask nightly`.
const RUNS_NIGHTLY: u64 = 100_000_000;
/// Longer inputs make runs slower and say nothing new.
const INPUT_BYTES_MAX: u32 = 1_024;

/// Coverage by the code's edges and by what it compares, as cargo-fuzz asks for it.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// `cargo xtask fuzz [--runs N]`: so many runs of each target.
pub fn run(options: &[String]) -> Result<()> {
    let runs = match options {
        [] => RUNS_SLICE,
        [flag, number] if flag == "--runs" => {
            number.parse().with_context(|| format!("`{number}` is no number of runs"))?
        }
        _ => bail!("usage: cargo xtask fuzz [--runs N]"),
    };
    all(|_| runs)
}

/// The slice that every change has to pass.
pub fn slice() -> Result<()> {
    all(|_| RUNS_SLICE)
}

/// The long run.
pub fn nightly() -> Result<()> {
    all(|thousandths| RUNS_NIGHTLY / 1_000 * thousandths)
}

fn all(runs: impl Fn(u64) -> u64) -> Result<()> {
    debian::ensure(debian::CXX)?;
    let programs = build()?;
    println!("{:<14} {:>12} {:>8} {:>9}", "fuzz target", "runs", "seconds", "runs/s");
    for (name, thousandths) in TARGETS {
        fuzz(name, &programs.join(name), runs(thousandths))?;
    }
    Ok(())
}

/// Builds the targets; gives the folder that they lie in.
fn build() -> Result<PathBuf> {
    let triple = format!("{ARCH}-unknown-linux-gnu");
    let folder = target().join("fuzz");
    let mut command = cargo(&["build", "--release", "--locked", "--quiet", "--target", &triple]);
    command.args(["--manifest-path", MANIFEST]);
    command.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    step("building fuzz targets (a minute, once)", &mut command)?;
    Ok(folder.join(triple).join("release"))
}

/// Runs one target on every processor, from what earlier runs found on. An error names the input that broke it.
fn fuzz(name: &str, program: &Path, runs: u64) -> Result<()> {
    let home = target().join("fuzz");
    let (corpus, artifacts) = (home.join("corpus").join(name), home.join("artifacts").join(name));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let workers = available_parallelism().map_or(1, usize::from) as u64;
    let begun = Instant::now();
    let mut running = Vec::new();
    for worker in 0..workers {
        let share = runs / workers + u64::from(worker < runs % workers);
        let log = home.join(format!("{name}-{worker}.log"));
        let mut command = Command::new(program);
        command.arg(format!("-runs={share}")).arg(format!("-max_len={INPUT_BYTES_MAX}")).arg("-reload=0");
        command.arg(format!("-artifact_prefix={}/", artifacts.display())).arg("-print_final_stats=1").arg(&corpus);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log)?);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        running.push((child, log));
    }
    let ended: Vec<_> = running.into_iter().map(|(child, log)| end(child, log)).collect::<Result<_>>()?;
    let seconds = begun.elapsed().as_secs_f64();
    if let Some(words) = ended.iter().find_map(|end| end.as_ref().err()) {
        bail!("the fuzz target {name} failed; repeat it with {} FILE\n{words}", program.display());
    }
    let done: u64 = ended.iter().flatten().sum();
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let rate = done as f64 / seconds;
    println!("{name:<14} {done:>12} {seconds:>8.1} {rate:>9.0}");
    if done < runs {
        bail!("{name} ended after {done} of {runs} runs");
    }
    Ok(())
}

/// Waits for a worker; gives how many runs it did, or its last words.
fn end(mut child: Child, log: PathBuf) -> Result<std::result::Result<u64, String>> {
    let status = child.wait()?;
    let words = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let lines: Vec<&str> = words.lines().collect();
    if !status.success() {
        return Ok(Err(lines[lines.len().saturating_sub(60)..].join("\n")));
    }
    let stat = lines.iter().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let done = stat.and_then(|number| number.trim().parse().ok()).context("libFuzzer did not say how much it ran")?;
    Ok(Ok(done))
}
