//! A replica of this host: the socket in its data folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{ANSWER_BYTES_MAX, ANSWER_DEADLINE, Unanswered, read};

/// The socket's name in the data folder.
const SOCKET: &str = "operator.sock";

/// Asks, and returns what is answered.
pub(super) fn ask(data_dir: &Path, request: &Value) -> Result<Value> {
    let socket = data_dir.join(SOCKET);
    let named = || format!("{}: no replica answers here", socket.display());
    let unanswered = |why: String| Unanswered { why: format!("{}: {why}", socket.display()) };
    let mut stream = UnixStream::connect(&socket).with_context(named)?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
    stream.write_all((request.to_string() + "\n").as_bytes()).with_context(named)?;
    let mut line = String::new();
    match BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line) {
        Ok(_) if line.ends_with('\n') => read(&line, &socket.display().to_string()),
        // It heard what was asked for, and may have done it before it ended.
        Ok(_) => Err(unanswered("the replica ended before it answered".into()).into()),
        Err(error) => Err(unanswered(format!("no answer in time: {error}")).into()),
    }
}
