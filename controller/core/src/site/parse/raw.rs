//! The tables of a site file as they are written, before anything is checked.

use serde::Deserialize;
use toml::Spanned;

use crate::site::ConverterLoss;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSite {
    pub(super) name: Spanned<String>,
    pub(super) policy: RawPolicy,
    #[serde(default)]
    pub(super) feed: Vec<RawFeed>,
    #[serde(default)]
    pub(super) row: Vec<RawRow>,
    #[serde(default)]
    pub(super) rack: Vec<RawRack>,
    #[serde(default)]
    pub(super) server: Vec<RawServer>,
    #[serde(default)]
    pub(super) kesm: Vec<RawKesm>,
    #[serde(default)]
    pub(super) tie: Vec<RawTie>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) tick_ms: Spanned<i64>,
    pub(super) margin_permille: Spanned<i64>,
    pub(super) transfer_hold_ms: Spanned<i64>,
    pub(super) lease_ms: Spanned<i64>,
    pub(super) stale_after_ms: Spanned<i64>,
    pub(super) branch_drop_permille: Spanned<i64>,
    pub(super) path_drop_permille: Spanned<i64>,
    pub(super) reaction_ms: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFeed {
    pub(super) id: Spanned<String>,
    pub(super) limit_watts: Spanned<i64>,
    pub(super) generator_watts: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRow {
    pub(super) id: Spanned<String>,
    pub(super) feed: Spanned<String>,
    pub(super) limit_watts: Spanned<i64>,
    pub(super) bus_volts: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRack {
    pub(super) id: Spanned<String>,
    pub(super) row: Spanned<String>,
    pub(super) limit_watts: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub(super) id: Spanned<String>,
    pub(super) rack: Spanned<String>,
    pub(super) rated_watts: Spanned<i64>,
    pub(super) tier: Option<Spanned<i64>>,
    pub(super) floor_watts: Option<Spanned<i64>>,
    pub(super) shutdown_ms: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKesm {
    pub(super) id: Spanned<String>,
    pub(super) rack: Spanned<String>,
    pub(super) rated_watts: Spanned<i64>,
    pub(super) charge_rated_watts: Spanned<i64>,
    pub(super) capacity_joules: Spanned<i64>,
    pub(super) reserve_joules: Spanned<i64>,
    #[serde(default)]
    pub(super) converter: RawConverter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTie {
    pub(super) id: Spanned<String>,
    pub(super) between: Spanned<[String; 2]>,
    pub(super) length_mm: Spanned<i64>,
    pub(super) resistance_microohm: Spanned<i64>,
    pub(super) rated_watts: Spanned<i64>,
    #[serde(default)]
    pub(super) converter: RawConverter,
}

/// The defaults give 97.5 % at 38 % of the rating and 96.5 % at the rating.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConverter {
    pub(super) fixed_ppm: u32,
    pub(super) linear_ppm: u32,
    pub(super) quadratic_ppm: u32,
}

impl Default for RawConverter {
    fn default() -> Self {
        Self { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 }
    }
}

impl RawConverter {
    /// Within what a converter can lose.
    pub(super) fn checked(&self) -> ConverterLoss {
        ConverterLoss {
            fixed_ppm: self.fixed_ppm.min(500_000),
            linear_ppm: self.linear_ppm.min(500_000),
            quadratic_ppm: self.quadratic_ppm.min(500_000),
        }
    }
}
