//! A snapshot: the ledger's dynamic part, with the entry and the membership that it goes up to, and the tree over the log
//! to there.

mod operators;
mod order;
mod standing;

use bincode::{Decode, Encode};
use ridethrough_core::alarm::{Alarm, AlarmKey};
use ridethrough_core::device::DeviceId;
use ridethrough_core::drill::DrillRun;
use ridethrough_core::ledger::{Parts, Shedding};
use ridethrough_core::model::Models;
use ridethrough_core::request::CarriedOut;
use ridethrough_core::site::RackId;
use ridethrough_core::units::Millis;
use ridethrough_witness::Frontier;

use self::operators::{AlarmV5, DrillV6, LockV6, RequestV6, ShedV5, alarms, drills, locks, requests};
use self::order::OrderV2;
use self::standing::{CapV2, ChargeV2, ClosingV2, FeedModeV2, GeneratorRuleV2, TransferV2};
use super::entry::numbers::device;
use super::entry::{FoundingV2, LogIdV2, MembershipV2, ModelIdV2, RackLoadV2, SeenV2};
use super::{
    CodecError, VERSION_WITH_MODELS, VERSION_WITH_OPERATORS, VERSION_WITH_REQUESTS, VERSION_WITH_TREE, decode,
    decode_stored, each, encode_stored, encode_versioned,
};
use crate::type_config::{Membership, SnapshotMeta, StoredMembership};

/// Most bytes of an encoded snapshot. A site of 10,000 racks with a transfer for each takes a quarter of it.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = 64 << 20;
/// Most bytes of memory that a decoded snapshot may claim.
const SNAPSHOT_BYTES_LIMIT: usize = 2 * SNAPSHOT_BYTES_MAX;

/// What a snapshot tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) meta: SnapshotMeta,
    pub(crate) parts: Parts,
    /// The tree over the log up to the snapshot; none where whoever made it did not know it.
    pub(crate) tree: Option<Frontier>,
}

/// The bytes of a snapshot.
pub(crate) fn encode_snapshot(
    meta: &SnapshotMeta,
    parts: &Parts,
    tree: Option<&Frontier>,
) -> Result<Vec<u8>, CodecError> {
    let before = SnapshotV2 {
        last_log_id: meta.last_log_id.as_ref().map(Into::into),
        membership_log_id: meta.last_membership.log_id().as_ref().map(Into::into),
        membership: meta.last_membership.membership().into(),
        parts: parts.into(),
    };
    let models = (parts.models != Models::default()).then(|| (&parts.models).into());
    let (sheds, alarms) = (all(&parts.sheds), all(&parts.alarms));
    let (locks, requests, drills) = (all(&parts.locks), all(&parts.requests), all(&parts.drills));
    let bytes = match (tree.map(Into::into), models) {
        (tree, models) if !locks.is_empty() || !requests.is_empty() || !drills.is_empty() => {
            let before = SnapshotV5 { before, models, tree, sheds, alarms };
            encode_versioned(VERSION_WITH_REQUESTS, &SnapshotV6 { before, locks, requests, drills })?
        }
        (tree, models) if !sheds.is_empty() || !alarms.is_empty() => {
            encode_versioned(VERSION_WITH_OPERATORS, &SnapshotV5 { before, models, tree, sheds, alarms })?
        }
        (Some(tree), models) => encode_versioned(VERSION_WITH_TREE, &SnapshotV4 { before, models, tree })?,
        (None, Some(models)) => encode_versioned(VERSION_WITH_MODELS, &SnapshotV3 { before, models })?,
        (None, None) => encode_stored(&before)?,
    };
    match bytes.len() {
        ..=SNAPSHOT_BYTES_MAX => Ok(bytes),
        bytes => Err(CodecError::TooLarge { bytes, bytes_max: SNAPSHOT_BYTES_MAX }),
    }
}

/// The snapshot that [`encode_snapshot`] gave these bytes.
pub(crate) fn decode_snapshot(bytes: &[u8]) -> Result<Snapshot, CodecError> {
    if bytes.len() > SNAPSHOT_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len(), bytes_max: SNAPSHOT_BYTES_MAX });
    }
    let mut left = Left::default();
    let (v2, models, tree) = match bytes.split_first() {
        Some((&VERSION_WITH_REQUESTS, rest)) => {
            let SnapshotV6 { before: v5, locks: v6, requests: done, drills: runs } =
                decode::<SnapshotV6, SNAPSHOT_BYTES_LIMIT>(rest)?;
            let (locks, requests, drills) = (locks(v6)?, requests(done)?, drills(runs)?);
            // One value has one encoding: a snapshot without any of them is one of an earlier version.
            if locks.is_empty() && requests.is_empty() && drills.is_empty() {
                return Err(CodecError::Malformed { reason: "neither locks nor numbered requests".into() });
            }
            left = Left { locks, requests, drills, ..Left::of(v5.sheds, v5.alarms)? };
            (v5.before, v5.models, v5.tree)
        }
        Some((&VERSION_WITH_OPERATORS, rest)) => {
            let v5 = decode::<SnapshotV5, SNAPSHOT_BYTES_LIMIT>(rest)?;
            left = Left::of(v5.sheds, v5.alarms)?;
            if left.sheds.is_empty() && left.alarms.is_empty() {
                return Err(CodecError::Malformed { reason: "nothing that operators or alarms have left".into() });
            }
            (v5.before, v5.models, v5.tree)
        }
        Some((&VERSION_WITH_TREE, rest)) => {
            let v4 = decode::<SnapshotV4, SNAPSHOT_BYTES_LIMIT>(rest)?;
            (v4.before, v4.models, Some(v4.tree))
        }
        Some((&VERSION_WITH_MODELS, rest)) => {
            let v3 = decode::<SnapshotV3, SNAPSHOT_BYTES_LIMIT>(rest)?;
            (v3.before, Some(v3.models), None)
        }
        _ => (decode_stored::<SnapshotV2, SNAPSHOT_BYTES_LIMIT>(bytes)?, None, None),
    };
    let models = models.map_or(Ok(Models::default()), TryInto::try_into)?;
    let membership_log_id = v2.membership_log_id.map(TryInto::try_into).transpose()?;
    let membership: Membership = v2.membership.try_into()?;
    let meta = SnapshotMeta {
        last_log_id: v2.last_log_id.map(TryInto::try_into).transpose()?,
        last_membership: StoredMembership::new(membership_log_id, membership),
    };
    let Left { sheds, alarms, locks, requests, drills } = left;
    let parts = Parts { models, sheds, alarms, locks, requests, drills, ..v2.parts.try_into()? };
    let tree = tree.map(|tree| tree.of(&meta)).transpose()?;
    Ok(Snapshot { meta, parts, tree })
}

fn all<'a, T, V: From<&'a T>>(list: &'a [T]) -> Vec<V> {
    list.iter().map(Into::into).collect()
}

/// What operators and alarms have left in the ledger.
#[derive(Default)]
struct Left {
    sheds: Vec<(RackId, Shedding)>,
    alarms: Vec<(AlarmKey, Alarm)>,
    locks: Vec<(DeviceId, String)>,
    requests: Vec<CarriedOut>,
    drills: Vec<DrillRun>,
}

impl Left {
    fn of(sheds: Vec<ShedV5>, rows: Vec<AlarmV5>) -> Result<Self, CodecError> {
        let sheds = sheds.into_iter().map(Into::into).collect();
        Ok(Self { sheds, alarms: alarms(rows)?, ..Self::default() })
    }
}

/// A snapshot with locks, numbered requests or drills.
#[derive(Encode, Decode)]
struct SnapshotV6 {
    before: SnapshotV5,
    locks: Vec<LockV6>,
    requests: Vec<RequestV6>,
    drills: Vec<DrillV6>,
}

/// A snapshot with something that operators or alarms have left.
#[derive(Encode, Decode)]
struct SnapshotV5 {
    before: SnapshotV2,
    models: Option<ModelsV3>,
    tree: Option<TreeV4>,
    sheds: Vec<ShedV5>,
    alarms: Vec<AlarmV5>,
}

/// A snapshot that tells the tree over the log.
#[derive(Encode, Decode)]
struct SnapshotV4 {
    before: SnapshotV2,
    models: Option<ModelsV3>,
    tree: TreeV4,
}

#[derive(Encode, Decode)]
struct TreeV4 {
    size: u64,
    peaks: Vec<[u8; 32]>,
}

impl From<&Frontier> for TreeV4 {
    fn from(tree: &Frontier) -> Self {
        Self { size: tree.size(), peaks: tree.peaks().to_vec() }
    }
}

impl TreeV4 {
    /// The tree, which is that of the entries up to the snapshot and no other.
    fn of(self, meta: &SnapshotMeta) -> Result<Frontier, CodecError> {
        let entries = meta.last_log_id.map_or(0, |last| last.index.saturating_add(1));
        let tree = Frontier::resume(self.size, self.peaks).filter(|tree| tree.size() == entries);
        tree.ok_or(CodecError::Malformed { reason: "a tree that is not of the entries before the snapshot".into() })
    }
}

/// A snapshot whose log has chosen a model.
#[derive(Encode, Decode)]
struct SnapshotV3 {
    before: SnapshotV2,
    models: ModelsV3,
}

#[derive(Encode, Decode)]
struct ModelsV3 {
    active: Option<ModelIdV2>,
    shadow: Option<ModelIdV2>,
    previous: Option<ModelIdV2>,
    minimum_version: u64,
}

impl From<&Models> for ModelsV3 {
    fn from(models: &Models) -> Self {
        Self {
            active: models.active.as_ref().map(Into::into),
            shadow: models.shadow.as_ref().map(Into::into),
            previous: models.previous.as_ref().map(Into::into),
            minimum_version: models.minimum_version,
        }
    }
}

impl TryFrom<ModelsV3> for Models {
    type Error = CodecError;

    fn try_from(v3: ModelsV3) -> Result<Self, CodecError> {
        let models = Self {
            active: v3.active.map(Into::into),
            shadow: v3.shadow.map(Into::into),
            previous: v3.previous.map(Into::into),
            minimum_version: v3.minimum_version,
        };
        let overtaken = models.active.is_some_and(|id| id.version < models.minimum_version);
        // One value has one encoding: a snapshot without a choice is one of version 2.
        if models == Self::default() || overtaken {
            return Err(CodecError::Malformed { reason: "models that no log has chosen".into() });
        }
        Ok(models)
    }
}

#[derive(Encode, Decode)]
struct SnapshotV2 {
    last_log_id: Option<LogIdV2>,
    membership_log_id: Option<LogIdV2>,
    membership: MembershipV2,
    parts: PartsV2,
}

#[derive(Encode, Decode)]
struct PartsV2 {
    now_ms: i64,
    founding: Option<FoundingV2>,
    last: SeenV2,
    recent: Vec<SeenV2>,
    transfers: Vec<TransferV2>,
    charges: Vec<ChargeV2>,
    closings: Vec<ClosingV2>,
    caps: Vec<CapV2>,
    generators: Vec<GeneratorRuleV2>,
    modes: Vec<FeedModeV2>,
    held: Vec<u32>,
    manual: bool,
    loads: Vec<RackLoadV2>,
    orders: Vec<OrderV2>,
}

impl From<&Parts> for PartsV2 {
    fn from(parts: &Parts) -> Self {
        Self {
            now_ms: parts.now.get(),
            founding: parts.founding.as_ref().map(Into::into),
            last: (&parts.last).into(),
            recent: parts.recent.iter().map(Into::into).collect(),
            transfers: parts.transfers.iter().map(Into::into).collect(),
            charges: parts.charges.iter().map(Into::into).collect(),
            closings: parts.closings.iter().map(Into::into).collect(),
            caps: parts.caps.iter().map(Into::into).collect(),
            generators: parts.generators.iter().map(Into::into).collect(),
            modes: parts.modes.iter().map(Into::into).collect(),
            held: parts.held.iter().copied().map(DeviceId::to_wire).collect(),
            manual: parts.manual,
            loads: parts.loads.iter().map(Into::into).collect(),
            orders: parts.orders.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<PartsV2> for Parts {
    type Error = CodecError;

    fn try_from(v2: PartsV2) -> Result<Self, CodecError> {
        Ok(Self {
            now: Millis::new(v2.now_ms),
            founding: v2.founding.map(Into::into),
            last: v2.last.into(),
            recent: v2.recent.into_iter().map(Into::into).collect(),
            transfers: each(v2.transfers)?,
            charges: v2.charges.into_iter().map(Into::into).collect(),
            closings: each(v2.closings)?,
            caps: each(v2.caps)?,
            generators: each(v2.generators)?,
            modes: each(v2.modes)?,
            held: v2.held.into_iter().map(device).collect::<Result<_, _>>()?,
            manual: v2.manual,
            loads: v2.loads.into_iter().map(Into::into).collect(),
            orders: each(v2.orders)?,
            models: Models::default(),
            sheds: Vec::new(),
            alarms: Vec::new(),
            locks: Vec::new(),
            requests: Vec::new(),
            drills: Vec::new(),
        })
    }
}
