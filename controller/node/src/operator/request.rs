//! What can be asked on the socket, who may ask it, and what is meant by it.

use std::net::SocketAddr;

use ridethrough_core::command::{Action, Operation, Shed};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::drill::DrillNote;
use ridethrough_core::members::MemberChange;
use ridethrough_core::model::{ModelAction, ModelId};
use ridethrough_core::operate::TransferRequest;
use ridethrough_core::request::RequestId;
use ridethrough_core::units::{Millis, Watts};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::roles::{Caller, Role};
use super::{Desk, Question, drill, names};

/// A request, as it stands on the line.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, tag = "command", rename_all = "lowercase")]
pub(super) enum Request {
    // With braces: of a variant without fields, serde would let unknown ones pass.
    List {},
    Cluster {},
    Site {},
    Explain { rack: String },
    Evidence {},
    Piece { name: String, offset: u64 },
    Acknowledge { alarm: String, reason: String, dry_run: bool },
    Shelve { alarm: String, span_ms: i64, reason: String, dry_run: bool },
    Unshelve { alarm: String, reason: String, dry_run: bool },
    Outcome { number: String },
    Hold { device: String, reason: String, dry_run: bool },
    Release { device: String, reason: String, dry_run: bool },
    Lock { device: String, reason: String, dry_run: bool },
    Unlock { device: String, of: Option<String>, reason: String, dry_run: bool },
    Manual { on: bool, reason: String, dry_run: bool },
    Shed { rack: String, watts: i64, span_ms: i64, reason: String, dry_run: bool },
    Restore { rack: String, reason: String, dry_run: bool },
    Transfer { rack: String, source: Option<String>, watts: i64, span_ms: Option<i64>, reason: String, dry_run: bool },
    End { rack: String, reason: String, dry_run: bool },
    Handover { to: u16, reason: String, dry_run: bool },
    Forget { replica: u16, although_alive: bool, reason: String, dry_run: bool },
    Add { replica: u16, address: SocketAddr, reason: String, dry_run: bool },
    Drill { drill: String, seed: u64, stage: drill::Stage, cluster: Option<String>, reason: String },
    Shadow { model: String, reason: String, dry_run: bool },
    Promote { model: String, minimum: Option<u64>, reason: String, dry_run: bool },
    Rollback { minimum: Option<u64>, reason: String, dry_run: bool },
}

/// A request, with the number that whoever asks gave it.
pub(super) struct Numbered {
    pub(super) request: Request,
    pub(super) number: RequestId,
}

impl Numbered {
    /// Reads a line. The number stands beside what is asked, as `request`; where there is none, one is drawn.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        let mut asked: Map<String, Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let number = match asked.remove("request") {
            Some(Value::String(text)) => text.parse()?,
            Some(other) => return Err(format!("`request` is {other}, expected a text of 32 hexadecimal digits")),
            None => draw()?,
        };
        let request = serde_json::from_value(Value::Object(asked)).map_err(|error| error.to_string())?;
        Ok(Self { request, number })
    }
}

fn draw() -> Result<RequestId, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("no number can be drawn for it: {error}"))?;
    Ok(RequestId(u128::from_le_bytes(bytes)))
}

/// A request, understood.
pub(super) enum Asked {
    /// How the site is.
    Site,
    /// What drives the forecast of this rack or row.
    Explain(String),
    /// What there is of the log, or a piece of a file of it.
    Evidence(Option<(String, u64)>),
    /// A question.
    Question(Question),
    /// A word on a drill.
    Drill { note: DrillNote, cluster: Option<String>, reason: String },
    /// A change.
    Wish(Wish),
}

/// A change that somebody wishes.
pub(super) struct Wish {
    pub(super) what: What,
    pub(super) reason: String,
    /// Only whether it would be made.
    pub(super) dry_run: bool,
}

/// What is to be done.
pub(super) enum What {
    Action(Action),
    /// A transfer, whose way the planner finds.
    Transfer(TransferRequest),
}

impl Request {
    /// The least role that may ask it.
    pub(super) const fn need(&self) -> Role {
        match self {
            Self::List {}
            | Self::Cluster {}
            | Self::Site {}
            | Self::Explain { .. }
            | Self::Evidence {}
            | Self::Piece { .. }
            | Self::Outcome { .. } => Role::Viewer,
            Self::Acknowledge { .. }
            | Self::Shelve { .. }
            | Self::Unshelve { .. }
            | Self::Hold { .. }
            | Self::Release { .. }
            | Self::Lock { .. }
            | Self::Unlock { of: None, .. }
            | Self::Manual { .. }
            | Self::Shed { .. }
            | Self::Restore { .. }
            | Self::Transfer { .. }
            | Self::End { .. } => Role::Operator,
            // Somebody else's lock may be all that stands between him and a busbar.
            Self::Unlock { of: Some(_), .. }
            | Self::Handover { .. }
            | Self::Forget { .. }
            | Self::Add { .. }
            | Self::Drill { .. }
            | Self::Shadow { .. }
            | Self::Promote { .. }
            | Self::Rollback { .. } => Role::Engineer,
        }
    }

    /// Whether files in the folder with models may have a part in it.
    pub(super) const fn is_about_models(&self) -> bool {
        matches!(
            self,
            Self::List {} | Self::Explain { .. } | Self::Shadow { .. } | Self::Promote { .. } | Self::Rollback { .. }
        )
    }

    /// The request in a line, for the log.
    pub(super) fn words(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| error.to_string())
    }

    /// What is meant, where the site and the folder with models have what is named.
    pub(super) fn understood(self, desk: &Desk, caller: &Caller) -> Result<Asked, String> {
        let site = &desk.site.site;
        let (action, reason, dry_run) = match self {
            Self::Site {} => return Ok(Asked::Site),
            Self::Explain { rack } => return Ok(Asked::Explain(rack)),
            Self::Evidence {} => return Ok(Asked::Evidence(None)),
            Self::Piece { name, offset } => return Ok(Asked::Evidence(Some((name, offset)))),
            Self::List {} => return Ok(Asked::Question(Question::Models)),
            Self::Outcome { number } => return Ok(Asked::Question(Question::Outcome(number.parse()?))),
            Self::Cluster {} => return Ok(Asked::Question(Question::Cluster)),
            Self::Drill { drill, seed, stage, cluster, reason } => {
                let note = DrillNote { drill, seed, stage: stage.into() };
                return Ok(Asked::Drill { note, cluster, reason });
            }
            Self::Transfer { rack, source, watts, span_ms, reason, dry_run } => {
                let (watts, hold) = (Watts::new(watts), span_ms.map(Millis::new));
                let what = What::Transfer(TransferRequest { rack, source, watts, hold });
                return Ok(Asked::Wish(Wish { what, reason, dry_run }));
            }
            Self::Acknowledge { alarm, reason, dry_run } => {
                (Action::Acknowledge(names::alarm(site, &alarm)?), reason, dry_run)
            }
            Self::Shelve { alarm, span_ms, reason, dry_run } => {
                (Action::Shelve(names::alarm(site, &alarm)?, Millis::new(span_ms)), reason, dry_run)
            }
            Self::Unshelve { alarm, reason, dry_run } => {
                (Action::Unshelve(names::alarm(site, &alarm)?), reason, dry_run)
            }
            Self::Hold { device, reason, dry_run } => (Action::Hold(names::device(site, &device)?), reason, dry_run),
            Self::Release { device, reason, dry_run } => {
                (Action::Resume(names::device(site, &device)?), reason, dry_run)
            }
            Self::Lock { device, reason, dry_run } => (Action::Lock(names::device(site, &device)?), reason, dry_run),
            Self::Unlock { device, of, reason, dry_run } => {
                let (device, of) = (names::device(site, &device)?, of.unwrap_or_else(|| caller.to_string()));
                (Action::Unlock { device, of }, reason, dry_run)
            }
            Self::Manual { on, reason, dry_run } => {
                (if on { Action::ManualOn } else { Action::ManualOff }, reason, dry_run)
            }
            Self::Shed { rack, watts, span_ms, reason, dry_run } => {
                let (rack, cap, hold) = (names::rack(site, &rack)?, Watts::new(watts), Millis::new(span_ms));
                (Action::Shed(Shed { rack, cap, hold }), reason, dry_run)
            }
            Self::Restore { rack, reason, dry_run } => (Action::Restore(names::rack(site, &rack)?), reason, dry_run),
            Self::End { rack, reason, dry_run } => (Action::End(names::rack(site, &rack)?), reason, dry_run),
            Self::Handover { to, reason, dry_run } => (Action::HandOver(ReplicaId(to)), reason, dry_run),
            Self::Forget { replica, although_alive, reason, dry_run } => {
                let replica = ReplicaId(replica);
                (Action::Members(MemberChange::Forget { replica, although_alive }), reason, dry_run)
            }
            Self::Add { replica, address, reason, dry_run } => {
                let replica = ReplicaId(replica);
                (Action::Members(MemberChange::Add { replica, address }), reason, dry_run)
            }
            Self::Shadow { model, reason, dry_run } => {
                (Action::Model(ModelAction::Shadow(model_named(desk, &model)?)), reason, dry_run)
            }
            Self::Promote { model, minimum, reason, dry_run } => {
                let model = model_named(desk, &model)?;
                (Action::Model(ModelAction::Promote { model, minimum }), reason, dry_run)
            }
            Self::Rollback { minimum, reason, dry_run } => {
                (Action::Model(ModelAction::Rollback { minimum }), reason, dry_run)
            }
        };
        Ok(Asked::Wish(Wish { what: What::Action(action), reason, dry_run }))
    }
}

/// Who asks, and why.
#[derive(Debug)]
pub struct Operator {
    /// What he numbered the request with.
    pub request: RequestId,
    /// Who, as the log names him.
    pub actor: String,
    /// Why, in his words.
    pub reason: String,
}

impl Operator {
    /// What he asks for.
    pub fn asks(self, action: Action) -> Operation {
        Operation { request: Some(self.request), actor: self.actor, reason: self.reason, action }
    }
}

fn model_named(desk: &Desk, name: &str) -> Result<ModelId, String> {
    let library = desk.library.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match library.find(name).map(|shelved| &shelved.what) {
        Some(Ok(id)) => Ok(*id),
        Some(Err((_, why))) => Err(why.clone()),
        None => Err(format!("there is no model `{}` in forecast.models", name.escape_debug())),
    }
}
