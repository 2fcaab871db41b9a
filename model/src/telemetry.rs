//! Keeps ONNX Runtime silent before it is loaded.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs;

/// What the runtime reads when it is loaded.
const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// The environment can no longer be changed safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate {
    /// Threads of this process; 0 when they could not be counted.
    pub threads: usize,
}

/// Turns the runtime's telemetry off through its environment variable. Call it first in `main`.
///
/// The pinned runtime sends nothing, and the environment that this crate makes has telemetry off besides; this covers
/// a later runtime, whose official builds start an uploader as soon as they are loaded. Does nothing when the variable
/// is set already, which a service file may do as well.
///
/// # Errors
/// [`TooLate`] when the process has more than one thread: another one could be reading the environment.
pub fn silence_telemetry() -> Result<(), TooLate> {
    if std::env::var_os(VARIABLE).as_deref() == Some(OsStr::new("1")) {
        return Ok(());
    }
    let threads = fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    if threads != 1 {
        return Err(TooLate { threads });
    }
    // SAFETY: the only thread of this process is this one, so nothing reads or writes the environment meanwhile.
    #[allow(unsafe_code, reason = "setting the environment is unsafe, and the runtime has no other switch this early")]
    unsafe {
        std::env::set_var(VARIABLE, "1");
    }
    Ok(())
}

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VARIABLE} must be set while one thread runs, not {}: do it first in main", self.threads)
    }
}

impl Error for TooLate {}
