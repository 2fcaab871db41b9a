//! Whole-system tests: they start the real programs, kill them, and read what they left behind.
//!
//! The programs are those that `cargo build --release` made, or those of the folder that `RIDETHROUGH_PROGRAMS` names:
//! `cargo xtask test` builds them as it builds the tests, and names that.
//!
//! Real processes on few cores disturb each other's clocks, so tests that start any take [`alone`] first. All of them are in one
//! program, so a lock of the process is enough.

pub mod browser;
pub mod debian;
pub mod free;
pub mod models;
pub mod packages;
pub mod runbooks;
pub mod stage;
pub mod stopped;

use std::fs::{self, File};
use std::io::{Read, Seek, Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a program may take that is expected to end by itself. Only a program that hangs ever meets it.
pub const END_DEADLINE: Duration = Duration::from_mins(1);
/// How often a waiting test looks again.
pub const POLL: Duration = Duration::from_millis(10);

static ALONE: Mutex<()> = Mutex::new(());

/// While it is there, no other test runs processes. Says at its end how long that was.
#[derive(Debug)]
pub struct Alone {
    since: Instant,
    _held: MutexGuard<'static, ()>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let thread = std::thread::current();
        let (name, seconds) = (thread.name().unwrap_or("a test"), self.since.elapsed().as_secs());
        // Not by a macro: what those print is kept back until a test has failed.
        drop(writeln!(stderr(), "    {name}: done in {seconds} s"));
    }
}

/// Waits until no other test of this program runs processes.
pub fn alone() -> Alone {
    // A test that failed leaves nothing behind that could disturb the next.
    let held = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Alone { since: Instant::now(), _held: held }
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder with the programs, in their release build.
pub fn programs() -> PathBuf {
    let target = || std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    std::env::var_os("RIDETHROUGH_PROGRAMS").map_or_else(|| target().join("release"), PathBuf::from)
}

/// One of the programs.
pub fn program(name: &str) -> PathBuf {
    let program = programs().join(name);
    assert!(program.exists(), "{} is missing: `cargo xtask test` builds it first", program.display());
    program
}

/// How a program ended and what it printed.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
}

impl Ended {
    /// Its exit code; a program that a signal ended has none, which no test expects.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }

    /// Its standard output, as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}: {self:?}"))
    }
}

/// Runs a program to its end, from the root of the workspace.
pub fn run<W: AsRef<std::ffi::OsStr>>(name: &str, words: &[W]) -> Ended {
    run_within(END_DEADLINE, name, words)
}

/// Like [`run`], for programs that are expected to take longer.
pub fn run_within<W: AsRef<std::ffi::OsStr>>(deadline: Duration, name: &str, words: &[W]) -> Ended {
    let mut command = Command::new(program(name));
    command.args(words).current_dir(root());
    run_command(deadline, &mut command)
}

/// Like [`run_within`], for a command that is made already.
pub fn run_command(deadline: Duration, command: &mut Command) -> Ended {
    // Files and not pipes: a program that prints much never waits for this test to read.
    let (mut stdout, mut stderr) = (scratch(), scratch());
    command.stdin(Stdio::null()).stdout(share(&stdout)).stderr(share(&stderr));
    let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let status = Running(child).wait(deadline);
    let (stdout, stderr) = (read_back(&mut stdout), read_back(&mut stderr));
    let Some(status) = status else { panic!("{command:?} did not end in {deadline:?}: {stdout}{stderr}") };
    Ended { status, stdout, stderr }
}

/// A process that ends with the test at the latest.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// How it ended; none when it still runs at the deadline.
    pub fn wait(mut self, deadline: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + deadline;
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(POLL),
                Ok(None) => return None,
                Err(error) => panic!("cannot wait for a process: {error}"),
            }
        }
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
pub fn wait_until(what: &str, deadline: Duration, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + deadline;
    while !so() {
        assert!(Instant::now() < until, "after {deadline:?} still not: {what}");
        std::thread::sleep(POLL);
    }
}

/// The scenario that the demo plays.
pub fn demo_scenario() -> PathBuf {
    root().join("fault-injection/scenarios/demo")
}

/// The model, its manifest and the runtime.
pub fn model_files() -> [PathBuf; 3] {
    let runtime = ".runtime/onnxruntime/libonnxruntime.so.1.28.0";
    ["model/forecast.onnx", "model/forecast.json", runtime].map(|file| root().join(file))
}

/// A new folder, removed at the end of the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the test: {error}"))
}

/// A file's text.
pub fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Writes a file of a test.
pub fn write(file: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// The same of a file with keys or passwords, which nobody else may read.
pub fn write_private(file: &Path, bytes: impl AsRef<[u8]>) {
    write(file, bytes);
    let kept = fs::set_permissions(file, fs::Permissions::from_mode(0o600));
    kept.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// Replaces the first occurrence of `from`, which must be there: a test that edits nothing tests nothing.
pub fn edit(file: &Path, from: &str, to: &str) {
    let text = read(file);
    assert!(text.contains(from), "{} holds no `{from}`", file.display());
    write(file, text.replacen(from, to, 1));
}

/// Copies a folder with everything below it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    for (path, is_folder) in listed(from) {
        let target = to.join(path.file_name().unwrap_or_default());
        if is_folder {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// Everything below a folder, with the bytes of files: what a refusal must leave as it was.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    for (path, is_folder) in listed(folder) {
        if is_folder {
            all.push((path.clone(), None));
            all.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            all.push((path, Some(bytes)));
        }
    }
    all
}

/// The first segment of a replica's log.
pub fn first_segment(data: &Path) -> PathBuf {
    data.join("log/log-00000000000000000001.seg")
}

/// Flips a bit of a byte of a file, where `place` says for the bytes before the zeros at its end.
pub fn flip(file: &Path, place: impl FnOnce(usize) -> usize) {
    let mut bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes[place(used)] ^= 0x10;
    write(file, bytes);
}

fn listed(folder: &Path) -> Vec<(PathBuf, bool)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    // A replica's socket lies among its files, and has nothing to copy or compare.
    let kept = entries.flatten().filter(|entry| entry.path().is_file() || entry.path().is_dir());
    let mut paths: Vec<_> = kept.map(|entry| (entry.path(), entry.path().is_dir())).collect();
    paths.sort();
    paths
}

fn scratch() -> File {
    tempfile::tempfile().unwrap_or_else(|error| panic!("no file for a program's words: {error}"))
}

fn share(file: &File) -> Stdio {
    file.try_clone().unwrap_or_else(|error| panic!("cannot share a file: {error}")).into()
}

fn read_back(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .unwrap_or_else(|error| panic!("cannot read a program's words: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}
