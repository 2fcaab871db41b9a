//! The project's own commands: `cargo xtask setup | demo | outcome | drill | failover | reaction | bench-commit | bench-forecast | test | fuzz | nightly | planted-bugs | mutants | coverage | package | deny`.
//!
//! They need nothing but Rust, Python and the package registries; what else is needed they fetch, pinned by checksum, or
//! install as Debian packages.

mod auditable;
mod check;
mod commit;
mod coverage;
mod debian;
mod drill;
mod failover;
mod firmware;
mod forecast;
mod fuzz;
mod mutants;
mod nightly;
mod package;
mod planted;
mod python;
mod raft_sim;
mod runtime;
mod sbom;
mod shell;
mod tool;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup            fetch what cargo cannot: ONNX Runtime, pinned by checksum
  demo [OPTIONS]   set up, build in release mode and run the demo (cargo demo -- --help)
  outcome [OPTIONS] the same for the yardstick: scenarios under several policies (cargo outcome -- --help)
  failover [OPTIONS] the leader killed and frozen again and again; --etcd: beside etcd (cargo bench-failover --help)
  drill COMMAND    the same for any command of `drill`, such as `run kill-leader` (cargo drill help)
  reaction [OPTIONS] from a PDU's sample over its limit to a module's ack (cargo bench-reaction -- --help)
  bench-commit [OPTIONS] how long a replicated commit takes, beside etcd (cargo bench-commit --help)
  bench-forecast [OPTIONS] the forecast beside its peers on recorded power (cargo bench-forecast --help)
  test             formatting, lints, docs, all tests, a short demo, short benches, a slice of fuzzing
  raft-sim [OPTIONS] openraft and what is built around it on virtual time (cargo sim-raft -- --help)
  fuzz [--runs N]  every decoder of DPCN under libFuzzer, so many runs of each target
  nightly [--cases N] every property on millions of random cases, in release mode, 100 million runs of fuzzing, planted bugs
  planted-bugs [--only NAME] [--seeds N] whether the simulation finds each bug of fault-injection/planted
  mutants [--package core|protocol] [--shard K/N] whether the tests of core and protocol notice when a line is changed (cargo-mutants)
  coverage [--package NAME]… [--output table|json] which lines the packages' own tests run (cargo-llvm-cov)
  package [--debug] Debian packages of the programs, in release mode, with bills of materials (cargo-deb, cargo-auditable)
  deny             licences, bans and sources of every dependency";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--").collect();
    let (command, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let outcome = match command {
        "setup" => runtime::ensure().map(|_| ExitCode::SUCCESS),
        "bench-commit" => commit::bench(rest),
        "bench-forecast" => forecast::bench(rest),
        "demo" | "outcome" | "reaction" => drill::run(command, rest),
        "drill" => match rest.split_first() {
            Some((command, rest)) => drill::run(command, rest),
            None => drill::run("help", &[]),
        },
        "failover" => failover::bench(rest),
        "test" => check::all().map(|()| ExitCode::SUCCESS),
        "raft-sim" => raft_sim::run(rest),
        "fuzz" => fuzz::run(rest).map(|()| ExitCode::SUCCESS),
        "nightly" => nightly::run(rest).map(|()| ExitCode::SUCCESS),
        "planted-bugs" => planted::run(rest).map(|()| ExitCode::SUCCESS),
        "mutants" => mutants::run(rest).map(|()| ExitCode::SUCCESS),
        "coverage" => coverage::run(rest).map(|()| ExitCode::SUCCESS),
        "package" => package::run(rest).map(|()| ExitCode::SUCCESS),
        "deny" => check::deny().map(|()| ExitCode::SUCCESS),
        _ => usage(command),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn usage(command: &str) -> Result<ExitCode> {
    if matches!(command, "" | "help" | "--help" | "-h") {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    bail!("there is no command `{command}`\n{USAGE}")
}
