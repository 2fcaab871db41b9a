//! What an earlier run came to.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use ridethrough_fault_injection::drill::folder::{JOURNALS, RunFolder};

/// Shows what an earlier run came to.
#[derive(Args)]
pub struct Report {
    /// The run: `last`, its name in the folder of runs, or a path.
    #[arg(value_name = "RUN", default_value = "last")]
    name: String,
    /// The folder of runs.
    #[arg(long, value_name = "DIR", default_value = JOURNALS)]
    journals: PathBuf,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Open the page in a browser.
    #[arg(long)]
    open: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people at a terminal.
    Text,
    /// All that was found.
    Json,
    /// For machines that collect tests.
    Junit,
    /// One page.
    Html,
}

impl Report {
    /// Prints it. Exit status 0 only if the run passed.
    pub fn run(&self) -> Result<ExitCode> {
        let folder = RunFolder::open(&self.journals, &self.name)?;
        let result = folder.result()?;
        let read =
            |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        match self.output {
            Format::Json => println!("{}", serde_json::to_string_pretty(&result)?),
            Format::Junit => print!("{}", read(folder.junit())?),
            Format::Html => print!("{}", read(folder.page())?),
            Format::Text => println!("{}page: {}", text(&result), folder.page().display()),
        }
        if self.open {
            let page = folder.page();
            let opened = Command::new("xdg-open").arg(&page).status();
            if !opened.is_ok_and(|status| status.success()) {
                bail!("no browser could be started: open {} yourself", page.display());
            }
        }
        Ok(if result["verdict"] == "passed" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn text(result: &serde_json::Value) -> String {
    let word = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut text =
        format!("{} {}, seed {}\n", word(result, "drill"), word(result, "verdict").to_uppercase(), result["seed"]);
    for check in result["checks"].as_array().into_iter().flatten() {
        let mark = if check["ok"] == true { "ok  " } else { "FAIL" };
        text +=
            &format!("  {mark}  {}: {}  ({})\n", word(check, "name"), word(check, "measured"), word(check, "budget"));
    }
    text
}
