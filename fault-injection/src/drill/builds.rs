//! Two builds of the program that replicas run: the one beside `drill`, and another that whoever runs the drill has named.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::file::Drill;
use crate::failover::programs;

/// What the program is called, by its file and by its own word.
const NAME: &str = "ridethroughd";
/// So many bytes of a digest tell two builds apart, for people.
const SHOWN_BYTES: usize = 6;

/// One build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    /// Its file, without links on the way.
    pub(super) program: PathBuf,
    /// What it calls itself.
    version: String,
    digest: [u8; 32],
}

impl Build {
    /// The build in this file.
    fn of(program: &Path) -> Result<Self> {
        let named = || format!("{} is no {NAME} that can be run", program.display());
        let program = program.canonicalize().with_context(named)?;
        let digest = Sha256::digest(fs::read(&program).with_context(named)?).into();
        let told = Command::new(&program).arg("--version").output().with_context(named)?;
        let version = String::from_utf8_lossy(&told.stdout).trim().to_owned();
        if !told.status.success() || version.split_whitespace().next() != Some(NAME) {
            bail!("{}: asked for its version it says `{}`", named(), version.escape_debug());
        }
        Ok(Self { program, version, digest })
    }

    /// Whether this process runs it, by the system's word: which file it was started from, whatever has become of the name.
    pub(super) fn is_run_by(&self, process: u32) -> bool {
        let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        let runs = file(Path::new(&format!("/proc/{process}/exe")));
        runs.is_some() && runs == file(&self.program)
    }

    /// An error in its own words when it cannot use a configuration: releases know more words from time to time.
    pub(super) fn check(&self, config: &Path) -> Result<()> {
        let checked = Command::new(&self.program).arg("check-config").arg(config).output()?;
        if checked.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&checked.stderr);
        let program = self.program.display();
        bail!(
            "{program} cannot use the configuration that this drill writes, so the two cannot be mixed: {}",
            words.trim()
        )
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.version)?;
        self.digest.iter().take(SHOWN_BYTES).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The two that a drill mixes.
#[derive(Clone, Debug)]
pub(super) struct TwoBuilds {
    pub(super) own: Build,
    pub(super) other: Build,
}

impl TwoBuilds {
    /// What whoever runs this drill has named, or has not; none where it runs one program.
    pub(super) fn asked_for(drill: &Drill, other: Option<&Path>) -> Result<Option<Self>> {
        match (other, drill.runs_two_programs()) {
            (Some(other), true) => Self::find(&programs()?, other).map(Some),
            (None, false) => Ok(None),
            (None, true) => bail!(
                "this drill mixes two builds of `{NAME}`, and there is only one beside `drill`: name the other one with `--with FILE`, \
                 as in `drill run {} --with FILE`",
                drill.name
            ),
            (Some(_), false) => {
                bail!("this drill runs one program: `--with` is for those with a fault of kind `other_program`")
            }
        }
    }

    /// Both with their files, for people.
    pub(super) fn describe(&self) -> String {
        let told = |build: &Build| format!("{build} ({})", build.program.display());
        format!("own program: {}; the other: {}", told(&self.own), told(&self.other))
    }

    /// The one in the folder of our programs, and the other; an error when they are the same, since a mix of one shows nothing.
    pub(super) fn find(programs: &Path, other: &Path) -> Result<Self> {
        let (own, other) = (Build::of(&programs.join(NAME))?, Build::of(other)?);
        if own.digest == other.digest {
            bail!(
                "{} is byte for byte the program that this drill runs anyway, so that nothing would be mixed: name another build, \
                 such as that of the release before",
                other.program.display()
            );
        }
        Ok(Self { own, other })
    }

    /// Of the two the one that is not in this file.
    pub(super) fn but(&self, program: &Path) -> &Build {
        if program == self.own.program { &self.other } else { &self.own }
    }

    /// Of the two the one in this file.
    pub(super) fn at(&self, program: &Path) -> &Build {
        if program == self.own.program { &self.own } else { &self.other }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("writes");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("ours");
        file
    }

    fn refused(programs: &Path, other: &Path) -> String {
        format!("{:#}", TwoBuilds::find(programs, other).expect_err("it cannot be"))
    }

    #[test]
    fn two_builds_are_told_apart_and_what_is_none_is_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let own = program(home.path(), NAME, "echo ridethroughd 0.2.0");
        let other = program(home.path(), "before", "echo ridethroughd 0.1.0");
        let both = TwoBuilds::find(home.path(), &other).expect("two builds");
        assert_eq!((both.but(&both.own.program), both.at(&both.own.program)), (&both.other, &both.own));
        assert_eq!((both.but(&both.other.program), both.at(&both.other.program)), (&both.own, &both.other));
        assert!(both.other.to_string().starts_with("ridethroughd 0.1.0 "), "{}", both.other);

        assert!(refused(home.path(), &own).contains("byte for byte the program"), "one program");
        assert!(refused(home.path(), Path::new("/nowhere")).contains("/nowhere is no ridethroughd that can be run"));
        let stranger = program(home.path(), "stranger", "echo otherd 0.1.0");
        assert!(refused(home.path(), &stranger).contains("it says `otherd 0.1.0`"));
    }

    /// By the file, not by what is in it.
    #[test]
    fn a_process_is_known_by_the_file_that_it_runs() {
        let home = tempfile::tempdir().expect("a folder");
        let (own, copy) = (std::env::current_exe().expect("this test"), home.path().join("copy"));
        fs::copy(&own, &copy).expect("copies");
        let runs = |program: &Path, process| {
            Build { program: program.to_owned(), version: String::new(), digest: [0; 32] }.is_run_by(process)
        };
        let this = std::process::id();
        assert!(runs(&own, this) && !runs(&copy, this) && !runs(Path::new("/nowhere"), this) && !runs(&own, 0));
    }
}
