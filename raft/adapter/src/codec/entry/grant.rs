//! A transfer as it is granted: its sources, its level, and the numbers that it was decided on.

use bincode::{Decode, Encode};
use ridethrough_core::command::{Grant, Hop, Leg, Risk};
use ridethrough_core::forecast::{ForecastSource, RackForecast};
use ridethrough_core::site::{KesmId, RackId, TieId};
use ridethrough_core::units::{Millis, Watts};

use super::numbers::{direction, direction_number, rule, rule_number};
use crate::codec::{CodecError, each};

#[derive(Encode, Decode)]
pub(crate) struct GrantV2 {
    rack: u16,
    legs: Vec<LegV2>,
    help_above_w: i64,
    risk: RiskV2,
    hold_ms: i64,
}

#[derive(Encode, Decode)]
struct LegV2 {
    kesm: u16,
    path: Vec<HopV2>,
    supplied_w: i64,
    delivered_w: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct HopV2 {
    tie: u16,
    direction: u8,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct RiskV2 {
    present_w: i64,
    forecast: ForecastV2,
    limit_w: i64,
    margin_w: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
struct ForecastV2 {
    p50_w: i64,
    p90_w: i64,
    p99_w: i64,
    peak_p99_w: i64,
    horizon_ms: i64,
    source: SourceV2,
}

#[derive(Clone, Copy, Encode, Decode)]
enum SourceV2 {
    /// Of a forecast whose trigger was its bound, as all were before they had `peak_p50`.
    Model([u8; 8]),
    Rule(u8),
    /// The same, and the median of the maximum in W.
    ModelWithTrigger([u8; 8], i64),
    RuleWithTrigger(u8, i64),
}

impl From<&Grant> for GrantV2 {
    fn from(grant: &Grant) -> Self {
        Self {
            rack: grant.rack.0,
            legs: grant.legs.iter().map(Into::into).collect(),
            help_above_w: grant.help_above.get(),
            risk: (&grant.risk).into(),
            hold_ms: grant.hold.get(),
        }
    }
}

impl TryFrom<GrantV2> for Grant {
    type Error = CodecError;

    fn try_from(v2: GrantV2) -> Result<Self, CodecError> {
        Ok(Self {
            rack: RackId(v2.rack),
            legs: each(v2.legs)?,
            help_above: Watts::new(v2.help_above_w),
            risk: v2.risk.try_into()?,
            hold: Millis::new(v2.hold_ms),
        })
    }
}

impl From<&Leg> for LegV2 {
    fn from(leg: &Leg) -> Self {
        Self {
            kesm: leg.kesm.0,
            path: leg.path.iter().map(Into::into).collect(),
            supplied_w: leg.supplied.get(),
            delivered_w: leg.delivered.get(),
        }
    }
}

impl TryFrom<LegV2> for Leg {
    type Error = CodecError;

    fn try_from(v2: LegV2) -> Result<Self, CodecError> {
        let (supplied, delivered) = (Watts::new(v2.supplied_w), Watts::new(v2.delivered_w));
        Ok(Self { kesm: KesmId(v2.kesm), path: each(v2.path)?, supplied, delivered })
    }
}

impl From<&Hop> for HopV2 {
    fn from(hop: &Hop) -> Self {
        Self { tie: hop.tie.0, direction: direction_number(hop.direction) }
    }
}

impl TryFrom<HopV2> for Hop {
    type Error = CodecError;

    fn try_from(v2: HopV2) -> Result<Self, CodecError> {
        Ok(Self { tie: TieId(v2.tie), direction: direction(v2.direction)? })
    }
}

impl From<&Risk> for RiskV2 {
    fn from(risk: &Risk) -> Self {
        Self {
            present_w: risk.present.get(),
            forecast: (&risk.forecast).into(),
            limit_w: risk.limit.get(),
            margin_w: risk.margin.get(),
        }
    }
}

impl TryFrom<RiskV2> for Risk {
    type Error = CodecError;

    fn try_from(v2: RiskV2) -> Result<Self, CodecError> {
        Ok(Self {
            present: Watts::new(v2.present_w),
            forecast: v2.forecast.try_into()?,
            limit: Watts::new(v2.limit_w),
            margin: Watts::new(v2.margin_w),
        })
    }
}

impl From<&RackForecast> for ForecastV2 {
    fn from(forecast: &RackForecast) -> Self {
        Self {
            p50_w: forecast.p50.get(),
            p90_w: forecast.p90.get(),
            p99_w: forecast.p99.get(),
            peak_p99_w: forecast.peak_p99.get(),
            horizon_ms: forecast.horizon.get(),
            source: match (forecast.source, (forecast.peak_p50 != forecast.peak_p99).then(|| forecast.peak_p50.get())) {
                (ForecastSource::Model { hash8 }, None) => SourceV2::Model(hash8),
                (ForecastSource::Model { hash8 }, Some(watts)) => SourceV2::ModelWithTrigger(hash8, watts),
                (ForecastSource::Rule(reason), None) => SourceV2::Rule(rule_number(reason)),
                (ForecastSource::Rule(reason), Some(watts)) => SourceV2::RuleWithTrigger(rule_number(reason), watts),
            },
        }
    }
}

impl TryFrom<ForecastV2> for RackForecast {
    type Error = CodecError;

    fn try_from(v2: ForecastV2) -> Result<Self, CodecError> {
        let (source, peak_p50_w) = match v2.source {
            SourceV2::Model(hash8) => (ForecastSource::Model { hash8 }, v2.peak_p99_w),
            SourceV2::Rule(number) => (ForecastSource::Rule(rule(number)?), v2.peak_p99_w),
            SourceV2::ModelWithTrigger(hash8, peak_p50_w) => (ForecastSource::Model { hash8 }, peak_p50_w),
            SourceV2::RuleWithTrigger(number, peak_p50_w) => (ForecastSource::Rule(rule(number)?), peak_p50_w),
        };
        Ok(Self {
            p50: Watts::new(v2.p50_w),
            p90: Watts::new(v2.p90_w),
            p99: Watts::new(v2.p99_w),
            peak_p50: Watts::new(peak_p50_w),
            peak_p99: Watts::new(v2.peak_p99_w),
            horizon: Millis::new(v2.horizon_ms),
            source,
        })
    }
}
