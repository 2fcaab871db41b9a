//! What people call things. A refused plan may name what the site does not have; nothing here minds.

use ridethrough_core::command::{Grant, Leg};
use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{FeedId, RackId, Site};

/// A rack's id in the site file.
pub fn rack(site: &Site, id: RackId) -> String {
    site.racks.get(id.index()).map_or_else(|| format!("#{}", id.0), |rack| rack.name.clone())
}

/// A feed's id in the site file.
pub fn feed(site: &Site, id: FeedId) -> String {
    site.feeds.get(id.index()).map_or_else(|| format!("#{}", id.0), |feed| feed.name.clone())
}

/// A source and its path, such as `K2 via A3-A4`.
pub fn leg(site: &Site, leg: &Leg) -> String {
    let ties = leg.path.iter().map(|hop| DeviceId::Tie(hop.tie));
    let known = std::iter::once(DeviceId::Kesm(leg.kesm)).chain(ties).all(|device| site.device_slot(device).is_some());
    if known { site.leg_name(leg) } else { format!("{} and a way", site.device_name(DeviceId::Kesm(leg.kesm))) }
}

/// Whether the site has all that a grant names.
pub fn has_all_of(site: &Site, grant: &Grant) -> bool {
    let mut named = grant.devices().chain([DeviceId::Pdu(grant.rack)]);
    named.all(|device| site.device_slot(device).is_some())
}

/// What an operator wrote, with nothing in it that could move a terminal's cursor.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
