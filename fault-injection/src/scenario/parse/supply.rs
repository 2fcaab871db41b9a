//! `[supply]`: what stands before the rows of every feed.

use ridethrough_core::site::Site;
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, RawScenario};
use crate::plant::real;
use crate::plant::supply::{GeneratorSpec, SupplySpec};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSupply {
    second_utility: bool,
    transfer_ms: Option<Spanned<i64>>,
    retransfer_seconds: Option<Spanned<f64>>,
    generator: Option<RawGenerator>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGenerator {
    rated_watts: Spanned<f64>,
    start_after_seconds: Option<Spanned<f64>>,
    start_seconds: Option<Spanned<f64>>,
    failed_starts: Option<Spanned<i64>>,
    step_share_max: Option<Spanned<f64>>,
    row_interval_seconds: Option<Spanned<f64>>,
}

impl Checker<'_> {
    pub(super) fn supply(&mut self, raw: &RawSupply) -> SupplySpec {
        let to = SupplySpec::default();
        let retransfer = raw.retransfer_seconds.as_ref();
        SupplySpec {
            second_utility: raw.second_utility,
            transfer_ms: self.whole(raw.transfer_ms.as_ref(), "supply.transfer_ms", to.transfer_ms, 1..=1_000),
            retransfer_ms: self.millis(retransfer, "supply.retransfer_seconds", to.retransfer_ms, 0.1..=3_600.0),
            generator: raw.generator.as_ref().map(|generator| self.generator(generator)),
        }
    }

    /// What the site file promises of a feed's generator and what stands there must agree, or the controller would plan
    /// with power that is not there. A site file may leave it out.
    pub(super) fn generators(&mut self, raw: &RawScenario, supply: &SupplySpec, site: &Site) {
        let given = raw.supply.generator.as_ref();
        let span = given.map_or_else(|| raw.site.span(), |generator| generator.rated_watts.span());
        for (feed, promised) in site.feeds.iter().filter_map(|feed| Some((feed, real(feed.generator?.get())))) {
            let found = match &supply.generator {
                Some(generator) if (generator.rated_watts - promised).abs() < 0.5 => continue,
                Some(generator) => generator.rated_watts.to_string(),
                None => "missing".to_owned(),
            };
            let reason = format!("{found}, expected the generator_watts of feed `{}` ({promised})", feed.name);
            self.fault(&span, "supply.generator.rated_watts", reason);
        }
    }

    /// Unless it is said otherwise, the slowest start that NFPA 110 Type 10 allows, after 3 s so that a sag starts
    /// nothing, and half of the rating at once.
    fn generator(&mut self, raw: &RawGenerator) -> GeneratorSpec {
        let (mut rated_watts, mut step_share_max) = (1.0, 0.5);
        self.set(Some(&raw.rated_watts), "supply.generator.rated_watts", &mut rated_watts, 1.0..=1e9);
        self.set(raw.step_share_max.as_ref(), "supply.generator.step_share_max", &mut step_share_max, 0.05..=1.0);
        let mut millis = |given: &Option<Spanned<f64>>, field: &str, default_ms, range| {
            self.millis(given.as_ref(), &format!("supply.generator.{field}"), default_ms, range)
        };
        let start_after_ms = millis(&raw.start_after_seconds, "start_after_seconds", 3_000, 0.0..=600.0);
        let start_ms = millis(&raw.start_seconds, "start_seconds", 10_000, 1.0..=60.0);
        let row_interval_ms = millis(&raw.row_interval_seconds, "row_interval_seconds", 2_000, 0.0..=600.0);
        let failed = self.whole(raw.failed_starts.as_ref(), "supply.generator.failed_starts", 0, 0..=10);
        let failed_starts = u32::try_from(failed).unwrap_or(0);
        GeneratorSpec { rated_watts, start_after_ms, start_ms, failed_starts, step_share_max, row_interval_ms }
    }
}
