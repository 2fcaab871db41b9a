//! `cargo xtask mutants`: whether the tests of the pure core and of the device protocol notice when a line of them is changed.
//!
//! cargo-mutants changes one thing at a time (an operator, a condition, what a function gives) and runs the crate's own tests.
//! A change that they do not notice has survived. Survivors are listed with the reason in `fault-injection/mutants/survivors.toml`,
//! by name and without line, so that the list outlives edits; one that is not listed there fails the command.

mod survivors;
mod tally;

use std::fs;
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{cargo, target};
use crate::tool::Tool;
use survivors::Survivors;
use tally::Tally;

/// The newest that this toolchain builds.
const MUTANTS: Tool = Tool { name: "mutants", version: "27.1.0", options: &[], takes: "minutes" };
/// Seconds for building or for testing, after which a mutant counts as one that hangs: many times what either takes.
const SECONDS_MAX: u32 = 60;
/// Of a hundred mutants that are caught or missed, so many have to be caught.
const CAUGHT_PERCENT_MIN: usize = 95;

const USAGE: &str = "usage: cargo xtask mutants [--package core|protocol] [--shard K/N]";

/// A crate whose lines are changed.
struct Package {
    /// As `--package` names it.
    name: &'static str,
    crate_name: &'static str,
    folder: &'static str,
    /// One of so many parts is tried every night, another one every night.
    parts_nightly: u64,
    /// Which tests judge, one pass after the other: what one has missed is shown to the next. Unit tests come first, since
    /// they are built and run in half the time.
    passes: &'static [Pass],
}

/// One choice of tests.
struct Pass {
    /// What is built: other tests of the crate would double the time.
    built: &'static [&'static str],
    /// Which of the built tests run.
    run: &'static [&'static str],
}

const PACKAGES: [Package; 2] = [
    Package {
        name: "protocol",
        crate_name: "ridethrough-protocol",
        folder: "io/protocol/",
        parts_nightly: 4,
        // The random networks of `lossy` take longer than all other tests together.
        passes: &[Pass { built: &["--lib"], run: &["--skip", "lossy"] }, Pass { built: &["--lib"], run: &[] }],
    },
    Package {
        name: "core",
        crate_name: "ridethrough-core",
        folder: "controller/core/",
        parts_nightly: 16,
        passes: &[Pass { built: &["--lib"], run: &[] }, Pass { built: &["--test=properties"], run: &[] }],
    },
];

/// What is asked for.
struct Options {
    only: Option<String>,
    /// `K/N`, as cargo-mutants wants it.
    shard: Option<String>,
}

/// `cargo xtask mutants`: fails when a survivor is not explained, or when too few are caught.
pub fn run(words: &[String]) -> Result<()> {
    let options = Options::parse(words)?;
    MUTANTS.ensure()?;
    let listed = Survivors::read()?;
    let mut failed = Vec::new();
    for package in PACKAGES.iter().filter(|package| options.only.as_ref().is_none_or(|only| only == package.name)) {
        let begun = Instant::now();
        let tally = hunt(package, options.shard.as_deref())?;
        println!("{}", tally.line(package.name, begun.elapsed().as_secs()));
        for unexplained in listed.unexplained(&tally.missed) {
            failed.push(format!("{unexplained} survives and is not explained in {}", survivors::FILE));
        }
        if tally.caught * 100 < (tally.caught + tally.missed.len()) * CAUGHT_PERCENT_MIN {
            failed.push(format!("fewer than {CAUGHT_PERCENT_MIN} % of the mutants of {} are caught", package.name));
        }
        if options.shard.is_none() {
            for gone in listed.gone(&tally.missed, package.folder) {
                println!("{gone} survives no more: take it from {}", survivors::FILE);
            }
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// One part of each package, another one every night; whatever becomes of the first.
pub fn nightly() -> Result<()> {
    let days = UNIX_EPOCH.elapsed().context("the clock stands before 1970")?.as_secs() / 86_400;
    let part = |Package { name, parts_nightly, .. }: &Package| {
        run(&[
            "--package".into(),
            (*name).into(),
            "--shard".into(),
            format!("{}/{parts_nightly}", days % parts_nightly),
        ])
    };
    let judged: Vec<Result<()>> = PACKAGES.iter().map(part).collect();
    judged.into_iter().collect()
}

impl Options {
    fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self { only: None, shard: None };
        for pair in words.chunks(2) {
            match pair {
                [flag, name] if flag == "--package" && PACKAGES.iter().any(|package| package.name == name) => {
                    options.only = Some(name.clone());
                }
                [flag, shard] if flag == "--shard" => options.shard = Some(shard.clone()),
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }
}

/// Every mutant of the shard before the unit tests, and what they miss before the tests that come after.
fn hunt(package: &Package, shard: Option<&str>) -> Result<Tally> {
    // Round robin, so that a shard is a fair sample of the whole crate.
    let mut which =
        shard.map_or_else(Vec::new, |shard| vec!["--sharding=round-robin".into(), format!("--shard={shard}")]);
    let mut tally = Tally::default();
    for (nth, pass) in package.passes.iter().enumerate() {
        let folder = target().join("mutants").join(format!("{}-{nth}", package.name));
        mutate(package, &which, pass, &folder)?;
        tally.after(Tally::read(&folder.join("mutants.out"))?);
        if tally.missed.is_empty() {
            break;
        }
        which = tally.missed.iter().map(|mutant| format!("--re=^{}$", escaped(mutant))).collect();
    }
    Ok(tally)
}

/// One run of cargo-mutants over the mutants that `which` chooses.
fn mutate(package: &Package, which: &[String], pass: &Pass, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let seconds = SECONDS_MAX.to_string();
    let mut command = cargo(&["mutants", "--package", package.crate_name, "--colors", "never", "--timeout", &seconds]);
    command.args(["--build-timeout", &seconds, "--output"]).arg(folder).args(which);
    command.args(pass.built.iter().map(|built| format!("--cargo-arg={built}")));
    command.args(["--", "--"]).args(pass.run);
    // What was built for one mutant is half of what the next one needs; lines of panics are of no use here.
    command.env("CARGO_TARGET_DIR", target().join("mutants/build")).env("CARGO_INCREMENTAL", "1");
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("RUST_BACKTRACE", "0");
    // The same random cases for every mutant, so that who survives does not change from night to night; that one fails is
    // enough, the smallest one is not looked for and none is kept.
    command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    let judges = [pass.built, pass.run].concat().join(" ");
    eprintln!("==> changing lines of {}, judged by its tests {judges}", package.crate_name);
    let status = command.status().context("cannot start cargo")?;
    // 2 and 3 say that something survived or hung, which is ours to judge.
    ensure!(matches!(status.code(), Some(0 | 2 | 3)), "cargo-mutants failed ({status}): see {}", folder.display());
    Ok(())
}

/// A text that, as a regular expression, is found where it stands.
fn escaped(text: &str) -> String {
    let special = |letter: char| !letter.is_alphanumeric() && letter.is_ascii() && !matches!(letter, ' ' | '<' | '>');
    text.chars().flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_package_that_is_not_mutated_is_refused() {
        assert!(Options::parse(&words("--package core --shard 0/8")).is_ok());
        assert!(Options::parse(&words("--package raft")).is_err());
        assert!(Options::parse(&words("--package")).is_err());
    }

    #[test]
    fn a_name_is_escaped_for_the_next_pass() {
        assert_eq!(escaped("a/b.rs:1:2: replace + with *"), r"a\/b\.rs\:1\:2\: replace \+ with \*");
    }
}
