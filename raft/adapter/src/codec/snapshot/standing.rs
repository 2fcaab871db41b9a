//! What stands in the ledger.

use bincode::{Decode, Encode};
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::{Cap, Charge, Closing, FeedMode, GeneratorRule, Transfer};
use ridethrough_core::mode::ModeReason;
use ridethrough_core::site::{FeedId, KesmId, RackId};
use ridethrough_core::units::{Millis, Watts};

use crate::codec::CodecError;
use crate::codec::entry::numbers::{
    cap_reason, cap_reason_number, device, duty, duty_number, mode, mode_number, phase, phase_number, reason,
    reason_number,
};
use crate::codec::entry::{GrantV2, ModeReasonV2, TransferIdV2};

#[derive(Encode, Decode)]
pub(super) struct TransferV2 {
    id: TransferIdV2,
    first: TransferIdV2,
    since_ms: i64,
    grant: GrantV2,
    until_ms: i64,
    phase: u8,
    noted: bool,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct ChargeV2 {
    kesm: u16,
    charge_max_w: i64,
    until_ms: i64,
}

#[derive(Encode, Decode)]
pub(super) struct ClosingV2 {
    transfer: TransferIdV2,
    rack: u16,
    reason: u8,
    devices: Vec<u32>,
    until_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct CapV2 {
    rack: u16,
    cap_w: i64,
    keep_tiers: u8,
    reason: u8,
    since_ms: i64,
    until_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct GeneratorRuleV2 {
    feed: u16,
    duty: u8,
    until_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct FeedModeV2 {
    feed: u16,
    mode: u8,
    since_ms: i64,
    reason: Option<ModeReasonV2>,
}

impl From<&Transfer> for TransferV2 {
    fn from(transfer: &Transfer) -> Self {
        Self {
            id: (&transfer.id).into(),
            first: (&transfer.first).into(),
            since_ms: transfer.since.get(),
            grant: (&transfer.grant).into(),
            until_ms: transfer.until.get(),
            phase: phase_number(transfer.phase),
            noted: transfer.noted,
        }
    }
}

impl TryFrom<TransferV2> for Transfer {
    type Error = CodecError;

    fn try_from(v2: TransferV2) -> Result<Self, CodecError> {
        Ok(Self {
            id: v2.id.into(),
            first: v2.first.into(),
            since: Millis::new(v2.since_ms),
            grant: v2.grant.try_into()?,
            until: Millis::new(v2.until_ms),
            phase: phase(v2.phase)?,
            noted: v2.noted,
        })
    }
}

impl From<&(KesmId, Charge)> for ChargeV2 {
    fn from((kesm, charge): &(KesmId, Charge)) -> Self {
        Self { kesm: kesm.0, charge_max_w: charge.charge_max.get(), until_ms: charge.until.get() }
    }
}

impl From<ChargeV2> for (KesmId, Charge) {
    fn from(v2: ChargeV2) -> Self {
        (KesmId(v2.kesm), Charge { charge_max: Watts::new(v2.charge_max_w), until: Millis::new(v2.until_ms) })
    }
}

impl From<&Closing> for ClosingV2 {
    fn from(closing: &Closing) -> Self {
        Self {
            transfer: (&closing.transfer).into(),
            rack: closing.rack.0,
            reason: reason_number(closing.reason),
            devices: closing.devices.iter().copied().map(DeviceId::to_wire).collect(),
            until_ms: closing.until.get(),
        }
    }
}

impl TryFrom<ClosingV2> for Closing {
    type Error = CodecError;

    fn try_from(v2: ClosingV2) -> Result<Self, CodecError> {
        Ok(Self {
            transfer: v2.transfer.into(),
            rack: RackId(v2.rack),
            reason: reason(v2.reason)?,
            devices: v2.devices.into_iter().map(device).collect::<Result<_, _>>()?,
            until: Millis::new(v2.until_ms),
        })
    }
}

impl From<&(RackId, Cap)> for CapV2 {
    fn from((rack, cap): &(RackId, Cap)) -> Self {
        Self {
            rack: rack.0,
            cap_w: cap.cap.get(),
            keep_tiers: cap.keep_tiers,
            reason: cap_reason_number(cap.reason),
            since_ms: cap.since.get(),
            until_ms: cap.until.get(),
        }
    }
}

impl TryFrom<CapV2> for (RackId, Cap) {
    type Error = CodecError;

    fn try_from(v2: CapV2) -> Result<Self, CodecError> {
        let cap = Cap {
            cap: Watts::new(v2.cap_w),
            keep_tiers: v2.keep_tiers,
            reason: cap_reason(v2.reason)?,
            since: Millis::new(v2.since_ms),
            until: Millis::new(v2.until_ms),
        };
        Ok((RackId(v2.rack), cap))
    }
}

impl From<&(FeedId, GeneratorRule)> for GeneratorRuleV2 {
    fn from((feed, rule): &(FeedId, GeneratorRule)) -> Self {
        Self { feed: feed.0, duty: duty_number(rule.duty), until_ms: rule.until.get() }
    }
}

impl TryFrom<GeneratorRuleV2> for (FeedId, GeneratorRule) {
    type Error = CodecError;

    fn try_from(v2: GeneratorRuleV2) -> Result<Self, CodecError> {
        Ok((FeedId(v2.feed), GeneratorRule { duty: duty(v2.duty)?, until: Millis::new(v2.until_ms) }))
    }
}

impl From<&(FeedId, FeedMode)> for FeedModeV2 {
    fn from((feed, mode): &(FeedId, FeedMode)) -> Self {
        let reason = mode.reason.map(Into::into);
        Self { feed: feed.0, mode: mode_number(mode.mode), since_ms: mode.since.get(), reason }
    }
}

impl TryFrom<FeedModeV2> for (FeedId, FeedMode) {
    type Error = CodecError;

    fn try_from(v2: FeedModeV2) -> Result<Self, CodecError> {
        let (mode, reason) = (mode(v2.mode)?, v2.reason.map(ModeReason::from));
        Ok((FeedId(v2.feed), FeedMode { mode, since: Millis::new(v2.since_ms), reason }))
    }
}
