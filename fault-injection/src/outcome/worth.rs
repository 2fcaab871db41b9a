//! Whether a transfer was worth making: whether its rack, or the row that its rack belongs to, would have passed its
//! limit within a minute without it.
//!
//! What would have been is the recorded demand; but servers that catch up with work, or start again after an outage, take
//! more than that, so what they took under this policy counts as well.

use ridethrough_core::site::Site;

use super::controller::Begun;
use crate::plant::{World, real};
use crate::scenario::Scenario;

/// How far ahead an overload makes a transfer worth it, in ms: twice the forecast's horizon.
const WORTH_MS: u64 = 60_000;
/// Loads are looked at so often, in ms.
const EVERY_MS: u64 = 100;

/// What racks would have taken or did take, in W: for each rack, from time 0 on, one number for every 100 ms.
#[derive(Debug)]
pub struct Loads {
    racks: Vec<Vec<f64>>,
}

impl Loads {
    /// Of a scenario that has not begun: what is recorded.
    pub fn new(scenario: &Scenario) -> Self {
        Self { racks: scenario.demand(EVERY_MS) }
    }

    /// Takes note of what racks take now.
    pub fn note(&mut self, world: &World) {
        for (rack, loads) in world.site().rack_ids().zip(&mut self.racks) {
            if let Some(load) = loads.get_mut(place(world.now_ms())) {
                *load = load.max(world.load_watts(rack));
            }
        }
    }

    /// How many of these transfers were not worth it.
    pub fn false_transfers(&self, site: &Site, begun: &[Begun]) -> u64 {
        begun.iter().filter(|begun| !self.was_worth_it(site, begun)).count() as u64
    }

    fn was_worth_it(&self, site: &Site, begun: &Begun) -> bool {
        let row = site.rack(begun.rack).row;
        let minute = place(begun.at_ms)..place(begun.at_ms + WORTH_MS);
        let own = &self.racks[begun.rack.index()];
        let of_row = || site.racks.iter().zip(&self.racks).filter(|(rack, _)| rack.row == row);
        let row_load = |tick: usize| of_row().filter_map(|(_, loads)| loads.get(tick)).sum::<f64>();
        let (limit, row_limit) = (real(site.rack(begun.rack).limit.get()), real(site.rows[row.index()].limit.get()));
        minute.into_iter().any(|tick| own.get(tick).is_some_and(|load| *load > limit) || row_load(tick) > row_limit)
    }
}

fn place(ms: u64) -> usize {
    usize::try_from(ms / EVERY_MS).unwrap_or(usize::MAX)
}
