//! Asks a running replica: one request on a line, one answer on a line, over the socket in its data folder or from elsewhere.

mod afar;
mod here;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use ridethrough_core::request::RequestId;
use serde_json::Value;

use self::afar::At;
use crate::ended::Ended;

/// How long a replica may take: it loads what is new in its folder, and waits for a commit.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// Most bytes of an answer. A site of 10,000 racks takes a tenth of it.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Which replica is asked.
#[derive(Debug, Args)]
pub struct Of {
    /// The data folder of a running replica of this host.
    #[arg(long, value_name = "DIR", env = "RIDETHROUGH_DATA_DIR", required_unless_present = "at")]
    data_dir: Option<PathBuf>,
    /// Instead: replicas elsewhere, such as `n1=10.0.0.1:7401`, all of them with commas between. The first that answers is asked, and
    /// whoever leads where only that one can do it.
    #[arg(long, value_name = "nN=IP:PORT", env = "RIDETHROUGH_AT", value_delimiter = ',', requires = "identity")]
    at: Vec<At>,
    /// Who asks from elsewhere: what `ridectl pki issue --person` wrote, without its ending, such as `mira/person-mira`; `ca.pem` lies beside it.
    #[arg(long, value_name = "FILE", env = "RIDETHROUGH_IDENTITY")]
    identity: Option<PathBuf>,
}

/// How the leader is asked for something that goes into the log.
#[derive(Debug, Args)]
pub struct How {
    #[command(flatten)]
    pub of: Of,
    /// Why, for the log. The log names whoever runs this command, too.
    #[arg(long)]
    pub reason: String,
    /// Only say whether it would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// The request's number: the same as before when the same is asked again, so that nothing is done twice. Drawn anew unless said.
    #[arg(long, value_name = "NUMBER")]
    pub request: Option<RequestId>,
}

/// What was asked for may have been done, or may yet be: the log says.
#[derive(Debug)]
pub struct UnknownOutcome {
    why: String,
    /// What was asked for was numbered so.
    request: Option<RequestId>,
}

impl UnknownOutcome {
    const fn of(why: String) -> Self {
        Self { why, request: None }
    }
}

impl fmt::Display for UnknownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not known what became of it ({}): ", self.why)?;
        match self.request {
            Some(number) => write!(
                f,
                "`ridectl outcome {number}` tells, and the same again with `--request {number}` does nothing twice"
            ),
            None => f.write_str("`ridectl audit log --kind operation` tells"),
        }
    }
}

impl std::error::Error for UnknownOutcome {}

/// Asks, and returns what is answered.
pub fn ask(of: &Of, request: &Value) -> Result<Value> {
    if of.at.is_empty() {
        return here::ask(of.data_dir.as_deref().context("no replica is named: --data-dir or --at")?, request);
    }
    afar::ask(&of.at, of.identity.as_deref().context("nobody is named who asks: --identity")?, request)
}

/// Asks for a change under a number of its own, and returns what is answered.
pub fn wish(how: &How, mut request: Value) -> Result<Value> {
    let number = how.request.map_or_else(draw, Ok)?;
    request["reason"] = how.reason.as_str().into();
    request["dry_run"] = how.dry_run.into();
    request["request"] = number.to_string().into();
    ask(&how.of, &request).map_err(|error| match error.downcast::<UnknownOutcome>() {
        Ok(unknown) => UnknownOutcome { request: Some(number), ..unknown }.into(),
        Err(error) => error,
    })
}

fn draw() -> Result<RequestId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no number can be drawn for the request: {error}"))?;
    Ok(RequestId(u128::from_le_bytes(bytes)))
}

/// That it was done when it was asked for before; none where it was not.
fn done_before(told: &Value) -> Option<String> {
    let index = told["index"].as_u64().filter(|_| told["before"] == true)?;
    Some(format!(
        "done      before, when it was asked for the first time\nlog       entry {index}: `ridectl audit show {index}` tells it\n"
    ))
}

/// That it was refused and why, for people, with the entry that says so where there is one; none where it was not refused.
fn refusal(told: &Value) -> Option<String> {
    let why = told["refused"].as_str()?;
    let entry = told["index"].as_u64().map(|index| format!(" (entry {index} tells that it was asked for)"));
    Some(format!("REFUSED   {why}{}\n", entry.unwrap_or_default()))
}

/// What is to be said where nothing was done this time: it was refused, or done before. None where it was done, or would be.
pub fn settled(told: &Value) -> Option<String> {
    refusal(told).or_else(|| done_before(told))
}

/// How a command that was answered so has ended.
pub fn ended(told: &Value) -> Ended {
    if told["refused"].is_null() {
        return Ended::Well;
    }
    // A follower says who leads, or that nobody does.
    if told.get("leader").is_some() { Ended::Unreachable } else { Ended::Refused }
}

/// What a line of an answer says; an error where the replica has none.
fn read(line: &str, from: &str) -> Result<Value> {
    let told: Value = serde_json::from_str(line).with_context(|| format!("{from}: no answer"))?;
    match told["error"].as_str() {
        Some(error) if told["outcome"] == "unknown" => Err(UnknownOutcome::of(error.to_owned()).into()),
        Some(error) => bail!("{from}: {error}"),
        None => Ok(told),
    }
}
