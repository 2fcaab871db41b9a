//! What devices made of the orders of a transfer.

use bincode::{Decode, Encode};
use ridethrough_core::command::{Outcome, TimedAck, TransferId};
use ridethrough_core::device::{Ack, Fence};
use ridethrough_core::units::Millis;

use super::numbers::{device, verdict, verdict_number};
use crate::codec::{CodecError, each};

#[derive(Encode, Decode)]
pub(super) struct OutcomeV2 {
    transfer: TransferIdV2,
    acks: Vec<TimedAckV2>,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct TransferIdV2 {
    index: u64,
    nth: u16,
}

#[derive(Clone, Copy, Encode, Decode)]
struct TimedAckV2 {
    device: u32,
    fence_term: u64,
    fence_index: u64,
    verdict: u8,
    device_at_ms: i64,
    after_us: u32,
}

impl From<&Outcome> for OutcomeV2 {
    fn from(outcome: &Outcome) -> Self {
        Self { transfer: (&outcome.transfer).into(), acks: outcome.acks.iter().map(Into::into).collect() }
    }
}

impl TryFrom<OutcomeV2> for Outcome {
    type Error = CodecError;

    fn try_from(v2: OutcomeV2) -> Result<Self, CodecError> {
        Ok(Self { transfer: v2.transfer.into(), acks: each(v2.acks)? })
    }
}

impl From<&TransferId> for TransferIdV2 {
    fn from(id: &TransferId) -> Self {
        Self { index: id.index, nth: id.nth }
    }
}

impl From<TransferIdV2> for TransferId {
    fn from(v2: TransferIdV2) -> Self {
        Self { index: v2.index, nth: v2.nth }
    }
}

impl From<&TimedAck> for TimedAckV2 {
    fn from(timed: &TimedAck) -> Self {
        Self {
            device: timed.ack.device.to_wire(),
            fence_term: timed.ack.fence.term,
            fence_index: timed.ack.fence.index,
            verdict: verdict_number(timed.ack.verdict),
            device_at_ms: timed.ack.device_at.get(),
            after_us: timed.after_us,
        }
    }
}

impl TryFrom<TimedAckV2> for TimedAck {
    type Error = CodecError;

    fn try_from(v2: TimedAckV2) -> Result<Self, CodecError> {
        let fence = Fence { term: v2.fence_term, index: v2.fence_index };
        let (device, verdict) = (device(v2.device)?, verdict(v2.verdict)?);
        let ack = Ack { device, fence, verdict, device_at: Millis::new(v2.device_at_ms) };
        Ok(Self { ack, after_us: v2.after_us })
    }
}
