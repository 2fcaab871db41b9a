//! What devices answered, operators asked for, and replicas told of models and forecasts.

use ridethrough_core::alarm::{AlarmKey, AlarmNote};
use ridethrough_core::command::{Action, ModelRefused, Operation, Outcome, TimedAck, TransferId};
use ridethrough_core::drill::DrillNote;
use ridethrough_core::fallback::{Change, ForecastNote, Part, Tally};
use ridethrough_core::forecast::RuleReason;
use ridethrough_core::members::MemberChange;
use ridethrough_core::model::{ModelAction, ModelId};
use ridethrough_core::site::{RowId, Site};
use serde::Serialize;

use super::super::words::names;
use super::{GrantFacts, LoadFacts, StoredFacts};
use crate::output::hex;

#[derive(Debug, Serialize)]
pub(super) struct OutcomeFacts {
    transfer: String,
    acks: Vec<AckFacts>,
}

#[derive(Debug, Serialize)]
struct AckFacts {
    device: String,
    verdict: &'static str,
    fence_term: u64,
    fence_index: u64,
    device_ms: i64,
    after_us: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct OperationFacts<'a> {
    actor: &'a str,
    reason: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantFacts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stored: Vec<StoredFacts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loads: Vec<LoadFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
    /// Who is to be a member, or no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// Where a new member listens for its peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<DrillFacts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap_watts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_ms: Option<i64>,
    /// What was asked for and denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<&'a str>,
    /// What the request was numbered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// Whose lock was taken off.
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_of: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct AlarmFacts {
    raised: Vec<String>,
    cleared: Vec<String>,
}

#[derive(Debug, Serialize)]
struct DrillFacts<'a> {
    name: &'a str,
    seed: u64,
    stage: &'static str,
}

#[derive(Debug, Serialize)]
struct ModelFacts {
    sha256: String,
    version: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct ModelRefusedFacts {
    /// None for the configured one.
    model: Option<ModelFacts>,
    fault: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct ForecastFacts {
    engine: Option<&'static str>,
    changes: Vec<ChangeFacts>,
    more: Vec<TallyFacts>,
}

#[derive(Debug, Serialize)]
struct ChangeFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    rack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<String>,
    /// Why the rule speaks; none when the model does again.
    rule: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct TallyFacts {
    rule: Option<&'static str>,
    parts: u32,
}

impl OutcomeFacts {
    pub(super) fn of(outcome: &Outcome, site: &Site) -> Self {
        let ack = |timed: &TimedAck| AckFacts {
            device: site.device_name(timed.ack.device),
            verdict: timed.ack.verdict.as_str(),
            fence_term: timed.ack.fence.term,
            fence_index: timed.ack.fence.index,
            device_ms: timed.ack.device_at.get(),
            after_us: timed.after_us,
        };
        Self { transfer: outcome.transfer.to_string(), acks: outcome.acks.iter().map(ack).collect() }
    }
}

impl<'a> OperationFacts<'a> {
    pub(super) fn of(operation: &'a Operation, index: u64, site: &Site) -> Self {
        let mut facts = Self {
            actor: &operation.actor,
            reason: &operation.reason,
            action: action(&operation.action),
            rack: None,
            device: None,
            grant: None,
            stored: Vec::new(),
            loads: Vec::new(),
            model: None,
            minimum_version: None,
            leader: None,
            member: None,
            address: None,
            drill: None,
            alarm: None,
            cap_watts: None,
            hold_ms: None,
            asked: None,
            request: operation.request.map(|request| request.to_string()),
            lock_of: None,
        };
        match &operation.action {
            Action::Transfer(grant, stored, loads) => {
                facts.rack = Some(names::rack(site, grant.rack));
                facts.grant = Some(GrantFacts::of(grant, TransferId { index, nth: 0 }, site));
                (facts.stored, facts.loads) = (StoredFacts::all(stored, site), LoadFacts::all(loads, site));
            }
            Action::End(rack) | Action::Restore(rack) => facts.rack = Some(names::rack(site, *rack)),
            Action::Hold(device) | Action::Resume(device) | Action::Lock(device) => {
                facts.device = Some(site.device_name(*device));
            }
            Action::Unlock { device, of } => {
                (facts.device, facts.lock_of) = (Some(site.device_name(*device)), Some(of.as_str()));
            }
            Action::ManualOn | Action::ManualOff => {}
            Action::Model(ModelAction::Shadow(model)) => facts.model = Some(ModelFacts::of(model)),
            Action::Model(ModelAction::Promote { model, minimum }) => {
                (facts.model, facts.minimum_version) = (Some(ModelFacts::of(model)), *minimum);
            }
            Action::Model(ModelAction::Rollback { minimum }) => facts.minimum_version = *minimum,
            Action::HandOver(replica) => facts.leader = Some(replica.to_string()),
            Action::Members(change) => {
                facts.member = Some(change.replica().to_string());
                if let MemberChange::Add { address, .. } = change {
                    facts.address = Some(address.to_string());
                }
            }
            Action::Drill(note) => facts.drill = Some(DrillFacts::of(note)),
            Action::Shed(shed) => {
                facts.rack = Some(names::rack(site, shed.rack));
                (facts.cap_watts, facts.hold_ms) = (Some(shed.cap.get()), Some(shed.hold.get()));
            }
            Action::Acknowledge(alarm) | Action::Unshelve(alarm) => facts.alarm = Some(alarm.name(site)),
            Action::Shelve(alarm, hold) => {
                (facts.alarm, facts.hold_ms) = (Some(alarm.name(site)), Some(hold.get()));
            }
            Action::Denied(asked) => facts.asked = Some(asked),
        }
        facts
    }
}

const fn action(action: &Action) -> &'static str {
    match action {
        Action::Transfer(..) => "transfer",
        Action::End(_) => "end",
        Action::Hold(_) => "hold",
        Action::Resume(_) => "resume",
        Action::ManualOn => "manual_on",
        Action::ManualOff => "manual_off",
        Action::Model(ModelAction::Shadow(_)) => "model_shadow",
        Action::Model(ModelAction::Promote { .. }) => "model_promote",
        Action::Model(ModelAction::Rollback { .. }) => "model_rollback",
        Action::HandOver(_) => "hand_over",
        Action::Members(MemberChange::Forget { .. }) => "forget",
        Action::Members(MemberChange::Add { .. }) => "add",
        Action::Drill(_) => "drill",
        Action::Shed(_) => "shed",
        Action::Restore(_) => "restore",
        Action::Acknowledge(_) => "acknowledge",
        Action::Shelve(..) => "shelve",
        Action::Unshelve(_) => "unshelve",
        Action::Denied(_) => "denied",
        Action::Lock(_) => "lock",
        Action::Unlock { .. } => "unlock",
    }
}

impl<'a> DrillFacts<'a> {
    fn of(note: &'a DrillNote) -> Self {
        Self { name: &note.drill, seed: note.seed, stage: note.stage.as_str() }
    }
}

impl ModelFacts {
    fn of(model: &ModelId) -> Self {
        Self { sha256: hex(&model.sha256), version: model.version }
    }
}

impl ModelRefusedFacts {
    pub(super) fn of(refused: &ModelRefused) -> Self {
        Self { model: refused.model.as_ref().map(ModelFacts::of), fault: refused.fault.as_str() }
    }
}

impl AlarmFacts {
    pub(super) fn of(note: &AlarmNote, site: &Site) -> Self {
        let names = |keys: &[AlarmKey]| keys.iter().map(|key| key.name(site)).collect();
        Self { raised: names(&note.raised), cleared: names(&note.cleared) }
    }
}

impl ForecastFacts {
    pub(super) fn of(note: &ForecastNote, site: &Site) -> Self {
        let change = |change: &Change| {
            let (rack, row) = match change.part {
                Part::Rack(id) => (Some(names::rack(site, id)), None),
                Part::Row(id) => (None, Some(row_name(site, id))),
            };
            ChangeFacts { rack, row, rule: change.rule.map(RuleReason::as_str) }
        };
        let tally = |tally: &Tally| TallyFacts { rule: tally.rule.map(RuleReason::as_str), parts: tally.parts };
        Self {
            engine: note.engine.map(ridethrough_core::forecast::Engine::label),
            changes: note.changes.iter().map(change).collect(),
            more: note.more.iter().map(tally).collect(),
        }
    }
}

fn row_name(site: &Site, id: RowId) -> String {
    site.rows.get(id.index()).map_or_else(|| format!("#{}", id.0), |row| row.name.clone())
}
