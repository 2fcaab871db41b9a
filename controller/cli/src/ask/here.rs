//! A replica of this host: the socket in its data folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{ANSWER_BYTES_MAX, ANSWER_DEADLINE, read};

/// The socket's name in the data folder.
const SOCKET: &str = "operator.sock";

/// Asks, and returns what is answered.
pub(super) fn ask(data_dir: &Path, request: &Value) -> Result<Value> {
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
    read(&line, &socket.display().to_string())
}
