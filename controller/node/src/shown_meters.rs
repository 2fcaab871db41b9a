//! Metrics of what a replica shows: once a second, from the newest snapshot, on the web view's runtime. The control thread does
//! nothing for them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{Gauge, describe_gauge, gauge};
use ridethrough_core::site::Site;
use ridethrough_dashboard::{KesmView, RackView, Snapshot};

const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Handles, looked up once.
struct Meters {
    acting: Gauge,
    term: Gauge,
    at_risk: Gauge,
    lease: Gauge,
    racks: Vec<Gauge>,
    kesms: Vec<Gauge>,
}

/// Tells until the runtime ends. Call it on a runtime, after the recorder was installed.
pub fn start(site: &Site, shown: Arc<ArcSwap<Snapshot>>) {
    let meters = Meters::new(site);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(TOLD_EVERY);
        loop {
            ticks.tick().await;
            meters.tell(&shown.load());
        }
    });
}

impl Meters {
    fn new(site: &Site) -> Self {
        describe();
        for rack in &site.racks {
            gauge!("ridethrough_rack_limit_watts", "rack" => rack.name.clone()).set(number(rack.limit.get()));
        }
        for kesm in &site.kesms {
            gauge!("ridethrough_kesm_capacity_joules", "kesm" => kesm.name.clone()).set(number(kesm.capacity.get()));
        }
        let rack = |name: &String| gauge!("ridethrough_rack_power_watts", "rack" => name.clone());
        let kesm = |name: &String| gauge!("ridethrough_kesm_stored_joules", "kesm" => name.clone());
        Self {
            acting: gauge!("ridethrough_acting"),
            term: gauge!("ridethrough_term"),
            at_risk: gauge!("ridethrough_racks_at_risk"),
            lease: gauge!("ridethrough_device_lease_remaining_seconds"),
            racks: site.racks.iter().map(|one| rack(&one.name)).collect(),
            kesms: site.kesms.iter().map(|one| kesm(&one.name)).collect(),
        }
    }

    fn tell(&self, shown: &Snapshot) {
        self.acting.set(f64::from(u8::from(shown.acting)));
        self.term.set(i64::try_from(shown.term).map_or(f64::INFINITY, number));
        let at_risk = shown.racks.iter().filter(|rack| rack.at_risk).count();
        self.at_risk.set(i64::try_from(at_risk).map_or(f64::INFINITY, number));
        let leases = &shown.leases;
        let left_ms = if leases.devices > leases.standing { Some(0) } else { leases.least_left_ms };
        self.lease.set(left_ms.map_or(f64::NAN, |left| number(left) / 1e3));
        for (gauge, RackView { load_watts, .. }) in self.racks.iter().zip(&shown.racks) {
            gauge.set(load_watts.map_or(f64::NAN, number));
        }
        for (gauge, KesmView { stored_joules, .. }) in self.kesms.iter().zip(&shown.kesms) {
            gauge.set(stored_joules.map_or(f64::NAN, number));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no quantity of a site has 2^53 of its unit")]
const fn number(value: i64) -> f64 {
    value as f64
}

fn describe() {
    describe_gauge!("ridethrough_acting", "1 while this replica leads and a majority confirms it");
    describe_gauge!("ridethrough_term", "The term that this replica knows; it rises with every election");
    describe_gauge!("ridethrough_racks_at_risk", "Racks that need help");
    describe_gauge!(
        "ridethrough_device_lease_remaining_seconds",
        "For how long the device with the least of it goes on obeying, as devices say; not a number while none is heard"
    );
    describe_gauge!("ridethrough_rack_limit_watts", "What a rack's breaker carries for ever");
    describe_gauge!(
        "ridethrough_rack_power_watts",
        "What the servers of a rack take; not a number while it is not freshly measured"
    );
    describe_gauge!("ridethrough_kesm_capacity_joules", "Usable energy of a module when full");
    describe_gauge!(
        "ridethrough_kesm_stored_joules",
        "Usable energy of a module; not a number while it is not freshly measured"
    );
}
