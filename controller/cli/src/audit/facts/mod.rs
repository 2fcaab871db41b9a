//! Everything that an entry says, as machines read it: what `show` prints and exports carry. Numbers have their unit in their
//! name; racks and devices have the site's names; `runbooks/audit-export.md` describes each field.

mod plan;
mod spoken;

use ridethrough_core::audit::Record;
use ridethrough_core::command::{Command, Founding};
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::Site;
use serde::Serialize;

use self::plan::{GrantFacts, LoadFacts, PlanFacts, StoredFacts};
use self::spoken::{AlarmFacts, ForecastFacts, ModelRefusedFacts, OperationFacts, OutcomeFacts};
use super::history::{Item, Said};
use super::kind::Kind;
use super::words;
use crate::output::{hex, wall_time};

/// An entry, whole.
#[derive(Debug, Serialize)]
pub struct Facts<'a> {
    index: u64,
    term: u64,
    leader: String,
    kinds: Vec<&'static str>,
    what: Vec<String>,
    /// What only entries of the ledger have.
    #[serde(flatten)]
    applied: Option<Applied>,
    /// Under the name of what it is; none where a new leader begins.
    #[serde(flatten)]
    content: Option<Content<'a>>,
    leaf_hash: String,
    entry_bytes: usize,
}

#[derive(Debug, Serialize)]
struct Applied {
    proposed: String,
    proposed_unix_ms: i64,
    proposed_by: String,
    ledger_ms: i64,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordered_devices: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_for: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diverged_at: Option<u64>,
    seen_index: u64,
    seen_hash: String,
    state_hash: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Content<'a> {
    Founding(FoundingFacts),
    Plan(Box<PlanFacts>),
    Outcome(OutcomeFacts),
    Operation(Box<OperationFacts<'a>>),
    ModelRefused(ModelRefusedFacts),
    Forecasts(ForecastFacts),
    Alarms(AlarmFacts),
    Membership(&'a str),
}

#[derive(Debug, Serialize)]
struct FoundingFacts {
    cluster: String,
    site_hash: String,
}

impl<'a> Facts<'a> {
    /// What this entry says.
    pub fn of(item: &'a Item, site: &'a Site) -> Self {
        let (applied, content) = match &item.said {
            Said::Ledger(record) => (Some(Applied::of(record, site)), Some(content(record, site))),
            Said::Blank => (None, None),
            Said::Membership(members) => (None, Some(Content::Membership(members))),
        };
        Self {
            index: item.at.index,
            term: item.at.term,
            leader: item.at.leader.to_string(),
            kinds: Kind::of(item).into_iter().map(Kind::as_str).collect(),
            what: words::of(item, site),
            applied,
            content,
            leaf_hash: hex(&item.leaf),
            entry_bytes: item.bytes,
        }
    }
}

impl Applied {
    fn of(record: &Record, site: &Site) -> Self {
        let entry = &record.entry;
        let refused_for = match &record.effect {
            Effect::Refused(refusal) => refusal.violations.iter().map(|violation| violation.describe(site)).collect(),
            _ => Vec::new(),
        };
        Self {
            proposed: wall_time(entry.stamp.wall_unix_ms),
            proposed_unix_ms: entry.stamp.wall_unix_ms,
            proposed_by: entry.by.to_string(),
            ledger_ms: entry.stamp.at.get(),
            effect: effect(&record.effect),
            ordered_devices: if let Effect::Admitted { orders } = record.effect { Some(orders) } else { None },
            refused_for,
            diverged_at: if let Effect::Diverged { index } = record.effect { Some(index) } else { None },
            seen_index: entry.seen.index,
            seen_hash: hex(&entry.seen.hash),
            state_hash: hex(&record.after.hash),
        }
    }
}

/// What an entry did, in a word.
pub const fn effect(effect: &Effect) -> &'static str {
    match effect {
        Effect::Founded => "founded",
        Effect::Admitted { .. } => "admitted",
        Effect::Refused(_) => "refused",
        Effect::Noted => "noted",
        Effect::Diverged { .. } => "diverged",
    }
}

fn content<'a>(record: &'a Record, site: &'a Site) -> Content<'a> {
    match &record.entry.command {
        Command::Found(Founding { cluster, site_hash }) => {
            Content::Founding(FoundingFacts { cluster: hex(cluster), site_hash: hex(site_hash) })
        }
        Command::Plan(plan) => Content::Plan(Box::new(PlanFacts::of(plan, record.position.index, site))),
        Command::Outcome(outcome) => Content::Outcome(OutcomeFacts::of(outcome, site)),
        Command::Operation(operation) => {
            Content::Operation(Box::new(OperationFacts::of(operation, record.position.index, site)))
        }
        Command::ModelRefused(refused) => Content::ModelRefused(ModelRefusedFacts::of(refused)),
        Command::Forecasts(note) => Content::Forecasts(ForecastFacts::of(note, site)),
        Command::Alarms(note) => Content::Alarms(AlarmFacts::of(note, site)),
    }
}
