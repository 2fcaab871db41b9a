//! What people call things, and what is meant.

use ridethrough_core::alarm::AlarmKey;
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{RackId, Site};

/// The device of this name: `kesm K1`, or `K1` alone where nothing else is called so.
pub fn device(site: &Site, name: &str) -> Result<DeviceId, String> {
    let whole = site.devices().find(|device| site.device_name(*device) == name);
    let alone = |device: &DeviceId| site.device_name(*device).split_once(' ').is_some_and(|(_, bare)| bare == name);
    let mut bare = site.devices().filter(alone);
    match (whole, bare.next(), bare.next()) {
        (Some(device), ..) | (None, Some(device), None) => Ok(device),
        (None, Some(one), Some(other)) => {
            let (one, other) = (site.device_name(one), site.device_name(other));
            Err(format!("`{}` may be {one} or {other}: say which", name.escape_debug()))
        }
        (None, None, _) => Err(format!("the site has no device `{}`", name.escape_debug())),
    }
}

/// The rack of this name.
pub fn rack(site: &Site, name: &str) -> Result<RackId, String> {
    let found = site.rack_ids().find(|id| site.rack(*id).name == name);
    found.ok_or_else(|| format!("the site has no rack `{}`", name.escape_debug()))
}

/// The alarm of this name.
pub fn alarm(site: &Site, name: &str) -> Result<AlarmKey, String> {
    AlarmKey::named(name, site).ok_or_else(|| format!("there is no alarm `{}`", name.escape_debug()))
}
