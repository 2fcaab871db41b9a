//! `ridectl debug bundle`: what whoever helps wants to know of a replica, in one folder. No key, no secret and nothing of the log is in it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ask::{Of, ask};
use crate::output::Output;

/// What is asked of the replica, and the file for its answer.
const ASKED: [(&str, &str); 3] = [("site", "site.json"), ("cluster", "cluster.json"), ("list", "models.json")];
/// What this host says of itself.
const HOST: [&str; 5] = ["/proc/version", "/proc/loadavg", "/proc/meminfo", "/proc/uptime", "/etc/os-release"];
/// Most bytes of each of those.
const HOST_BYTES_MAX: usize = 64 << 10;

/// What to gather.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Gather how a replica and this host are into a new folder: site, cluster, models, host. A replica that does not answer is told as such.
    ///
    /// The log is not in it: `ridectl cluster backup` copies it.
    Bundle {
        #[command(flatten)]
        of: Of,
        /// The folder to make.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Serialize)]
struct Bundle {
    ridectl: &'static str,
    made: String,
    files: Vec<String>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

/// Gathers; a negative answer where something could not be had.
pub fn run(command: &Command, output: Output) -> Result<bool> {
    let Command::Bundle { of, out } = command;
    if out.exists() {
        bail!("{}: is there already, and nothing is overwritten: name another folder", out.display());
    }
    fs::create_dir_all(out).with_context(|| format!("{}: cannot be made", out.display()))?;
    let made = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let mut bundle = Bundle { ridectl: env!("CARGO_PKG_VERSION"), made, files: Vec::new(), missing: Vec::new() };
    for (command, name) in ASKED {
        match ask(of, &json!({ "command": command })) {
            Ok(told) => bundle.keep(out, name, &pretty(&told))?,
            Err(error) => bundle.missing.push(format!("{name}: {error:#}")),
        }
    }
    bundle.keep(out, "host.txt", &host())?;
    write(&out.join("bundle.json"), &pretty(&serde_json::to_value(&bundle)?))?;
    output.print(&bundle, || bundle.words(out))?;
    Ok(bundle.missing.is_empty())
}

impl Bundle {
    fn keep(&mut self, out: &Path, name: &str, text: &str) -> Result<()> {
        write(&out.join(name), text)?;
        self.files.push(name.into());
        Ok(())
    }

    fn words(&self, out: &Path) -> String {
        let mut words = format!("made      {} with {}\n", out.display(), self.files.join(", "));
        for missing in &self.missing {
            words += &format!("MISSING   {missing}\n");
        }
        words
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn host() -> String {
    let part = |file: &&str| {
        let text = fs::read_to_string(file).unwrap_or_else(|error| error.to_string());
        format!("== {file}\n{}\n", text.chars().take(HOST_BYTES_MAX).collect::<String>().trim_end())
    };
    HOST.iter().map(part).collect()
}

fn write(file: &Path, text: &str) -> Result<()> {
    let cannot = || format!("{}: cannot be written", file.display());
    File::create(file).with_context(cannot)?.write_all(text.as_bytes()).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn a_replica_that_does_not_answer_is_told_as_such_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().expect("a folder");
        let path = |name: &str| home.path().join(name).display().to_string();
        let typed = ["debug", "bundle", "--data-dir", &path("n1"), "--out", &path("out")].map(str::to_owned);
        let command = Typed::parse_from(&typed).command;
        assert!(!run(&command, Output::Json).expect("made"), "the replica does not run");
        let bundle: Value =
            serde_json::from_slice(&fs::read(home.path().join("out/bundle.json")).expect("there")).expect("JSON");
        assert_eq!(bundle["files"], json!(["host.txt"]));
        assert!(bundle["missing"][0].as_str().is_some_and(|why| why.contains("no replica answers here")), "{bundle}");
        assert!(fs::read_to_string(home.path().join("out/host.txt")).expect("there").contains("Linux"));
        let error = run(&command, Output::Json).expect_err("it is there");
        assert!(format!("{error:#}").contains("out: is there already"), "{error:#}");
    }
}
