//! Asks a replica over its operators' socket, as `ridectl` does: one request on a line, one answer on a line.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// How long a replica may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Asks the replica of this data folder, and returns its answer.
pub(crate) fn ask(data: &Path, request: &Value) -> Result<Value> {
    let socket = data.join("operator.sock");
    let named = || format!("{}: no replica answers here", socket.display());
    let mut stream = UnixStream::connect(&socket).with_context(named)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    stream.write_all((request.to_string() + "\n").as_bytes()).with_context(named)?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line).with_context(named)?;
    serde_json::from_str(&line).with_context(|| format!("{}: no answer: {line:?}", socket.display()))
}

/// Why nothing came of what was asked for; none when it was done.
pub(crate) fn refusal(told: &Value) -> Option<String> {
    told["refused"].as_str().or_else(|| told["error"].as_str()).map(str::to_owned)
}
