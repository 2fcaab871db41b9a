//! A drill as it is written.
//!
//! ```toml
//! name = "kill-leader"
//! about = "The leader is killed while transfers are in force."
//! row = "kill of the leader in mid-transfer"   # of the fault matrix in fault-injection/README.md
//! keeps = ["I1", "I2", "I4"]                   # invariants that it tries
//! plant = "demo"                               # a scenario's folder, beside the folder of drills
//!
//! [steady]                    # before the first fault, and again after the last
//! within_s = 60
//! transfers = 1               # so many are in force
//!
//! [[fault]]
//! at_s = 2                    # after the steady state was reached
//! for_s = 5                   # until it is ended; at once when left out
//! kind = "kill"
//! target = "leader"           # leader, follower, all, n1, n2, n3
//!
//! [expect]
//! gap_ms = 2000               # some device obeys the next leader by then
//! recovered_within_s = 30
//!
//! [abort]
//! trips = 1                   # it is broken off, and everything ended, once so many racks are dark
//! leaderless_s = 20
//! ```

mod bounds;
mod described;
mod expect;
mod fault;
mod names;

use std::fmt;
use std::path::{Path, PathBuf};

use ridethrough_core::site::Site;
use ridethrough_protocol::Orders;
use serde::Deserialize;
use toml::Spanned;

pub use self::bounds::{Abort, Steady};
pub use self::expect::Expect;
pub use self::fault::{FaultSpec, Kind, MODULE_IN_USE, device_called};
pub use self::names::{DeviceFaultName, Program, Target, WayName};

/// The longest a drill may take, in s.
pub const SECONDS_MAX: f64 = 3_600.0;
/// At most so many faults.
pub const FAULTS_MAX: usize = 32;
/// Longest text of a drill, in bytes.
const FILE_BYTES_MAX: usize = 64 << 10;

/// A drill that can be run.
#[derive(Clone, Debug)]
pub struct Drill {
    /// What it is called.
    pub name: String,
    /// What it does, for people.
    pub about: String,
    /// Its row of the fault matrix.
    pub row: String,
    /// The invariants that it tries.
    pub keeps: Vec<String>,
    /// The folder with the plant's scenario.
    pub plant: PathBuf,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// Whether the model forecasts; otherwise the rule does.
    pub model: bool,
    /// What every replica runs at first.
    pub begins_with: Program,
    /// What must be before and after.
    pub steady: Steady,
    /// In the order of time.
    pub faults: Vec<FaultSpec>,
    /// What must hold.
    pub expect: Expect,
    /// When it is broken off.
    pub abort: Abort,
    /// The text that it was read from.
    pub text: String,
}

/// A drill that cannot be used: everything that is wrong with it.
#[derive(Debug)]
pub struct DrillFaults {
    /// The file, as the caller named it.
    pub file: String,
    /// What is wrong, with the line where it stands, at least one.
    pub faults: Vec<(usize, String)>,
}

impl fmt::Display for DrillFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (line, reason)) in self.faults.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{line}: {reason}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for DrillFaults {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDrill {
    name: Spanned<String>,
    about: String,
    row: String,
    #[serde(default)]
    keeps: Vec<Spanned<String>>,
    plant: Spanned<String>,
    #[serde(default)]
    two_of_three: bool,
    #[serde(default)]
    model: bool,
    #[serde(default)]
    begins_with: Program,
    #[serde(default)]
    steady: Steady,
    #[serde(default)]
    fault: Vec<Spanned<toml::Table>>,
    #[serde(default)]
    expect: Expect,
    #[serde(default)]
    abort: Abort,
}

impl Drill {
    /// Reads a drill from TOML. `file` is the name that errors carry; scenarios of plants lie in `plants`.
    pub fn parse(file: &str, text: &str, plants: &Path) -> Result<Self, DrillFaults> {
        let wrong = |faults: Vec<(usize, String)>| DrillFaults { file: file.into(), faults };
        if text.len() > FILE_BYTES_MAX {
            return Err(wrong(vec![(1, format!("{} bytes, expected at most {FILE_BYTES_MAX}", text.len()))]));
        }
        let raw: RawDrill = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            wrong(vec![(line_of(text, at), error.message().into())])
        })?;
        let mut checker = Checker { text, faults: Vec::new() };
        let drill = checker.drill(raw, plants);
        if checker.faults.is_empty() { Ok(drill) } else { Err(wrong(checker.faults)) }
    }

    /// Everything in it that the site does not have.
    pub fn check_site(&self, file: &str, site: &Site) -> Result<(), DrillFaults> {
        let faults: Vec<_> =
            self.faults.iter().filter_map(|fault| Some((fault.line, fault.unknown_to(site)?))).collect();
        if faults.is_empty() { Ok(()) } else { Err(DrillFaults { file: file.into(), faults }) }
    }

    /// How many replicas it touches at once, at most.
    pub fn replicas_touched(&self) -> usize {
        let ends = |fault: &FaultSpec| fault.at_s + fault.for_s.unwrap_or(0.0);
        let at = |moment: f64| {
            let touching = self.faults.iter().filter(|fault| fault.at_s <= moment && moment <= ends(fault));
            touching.filter_map(|fault| fault.kind.target()).map(Target::replicas).sum::<usize>().min(3)
        };
        self.faults.iter().map(|fault| at(fault.at_s)).max().unwrap_or(0)
    }

    /// Whether it mixes two builds of the program, one of which has to be given.
    pub fn runs_two_programs(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind.is_of_two_programs())
    }

    /// When the last fault has been ended, in s after the steady state.
    pub fn seconds(&self) -> f64 {
        self.faults.iter().map(|fault| fault.at_s + fault.for_s.unwrap_or(0.0)).fold(0.0, f64::max)
    }
}

struct Checker<'a> {
    text: &'a str,
    faults: Vec<(usize, String)>,
}

impl Checker<'_> {
    fn drill(&mut self, raw: RawDrill, plants: &Path) -> Drill {
        let name = raw.name.get_ref();
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            let reason = format!("name: `{}`, expected 1 to 64 of a-z, 0-9 and -", name.escape_debug());
            self.fault(raw.name.span().start, reason);
        }
        for keeps in &raw.keeps {
            if !matches!(keeps.get_ref().as_bytes(), [b'I', b'1'..=b'9']) {
                let reason = format!("keeps: `{}`, expected I1 to I9", keeps.get_ref().escape_debug());
                self.fault(keeps.span().start, reason);
            }
        }
        let plant = plants.join(raw.plant.get_ref());
        if !plant.join("scenario.toml").is_file() {
            self.fault(raw.plant.span().start, format!("plant: there is no scenario in {}", plant.display()));
        }
        if raw.fault.is_empty() || raw.fault.len() > FAULTS_MAX {
            self.fault(0, format!("{} times [[fault]], expected 1 to {FAULTS_MAX}", raw.fault.len()));
        }
        self.spans(&raw.steady, &raw.expect, &raw.abort);
        let mut faults: Vec<FaultSpec> = raw.fault.iter().filter_map(|fault| self.fault_spec(fault)).collect();
        faults.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        let exchanges = faults.iter().any(|fault| fault.kind.is_of_two_programs());
        if raw.begins_with == Program::Other && !exchanges {
            self.fault(
                0,
                "begins_with: no fault is of kind `other_program`, so that only one program would run".into(),
            );
        }
        Drill {
            name: name.clone(),
            about: raw.about,
            row: raw.row,
            keeps: raw.keeps.into_iter().map(Spanned::into_inner).collect(),
            plant,
            orders: if raw.two_of_three { Orders::TwoOfThree } else { Orders::One },
            model: raw.model,
            begins_with: raw.begins_with,
            steady: raw.steady,
            faults,
            expect: raw.expect,
            abort: raw.abort,
            text: self.text.into(),
        }
    }

    fn spans(&mut self, steady: &Steady, expect: &Expect, abort: &Abort) {
        let spans = [
            ("steady.within_s", steady.within_s),
            ("expect.recovered_within_s", expect.recovered_within_s),
            ("abort.leaderless_s", abort.leaderless_s),
        ];
        for (field, seconds) in spans {
            if !(0.1..=SECONDS_MAX).contains(&seconds) {
                self.fault(0, format!("{field}: {seconds}, expected 0.1 to {SECONDS_MAX}"));
            }
        }
    }

    fn fault_spec(&mut self, raw: &Spanned<toml::Table>) -> Option<FaultSpec> {
        let line = line_of(self.text, raw.span().start);
        match FaultSpec::read(raw.get_ref(), line) {
            Ok(spec) => Some(spec),
            Err(reason) => {
                self.faults.push((line, format!("[[fault]]: {reason}")));
                None
            }
        }
    }

    fn fault(&mut self, at: usize, reason: String) {
        self.faults.push((line_of(self.text, at), reason));
    }
}

/// The line of a place in a text, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
