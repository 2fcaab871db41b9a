//! What one tick decided.

use bincode::{Decode, Encode};
use ridethrough_core::command::{
    CapGrant, ChargeGrant, GeneratorGrant, ModeChange, Plan, RackLoad, Release, Shortfall, StoredEnergy,
};
use ridethrough_core::mode::ModeReason;
use ridethrough_core::site::{FeedId, KesmId, RackId};
use ridethrough_core::units::{Joules, Millis, Watts};

use super::grant::{GrantV2, RiskV2};
use super::numbers::{cap_reason, cap_reason_number, duty, duty_number, mode, mode_number, reason, reason_number};
use crate::codec::{CodecError, each};

#[derive(Encode, Decode)]
pub(super) struct PlanV2 {
    grants: Vec<GrantV2>,
    releases: Vec<ReleaseV2>,
    charges: Vec<ChargeGrantV2>,
    shortfalls: Vec<ShortfallV2>,
    caps: Vec<CapGrantV2>,
    lifts: Vec<u16>,
    generators: Vec<GeneratorGrantV2>,
    modes: Vec<ModeChangeV2>,
    stored: Vec<StoredEnergyV2>,
    loads: Vec<RackLoadV2>,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ReleaseV2 {
    rack: u16,
    reason: u8,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ChargeGrantV2 {
    kesm: u16,
    charge_max_w: i64,
    hold_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ShortfallV2 {
    rack: u16,
    risk: RiskV2,
    uncovered_w: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct CapGrantV2 {
    rack: u16,
    cap_w: i64,
    keep_tiers: u8,
    reason: u8,
    hold_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct GeneratorGrantV2 {
    feed: u16,
    duty: u8,
    hold_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ModeChangeV2 {
    feed: u16,
    to: u8,
    reason: ModeReasonV2,
    time_left_ms: Option<i64>,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) enum ModeReasonV2 {
    UtilityLost { witnesses: u8, of: u8 },
    GeneratorCarries,
    GeneratorLost,
    TimeIsUp,
    UtilityBack,
    Recharged,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct RackLoadV2 {
    rack: u16,
    peak_w: i64,
    heat_permille: u16,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct StoredEnergyV2 {
    kesm: u16,
    stored_j: i64,
}

impl From<&Plan> for PlanV2 {
    fn from(plan: &Plan) -> Self {
        Self {
            grants: plan.grants.iter().map(Into::into).collect(),
            releases: plan.releases.iter().map(Into::into).collect(),
            charges: plan.charges.iter().map(Into::into).collect(),
            shortfalls: plan.shortfalls.iter().map(Into::into).collect(),
            caps: plan.caps.iter().map(Into::into).collect(),
            lifts: plan.lifts.iter().map(|rack| rack.0).collect(),
            generators: plan.generators.iter().map(Into::into).collect(),
            modes: plan.modes.iter().map(Into::into).collect(),
            stored: plan.stored.iter().map(Into::into).collect(),
            loads: plan.loads.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<PlanV2> for Plan {
    type Error = CodecError;

    fn try_from(v2: PlanV2) -> Result<Self, CodecError> {
        Ok(Self {
            grants: each(v2.grants)?,
            releases: each(v2.releases)?,
            charges: v2.charges.into_iter().map(Into::into).collect(),
            shortfalls: each(v2.shortfalls)?,
            caps: each(v2.caps)?,
            lifts: v2.lifts.into_iter().map(RackId).collect(),
            generators: each(v2.generators)?,
            modes: each(v2.modes)?,
            stored: v2.stored.into_iter().map(Into::into).collect(),
            loads: v2.loads.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<&Release> for ReleaseV2 {
    fn from(release: &Release) -> Self {
        Self { rack: release.rack.0, reason: reason_number(release.reason) }
    }
}

impl TryFrom<ReleaseV2> for Release {
    type Error = CodecError;

    fn try_from(v2: ReleaseV2) -> Result<Self, CodecError> {
        Ok(Self { rack: RackId(v2.rack), reason: reason(v2.reason)? })
    }
}

impl From<&ChargeGrant> for ChargeGrantV2 {
    fn from(charge: &ChargeGrant) -> Self {
        Self { kesm: charge.kesm.0, charge_max_w: charge.charge_max.get(), hold_ms: charge.hold.get() }
    }
}

impl From<ChargeGrantV2> for ChargeGrant {
    fn from(v2: ChargeGrantV2) -> Self {
        Self { kesm: KesmId(v2.kesm), charge_max: Watts::new(v2.charge_max_w), hold: Millis::new(v2.hold_ms) }
    }
}

impl From<&Shortfall> for ShortfallV2 {
    fn from(shortfall: &Shortfall) -> Self {
        let (risk, uncovered_w) = ((&shortfall.risk).into(), shortfall.uncovered.get());
        Self { rack: shortfall.rack.0, risk, uncovered_w }
    }
}

impl TryFrom<ShortfallV2> for Shortfall {
    type Error = CodecError;

    fn try_from(v2: ShortfallV2) -> Result<Self, CodecError> {
        Ok(Self { rack: RackId(v2.rack), risk: v2.risk.try_into()?, uncovered: Watts::new(v2.uncovered_w) })
    }
}

impl From<&StoredEnergy> for StoredEnergyV2 {
    fn from(stored: &StoredEnergy) -> Self {
        Self { kesm: stored.kesm.0, stored_j: stored.stored.get() }
    }
}

impl From<StoredEnergyV2> for StoredEnergy {
    fn from(v2: StoredEnergyV2) -> Self {
        Self { kesm: KesmId(v2.kesm), stored: Joules::new(v2.stored_j) }
    }
}

impl From<&CapGrant> for CapGrantV2 {
    fn from(cap: &CapGrant) -> Self {
        Self {
            rack: cap.rack.0,
            cap_w: cap.cap.get(),
            keep_tiers: cap.keep_tiers,
            reason: cap_reason_number(cap.reason),
            hold_ms: cap.hold.get(),
        }
    }
}

impl TryFrom<CapGrantV2> for CapGrant {
    type Error = CodecError;

    fn try_from(v2: CapGrantV2) -> Result<Self, CodecError> {
        Ok(Self {
            rack: RackId(v2.rack),
            cap: Watts::new(v2.cap_w),
            keep_tiers: v2.keep_tiers,
            reason: cap_reason(v2.reason)?,
            hold: Millis::new(v2.hold_ms),
        })
    }
}

impl From<&GeneratorGrant> for GeneratorGrantV2 {
    fn from(grant: &GeneratorGrant) -> Self {
        Self { feed: grant.feed.0, duty: duty_number(grant.duty), hold_ms: grant.hold.get() }
    }
}

impl TryFrom<GeneratorGrantV2> for GeneratorGrant {
    type Error = CodecError;

    fn try_from(v2: GeneratorGrantV2) -> Result<Self, CodecError> {
        Ok(Self { feed: FeedId(v2.feed), duty: duty(v2.duty)?, hold: Millis::new(v2.hold_ms) })
    }
}

impl From<&ModeChange> for ModeChangeV2 {
    fn from(change: &ModeChange) -> Self {
        Self {
            feed: change.feed.0,
            to: mode_number(change.to),
            reason: change.reason.into(),
            time_left_ms: change.time_left.map(Millis::get),
        }
    }
}

impl TryFrom<ModeChangeV2> for ModeChange {
    type Error = CodecError;

    fn try_from(v2: ModeChangeV2) -> Result<Self, CodecError> {
        let (to, reason) = (mode(v2.to)?, v2.reason.into());
        Ok(Self { feed: FeedId(v2.feed), to, reason, time_left: v2.time_left_ms.map(Millis::new) })
    }
}

impl From<ModeReason> for ModeReasonV2 {
    fn from(reason: ModeReason) -> Self {
        match reason {
            ModeReason::UtilityLost { witnesses, of } => Self::UtilityLost { witnesses, of },
            ModeReason::GeneratorCarries => Self::GeneratorCarries,
            ModeReason::GeneratorLost => Self::GeneratorLost,
            ModeReason::TimeIsUp => Self::TimeIsUp,
            ModeReason::UtilityBack => Self::UtilityBack,
            ModeReason::Recharged => Self::Recharged,
        }
    }
}

impl From<ModeReasonV2> for ModeReason {
    fn from(v2: ModeReasonV2) -> Self {
        match v2 {
            ModeReasonV2::UtilityLost { witnesses, of } => Self::UtilityLost { witnesses, of },
            ModeReasonV2::GeneratorCarries => Self::GeneratorCarries,
            ModeReasonV2::GeneratorLost => Self::GeneratorLost,
            ModeReasonV2::TimeIsUp => Self::TimeIsUp,
            ModeReasonV2::UtilityBack => Self::UtilityBack,
            ModeReasonV2::Recharged => Self::Recharged,
        }
    }
}

impl From<&RackLoad> for RackLoadV2 {
    fn from(load: &RackLoad) -> Self {
        Self { rack: load.rack.0, peak_w: load.peak.get(), heat_permille: load.heat_permille }
    }
}

impl From<RackLoadV2> for RackLoad {
    fn from(v2: RackLoadV2) -> Self {
        Self { rack: RackId(v2.rack), peak: Watts::new(v2.peak_w), heat_permille: v2.heat_permille }
    }
}
