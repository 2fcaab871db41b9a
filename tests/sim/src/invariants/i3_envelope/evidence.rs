//! What a plan rests on: heard lately, and not far from what truly is.

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::Site;
use ridethrough_fault_injection::plant::World;

use super::super::Finding;
use super::super::excuse::Excuses;
use crate::replica::Relied;

/// A module may store so much less than was told, as a share of its capacity: noise, and what it gave since.
const OFF_SHARE_MAX: f64 = 0.15;

/// A module that a plan counts on was heard within the site's own limit.
pub fn is_fresh(site: &Site, relied: &Relied) -> Finding {
    let most = site.policy.stale_after;
    if relied.age.is_some_and(|age| age <= most) {
        return Ok(());
    }
    let (name, age) = (&site.kesm(relied.kesm).name, relied.age);
    Err(format!("a plan rests on module {name}, heard {age:?} ago; {most} is the most"))
}

/// It stores what was told, unless its meter has been tampered with.
pub fn is_true(site: &Site, relied: &Relied, world: &World, excuses: &Excuses, at_ms: u64) -> Finding {
    let kesm = site.kesm(relied.kesm);
    let truth = world.kesm(relied.kesm.index()).usable_joules();
    let most = truth + real(kesm.capacity.get()) * OFF_SHARE_MAX;
    if real(relied.stored.get()) <= most || excuses.has_lied(DeviceId::Kesm(relied.kesm), at_ms) {
        return Ok(());
    }
    Err(format!("a plan rests on {} in module {}, which stores {truth:.0} J", relied.stored, kesm.name))
}

#[allow(clippy::cast_precision_loss, reason = "joules of a module are far below 2^52")]
const fn real(joules: i64) -> f64 {
    joules as f64
}
