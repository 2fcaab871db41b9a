//! One thread of a process, stopped where it stands.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A thread that the kernel has stopped; it goes on when this is dropped, or ends with its process.
#[derive(Debug)]
pub struct Stopped {
    go_on: Sender<()>,
    tracer: Option<JoinHandle<()>>,
}

impl Stopped {
    /// Stops the thread of this name.
    pub fn stop(process: u32, name: &str) -> Self {
        let thread = thread_of(process, name);
        let (go_on, told) = channel();
        let (stopped, heard) = channel();
        // Only the thread that traces may end it, so one is kept for it.
        let tracer = std::thread::spawn(move || trace(thread, &stopped, &told));
        heard.recv().expect("the thread stops");
        Self { go_on, tracer: Some(tracer) }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Nobody hears it when the thread has ended with its process.
        let _ = self.go_on.send(());
        if let Some(tracer) = self.tracer.take() {
            let _ = tracer.join();
        }
    }
}

fn trace(thread: Pid, stopped: &Sender<()>, told: &Receiver<()>) {
    ptrace::seize(thread, ptrace::Options::empty()).expect("a thread of a child may be traced");
    ptrace::interrupt(thread).expect("it is traced");
    loop {
        match waitpid(thread, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..)) => stopped.send(()).expect("the test waits"),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_) => return,
            Ok(_) => {}
        }
        if told.recv_timeout(Duration::from_millis(10)) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            return ptrace::detach(thread, None::<Signal>).expect("it is stopped");
        }
    }
}

fn thread_of(process: u32, name: &str) -> Pid {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let named = tasks
        .flatten()
        .find(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
    let id = named.unwrap_or_else(|| panic!("no thread {name}")).file_name();
    Pid::from_raw(id.to_string_lossy().parse().expect("a number"))
}
