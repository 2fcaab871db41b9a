//! I9, single failures: after every plan, each rack bears the loss of any module or tie for the site's reaction time, by the
//! breakers of the plant. Losses on the way are left out, so that this asks less than the envelope does, and never more.

use std::collections::{BTreeMap, BTreeSet};

use ridethrough_core::command::{Grant, Leg};
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::{RackId, Site};
use ridethrough_fault_injection::plant::breaker::trip_seconds;

use super::Finding;

/// What the loss of one device does at racks, in W.
#[derive(Default)]
struct Effects {
    /// So much less is delivered.
    lost: BTreeMap<RackId, i64>,
    /// So much still leaves over ties, and comes through the rack's own breaker now.
    orphaned: BTreeMap<RackId, i64>,
}

/// What stands in the ledger after a plan.
pub fn judge(ledger: &Ledger) -> Finding {
    let grants: Vec<&Grant> = ledger.transfers().map(|transfer| &transfer.grant).collect();
    let mut received: BTreeMap<RackId, i64> = BTreeMap::new();
    for grant in &grants {
        *received.entry(grant.rack).or_default() += grant.legs.iter().map(|leg| leg.delivered.get()).sum::<i64>();
    }
    let used: BTreeSet<DeviceId> = grants.iter().flat_map(|grant| grant.devices()).collect();
    for device in used {
        let effects = Effects::of(device, &grants, ledger.site());
        let racks: BTreeSet<RackId> = effects.lost.keys().chain(effects.orphaned.keys()).copied().collect();
        for rack in racks {
            let at = |of: &BTreeMap<RackId, i64>| of.get(&rack).copied().unwrap_or(0);
            let left = at(&received) - at(&effects.lost);
            bears(ledger, device, rack, at(&effects.orphaned) - left)?;
        }
    }
    Ok(())
}

/// Whether a rack's breaker bears its peak and so much more without this device.
fn bears(ledger: &Ledger, lost: DeviceId, rack: RackId, more_watts: i64) -> Finding {
    let site = ledger.site();
    let (name, lost) = (&site.rack(rack).name, site.device_name(lost));
    let load = ledger.load(rack).ok_or_else(|| format!("nothing is told of rack {name}, which a transfer touches"))?;
    let peak = ledger.cap(rack).map_or(load.peak, |cap| cap.cap.min(load.peak)).get();
    let (draw, limit) = (peak + more_watts, site.rack(rack).limit.get());
    let cold = f64::from(1_000 - load.heat_permille.min(1_000)) / 1_000.0;
    let seconds = trip_seconds(real(draw.max(0)) / real(limit)).map(|seconds| seconds * cold);
    let reaction = real(site.policy.reaction.get()) / 1_000.0;
    match seconds {
        Some(seconds) if seconds < reaction => Err(format!(
            "without {lost} rack {name} would draw {draw} of {limit} W, which its breaker bears for {seconds:.2} s"
        )),
        _ => Ok(()),
    }
}

impl Effects {
    fn of(device: DeviceId, grants: &[&Grant], site: &Site) -> Self {
        let mut effects = Self::default();
        for grant in grants {
            for leg in &grant.legs {
                effects.add(device, leg, grant.rack, site);
            }
        }
        effects
    }

    fn add(&mut self, device: DeviceId, leg: &Leg, receiver: RackId, site: &Site) {
        let place = match device {
            DeviceId::Kesm(kesm) if kesm == leg.kesm => None,
            DeviceId::Tie(tie) => match leg.path.iter().position(|hop| hop.tie == tie) {
                Some(place) => Some(place),
                None => return,
            },
            _ => return,
        };
        *self.lost.entry(receiver).or_default() += leg.delivered.get();
        // What the next tie on the way goes on taking from its rack until it is told to stop.
        let next = place.map_or(0, |place| place + 1);
        if let Some(hop) = leg.path.get(next) {
            let rack = site.tie(hop.tie).source(hop.direction);
            *self.orphaned.entry(rack).or_default() += leg.delivered.get();
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "watts and milliseconds of a site are far below 2^52")]
const fn real(whole: i64) -> f64 {
    whole as f64
}
