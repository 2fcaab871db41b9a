//! `cargo xtask planted-bugs`: the simulation against bugs that were planted on purpose, each a patch of
//! `fault-injection/planted`. A patch's first line says what it breaks and which invariants may see it:
//!
//! ```text
//! A device boots without the fence that its memory has kept. Seen by: I4
//! ```
//!
//! The tree is copied, so that nobody builds a broken one by mistake; what was built is kept from patch to patch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::raft_sim;
use crate::shell::{root, target};

/// The folder of the patches, from the root.
const FOLDER: &str = "fault-injection/planted";
/// Who is to find them: whole sites with a stand-in for consensus, or consensus itself, whose patches lie in a folder below.
const SIMULATORS: [Simulator; 2] = [
    Simulator { folder: "", program: "sim", build: &["--package", "ridethrough-sim"], flags: "", seconds: 40 },
    Simulator { folder: "raft", program: "raft-sim", build: &raft_sim::PACKAGE, flags: raft_sim::FLAGS, seconds: 30 },
];
/// Between what a bug does and who sees it.
const SEEN_BY: &str = " Seen by: ";
/// Seeds after which a bug counts as not found.
const SEEDS: u64 = 1_000;
/// Longer than any bug needs, those included that make the simulation slow; one that makes it stand still is not found.
const RUN_WITHIN: Duration = Duration::from_mins(30);

const USAGE: &str = "usage: cargo xtask planted-bugs [--only NAME] [--seeds N]";

/// A program that looks for bugs.
struct Simulator {
    folder: &'static str,
    program: &'static str,
    /// What is built for it.
    build: &'static [&'static str],
    /// What the compiler is told for it.
    flags: &'static str,
    /// Virtual seconds of each seed.
    seconds: u64,
}

/// One planted bug.
struct Bug {
    simulator: &'static Simulator,
    name: String,
    patch: PathBuf,
    /// What it breaks.
    breaks: String,
    /// Invariants that may see it.
    seen_by: BTreeSet<String>,
}

/// How a bug was found.
struct Found {
    invariant: String,
    seeds: u64,
}

/// What is asked for.
struct Options {
    only: Option<String>,
    seeds: u64,
}

/// Every bug, or the one that is named; fails when one is not found by an invariant that should see it.
pub fn run(options: &[String]) -> Result<()> {
    let options = Options::parse(options)?;
    let bugs: Vec<Bug> =
        bugs()?.into_iter().filter(|bug| options.only.as_ref().is_none_or(|only| *only == bug.name)).collect();
    ensure!(!bugs.is_empty(), "there is no such bug in {FOLDER}: {:?}", options.only.unwrap_or_default());
    let tree = target().join("planted/tree");
    println!("{:<28} {:<16} {:>6} {:>10}  breaks", "bug", "caught by", "seeds", "simulated");
    let mut missed = Vec::new();
    for bug in &bugs {
        copy_tree(&tree)?;
        apply(&bug.patch, &tree, &[])?;
        let found = hunt(bug, &tree, options.seeds).with_context(|| format!("the bug {}", bug.name))?;
        let (by, seeds) =
            found.as_ref().map_or(("nobody", options.seeds), |found| (found.invariant.as_str(), found.seeds));
        println!("{:<28} {by:<16} {seeds:>6} {:>8} s  {}", bug.name, seeds * bug.simulator.seconds, bug.breaks);
        if !found.is_some_and(|found| bug.seen_by.contains(&found.invariant)) {
            missed.push(bug.name.as_str());
        }
    }
    if !missed.is_empty() {
        bail!("not found by an invariant that should see it: {}; make the simulation stronger", missed.join(", "));
    }
    Ok(())
}

impl Options {
    fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self { only: None, seeds: SEEDS };
        for pair in words.chunks(2) {
            match pair {
                [flag, name] if flag == "--only" => options.only = Some(name.clone()),
                [flag, seeds] if flag == "--seeds" => {
                    options.seeds = seeds.parse().with_context(|| format!("`{seeds}` is no number of seeds"))?;
                }
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }
}

/// All of them, by name.
fn bugs() -> Result<Vec<Bug>> {
    let mut bugs = Vec::new();
    for simulator in &SIMULATORS {
        let folder = root().join(FOLDER).join(simulator.folder);
        let listed = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<BTreeSet<PathBuf>>>()?;
        for patch in paths.into_iter().filter(|path| path.is_file()) {
            bugs.push(Bug::read(simulator, patch)?);
        }
    }
    Ok(bugs)
}

impl Bug {
    fn read(simulator: &'static Simulator, patch: PathBuf) -> Result<Self> {
        let shown = patch.display();
        let name = patch.file_stem().and_then(|stem| stem.to_str()).with_context(|| format!("{shown} has no name"))?;
        let text = fs::read_to_string(&patch).with_context(|| format!("cannot read {shown}"))?;
        let first = text.lines().next().unwrap_or_default();
        let (breaks, seen) = first.split_once(SEEN_BY).with_context(|| {
            format!("the first line of {shown} must say what the patch breaks and who sees it, such as `….{SEEN_BY}I4`")
        })?;
        let seen_by = seen.split(',').map(|invariant| invariant.trim().to_owned()).collect();
        Ok(Self { simulator, name: name.to_owned(), breaks: breaks.to_owned(), seen_by, patch })
    }
}

/// Makes the scratch tree what this one is, as git knows it; what is the same already is not touched, so that it is not built
/// again.
fn copy_tree(tree: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let output = list.output().context("cannot start git, which the planted bugs need")?;
    ensure!(output.status.success(), "git cannot list the tree: {}", String::from_utf8_lossy(&output.stderr));
    for name in String::from_utf8(output.stdout).context("a file's name is no text")?.split_terminator('\0') {
        let (from, to) = (root().join(name), tree.join(name));
        let Ok(wanted) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|there| there == wanted) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(tree))?;
        fs::write(&to, wanted).with_context(|| format!("cannot write {}", to.display()))?;
    }
    remove_gone(tree, &root())
}

/// Takes away what is not there any more: a module that became a folder would be there twice.
fn remove_gone(copy: &Path, original: &Path) -> Result<()> {
    for entry in fs::read_dir(copy)? {
        let entry = entry?;
        let (there, original) = (entry.path(), original.join(entry.file_name()));
        let removed = match (there.is_dir(), original.exists()) {
            (true, true) => remove_gone(&there, &original),
            (true, false) => fs::remove_dir_all(&there).map_err(Into::into),
            (false, false) => fs::remove_file(&there).map_err(Into::into),
            (false, true) => Ok(()),
        };
        removed.with_context(|| format!("cannot tidy {}", there.display()))?;
    }
    Ok(())
}

/// `git apply` in a folder that belongs to no repository.
fn apply(patch: &Path, folder: &Path, more: &[&str]) -> Result<()> {
    let above = folder.parent().unwrap_or(folder);
    let mut git = Command::new("git");
    git.arg("apply").args(more).arg(patch).current_dir(folder).env("GIT_CEILING_DIRECTORIES", above);
    let output = git.output().context("cannot start git, which the planted bugs need")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let name = patch.display();
    ensure!(output.status.success(), "{name} no longer applies: make it anew for the code as it is now\n{said}");
    Ok(())
}

/// Builds the broken simulator and runs seeds until one finds something.
fn hunt(bug: &Bug, tree: &Path, seeds: u64) -> Result<Option<Found>> {
    let Simulator { program, build, flags, seconds, .. } = bug.simulator;
    // Each is built with flags of its own, and keeps what was built from patch to patch.
    let folder = target().join("planted/build").join(program);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--quiet"]).args(*build).current_dir(tree);
    // From patch to patch little changes, and much depends on it.
    cargo.env("CARGO_INCREMENTAL", "1");
    cargo.env("CARGO_TARGET_DIR", &folder).env("RUSTFLAGS", format!("-Awarnings {flags}"));
    let built = cargo.status().context("cannot start cargo")?;
    ensure!(built.success(), "{} does not build", bug.patch.display());
    let mut sim = Command::new(folder.join("release").join(program));
    sim.args(["--seeds", &seeds.to_string(), "--seconds", &seconds.to_string()]);
    sim.args(["--until-violation", "--no-shrink", "--output", "json"]).current_dir(tree);
    let told = sim.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("cannot start the simulator")?;
    let Some(told) = wait(told, RUN_WITHIN)? else { return Ok(None) };
    let json: Value = serde_json::from_slice(&told).context("the simulator tells no JSON")?;
    let violations = json["violations"].as_array().context("the simulator tells no violations")?;
    let first =
        violations.iter().filter_map(|found| Some((found["seed"].as_u64()?, found["invariant"].as_str()?))).min();
    // The first seed is 1.
    Ok(first.map(|(seeds, invariant)| Found { invariant: invariant.to_owned(), seeds }))
}

/// What a program says, or nothing when it has not ended in time.
fn wait(mut child: Child, within: Duration) -> Result<Option<Vec<u8>>> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > within {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        sleep(Duration::from_millis(50));
    }
    Ok(Some(child.wait_with_output()?.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the simulator calls its invariants.
    const INVARIANTS: [&str; 13] =
        ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "energy", "liveness", "one-leader", "runs"];

    #[test]
    fn every_planted_bug_applies_and_says_who_sees_it() {
        let bugs = bugs().expect("patches");
        assert!(bugs.len() >= 14, "{} planted bugs", bugs.len());
        for bug in bugs {
            apply(&bug.patch, &root(), &["--check"]).expect("it applies");
            assert!(
                bug.seen_by.iter().all(|name| INVARIANTS.contains(&name.as_str())),
                "{}: {:?}",
                bug.name,
                bug.seen_by
            );
        }
    }

    #[test]
    fn a_patch_for_other_code_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let patch = folder.path().join("outdated.patch");
        let text =
            "Nothing. Seen by: I1\n--- a/Cargo.toml\n+++ b/Cargo.toml\n@@ -1,1 +1,1 @@\n-no such line\n+another\n";
        fs::write(&patch, text).expect("written");
        let refused = apply(&patch, &root(), &["--check"]).expect_err("it cannot apply");
        assert!(refused.to_string().contains("outdated.patch no longer applies"), "{refused}");
    }
}
