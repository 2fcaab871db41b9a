//! `cargo xtask coverage`: which lines of the packages their own unit, property and integration tests run.
//!
//! cargo-llvm-cov builds the tests with rustc's counters and has LLVM add them up. The figures are made here from its
//! export, since LLVM's own count modules of tests, which run whole by nature. A line counts whichever of the measured
//! packages' tests ran it. A line that runs is not a line that is tested: that is what `cargo xtask mutants` asks.

mod export;
mod figures;
mod test_code;

use std::collections::BTreeMap;
use std::env::var_os;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::runtime;
use crate::shell::{cargo, root, step, target};
use crate::tool::Tool;
use export::Export;
use figures::{Figures, File};
use test_code::TestCode;

/// Reads what this toolchain's LLVM writes.
const LLVM_COV: Tool = Tool { name: "llvm-cov", version: "0.9.1", options: &[], takes: "two minutes" };
/// Programs of the toolchain's LLVM that it starts, and what names others instead of them.
const LLVM: [(&str, &str); 2] = [("llvm-cov", "LLVM_COV"), ("llvm-profdata", "LLVM_PROFDATA")];
/// What every package's name begins with.
const PREFIX: &str = "ridethrough-";
/// What is measured unless something else is asked for.
const PACKAGES: [&str; 7] = ["vocabulary", "core", "protocol", "raft-log", "raft", "model", "node"];

const USAGE: &str = "usage: cargo xtask coverage [--package NAME]… [--output table|json]";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    /// Full names of packages, each once.
    packages: Vec<String>,
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// Every file.
    Table,
    /// Packages alone.
    Summary,
    Json,
}

/// A package of the workspace.
struct Member {
    name: String,
    /// From the root.
    folder: PathBuf,
}

impl Member {
    fn is_test_code(&self) -> bool {
        self.folder.starts_with("tests")
    }
}

/// `cargo xtask coverage`.
pub fn run(words: &[String]) -> Result<()> {
    measure(&Options::parse(words)?)
}

/// The usual packages, one line each.
pub fn nightly() -> Result<()> {
    measure(&Options { output: Output::Summary, ..Options::parse(&[])? })
}

fn measure(options: &Options) -> Result<()> {
    let members = members()?;
    let measured: Vec<&Member> = options.packages.iter().map(|name| chosen(&members, name)).collect::<Result<_>>()?;
    ensure_llvm()?;
    LLVM_COV.ensure()?;
    // Tests of the forecast load it.
    runtime::ensure()?;
    let exported = test(&measured)?;
    let text = fs::read_to_string(&exported).with_context(|| format!("cannot read {}", exported.display()))?;
    let export = Export::parse(&text).with_context(|| format!("cannot read {}", exported.display()))?;
    let figures = figures(&export, &measured)?;
    match options.output {
        Output::Table => print!("{}", figures.table()),
        Output::Summary => print!("{}", figures.summary()),
        Output::Json => println!("{:#}", figures.json()),
    }
    Ok(())
}

impl Options {
    fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self { packages: Vec::new(), output: Output::Table };
        for pair in words.chunks(2) {
            match pair {
                [flag, name] if flag == "--package" => options.add(name),
                [flag, output] if flag == "--output" && output == "table" => options.output = Output::Table,
                [flag, output] if flag == "--output" && output == "json" => options.output = Output::Json,
                _ => bail!(USAGE),
            }
        }
        if options.packages.is_empty() {
            for name in PACKAGES {
                options.add(name);
            }
        }
        Ok(options)
    }

    /// `core` is `ridethrough-core`.
    fn add(&mut self, name: &str) {
        let full = format!("{PREFIX}{}", name.strip_prefix(PREFIX).unwrap_or(name));
        if !self.packages.contains(&full) {
            self.packages.push(full);
        }
    }
}

fn members() -> Result<Vec<Member>> {
    let asked = cargo(&["metadata", "--no-deps", "--locked", "--format-version", "1"]).output();
    let output = asked.context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cannot read what cargo metadata says")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    packages.iter().map(|package| member(package).context("cargo metadata names a package without a place")).collect()
}

fn member(package: &Value) -> Option<Member> {
    let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
    Some(Member {
        name: package["name"].as_str()?.to_owned(),
        folder: folder.strip_prefix(root()).unwrap_or(folder).to_owned(),
    })
}

/// The member of that name, if it has code of its own to measure.
fn chosen<'a>(members: &'a [Member], name: &str) -> Result<&'a Member> {
    let Some(member) = members.iter().find(|member| member.name == name) else {
        let measured = members.iter().filter(|member| !member.is_test_code());
        let names: Vec<&str> = measured.map(|member| member.name.trim_start_matches(PREFIX)).collect();
        bail!("there is no package `{name}`; there are {}\n{USAGE}", names.join(", "));
    };
    ensure!(!member.is_test_code(), "`{name}` is test code itself: what whole-system tests run is not measured");
    Ok(member)
}

/// Counters are read by programs of the same LLVM that wrote them; rustup has them for every toolchain.
fn ensure_llvm() -> Result<()> {
    if LLVM.iter().all(|(_, variable)| var_os(variable).is_some()) {
        return Ok(());
    }
    if has_llvm()? {
        return Ok(());
    }
    let mut add = Command::new("rustup");
    add.args(["component", "add", "llvm-tools"]).current_dir(root());
    step("fetching the toolchain's llvm-tools (seconds, once)", &mut add).context(WITHOUT_LLVM)?;
    ensure!(has_llvm()?, WITHOUT_LLVM);
    Ok(())
}

const WITHOUT_LLVM: &str = "counters are read by this toolchain's llvm-tools: `rustup component add llvm-tools`, \
                            or name programs of its version of LLVM in LLVM_COV and LLVM_PROFDATA";

fn has_llvm() -> Result<bool> {
    let rustc = var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir"]).current_dir(root()).output();
    let output = output.context("cannot start rustc")?;
    ensure!(output.status.success(), "rustc does not say where its libraries are");
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let programs = libraries.parent().context("rustc's libraries are nowhere")?.join("bin");
    Ok(LLVM.iter().all(|(program, _)| programs.join(program).exists()))
}

/// Runs the packages' own tests with counters; gives the file of what ran.
fn test(packages: &[&Member]) -> Result<PathBuf> {
    let folder = target().join("coverage");
    fs::create_dir_all(&folder)?;
    let exported = folder.join("export.json");
    let mut command = cargo(&["llvm-cov", "test", "--locked", "--quiet", "--no-cfg-coverage", "--json"]);
    command.arg("--output-path").arg(&exported);
    for package in packages {
        command.args(["--package", &package.name]);
    }
    // Libraries and programs as their unit tests, and integration tests; neither benches nor examples in docs.
    command.arg("--tests");
    // Segments of lines are enough; functions would make the file many times as long.
    command.env("LLVM_COV_FLAGS", "-skip-functions");
    // The same random cases every time, so that figures change with code alone.
    command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    // The tests' own words would be between the figures.
    command.stdout(std::io::stderr());
    step("building and running tests with counters (many minutes the first time)", &mut command)?;
    Ok(exported)
}

/// The measured packages' sources without test code.
fn figures(export: &Export, packages: &[&Member]) -> Result<Figures> {
    let mut figures = Figures::of(packages.iter().map(|package| package.name.as_str()));
    for package in packages {
        // All of them: a file that only names modules has no counters, and may say that a module is for tests.
        let mut codes = BTreeMap::new();
        read_below(&package.folder.join("src"), &mut codes)?;
        for source in &export.sources {
            let path = Path::new(&source.path);
            let path = path.strip_prefix(root()).unwrap_or(path);
            let Some(code) = codes.get(path).filter(|_| !test_code::is_of_tests(path)) else { continue };
            if codes.values().any(|other| other.has_module(path)) {
                continue;
            }
            let name = path.strip_prefix(&package.folder).unwrap_or(path).display().to_string();
            figures.add(&package.name, File::of(name, source, |line| code.has_line(line)));
        }
    }
    Ok(figures.sorted())
}

/// Finds the test code of every source in a folder, which is named from the root.
fn read_below(folder: &Path, codes: &mut BTreeMap<PathBuf, TestCode>) -> Result<()> {
    let failed = || format!("cannot read {}", folder.display());
    for item in fs::read_dir(root().join(folder)).with_context(failed)? {
        let item = item.with_context(failed)?;
        let path = folder.join(item.file_name());
        if item.file_type().with_context(failed)?.is_dir() {
            read_below(&path, codes)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(item.path()).with_context(|| format!("cannot read {}", path.display()))?;
            codes.insert(path.clone(), TestCode::of(&path, &text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn members() -> Vec<Member> {
        let member =
            |(name, folder): &(&str, &str)| Member { name: format!("{PREFIX}{name}"), folder: PathBuf::from(folder) };
        [("core", "controller/core"), ("sim", "tests/sim")].iter().map(member).collect()
    }

    #[test]
    fn packages_are_asked_for_by_either_name_and_once() {
        let options = Options::parse(&words("--package core --package ridethrough-core --output json"));
        let expected = Options { packages: vec!["ridethrough-core".into()], output: Output::Json };
        assert_eq!(options.expect("options"), expected);
        assert_eq!(Options::parse(&[]).expect("options").packages.len(), PACKAGES.len());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["--package", "--output svg", "core", "--output json --package"] {
            assert!(Options::parse(&words(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_package_that_is_not_there_is_refused_with_those_that_are() {
        let refused = chosen(&members(), "ridethrough-raf").map(|member| member.name.clone());
        let words = refused.expect_err("no such package").to_string();
        assert!(words.contains("no package `ridethrough-raf`; there are core\n"), "{words}");
    }

    #[test]
    fn test_code_is_not_measured_as_a_package() {
        let refused = chosen(&members(), "ridethrough-sim").map(|member| member.name.clone());
        assert!(refused.expect_err("test code").to_string().contains("test code itself"));
        assert!(chosen(&members(), "ridethrough-core").is_ok());
    }

    #[test]
    fn a_module_that_a_file_without_code_has_for_tests_is_found() {
        let mut codes = BTreeMap::new();
        read_below(Path::new("controller/core/src"), &mut codes).expect("reads");
        let is_for_tests = |path: &str| codes.values().any(|code| code.has_module(Path::new(path)));
        assert!(is_for_tests("controller/core/src/cases.rs"));
        assert!(!is_for_tests("controller/core/src/command.rs"));
        assert!(codes.contains_key(Path::new("controller/core/src/flow/mod.rs")), "folders below are read");
    }
}
