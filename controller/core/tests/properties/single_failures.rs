//! N−1 by brute force (I9), twice: every module and every tie of the site is taken away in turn, and each rack is looked at
//!
//! - as the devices' own law would have it: each source gives its share of what its bus needs, up to its ceiling, and a
//!   tie that nothing feeds any more takes from the breaker of the rack that it leaves;
//! - as if everything that rested on what is lost were gone at once.
//!
//! Both read the committed orders and legs, and share nothing with `envelope::security`.

#![allow(clippy::cast_precision_loss, reason = "the judge counts in floating point; the tolerance allows for it")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use ridethrough_core::capping;
use ridethrough_core::device::{DeviceId, Setpoint};
use ridethrough_core::ledger::{Committed, Ledger};
use ridethrough_core::site::{RackId, Site, TIER_MAX, Tie};

/// Off by less is rounding, in W.
const TOLERANCE_WATTS: f64 = 20.0;
/// The breaker of the plant: ratio of current to rating, time to trip in s, and up to where it holds.
const TRIP_TABLE: [(f64, f64); 5] = [(1.10, 1_020.0), (1.40, 60.0), (2.00, 15.0), (3.00, 5.0), (8.00, 0.05)];
const HOLDS_AT: f64 = 1.05;
/// More rounds than any path has ties.
const ROUNDS: usize = 16;

/// A tie under orders.
struct TieCeiling<'a> {
    tie: &'a Tie,
    volts: f64,
    from: usize,
    to: usize,
    flow_max: f64,
    hold: f64,
}

/// A module under orders.
struct KesmCeiling {
    rack: usize,
    supply_max: f64,
    hold: f64,
}

/// What a rack may come to take now, and how hot its breaker is, in thousandths.
pub type Now = Vec<(i64, u16)>;

/// What the ledger was told of every rack.
pub fn told(ledger: &Ledger) -> Now {
    let told = |rack| ledger.load(rack).map_or((0, 0), |load| (load.peak.get(), load.heat_permille));
    ledger.site().rack_ids().map(told).collect()
}

/// Whether every rack that transfers touch bears the loss of any one device.
pub fn are_borne(ledger: &Ledger, now: &Now) -> Result<(), TestCaseError> {
    let site = ledger.site();
    // Evidence may outlive the transfer that it was for.
    let touched: BTreeSet<RackId> = ledger.transfers().flat_map(|transfer| transfer.grant.racks(site)).collect();
    let lost = site.kesm_ids().map(DeviceId::Kesm).chain(site.tie_ids().map(DeviceId::Tie));
    for lost in lost {
        let by_law = draws_by_law(ledger, now, lost);
        for &rack in &touched {
            let heat = f64::from(now[rack.index()].1) / 1_000.0;
            let left = received_without(ledger, rack, lost);
            let limit = site.rack(rack).limit.get() as f64;
            let worst = by_law[rack.index()].max(peak(ledger, now, rack) - left);
            let seconds = trips_after(worst, limit) * (1.0 - heat);
            let reaction = site.policy.reaction.get() as f64 / 1_000.0;
            prop_assert!(
                seconds >= reaction * 0.999 || worst <= limit + TOLERANCE_WATTS,
                "without {}: {} draws {worst:.0} W of {limit} W at heat {heat}, for {seconds:.2} s",
                site.device_name(lost),
                site.rack(rack).name
            );
            let keep = ledger.cap(rack).map_or(TIER_MAX, |cap| cap.keep_tiers);
            let floor = (capping::rack_floor(site, rack, keep).get() as f64).min(now[rack.index()].0 as f64);
            prop_assert!(
                floor - left <= limit + TOLERANCE_WATTS,
                "without {}: {} cannot come below {floor:.0} W, less {left:.0} W, of {limit} W",
                site.device_name(lost),
                site.rack(rack).name
            );
        }
    }
    Ok(())
}

/// What its servers may come to take.
fn peak(ledger: &Ledger, now: &Now, rack: RackId) -> f64 {
    let told = ledger.load(rack).map_or(0, |_| now[rack.index()].0);
    ledger.cap(rack).map_or(told, |cap| told.min(cap.cap.get())) as f64
}

fn received_without(ledger: &Ledger, rack: RackId, lost: DeviceId) -> f64 {
    let legs = ledger.transfer(rack).into_iter().flat_map(|transfer| &transfer.grant.legs);
    legs.filter(|leg| !leg.uses(lost)).map(|leg| leg.delivered.get() as f64).sum()
}

/// What comes through every rack's breaker when the devices that are left follow their orders.
fn draws_by_law(ledger: &Ledger, now: &Now, lost: DeviceId) -> Vec<f64> {
    let site = ledger.site();
    let (ties, kesms) = ceilings(ledger, lost);
    let loads: Vec<f64> = site.rack_ids().map(|rack| peak(ledger, now, rack)).collect();
    let mut most = vec![0.0; site.racks.len()];
    for tie in &ties {
        most[tie.to] += arrives(tie, tie.flow_max);
    }
    for kesm in &kesms {
        most[kesm.rack] += kesm.supply_max;
    }
    let share = |rack: usize, hold: f64, leaves: &[f64]| {
        let need = leaves[rack] + (loads[rack] - hold).max(0.0);
        if most[rack] > 0.0 { (need / most[rack]).min(1.0) } else { 0.0 }
    };
    let mut leaves = vec![0.0; site.racks.len()];
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; site.racks.len()];
        for tie in &ties {
            let wanted = arrives(tie, tie.flow_max) * share(tie.to, tie.hold, &leaves);
            next[tie.from] += needs(tie, wanted);
        }
        leaves = next;
    }
    let mut draws: Vec<f64> = loads.iter().zip(&leaves).map(|(load, leaves)| load + leaves).collect();
    for tie in &ties {
        draws[tie.to] -= arrives(tie, tie.flow_max) * share(tie.to, tie.hold, &leaves);
    }
    for kesm in &kesms {
        draws[kesm.rack] -= kesm.supply_max * share(kesm.rack, kesm.hold, &leaves);
    }
    draws
}

fn ceilings(ledger: &Ledger, lost: DeviceId) -> (Vec<TieCeiling<'_>>, Vec<KesmCeiling>) {
    let site: &Site = ledger.site();
    let (mut ties, mut kesms) = (Vec::new(), Vec::new());
    for order in ledger.orders().map(Committed::get).filter(|order| order.device != lost) {
        match (order.device, order.setpoint) {
            (DeviceId::Tie(id), Setpoint::Tie { direction, flow_max, hold }) => {
                let tie = site.tie(id);
                let (from, to) = (tie.source(direction), tie.sink(direction));
                let (volts, hold) = (site.bus(from).get() as f64 / 1_000.0, hold.get() as f64);
                let flow_max = flow_max.get() as f64;
                ties.push(TieCeiling { tie, volts, from: from.index(), to: to.index(), flow_max, hold });
            }
            (DeviceId::Kesm(id), Setpoint::Kesm { supply_max, hold, .. }) => {
                let rack = site.kesm(id).rack.index();
                kesms.push(KesmCeiling { rack, supply_max: supply_max.get() as f64, hold: hold.get() as f64 });
            }
            _ => {}
        }
    }
    (ties, kesms)
}

/// What arrives of what leaves.
fn arrives(ceiling: &TieCeiling<'_>, leaves: f64) -> f64 {
    if leaves <= 0.0 {
        return 0.0;
    }
    let (tie, rated) = (ceiling.tie, ceiling.tie.rated.get() as f64);
    let part = |ppm: u32| f64::from(ppm) * 1e-6;
    let converter = part(tie.converter.fixed_ppm) * rated
        + part(tie.converter.linear_ppm) * leaves
        + part(tie.converter.quadratic_ppm) * leaves * leaves / rated;
    let amps = leaves / ceiling.volts;
    (leaves - converter - 2.0 * amps * amps * tie.resistance.get() as f64 * 1e-6).max(0.0)
}

/// What must leave for so much to arrive.
fn needs(ceiling: &TieCeiling<'_>, wanted: f64) -> f64 {
    if wanted <= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (wanted, ceiling.flow_max.max(wanted));
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if arrives(ceiling, middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// For how long a cold breaker carries this, in s.
fn trips_after(draw: f64, limit: f64) -> f64 {
    let ratio = draw / limit;
    if ratio <= HOLDS_AT {
        return f64::INFINITY;
    }
    let above = TRIP_TABLE.iter().position(|(point, _)| ratio < *point).unwrap_or(TRIP_TABLE.len() - 1).max(1);
    let ((low, low_seconds), (high, high_seconds)) = (TRIP_TABLE[above - 1], TRIP_TABLE[above]);
    let exponent = (high_seconds / low_seconds).ln() / (high / low).ln();
    low_seconds * (ratio / low).powf(exponent)
}
