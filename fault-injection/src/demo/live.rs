//! The demo as it runs, in the terminal: redrawn in place on a terminal, a line every few seconds elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use ridethrough_dashboard::Snapshot;
use serde_json::Value;

/// Elsewhere than on a terminal, every so many updates make a line.
const QUIET_EVERY: u32 = 20;
/// Width of a charge bar.
const BAR: usize = 10;

/// What draws the demo.
#[derive(Debug, Default)]
pub struct Live {
    drawn_lines: usize,
    updates: u32,
}

/// One moment of the demo.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Seconds since the scenario began.
    pub seconds: f64,
    /// By replica; none for one that does not answer.
    pub snapshots: &'a [Option<Snapshot>],
    /// The plant's last summary.
    pub plant: Option<&'a Value>,
}

impl Live {
    /// A line that stays.
    pub fn say(&mut self, what: &str) {
        self.erase();
        eprintln!("{what}");
    }

    /// Draws the moment.
    pub fn draw(&mut self, moment: &Moment<'_>) {
        let terminal = std::io::stderr().is_terminal();
        self.updates += 1;
        if terminal {
            self.erase();
            let text = panel(moment);
            self.drawn_lines = text.lines().count();
            eprint!("{text}");
            let _ = std::io::stderr().flush();
        } else if self.updates % QUIET_EVERY == 1 {
            eprintln!("{}", line(moment));
        }
    }

    fn erase(&mut self) {
        if self.drawn_lines > 0 {
            eprint!("\x1b[{}A\x1b[J", self.drawn_lines);
            self.drawn_lines = 0;
        }
    }
}

/// The snapshot to believe: that of the acting leader of the newest term, else the newest of any.
fn newest<'a>(moment: &Moment<'a>) -> Option<&'a Snapshot> {
    let known = moment.snapshots.iter().flatten();
    known.max_by_key(|snapshot| (snapshot.acting, snapshot.term, snapshot.applied_index))
}

fn line(moment: &Moment<'_>) -> String {
    let Some(now) = newest(moment) else { return format!("{:6.1} s  no replica answers", moment.seconds) };
    let risk = now.racks.iter().filter(|rack| rack.at_risk).count();
    let over = count(moment.plant, |rack| rack["over_limit"].as_bool() == Some(true));
    let trips = moment.plant.and_then(|plant| plant["trips"].as_u64()).unwrap_or(0);
    format!(
        "{:6.1} s  leader {}  term {}  commit {}  at risk {risk}  transfers {}  charge {}  over limit {over}  trips {trips}",
        moment.seconds,
        leader(now),
        now.term,
        now.commit_index,
        now.transfers.len(),
        charge(now),
    )
}

fn count(plant: Option<&Value>, is: impl Fn(&Value) -> bool) -> usize {
    plant.and_then(|plant| plant["racks"].as_array()).map_or(0, |racks| racks.iter().filter(|rack| is(rack)).count())
}

fn leader(now: &Snapshot) -> String {
    if now.acting { format!("n{}", now.replica) } else { "none".into() }
}

fn charge(now: &Snapshot) -> String {
    let stored: i64 = now.kesms.iter().filter_map(|kesm| kesm.stored_joules).sum();
    let capacity: i64 = now.kesms.iter().map(|kesm| kesm.capacity_joules).sum::<i64>().max(1);
    format!("{} %", stored * 100 / capacity)
}

fn panel(moment: &Moment<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", line(moment));
    let roles: Vec<String> = moment
        .snapshots
        .iter()
        .enumerate()
        .map(|(nth, snapshot)| {
            let what = snapshot
                .as_ref()
                .map_or("silent".into(), |one| format!("{} (applied {})", one.role, one.applied_index));
            format!("n{} {what}", nth + 1)
        })
        .collect();
    let _ = writeln!(text, "  replicas   {}", roles.join("   "));
    let Some(now) = newest(moment) else { return text };
    let wheels: Vec<String> = now.kesms.iter().map(|kesm| format!("{} {}", kesm.name, bar(kesm))).collect();
    for four in wheels.chunks(4) {
        let _ = writeln!(text, "  flywheels  {}", four.join("  "));
    }
    let risky: Vec<String> = now.racks.iter().filter(|rack| rack.at_risk).map(rack_words).collect();
    let _ = writeln!(text, "  at risk    {}", if risky.is_empty() { "none".into() } else { risky.join("  ") });
    for transfer in now.transfers.iter().take(12) {
        let from = transfer.from.join(" + ");
        let (kw, left) = (transfer.watts / 1_000, transfer.left_ms / 1_000);
        let _ = writeln!(
            text,
            "  transfer   {:<7} to {} from {from}, up to {kw} kW, {left} s left",
            transfer.id, transfer.rack
        );
    }
    text
}

fn rack_words(rack: &ridethrough_dashboard::RackView) -> String {
    let load = rack.load_watts.map_or("?".into(), |watts| format!("{:.1}", kilo(watts)));
    format!("{} {load}/{:.0} kW", rack.name, kilo(rack.limit_watts))
}

#[allow(clippy::cast_precision_loss, reason = "for display")]
fn kilo(watts: i64) -> f64 {
    watts as f64 / 1_000.0
}

fn bar(kesm: &ridethrough_dashboard::KesmView) -> String {
    let Some(stored) = kesm.stored_joules else { return "?".into() };
    let percent = (stored * 100 / kesm.capacity_joules.max(1)).clamp(0, 100).unsigned_abs();
    let full = usize::try_from(percent).unwrap_or(0) * BAR / 100;
    format!("{}{} {percent:3} %", "█".repeat(full), "░".repeat(BAR - full))
}
