//! A snapshot: the ledger's dynamic part, with the entry and the membership that it goes up to.

use bincode::{Decode, Encode};
use ridethrough_core::device::{Order, Setpoint};
use ridethrough_core::ledger::{Charge, Parts, Transfer};
use ridethrough_core::site::KesmId;
use ridethrough_core::units::{Millis, Watts};

use super::entry::{
    FoundingV1, GrantV1, LogIdV1, MembershipV1, SeenV1, TransferIdV1, device, direction, direction_number,
};
use super::{CodecError, decode_stored, each, encode_stored};
use crate::type_config::{Membership, SnapshotMeta, StoredMembership};

/// Most bytes of an encoded snapshot. A site of 10,000 racks with a transfer for each takes a quarter of it.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = 64 << 20;
/// Most bytes of memory that a decoded snapshot may claim.
const SNAPSHOT_BYTES_LIMIT: usize = 2 * SNAPSHOT_BYTES_MAX;

/// The bytes of a snapshot.
pub(crate) fn encode_snapshot(meta: &SnapshotMeta, parts: &Parts) -> Result<Vec<u8>, CodecError> {
    let bytes = encode_stored(&SnapshotV1 {
        last_log_id: meta.last_log_id.as_ref().map(Into::into),
        membership_log_id: meta.last_membership.log_id().as_ref().map(Into::into),
        membership: meta.last_membership.membership().into(),
        parts: parts.into(),
    })?;
    match bytes.len() {
        ..=SNAPSHOT_BYTES_MAX => Ok(bytes),
        bytes => Err(CodecError::TooLarge { bytes, bytes_max: SNAPSHOT_BYTES_MAX }),
    }
}

/// The snapshot that [`encode_snapshot`] gave these bytes.
pub(crate) fn decode_snapshot(bytes: &[u8]) -> Result<(SnapshotMeta, Parts), CodecError> {
    if bytes.len() > SNAPSHOT_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len(), bytes_max: SNAPSHOT_BYTES_MAX });
    }
    let v1 = decode_stored::<SnapshotV1, SNAPSHOT_BYTES_LIMIT>(bytes)?;
    let membership_log_id = v1.membership_log_id.map(TryInto::try_into).transpose()?;
    let membership: Membership = v1.membership.try_into()?;
    let meta = SnapshotMeta {
        last_log_id: v1.last_log_id.map(TryInto::try_into).transpose()?,
        last_membership: StoredMembership::new(membership_log_id, membership),
    };
    Ok((meta, v1.parts.try_into()?))
}

#[derive(Encode, Decode)]
struct SnapshotV1 {
    last_log_id: Option<LogIdV1>,
    membership_log_id: Option<LogIdV1>,
    membership: MembershipV1,
    parts: PartsV1,
}

#[derive(Encode, Decode)]
struct PartsV1 {
    now_ms: i64,
    founding: Option<FoundingV1>,
    last: SeenV1,
    recent: Vec<SeenV1>,
    transfers: Vec<TransferV1>,
    charges: Vec<ChargeV1>,
    orders: Vec<OrderV1>,
}

#[derive(Encode, Decode)]
struct TransferV1 {
    id: TransferIdV1,
    first: TransferIdV1,
    since_ms: i64,
    grant: GrantV1,
    until_ms: i64,
    acked: bool,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ChargeV1 {
    kesm: u16,
    charge_max_w: i64,
    until_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct OrderV1 {
    device: u32,
    index: u64,
    term: u64,
    setpoint: SetpointV1,
    until_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
enum SetpointV1 {
    Kesm { supply_max_w: i64, charge_max_w: i64, hold_w: i64 },
    Tie { direction: u8, flow_max_w: i64, hold_w: i64 },
}

impl From<&Parts> for PartsV1 {
    fn from(parts: &Parts) -> Self {
        Self {
            now_ms: parts.now.get(),
            founding: parts.founding.as_ref().map(Into::into),
            last: (&parts.last).into(),
            recent: parts.recent.iter().map(Into::into).collect(),
            transfers: parts.transfers.iter().map(Into::into).collect(),
            charges: parts.charges.iter().map(Into::into).collect(),
            orders: parts.orders.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<PartsV1> for Parts {
    type Error = CodecError;

    fn try_from(v1: PartsV1) -> Result<Self, CodecError> {
        Ok(Self {
            now: Millis::new(v1.now_ms),
            founding: v1.founding.map(Into::into),
            last: v1.last.into(),
            recent: v1.recent.into_iter().map(Into::into).collect(),
            transfers: each(v1.transfers)?,
            charges: v1.charges.into_iter().map(Into::into).collect(),
            orders: each(v1.orders)?,
        })
    }
}

impl From<&Transfer> for TransferV1 {
    fn from(transfer: &Transfer) -> Self {
        Self {
            id: (&transfer.id).into(),
            first: (&transfer.first).into(),
            since_ms: transfer.since.get(),
            grant: (&transfer.grant).into(),
            until_ms: transfer.until.get(),
            acked: transfer.acked,
        }
    }
}

impl TryFrom<TransferV1> for Transfer {
    type Error = CodecError;

    fn try_from(v1: TransferV1) -> Result<Self, CodecError> {
        Ok(Self {
            id: v1.id.into(),
            first: v1.first.into(),
            since: Millis::new(v1.since_ms),
            grant: v1.grant.try_into()?,
            until: Millis::new(v1.until_ms),
            acked: v1.acked,
        })
    }
}

impl From<&(KesmId, Charge)> for ChargeV1 {
    fn from((kesm, charge): &(KesmId, Charge)) -> Self {
        Self { kesm: kesm.0, charge_max_w: charge.charge_max.get(), until_ms: charge.until.get() }
    }
}

impl From<ChargeV1> for (KesmId, Charge) {
    fn from(v1: ChargeV1) -> Self {
        (KesmId(v1.kesm), Charge { charge_max: Watts::new(v1.charge_max_w), until: Millis::new(v1.until_ms) })
    }
}

impl From<&Order> for OrderV1 {
    fn from(order: &Order) -> Self {
        let setpoint = match order.setpoint {
            Setpoint::Kesm { supply_max, charge_max, hold } => {
                SetpointV1::Kesm { supply_max_w: supply_max.get(), charge_max_w: charge_max.get(), hold_w: hold.get() }
            }
            Setpoint::Tie { direction, flow_max, hold } => SetpointV1::Tie {
                direction: direction_number(direction),
                flow_max_w: flow_max.get(),
                hold_w: hold.get(),
            },
        };
        let (device, until_ms) = (order.device.to_wire(), order.until.get());
        Self { device, index: order.index, term: order.term, setpoint, until_ms }
    }
}

impl TryFrom<OrderV1> for Order {
    type Error = CodecError;

    fn try_from(v1: OrderV1) -> Result<Self, CodecError> {
        let setpoint = match v1.setpoint {
            SetpointV1::Kesm { supply_max_w, charge_max_w, hold_w } => Setpoint::Kesm {
                supply_max: Watts::new(supply_max_w),
                charge_max: Watts::new(charge_max_w),
                hold: Watts::new(hold_w),
            },
            SetpointV1::Tie { direction: number, flow_max_w, hold_w } => Setpoint::Tie {
                direction: direction(number)?,
                flow_max: Watts::new(flow_max_w),
                hold: Watts::new(hold_w),
            },
        };
        let (device, until) = (device(v1.device)?, Millis::new(v1.until_ms));
        Ok(Self { device, index: v1.index, term: v1.term, setpoint, until })
    }
}
