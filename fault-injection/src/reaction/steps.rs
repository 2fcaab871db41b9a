//! Which racks step over their limits, and when.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use ridethrough_core::site::{RackId, Site};

use crate::plant::random::mix;
use crate::plant::server::{Playback, Sample};
use crate::scenario::Scenario;

/// The first step comes so long after the plant began: replicas are started, elected and have watched the racks by then.
const FIRST_MS: u64 = 120_000;
/// From one step to the next at least, and at most so much more: any moment of a tick, and of a second.
const APART_MS: u64 = 1_600;
const DITHER_MS: u64 = 400;
/// A rack is over its limit for so long.
const LASTS_MS: u64 = 3_000;
/// What racks draw that are to step, as a share of their limits, before and after.
const CALM_SHARE: f64 = 0.5;
/// What they step to, as a share of what their servers can take.
const SURGE_SHARE: f64 = 0.995;

/// Steps in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    steps: Vec<(RackId, u64)>,
    racks: BTreeSet<RackId>,
}

impl Steps {
    /// Draws so many racks, each once: those that can pass their limit, have no module of their own and do not train. Fewer
    /// where the site has fewer.
    pub(super) fn plan(scenario: &Scenario, count: usize, seed: u64) -> Self {
        let site = &scenario.site;
        let mut fit: Vec<RackId> = site.rack_ids().filter(|rack| is_fit(site, *rack)).collect();
        fit.sort_by_key(|rack| mix(seed ^ (u64::from(rack.0) << 20)));
        fit.truncate(count);
        let mut at_ms = FIRST_MS;
        let next = |rack| {
            let begins_ms = at_ms;
            at_ms += APART_MS + mix(seed.wrapping_add(at_ms)) % DITHER_MS;
            (rack, begins_ms)
        };
        let steps: Vec<(RackId, u64)> = fit.into_iter().map(next).collect();
        Self { racks: steps.iter().map(|(rack, _)| *rack).collect(), steps }
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// When the first begins, in ms of scenario time.
    pub(super) fn first_ms(&self) -> u64 {
        self.steps.first().map_or(0, |(_, at_ms)| *at_ms)
    }

    /// When the last begins, in ms of scenario time.
    pub(super) fn last_ms(&self) -> u64 {
        self.steps.last().map_or(0, |(_, at_ms)| *at_ms)
    }

    pub(super) fn is_of(&self, rack: RackId) -> bool {
        self.racks.contains(&rack)
    }

    /// Has the servers of these racks play their steps; all others go on with their recordings.
    pub(super) fn apply(&self, scenario: &mut Scenario) -> Result<()> {
        let end_ms = self.last_ms() + 1_000_000;
        for &(rack, at_ms) in &self.steps {
            let limit_watts = crate::plant::real(scenario.site.rack(rack).limit.get());
            let servers: Vec<usize> =
                (0..scenario.site.servers.len()).filter(|nth| scenario.site.servers[*nth].rack == rack).collect();
            for &nth in &servers {
                let calm = CALM_SHARE * limit_watts / crate::plant::real(i64::try_from(servers.len())?);
                let surge = SURGE_SHARE * crate::plant::real(scenario.site.servers[nth].rated.get());
                let sample = |at_ms, watts| Sample { at_ms, watts };
                let samples = [sample(0, calm), sample(at_ms, surge), sample(at_ms + LASTS_MS, calm)];
                scenario.playbacks[nth] = Playback::new(0, end_ms, samples).context("a step cannot be played")?;
            }
        }
        Ok(())
    }
}

fn is_fit(site: &Site, rack: RackId) -> bool {
    let here = site.rack(rack);
    here.kesms.is_empty() && is_inference(site, rack) && here.nameplate.get() * 995 / 1_000 > here.limit.get()
}

/// Whether the servers of this rack answer requests: those that train are larger and swing by themselves.
fn is_inference(site: &Site, rack: RackId) -> bool {
    let largest = site.servers.iter().map(|server| server.rated).max();
    site.servers_of(rack).all(|server| Some(server.rated) != largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reaction::data_folder;
    use crate::scenario::generated;

    #[test]
    fn steps_are_of_different_calm_racks_and_pass_their_limits() {
        let (mut scenario, text) = generated::large_with_site(100, 8, 10, 3, &data_folder()).expect("a site");
        assert_eq!(Site::parse("site.toml", &text).expect("the same site").hash, scenario.site.hash);
        let steps = Steps::plan(&scenario, 30, 3);
        assert_eq!((steps.len(), steps.racks.len(), steps.first_ms()), (30, 30, FIRST_MS));
        assert!(steps.steps.windows(2).all(|pair| pair[1].1 - pair[0].1 >= APART_MS));
        steps.apply(&mut scenario).expect("playable");
        let taken = |rack: RackId, at_ms: u64| -> f64 {
            let servers = scenario.site.servers.iter().zip(&scenario.playbacks);
            servers.filter(|(server, _)| server.rack == rack).map(|(_, playback)| playback.watts_at(at_ms)).sum()
        };
        for &(rack, at_ms) in &steps.steps {
            let limit = crate::plant::real(scenario.site.rack(rack).limit.get());
            assert!(taken(rack, at_ms - 1) < 0.6 * limit && taken(rack, at_ms) > limit, "{rack:?}");
            assert!(taken(rack, at_ms + LASTS_MS) < 0.6 * limit && steps.is_of(rack));
        }
        assert!(Steps::plan(&scenario, 1_000, 3).len() < 100, "no more than there are");
    }
}
