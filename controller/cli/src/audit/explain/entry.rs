//! One entry, whatever it is: what it says, why, what it made devices do, and what became of it.

use ridethrough_core::audit::{Record, State};
use ridethrough_core::command::{CapGrant, Command, GeneratorGrant, ModeChange, Plan};
use ridethrough_core::device::DeviceId;
use ridethrough_core::mode::Mode;
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::Millis;
use serde::Serialize;

use super::super::open::Opened;
use super::super::words::{self, names, reasons};
use super::{binding, order_line};
use crate::output::wall_time;

#[derive(Serialize)]
pub(super) struct EntryStory {
    index: u64,
    term: u64,
    led_by: String,
    proposed_by: String,
    proposed: String,
    ledger_ms: i64,
    /// As `audit log` says it.
    what: Vec<String>,
    /// What lies behind it.
    why: Vec<String>,
    /// Every limit that it broke.
    refused: Vec<String>,
    /// What devices were told because of it.
    orders: Vec<String>,
    /// Which transfers it moved from state to state.
    states: Vec<String>,
}

impl EntryStory {
    pub(super) fn of(opened: &Opened, record: &Record) -> Self {
        let index = record.position.index;
        Self {
            index,
            term: record.position.term,
            led_by: record.position.leader.to_string(),
            proposed_by: record.entry.by.to_string(),
            proposed: wall_time(record.entry.stamp.wall_unix_ms),
            ledger_ms: record.at.get(),
            what: words::lines(record, &opened.site),
            why: why(opened, record),
            refused: binding(record, &opened.site),
            orders: opened.replay.orders_of(index).map(|order| order_line(&opened.site, order)).collect(),
            states: states(opened, index),
        }
    }

    pub(super) fn words(&self) -> String {
        let mut lines = vec![format!(
            "entry     {} of term {}, led by {}, proposed by {} {}, ledger time {}",
            self.index,
            self.term,
            self.led_by,
            self.proposed_by,
            self.proposed,
            Millis::new(self.ledger_ms)
        )];
        let parts = [
            ("says", &self.what),
            ("why", &self.why),
            ("refused", &self.refused),
            ("order", &self.orders),
            ("state", &self.states),
        ];
        lines.extend(parts.iter().flat_map(|(head, said)| said.iter().map(move |line| format!("{head:<9} {line}"))));
        lines.join("\n") + "\n\n"
    }
}

fn states(opened: &Opened, index: u64) -> Vec<String> {
    let steps = opened.replay.steps_of(index);
    let line = |(id, state)| match state {
        State::Phase(phase) => format!("transfer {id} is {}", phase.as_str()),
        State::Replaced { by } => format!("transfer {id} is replaced by {by}"),
        State::Releasing(reason) => {
            format!("transfer {id} is {}: {}", reasons::release_kind(reason), reason.as_str())
        }
        State::Done => format!("transfer {id} is done with: its devices have been told"),
        State::Expired => format!("transfer {id} has expired"),
    };
    steps.map(|(id, step)| line((id, step.state))).collect()
}

fn why(opened: &Opened, record: &Record) -> Vec<String> {
    let Command::Plan(plan) = &record.entry.command else { return Vec::new() };
    let modes = plan.modes.iter().map(|change| mode_why(opened, record, change));
    let caps = plan.caps.iter().flat_map(|cap| cap_why(opened, record, cap));
    let generators = plan.generators.iter().map(|generator| generator_why(&opened.site, record, generator));
    modes.chain(caps).chain(generators).collect()
}

fn mode_why(opened: &Opened, record: &Record, change: &ModeChange) -> String {
    let earlier = opened.replay.records.iter().take_while(|earlier| earlier.position.index < record.position.index);
    let of_feed = earlier.filter(|earlier| earlier.admitted()).filter_map(|earlier| {
        let plan = plan_of(earlier)?;
        let change = plan.modes.iter().find(|one| one.feed == change.feed)?;
        Some((change.to, earlier.at))
    });
    let name = names::feed(&opened.site, change.feed);
    let since = |at: Millis| format!("since ledger time {at}");
    let (from, since) = of_feed.last().map_or((Mode::Normal, "from the start".into()), |(mode, at)| (mode, since(at)));
    format!("feed {name} had been in mode {from} {since}; {}", change.reason)
}

fn cap_why(opened: &Opened, record: &Record, cap: &CapGrant) -> Vec<String> {
    let site = &opened.site;
    let Some(rack) = site.racks.get(cap.rack.index()) else { return Vec::new() };
    let off: Vec<&str> = site
        .servers_of(cap.rack)
        .filter(|server| server.tier > cap.keep_tiers)
        .map(|server| server.name.as_str())
        .collect();
    let shut = if off.is_empty() { "no server shuts down".into() } else { format!("shut down: {}", off.join(", ")) };
    let less = rack.nameplate.saturating_sub(cap.cap).or_zero();
    let why = cap.reason.as_str();
    let mut lines = vec![format!(
        "rack {}: {} less than its servers are rated for ({}), because {why}; {shut}",
        rack.name,
        less.kilo(),
        rack.nameplate.kilo(),
    )];
    if record.admitted() {
        lines.push(format!("rack {}: the cap {}", rack.name, cap_end(opened, record, cap)));
    }
    lines
}

/// How a cap ended: the first later entry that lifts it, puts another in its place, or comes too late for it.
fn cap_end(opened: &Opened, record: &Record, cap: &CapGrant) -> String {
    let until = record.at.saturating_add(cap.hold);
    let later = opened.replay.records.iter().skip_while(|later| later.position.index <= record.position.index);
    for later in later {
        let index = later.position.index;
        if later.at >= until {
            return format!("expired at ledger time {until}");
        }
        match touch(later, cap.rack) {
            Some(Touch::Lifted) => return format!("was lifted by entry {index}"),
            Some(Touch::Replaced) => return format!("was renewed or changed by entry {index}"),
            None => {}
        }
    }
    "was in force when the log ended".into()
}

enum Touch {
    Lifted,
    Replaced,
}

fn touch(record: &Record, rack: RackId) -> Option<Touch> {
    if !record.admitted() {
        return None;
    }
    if let Command::Operation(operation) = &record.entry.command {
        let held = operation.action == ridethrough_core::command::Action::Hold(DeviceId::Pdu(rack));
        return held.then_some(Touch::Lifted);
    }
    let plan = plan_of(record)?;
    let replaced = plan.caps.iter().any(|cap| cap.rack == rack).then_some(Touch::Replaced);
    replaced.or_else(|| plan.lifts.contains(&rack).then_some(Touch::Lifted))
}

fn generator_why(site: &Site, record: &Record, generator: &GeneratorGrant) -> String {
    let (name, until) = (names::feed(site, generator.feed), record.at.saturating_add(generator.hold));
    format!("the generator of feed {name} follows its own rule again at ledger time {until}, unless it is told again")
}

const fn plan_of(record: &Record) -> Option<&Plan> {
    match &record.entry.command {
        Command::Plan(plan) => Some(plan),
        _ => None,
    }
}
