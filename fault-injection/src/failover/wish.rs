//! An operator's wish that another replica lead, over the leader's own socket as `ridectl cluster transfer` says it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// How long a leader may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What came of a wish.
pub(super) struct Answered {
    /// When it was said.
    pub(super) at: Instant,
    /// Why nothing came of it; none when another leads.
    pub(super) refused: Option<String>,
}

/// Asks the replica of this data folder to hand over, and waits for its answer.
pub(super) fn hand_over(data: &Path, to: u16) -> Result<Answered> {
    let socket = data.join("operator.sock");
    let mut stream = UnixStream::connect(&socket).with_context(|| format!("{}", socket.display()))?;
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    let request = json!({ "command": "handover", "to": to, "reason": "drill", "dry_run": false }).to_string() + "\n";
    let at = Instant::now();
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line).context("no answer to a transfer")?;
    let told: Value = serde_json::from_str(&line).with_context(|| format!("no answer to a transfer: {line:?}"))?;
    let refused = told["refused"].as_str().or_else(|| told["error"].as_str()).map(str::to_owned);
    Ok(Answered { at, refused })
}
