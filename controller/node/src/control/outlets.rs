//! Once a second: of how many servers the power is known, and whether the outlets of each rack add up.

use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::Watts;

use crate::counted::set;
use crate::plausibility::{Judgement, Plausibility};
use crate::power::{ServerPower, Source};

/// How often servers are counted and racks judged. Looking at all of them costs too much for every tick.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// The control thread's watch over outlets. It shows; nothing is decided by it.
pub struct OutletWatch {
    racks: Vec<Plausibility>,
    looked: Option<Instant>,
    /// Servers whose power is known, from either source.
    heard: usize,
    known: [Gauge; Source::ALL.len()],
    misfits: Counter,
    doubted: Gauge,
}

impl OutletWatch {
    /// A watch over this site. Install the recorder before it is made.
    pub fn new(site: &Site) -> Self {
        describe_gauge!("ridethrough_servers_power_known", "Servers whose power is known, by who says so");
        describe_counter!(
            "ridethrough_outlets_misfit_total",
            "Times that a rack's outlets did not add up to its meter"
        );
        describe_gauge!("ridethrough_racks_outlets_doubted", "Racks whose outlets do not add up to their meter");
        Self {
            racks: vec![Plausibility::default(); site.racks.len()],
            looked: None,
            heard: 0,
            known: Source::ALL.map(|source| gauge!("ridethrough_servers_power_known", "source" => source.as_str())),
            misfits: counter!("ridethrough_outlets_misfit_total"),
            doubted: gauge!("ridethrough_racks_outlets_doubted"),
        }
    }

    /// Notes what the meters of racks say in this tick, and looks at everything once a second.
    pub fn tick(&mut self, site: &Site, load: impl Fn(RackId) -> Option<Watts>, power: &ServerPower) {
        for (plausibility, rack) in self.racks.iter_mut().zip(site.rack_ids()) {
            if let Some(load) = load(rack) {
                plausibility.note(load);
            }
        }
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOKED_EVERY) {
            self.looked = Some(now);
            self.look(site, power, now);
        }
    }

    /// Servers whose power was known when it last looked.
    pub const fn heard(&self) -> usize {
        self.heard
    }

    /// Racks whose outlets do not add up.
    pub fn doubted(&self, site: &Site) -> impl Iterator<Item = RackId> {
        site.rack_ids().zip(&self.racks).filter(|(_, rack)| rack.is_doubted()).map(|(rack, _)| rack)
    }

    fn look(&mut self, site: &Site, power: &ServerPower, now: Instant) {
        let heard = power.heard(now);
        self.heard = heard.iter().sum();
        self.known.iter().zip(heard).for_each(|(gauge, count)| set(gauge, count));
        for (plausibility, rack) in self.racks.iter_mut().zip(site.rack_ids()) {
            let servers = &site.rack(rack).servers;
            let judged = plausibility.judge(power.sum_of_outlets(servers, now), servers.len());
            let Some(Judgement { fits, turned }) = judged else { continue };
            self.misfits.increment(u64::from(!fits));
            tell(&site.rack(rack).name, turned);
        }
        set(&self.doubted, self.doubted(site).count());
    }
}

fn tell(rack: &str, turned: Option<bool>) {
    match turned {
        Some(true) => tracing::warn!(rack, "the outlets of a rack do not add up to what its meter says"),
        Some(false) => tracing::info!(rack, "the outlets of a rack add up again"),
        None => {}
    }
}
