//! Asks a running replica: one request on a line, one answer on a line, over the socket in its data folder or from elsewhere.

mod afar;
mod here;

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use ridethrough_core::request::RequestId;
use serde_json::Value;

use self::afar::At;
use crate::ended::Ended;

/// How long a replica may take: it loads what is new in its folder, and waits for a commit.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// For how long it is asked on what became of a change, where that is not known: an election is over by then, and a slow disk done.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait before asking on.
const SETTLE_PAUSE: Duration = Duration::from_millis(250);
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

/// Replicas elsewhere, each of which is asked.
#[derive(Debug, Args)]
pub struct All {
    /// The replicas, such as `n1=10.0.0.1:7401`, with commas between.
    #[arg(long, value_name = "nN=IP:PORT", env = "RIDETHROUGH_AT", value_delimiter = ',', required = true)]
    at: Vec<At>,
    /// Who asks: what `ridectl pki issue --person` wrote, without its ending, such as `mira/person-mira`; `ca.pem` lies beside it.
    #[arg(long, value_name = "FILE", env = "RIDETHROUGH_IDENTITY")]
    identity: PathBuf,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct One<'a> {
    at: At,
    identity: &'a Path,
}

impl All {
    /// Each of them, in the order in which they were named.
    pub fn each(&self) -> impl Iterator<Item = One<'_>> {
        self.at.iter().map(|at| One { at: *at, identity: &self.identity })
    }
}

impl One<'_> {
    /// What it is called.
    pub fn name(&self) -> String {
        self.at.name()
    }

    /// Asks it, and returns what is answered.
    pub fn ask(&self, request: &Value) -> Result<Value> {
        afar::ask(&[self.at], self.identity, request)
    }
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

/// A replica heard what was asked and did not say what became of it.
#[derive(Debug)]
struct Unanswered {
    why: String,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Unanswered {}

/// A change that was asked for may have been carried out, or may yet be.
#[derive(Debug)]
pub struct UnknownOutcome {
    why: String,
    /// What was asked for was numbered so.
    request: RequestId,
}

impl fmt::Display for UnknownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, request } = self;
        write!(
            f,
            "it is not known what became of it ({why}): `ridectl outcome {request}` tells, and the same again with \
             `--request {request}` does nothing twice"
        )
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

/// Asks once for a change under a number of its own, and returns what is answered.
pub fn wish(how: &How, request: Value) -> Result<Value> {
    let number = how.request.map_or_else(draw, Ok)?;
    ask(&how.of, &numbered(how, request, number)).map_err(|error| naming(number, error))
}

/// Asks for a change that is whole once its entry is committed. Where an answer leaves open what became of it, the same is asked on
/// under the same number, which does nothing twice, until a replica knows.
pub fn insist(how: &How, request: Value) -> Result<Value> {
    let number = how.request.map_or_else(draw, Ok)?;
    let request = numbered(how, request, number);
    match ask(&how.of, &request) {
        Err(error) if error.is::<Unanswered>() => {
            eprintln!("ridectl: {error:#}: asking on for up to {} s", SETTLE_DEADLINE.as_secs());
            let mut told = settle(|| ask(&how.of, &request)).ok_or_else(|| naming(number, error))?;
            // Under a number that was drawn here nobody asked before: it was done now.
            if how.request.is_none() && told["before"] == true {
                told["before"] = false.into();
            }
            Ok(told)
        }
        told => told,
    }
}

/// Asks on until the answer says what became of it; none where none did in time.
fn settle(mut ask: impl FnMut() -> Result<Value>) -> Option<Value> {
    let until = Instant::now() + SETTLE_DEADLINE;
    while Instant::now() < until {
        sleep(SETTLE_PAUSE);
        match ask() {
            // Whoever does not lead does not know what is still on its way, and an error is about this time alone.
            Ok(told) if told.get("leader").is_some() => (),
            Ok(told) => return Some(told),
            Err(_) => (),
        }
    }
    None
}

fn numbered(how: &How, mut request: Value, number: RequestId) -> Value {
    request["reason"] = how.reason.as_str().into();
    request["dry_run"] = how.dry_run.into();
    request["request"] = number.to_string().into();
    request
}

/// The error with the number to ask on with, where it leaves something open.
fn naming(number: RequestId, error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Unanswered>() {
        Ok(Unanswered { why }) => UnknownOutcome { why, request: number }.into(),
        Err(error) => error,
    }
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
        Some(error) if told["outcome"] == "unknown" => Err(Unanswered { why: error.to_owned() }.into()),
        Some(error) => bail!("{from}: {error}"),
        None => Ok(told),
    }
}

#[cfg(test)]
mod tests;
