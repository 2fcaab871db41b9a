//! What an operator asked for.

use bincode::{Decode, Encode};
use ridethrough_core::command::{Action, Operation, Shed};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::drill::{DrillNote, DrillStage};
use ridethrough_core::members::MemberChange;
use ridethrough_core::model::ModelAction;
use ridethrough_core::request::RequestId;
use ridethrough_core::site::RackId;
use ridethrough_core::units::{Millis, Watts};

use super::grant::GrantV2;
use super::model::ModelIdV2;
use super::numbers::device;
use super::plan::{RackLoadV2, StoredEnergyV2};
use super::{AddressV2, AlarmKeyV2};
use crate::codec::CodecError;
use crate::type_config::PeerAddress;

#[derive(Encode, Decode)]
pub(super) struct OperationV2 {
    actor: String,
    reason: String,
    action: ActionV2,
}

/// An operation whose request is numbered; one without a number is written as it always was.
#[derive(Encode, Decode)]
pub(super) struct RequestV2 {
    request: [u8; 16],
    operation: OperationV2,
}

#[derive(Encode, Decode)]
enum ActionV2 {
    Transfer { grant: GrantV2, stored: Vec<StoredEnergyV2>, loads: Vec<RackLoadV2> },
    End { rack: u16 },
    Hold { device: u32 },
    Resume { device: u32 },
    ManualOn,
    ManualOff,
    // What came later stands here, so that what was written before reads as it did.
    ModelShadow { model: ModelIdV2 },
    ModelPromote { model: ModelIdV2, minimum: Option<u64> },
    ModelRollback { minimum: Option<u64> },
    HandOver { replica: u16 },
    Forget { replica: u16, although_alive: bool },
    Add { replica: u16, address: AddressV2 },
    Drill { drill: String, seed: u64, stage: DrillStageV2 },
    Shed { rack: u16, cap_w: i64, hold_ms: i64 },
    Restore { rack: u16 },
    Acknowledge { alarm: AlarmKeyV2 },
    Shelve { alarm: AlarmKeyV2, hold_ms: i64 },
    Unshelve { alarm: AlarmKeyV2 },
    Denied { asked: String },
    Lock { device: u32 },
    Unlock { device: u32, of: String },
}

#[derive(Encode, Decode)]
pub(crate) enum DrillStageV2 {
    Begun,
    Refused,
    Held,
    Failed,
    Aborted,
}

impl From<&Operation> for OperationV2 {
    fn from(operation: &Operation) -> Self {
        let action = (&operation.action).into();
        Self { actor: operation.actor.clone(), reason: operation.reason.clone(), action }
    }
}

impl RequestV2 {
    pub(super) fn of(request: RequestId, operation: &Operation) -> Self {
        Self { request: request.0.to_le_bytes(), operation: operation.into() }
    }
}

impl TryFrom<RequestV2> for Operation {
    type Error = CodecError;

    fn try_from(v2: RequestV2) -> Result<Self, CodecError> {
        let request = Some(RequestId(u128::from_le_bytes(v2.request)));
        Ok(Self { request, ..v2.operation.try_into()? })
    }
}

impl TryFrom<OperationV2> for Operation {
    type Error = CodecError;

    fn try_from(v2: OperationV2) -> Result<Self, CodecError> {
        Ok(Self { request: None, actor: v2.actor, reason: v2.reason, action: v2.action.try_into()? })
    }
}

impl From<&Action> for ActionV2 {
    fn from(action: &Action) -> Self {
        match action {
            Action::Transfer(grant, stored, loads) => Self::Transfer {
                grant: grant.into(),
                stored: stored.iter().map(Into::into).collect(),
                loads: loads.iter().map(Into::into).collect(),
            },
            Action::End(rack) => Self::End { rack: rack.0 },
            Action::Hold(device) => Self::Hold { device: device.to_wire() },
            Action::Resume(device) => Self::Resume { device: device.to_wire() },
            Action::ManualOn => Self::ManualOn,
            Action::ManualOff => Self::ManualOff,
            Action::Model(ModelAction::Shadow(model)) => Self::ModelShadow { model: model.into() },
            Action::Model(ModelAction::Promote { model, minimum }) => {
                Self::ModelPromote { model: model.into(), minimum: *minimum }
            }
            Action::Model(ModelAction::Rollback { minimum }) => Self::ModelRollback { minimum: *minimum },
            Action::HandOver(replica) => Self::HandOver { replica: replica.0 },
            Action::Members(MemberChange::Forget { replica, although_alive }) => {
                Self::Forget { replica: replica.0, although_alive: *although_alive }
            }
            Action::Members(MemberChange::Add { replica, address }) => {
                Self::Add { replica: replica.0, address: (&PeerAddress(*address)).into() }
            }
            Action::Drill(note) => Self::Drill { drill: note.drill.clone(), seed: note.seed, stage: note.stage.into() },
            Action::Shed(shed) => Self::Shed { rack: shed.rack.0, cap_w: shed.cap.get(), hold_ms: shed.hold.get() },
            Action::Restore(rack) => Self::Restore { rack: rack.0 },
            Action::Acknowledge(alarm) => Self::Acknowledge { alarm: (*alarm).into() },
            Action::Shelve(alarm, hold) => Self::Shelve { alarm: (*alarm).into(), hold_ms: hold.get() },
            Action::Unshelve(alarm) => Self::Unshelve { alarm: (*alarm).into() },
            Action::Denied(asked) => Self::Denied { asked: asked.clone() },
            Action::Lock(device) => Self::Lock { device: device.to_wire() },
            Action::Unlock { device, of } => Self::Unlock { device: device.to_wire(), of: of.clone() },
        }
    }
}

impl TryFrom<ActionV2> for Action {
    type Error = CodecError;

    fn try_from(v2: ActionV2) -> Result<Self, CodecError> {
        Ok(match v2 {
            ActionV2::Transfer { grant, stored, loads } => Self::Transfer(
                grant.try_into()?,
                stored.into_iter().map(Into::into).collect(),
                loads.into_iter().map(Into::into).collect(),
            ),
            ActionV2::End { rack } => Self::End(RackId(rack)),
            ActionV2::Hold { device: wire } => Self::Hold(device(wire)?),
            ActionV2::Resume { device: wire } => Self::Resume(device(wire)?),
            ActionV2::ManualOn => Self::ManualOn,
            ActionV2::ManualOff => Self::ManualOff,
            ActionV2::ModelShadow { model } => Self::Model(ModelAction::Shadow(model.into())),
            ActionV2::ModelPromote { model, minimum } => {
                Self::Model(ModelAction::Promote { model: model.into(), minimum })
            }
            ActionV2::ModelRollback { minimum } => Self::Model(ModelAction::Rollback { minimum }),
            ActionV2::HandOver { replica } => Self::HandOver(ReplicaId(replica)),
            ActionV2::Forget { replica, although_alive } => {
                Self::Members(MemberChange::Forget { replica: ReplicaId(replica), although_alive })
            }
            ActionV2::Add { replica, address } => {
                let PeerAddress(address) = address.into();
                Self::Members(MemberChange::Add { replica: ReplicaId(replica), address })
            }
            ActionV2::Drill { drill, seed, stage } => Self::Drill(DrillNote { drill, seed, stage: stage.into() }),
            ActionV2::Shed { rack, cap_w, hold_ms } => {
                Self::Shed(Shed { rack: RackId(rack), cap: Watts::new(cap_w), hold: Millis::new(hold_ms) })
            }
            ActionV2::Restore { rack } => Self::Restore(RackId(rack)),
            ActionV2::Acknowledge { alarm } => Self::Acknowledge(alarm.try_into()?),
            ActionV2::Shelve { alarm, hold_ms } => Self::Shelve(alarm.try_into()?, Millis::new(hold_ms)),
            ActionV2::Unshelve { alarm } => Self::Unshelve(alarm.try_into()?),
            ActionV2::Denied { asked } => Self::Denied(asked),
            ActionV2::Lock { device: wire } => Self::Lock(device(wire)?),
            ActionV2::Unlock { device: wire, of } => Self::Unlock { device: device(wire)?, of },
        })
    }
}

impl From<DrillStage> for DrillStageV2 {
    fn from(stage: DrillStage) -> Self {
        match stage {
            DrillStage::Begun => Self::Begun,
            DrillStage::Refused => Self::Refused,
            DrillStage::Held => Self::Held,
            DrillStage::Failed => Self::Failed,
            DrillStage::Aborted => Self::Aborted,
        }
    }
}

impl From<DrillStageV2> for DrillStage {
    fn from(v2: DrillStageV2) -> Self {
        match v2 {
            DrillStageV2::Begun => Self::Begun,
            DrillStageV2::Refused => Self::Refused,
            DrillStageV2::Held => Self::Held,
            DrillStageV2::Failed => Self::Failed,
            DrillStageV2::Aborted => Self::Aborted,
        }
    }
}
