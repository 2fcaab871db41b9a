//! Asks a running replica, over the socket in its data folder: one request on a line, one answer on a line.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The socket's name in the data folder.
const SOCKET: &str = "operator.sock";
/// How long a replica may take: it loads what is new in its folder, and waits for a commit.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
/// A site of 10,000 racks takes a tenth of it.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// What was asked for may have been done, or may yet be: the log says.
#[derive(Debug)]
pub struct UnknownOutcome(String);

impl fmt::Display for UnknownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not known what became of it ({}): `ridectl audit log --kind operation` tells", self.0)
    }
}

impl std::error::Error for UnknownOutcome {}

/// Asks, and returns what is answered.
pub fn ask(data_dir: &Path, request: &Value) -> Result<Value> {
    let socket = data_dir.join(SOCKET);
    let named = || format!("{}: no replica answers here", socket.display());
    let mut stream = UnixStream::connect(&socket).with_context(named)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
    stream.write_all((request.to_string() + "\n").as_bytes()).with_context(named)?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line).with_context(named)?;
    if line.is_empty() {
        bail!("{}: only the replica's owner is answered", socket.display());
    }
    let told: Value = serde_json::from_str(&line).with_context(|| format!("{}: no answer", socket.display()))?;
    match told["error"].as_str() {
        Some(error) if told["outcome"] == "unknown" => Err(UnknownOutcome(error.to_owned()).into()),
        Some(error) => bail!("{}: {error}", socket.display()),
        None => Ok(told),
    }
}
