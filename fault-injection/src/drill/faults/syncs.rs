//! Syncs of a log that are slow, or fail: a tracer (strace) stands between the thread that syncs and the system.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::libc::SYS_fdatasync;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::stage::Stage;
use super::{Fault, start_if_ended};

/// The thread of a replica that writes and syncs its log.
const LOG_THREAD: &str = "raft-log-io";
/// How long a tracer that was told to end may take; it lets go of the thread at the end of a held call.
const LET_GO_DEADLINE: Duration = Duration::from_secs(15);

/// What happens to each sync.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// It begins so many milliseconds later.
    Late(u32),
    /// The system says that the disk could not be written.
    Fails,
}

/// Every sync of a replica's log, as long as this lasts.
pub(super) struct Syncs {
    id: u16,
    happens: Happens,
    thread: Option<u32>,
    tracer: Option<Child>,
}

impl Syncs {
    pub(super) fn late(id: u16, ms: u32) -> Self {
        Self { id, happens: Happens::Late(ms), thread: None, tracer: None }
    }

    pub(super) fn fail(id: u16) -> Self {
        Self { id, happens: Happens::Fails, thread: None, tracer: None }
    }

    /// An error in the tracer's own words when it has ended by itself while the replica goes on.
    fn check_tracer(&mut self) -> Result<()> {
        let Some(tracer) = &mut self.tracer else { return Ok(()) };
        if tracer.try_wait()?.is_none() {
            return Ok(());
        }
        let words = tracer.stderr.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
        bail!("the tracer cannot stand before n{}'s log: {}", self.id, words.trim());
    }
}

impl Fault for Syncs {
    fn inject(&mut self, stage: &mut Stage) -> Result<()> {
        let process = stage.cluster.process(self.id).with_context(|| format!("n{} does not run", self.id))?;
        let thread = thread_called(process, LOG_THREAD)?;
        let what = match self.happens {
            Happens::Late(ms) => format!("inject=fdatasync:delay_enter={}", u64::from(ms) * 1_000),
            Happens::Fails => "inject=fdatasync:error=EIO".to_owned(),
        };
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-e", "trace=fdatasync", "-e", &what, "-o", "/dev/null", "-p", &thread.to_string()]);
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        self.thread = Some(thread);
        self.tracer = Some(strace.spawn().context("cannot start strace: install it (Debian: `apt install strace`)")?);
        Ok(())
    }

    fn evidence(&mut self, stage: &mut Stage) -> Result<Option<String>> {
        match self.happens {
            Happens::Late(_) => {
                self.check_tracer()?;
                let held = self.thread.is_some_and(is_held_in_a_sync);
                Ok(held.then(|| format!("the system says that the log's thread of n{} is held in a sync", self.id)))
            }
            Happens::Fails => {
                let ended = stage.cluster.ended()?.into_iter().find(|(id, _)| *id == self.id);
                if ended.is_none() {
                    self.check_tracer()?;
                }
                Ok(ended
                    .map(|(_, words)| format!("n{} ended: {}", self.id, words.lines().next_back().unwrap_or_default())))
            }
        }
    }

    fn recover(&mut self, stage: &mut Stage) -> Result<()> {
        let Some(mut tracer) = self.tracer.take() else { return Ok(()) };
        // It lets go of the thread before it ends; SIGKILL would leave a call half done.
        let _gone_already = kill(Pid::from_raw(tracer.id().try_into()?), Signal::SIGTERM);
        let begun = Instant::now();
        while tracer.try_wait()?.is_none() {
            if begun.elapsed() > LET_GO_DEADLINE {
                tracer.kill()?;
                tracer.wait()?;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        start_if_ended(stage, self.id)
    }
}

/// The thread of this name.
fn thread_called(process: u32, name: &str) -> Result<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).context("the system does not tell of its threads")?;
    let is_it = |thread: &fs::DirEntry| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let found = threads.flatten().find(is_it).and_then(|thread| thread.file_name().to_str()?.parse().ok());
    found.with_context(|| format!("process {process} has no thread `{name}`"))
}

/// Whether a tracer holds the thread, and what it holds is a sync.
fn is_held_in_a_sync(thread: u32) -> bool {
    let told = |file: &str| fs::read_to_string(format!("/proc/{thread}/{file}")).unwrap_or_default();
    let is_held = told("stat").rsplit(") ").next().is_some_and(|rest| rest.starts_with('t'));
    let call = told("syscall").split(' ').next().and_then(|number| number.parse().ok());
    is_held && call == Some(SYS_fdatasync)
}
