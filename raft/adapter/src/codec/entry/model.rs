//! Models by name, and what a replica says of its own.

use bincode::{Decode, Encode};
use ridethrough_core::command::ModelRefused;
use ridethrough_core::model::ModelId;

use super::numbers::{fault, fault_number};
use crate::codec::CodecError;

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct ModelIdV2 {
    sha256: [u8; 32],
    version: u64,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct ModelRefusedV2 {
    model: Option<ModelIdV2>,
    fault: u8,
}

impl From<&ModelId> for ModelIdV2 {
    fn from(id: &ModelId) -> Self {
        Self { sha256: id.sha256, version: id.version }
    }
}

impl From<ModelIdV2> for ModelId {
    fn from(v2: ModelIdV2) -> Self {
        Self { sha256: v2.sha256, version: v2.version }
    }
}

impl From<&ModelRefused> for ModelRefusedV2 {
    fn from(refused: &ModelRefused) -> Self {
        Self { model: refused.model.as_ref().map(Into::into), fault: fault_number(refused.fault) }
    }
}

impl TryFrom<ModelRefusedV2> for ModelRefused {
    type Error = CodecError;

    fn try_from(v2: ModelRefusedV2) -> Result<Self, CodecError> {
        Ok(Self { model: v2.model.map(Into::into), fault: fault(v2.fault)? })
    }
}
