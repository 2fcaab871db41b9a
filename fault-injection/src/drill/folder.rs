//! The folder in which runs leave what they found, each in a folder of its own; `last` names the newest.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Drill;
use super::journal::Outcome;
use super::report;

/// Where runs are kept unless told otherwise.
pub const JOURNALS: &str = ".drills";
/// The newest run.
const LAST: &str = "last";
/// Whoever makes this file in a run's folder breaks the run off.
const ABORT: &str = "abort";
/// The drill as it was run.
const DRILL: &str = "drill.toml";
/// What it came to.
const RESULT: &str = "result.json";
/// The page.
const PAGE: &str = "report.html";
/// For machines that collect tests.
const JUNIT: &str = "junit.xml";

/// One run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// A new one for this drill.
    pub fn create(journals: &Path, drill: &Drill, began_unix_s: u64) -> Result<Self> {
        let path = journals.join(format!("{}-{began_unix_s}-{}", drill.name, std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let path = path.canonicalize()?;
        fs::write(path.join(DRILL), &drill.text)?;
        let last = journals.join(LAST);
        // What is in the way may be an older run's name; anything else is left alone, and `last` stays away.
        if last.symlink_metadata().is_ok_and(|is| is.is_symlink()) {
            fs::remove_file(&last)?;
        }
        drop(symlink(path.file_name().unwrap_or_default(), &last));
        Ok(Self { path })
    }

    /// An older one: `last`, a name in the folder of runs, or a path.
    pub fn open(journals: &Path, name: &str) -> Result<Self> {
        let found = [journals.join(name), PathBuf::from(name)].into_iter().find(|path| path.join(DRILL).is_file());
        match found {
            Some(path) => Ok(Self { path: path.canonicalize()? }),
            None => bail!("there is no run `{name}` in {}: `drill run NAME` makes one", journals.display()),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the drill that was run.
    pub fn drill_text(&self) -> Result<String> {
        let file = self.path.join(DRILL);
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    }

    /// What it came to, as JSON.
    pub fn result(&self) -> Result<serde_json::Value> {
        let file = self.path.join(RESULT);
        let named = || format!("{}: the run has not ended, or was killed", file.display());
        serde_json::from_str(&fs::read_to_string(&file).with_context(named)?).with_context(named)
    }

    /// The page.
    pub fn page(&self) -> PathBuf {
        self.path.join(PAGE)
    }

    /// The JUnit file.
    pub fn junit(&self) -> PathBuf {
        self.path.join(JUNIT)
    }

    /// Breaks the run off that goes on there.
    pub fn ask_to_abort(&self) -> Result<()> {
        if self.path.join(RESULT).exists() {
            bail!("the run in {} is over", self.path.display());
        }
        Ok(fs::write(self.path.join(ABORT), "")?)
    }

    /// Whether somebody wants it broken off.
    pub fn is_to_abort(&self) -> bool {
        self.path.join(ABORT).exists()
    }

    /// Leaves everything that a run found.
    pub fn keep(&self, outcome: &Outcome) -> Result<()> {
        fs::write(self.page(), report::html::page(outcome)?)?;
        fs::write(self.junit(), report::junit::text(outcome))?;
        // Last, and in one step: whoever finds it finds everything.
        let (new, file) = (self.path.join("result.json.new"), self.path.join(RESULT));
        fs::write(&new, serde_json::to_string_pretty(outcome)? + "\n")?;
        Ok(fs::rename(new, file)?)
    }
}
