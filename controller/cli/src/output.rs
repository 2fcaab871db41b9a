//! How things are printed.

use clap::ValueEnum;

/// The form of what goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// Unix milliseconds as a UTC time for people.
pub fn wall_time(unix_ms: i64) -> String {
    let since = std::time::Duration::from_millis(unix_ms.max(0).unsigned_abs());
    // Four centuries on, the formatter gives up; so do we.
    let at = std::time::UNIX_EPOCH.checked_add(since.min(std::time::Duration::from_secs(250_000_000_000)));
    at.map_or_else(String::new, |at| humantime::format_rfc3339_millis(at).to_string())
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
