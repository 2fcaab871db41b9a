//! How the site is, and what an operator may ask of it: `ridectl status | health | get …`, and holds, manual mode, transfers, less for
//! a rack, alarms. All by the socket of a running replica.
//!
//! | module | subject |
//! |---|---|
//! | `status`, `health`, `get`, `outcome` | what is seen |
//! | `change` | what is asked for, and what became of it |
//! | `quantities` | watts and spans as people write them |

mod change;
mod get;
mod health;
mod outcome;
pub mod quantities;
mod status;

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use ridethrough_core::request::RequestId;
use ridethrough_core::units::Watts;
use serde_json::{Value, json};

pub use self::get::What;
use self::quantities::{span_ms, watts};
use crate::ask::{How, Of};
use crate::ended::Ended;
use crate::output::Output;

/// What is seen.
#[derive(Debug, Subcommand)]
pub enum Seen {
    /// Say how the site is in a few lines: who leads, modes, load, storage, alarms, what operators have asked for.
    Status(Of),
    /// Exit with 0 if somebody leads with a majority and all devices are heard, else with 3.
    Health {
        #[command(flatten)]
        of: Of,
        /// Wait for it so long.
        #[arg(long, value_name = "SPAN", value_parser = humantime::parse_duration, default_value = "0s")]
        wait: Duration,
    },
    /// Say whether a request was carried out, by its number.
    Outcome {
        /// The request's number, as it was told when it was asked.
        #[arg(value_name = "NUMBER")]
        request: RequestId,
        #[command(flatten)]
        of: Of,
    },
    /// List racks, flywheels, transfers or alarms.
    Get {
        /// What.
        #[arg(value_enum)]
        what: What,
        #[command(flatten)]
        of: Of,
        /// In which order: by `name`, or for racks by `headroom` (the least first).
        #[arg(long, value_enum, default_value_t = get::Sort::Site)]
        sort: get::Sort,
        /// Go on, once a second, until Ctrl-C.
        #[arg(long)]
        watch: bool,
    },
}

/// Where, why, and whether at all.
#[derive(Debug, Args)]
pub struct Why {
    #[command(flatten)]
    how: How,
    /// Do not ask before it is done. Nobody is asked where no terminal is.
    #[arg(long)]
    yes: bool,
}

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Asked {
    /// Leave a device alone: what rests on it ends, and nothing is planned with it until it is released.
    Hold {
        /// The device, such as `K1` or `pdu A1`.
        device: String,
        #[command(flatten)]
        why: Why,
    },
    /// Plan with a device again.
    Release {
        /// The device.
        device: String,
        #[command(flatten)]
        why: Why,
    },
    /// Leave a device alone, as `hold` does, so that it cannot be released before whoever locked it has unlocked it. Each who works
    /// at it locks it for himself.
    Lock {
        /// The device.
        device: String,
        #[command(flatten)]
        why: Why,
    },
    /// Take a lock off. The device stays held: `release` it when all locks are off.
    Unlock {
        /// The device.
        device: String,
        /// Somebody else's lock, by his name as `ridectl get exceptions` tells it. Only an engineer may.
        #[arg(long, value_name = "PERSON")]
        of: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Take the whole site over, or hand it back: in manual mode the controller plans nothing.
    Manual {
        /// Whether.
        #[arg(value_enum)]
        mode: Switch,
        #[command(flatten)]
        why: Why,
    },
    /// Hold the servers of a rack to less, for a while.
    Shed {
        /// The rack.
        rack: String,
        /// At most so much for its servers together, such as `6kW`.
        #[arg(long, value_name = "WATTS", value_parser = watts)]
        to: Watts,
        /// For how long, such as `10m`; a day at the most.
        #[arg(long = "for", value_name = "SPAN", value_parser = span_ms)]
        span_ms: i64,
        #[command(flatten)]
        why: Why,
    },
    /// Ask no longer for less for a rack.
    Restore {
        /// The rack.
        rack: String,
        #[command(flatten)]
        why: Why,
    },
    /// Move power to a rack. The planner finds the way, the envelope admits it or says what binds.
    Transfer {
        /// The rack that receives.
        rack: String,
        /// How much is to reach it, such as `4kW`.
        #[arg(long, value_name = "WATTS", value_parser = watts)]
        watts: Watts,
        /// From this flywheel only.
        #[arg(long, value_name = "KESM")]
        from: Option<String>,
        /// For how long, such as `30s`; the site's usual hold unless said, ten minutes at the most.
        #[arg(long = "for", value_name = "SPAN", value_parser = span_ms)]
        span_ms: Option<i64>,
        #[command(flatten)]
        why: Why,
    },
    /// End the transfer to a rack.
    End {
        /// The rack.
        rack: String,
        #[command(flatten)]
        why: Why,
    },
    /// Say that an alarm has been seen, or put it aside for a while.
    #[command(subcommand)]
    Alarm(Alarm),
}

/// What to do with an alarm.
#[derive(Debug, Subcommand)]
pub enum Alarm {
    /// Say that it has been seen.
    Ack {
        /// The alarm, as `ridectl get alarms` calls it.
        alarm: String,
        #[command(flatten)]
        why: Why,
    },
    /// Put it aside for a while, as long as a shift at the most.
    Shelve {
        /// The alarm.
        alarm: String,
        /// For how long, such as `30m`.
        #[arg(long = "for", value_name = "SPAN", value_parser = span_ms)]
        span_ms: i64,
        #[command(flatten)]
        why: Why,
    },
    /// Put it aside no longer.
    Unshelve {
        /// The alarm.
        alarm: String,
        #[command(flatten)]
        why: Why,
    },
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Shows what is asked.
pub fn see(seen: &Seen, output: Output) -> Result<Ended> {
    let seen = match seen {
        Seen::Status(of) => status::show(of, output),
        Seen::Outcome { request, of } => outcome::show(*request, of, output),
        Seen::Health { of, wait } => health::judge(of, *wait, output),
        Seen::Get { what, of, sort, watch: false } => get::list(*what, of, *sort, output),
        Seen::Get { what, of, sort, watch: true } => get::watch(*what, of, *sort, output),
    };
    seen.or_else(|error| {
        eprintln!("ridectl: {error:#}");
        Ok(if error.is::<Refused>() { Ended::Refused } else { Ended::Unreachable })
    })
}

/// Whoever asks may not see it.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.0)
    }
}

impl std::error::Error for Refused {}

/// How the site is, as the replica of this folder last published it.
fn shown(of: &Of) -> Result<Value> {
    let told = crate::ask::ask(of, &json!({ "command": "site" }))?;
    match told["refused"].as_str() {
        Some(why) => Err(Refused(why.to_owned()).into()),
        None => Ok(told),
    }
}

/// Asks, and says what became of it.
pub fn ask(asked: &Asked, output: Output) -> Result<Ended> {
    let (words, request, why) = match asked {
        Asked::Hold { device, why } => (format!("hold {device}"), json!({ "command": "hold", "device": device }), why),
        Asked::Release { device, why } => {
            (format!("release {device}"), json!({ "command": "release", "device": device }), why)
        }
        Asked::Lock { device, why } => (format!("lock {device}"), json!({ "command": "lock", "device": device }), why),
        Asked::Unlock { device, of, why } => {
            let words = of.as_ref().map_or_else(String::new, |of| format!(" of {of}"));
            let request = json!({ "command": "unlock", "device": device, "of": of });
            (format!("take the lock{words} off {device}"), request, why)
        }
        Asked::Manual { mode, why } => {
            let on = *mode == Switch::On;
            let words = if on { "take the whole site over" } else { "hand the whole site back" };
            (words.into(), json!({ "command": "manual", "on": on }), why)
        }
        Asked::Shed { rack, to, span_ms, why } => {
            let request = json!({ "command": "shed", "rack": rack, "watts": to.get(), "span_ms": span_ms });
            (format!("hold the servers of {rack} to {}", to.kilo()), request, why)
        }
        Asked::Restore { rack, why } => (
            format!("give the servers of {rack} back what they take"),
            json!({ "command": "restore", "rack": rack }),
            why,
        ),
        Asked::Transfer { rack, watts, from, span_ms, why } => {
            let request = json!({
                "command": "transfer", "rack": rack, "source": from, "watts": watts.get(), "span_ms": span_ms,
            });
            (format!("move {} to {rack}", watts.kilo()), request, why)
        }
        Asked::End { rack, why } => {
            (format!("end the transfer to {rack}"), json!({ "command": "end", "rack": rack }), why)
        }
        Asked::Alarm(alarm) => of_alarm(alarm),
    };
    change::ask_for(&words, request, why, output)
}

fn of_alarm(alarm: &Alarm) -> (String, Value, &Why) {
    match alarm {
        Alarm::Ack { alarm, why } => {
            (format!("acknowledge {alarm}"), json!({ "command": "acknowledge", "alarm": alarm }), why)
        }
        Alarm::Shelve { alarm, span_ms, why } => {
            (format!("shelve {alarm}"), json!({ "command": "shelve", "alarm": alarm, "span_ms": span_ms }), why)
        }
        Alarm::Unshelve { alarm, why } => {
            (format!("take {alarm} off the shelf"), json!({ "command": "unshelve", "alarm": alarm }), why)
        }
    }
}
