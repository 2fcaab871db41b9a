//! What a plan says.

use ridethrough_core::command::{
    CapGrant, ChargeGrant, GeneratorGrant, Grant, Hop, Leg, ModeChange, Plan, RackLoad, Release, Risk, Shortfall,
    StoredEnergy, TransferId,
};
use ridethrough_core::device::{DeviceId, Direction, GeneratorDuty};
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use serde::Serialize;

use super::super::words::names;

#[derive(Debug, Serialize)]
pub(super) struct PlanFacts {
    grants: Vec<GrantFacts>,
    releases: Vec<ReleaseFacts>,
    charges: Vec<ChargeFacts>,
    shortfalls: Vec<ShortfallFacts>,
    caps: Vec<CapFacts>,
    lifts: Vec<String>,
    generators: Vec<GeneratorFacts>,
    modes: Vec<ModeFacts>,
    stored: Vec<StoredFacts>,
    loads: Vec<LoadFacts>,
}

#[derive(Debug, Serialize)]
pub(super) struct GrantFacts {
    transfer: String,
    rack: String,
    help_above_watts: i64,
    hold_ms: i64,
    legs: Vec<LegFacts>,
    risk: RiskFacts,
}

#[derive(Debug, Serialize)]
struct LegFacts {
    source: String,
    supplied_watts: i64,
    delivered_watts: i64,
    ties: Vec<HopFacts>,
}

#[derive(Debug, Serialize)]
struct HopFacts {
    tie: String,
    direction: &'static str,
}

#[derive(Debug, Serialize)]
struct RiskFacts {
    present_watts: i64,
    limit_watts: i64,
    margin_watts: i64,
    horizon_ms: i64,
    p50_watts: i64,
    p90_watts: i64,
    p99_watts: i64,
    peak_p50_watts: i64,
    peak_p99_watts: i64,
    forecast_by: String,
}

#[derive(Debug, Serialize)]
struct ReleaseFacts {
    rack: String,
    reason: &'static str,
}

#[derive(Debug, Serialize)]
struct ChargeFacts {
    device: String,
    charge_max_watts: i64,
    hold_ms: i64,
}

#[derive(Debug, Serialize)]
struct ShortfallFacts {
    rack: String,
    uncovered_watts: i64,
    risk: RiskFacts,
}

#[derive(Debug, Serialize)]
struct CapFacts {
    rack: String,
    cap_watts: i64,
    keep_tiers: u8,
    reason: &'static str,
    hold_ms: i64,
}

#[derive(Debug, Serialize)]
struct GeneratorFacts {
    feed: String,
    duty: &'static str,
    hold_ms: i64,
}

#[derive(Debug, Serialize)]
struct ModeFacts {
    feed: String,
    to: &'static str,
    reason: String,
    time_left_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct StoredFacts {
    device: String,
    stored_joules: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct LoadFacts {
    rack: String,
    peak_watts: i64,
    heat_permille: u16,
}

impl PlanFacts {
    pub(super) fn of(plan: &Plan, index: u64, site: &Site) -> Self {
        let grants = (0..).zip(&plan.grants).map(|(nth, grant)| GrantFacts::of(grant, TransferId { index, nth }, site));
        Self {
            grants: grants.collect(),
            releases: plan.releases.iter().map(|release| ReleaseFacts::of(*release, site)).collect(),
            charges: plan.charges.iter().map(|charge| ChargeFacts::of(charge, site)).collect(),
            shortfalls: plan.shortfalls.iter().map(|shortfall| ShortfallFacts::of(shortfall, site)).collect(),
            caps: plan.caps.iter().map(|cap| CapFacts::of(cap, site)).collect(),
            lifts: plan.lifts.iter().map(|rack| names::rack(site, *rack)).collect(),
            generators: plan.generators.iter().map(|generator| GeneratorFacts::of(generator, site)).collect(),
            modes: plan.modes.iter().map(|change| ModeFacts::of(change, site)).collect(),
            stored: StoredFacts::all(&plan.stored, site),
            loads: LoadFacts::all(&plan.loads, site),
        }
    }
}

impl GrantFacts {
    pub(super) fn of(grant: &Grant, id: TransferId, site: &Site) -> Self {
        Self {
            transfer: id.to_string(),
            rack: names::rack(site, grant.rack),
            help_above_watts: grant.help_above.get(),
            hold_ms: grant.hold.get(),
            legs: grant.legs.iter().map(|leg| LegFacts::of(leg, site)).collect(),
            risk: RiskFacts::of(&grant.risk),
        }
    }
}

impl LegFacts {
    fn of(leg: &Leg, site: &Site) -> Self {
        let hop = |hop: &Hop| HopFacts {
            tie: site.device_name(DeviceId::Tie(hop.tie)),
            direction: if hop.direction == Direction::Forward { "forward" } else { "backward" },
        };
        Self {
            source: site.device_name(DeviceId::Kesm(leg.kesm)),
            supplied_watts: leg.supplied.get(),
            delivered_watts: leg.delivered.get(),
            ties: leg.path.iter().map(hop).collect(),
        }
    }
}

impl RiskFacts {
    fn of(risk: &Risk) -> Self {
        let forecast = &risk.forecast;
        Self {
            present_watts: risk.present.get(),
            limit_watts: risk.limit.get(),
            margin_watts: risk.margin.get(),
            horizon_ms: forecast.horizon.get(),
            p50_watts: forecast.p50.get(),
            p90_watts: forecast.p90.get(),
            p99_watts: forecast.p99.get(),
            peak_p50_watts: forecast.peak_p50.get(),
            peak_p99_watts: forecast.peak_p99.get(),
            forecast_by: forecast.source.to_string(),
        }
    }
}

impl ReleaseFacts {
    fn of(release: Release, site: &Site) -> Self {
        Self { rack: names::rack(site, release.rack), reason: release.reason.as_str() }
    }
}

impl ChargeFacts {
    fn of(charge: &ChargeGrant, site: &Site) -> Self {
        let device = site.device_name(DeviceId::Kesm(charge.kesm));
        Self { device, charge_max_watts: charge.charge_max.get(), hold_ms: charge.hold.get() }
    }
}

impl ShortfallFacts {
    fn of(shortfall: &Shortfall, site: &Site) -> Self {
        let (rack, risk) = (names::rack(site, shortfall.rack), RiskFacts::of(&shortfall.risk));
        Self { rack, uncovered_watts: shortfall.uncovered.get(), risk }
    }
}

impl CapFacts {
    fn of(cap: &CapGrant, site: &Site) -> Self {
        Self {
            rack: names::rack(site, cap.rack),
            cap_watts: cap.cap.get(),
            keep_tiers: cap.keep_tiers,
            reason: cap.reason.as_str(),
            hold_ms: cap.hold.get(),
        }
    }
}

impl GeneratorFacts {
    fn of(generator: &GeneratorGrant, site: &Site) -> Self {
        let duty = if generator.duty == GeneratorDuty::Run { "run" } else { "auto" };
        Self { feed: names::feed(site, generator.feed), duty, hold_ms: generator.hold.get() }
    }
}

impl ModeFacts {
    fn of(change: &ModeChange, site: &Site) -> Self {
        Self {
            feed: names::feed(site, change.feed),
            to: change.to.as_str(),
            reason: change.reason.to_string(),
            time_left_ms: change.time_left.map(Millis::get),
        }
    }
}

impl StoredFacts {
    pub(super) fn all(stored: &[StoredEnergy], site: &Site) -> Vec<Self> {
        let of = |one: &StoredEnergy| Self {
            device: site.device_name(DeviceId::Kesm(one.kesm)),
            stored_joules: one.stored.get(),
        };
        stored.iter().map(of).collect()
    }
}

impl LoadFacts {
    pub(super) fn all(loads: &[RackLoad], site: &Site) -> Vec<Self> {
        let of = |load: &RackLoad| Self {
            rack: names::rack(site, load.rack),
            peak_watts: load.peak.get(),
            heat_permille: load.heat_permille,
        };
        loads.iter().map(of).collect()
    }
}
