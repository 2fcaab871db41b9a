//! Which drills there are, and whether they can be run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use ridethrough_fault_injection::drill::Drill;
use ridethrough_fault_injection::scenario::Scenario;
use serde_json::json;

use crate::commands::Output;

/// Where drills lie; plants' scenarios lie in the folder above.
#[derive(Args, Clone)]
pub struct Folder {
    /// The folder with drills.
    #[arg(long = "drills", value_name = "DIR", default_value = "fault-injection/scenarios/drills")]
    path: PathBuf,
}

impl Folder {
    /// All drills, by name.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|is| is == "toml")).collect();
        files.sort();
        Ok(files)
    }

    /// The drill of this name, or in this file.
    pub fn find(&self, name: &str) -> Result<(PathBuf, Drill)> {
        let by_name = self.path.join(format!("{name}.toml"));
        let file = if by_name.is_file() { by_name } else { PathBuf::from(name) };
        if !file.is_file() {
            bail!("there is no drill `{name}` in {}: `drill list` shows them", self.path.display());
        }
        let drill = self.read(&file)?;
        Ok((file, drill))
    }

    /// A drill from its text, which was kept elsewhere.
    pub fn parse(&self, file: &Path, text: &str) -> Result<Drill> {
        let plants = self.path.parent().unwrap_or(Path::new("."));
        Ok(Drill::parse(&file.display().to_string(), text, plants)?)
    }

    fn read(&self, file: &Path) -> Result<Drill> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.parse(file, &text)
    }
}

/// Shows every drill: what it does and how long its faults take.
#[derive(Args)]
pub struct List {
    #[command(flatten)]
    folder: Folder,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl List {
    /// Prints the list.
    pub fn run(&self) -> Result<ExitCode> {
        let files = self.folder.files()?;
        let drills: Vec<Drill> = files.iter().map(|file| self.folder.read(file)).collect::<Result<_>>()?;
        let width = drills.iter().map(|drill| drill.name.len()).max().unwrap_or(0);
        let line = |drill: &Drill| format!("{:width$}  {:4.0} s  {}\n", drill.name, drill.seconds(), drill.row);
        let all = drills.iter().map(|drill| {
            json!({ "drill": drill.name, "about": drill.about, "row": drill.row, "keeps": drill.keeps, "seconds": drill.seconds() })
        });
        self.output.print(&drills.iter().map(line).collect::<String>(), &all.collect::<Vec<_>>())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says of drills everything that is wrong with them, by file and line.
#[derive(Args)]
pub struct Validate {
    #[command(flatten)]
    folder: Folder,
    /// Drills by name or file; all when left out.
    #[arg(value_name = "NAME|FILE")]
    names: Vec<String>,
}

impl Validate {
    /// Exit status 1 if any is at fault.
    pub fn run(&self) -> Result<ExitCode> {
        let all = || self.folder.files().map(|files| files.iter().map(|file| file.display().to_string()).collect());
        let names: Vec<String> = if self.names.is_empty() { all()? } else { self.names.clone() };
        let mut wrong = 0;
        for name in &names {
            if let Err(error) = self.check(name) {
                println!("{error:#}");
                wrong += 1;
            }
        }
        println!("{} of {} drills can be run", names.len() - wrong, names.len());
        Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn check(&self, name: &str) -> Result<()> {
        let (file, drill) = self.folder.find(name)?;
        if file.file_stem().is_none_or(|stem| stem != drill.name.as_str()) {
            bail!("{}: its name is `{}`", file.display(), drill.name);
        }
        let scenario = Scenario::load(&drill.plant)?;
        Ok(drill.check_site(&file.display().to_string(), &scenario.site)?)
    }
}
