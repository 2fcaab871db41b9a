//! What people call things. A refused plan may name what the site does not have; nothing here minds.

use anyhow::{Result, bail};
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

/// A refusal suggests at most so many names.
const SUGGESTED_MAX: usize = 3;
/// How alike a suggested name is at the least; 1 is the same.
const ALIKE_MIN: f64 = 0.65;

/// The rack that an option names.
pub fn rack_id(site: &Site, option: &str, name: &str) -> Result<RackId> {
    match site.rack_ids().find(|id| site.rack(*id).name == name) {
        Some(id) => Ok(id),
        None => {
            bail!("{option}: the site has no rack `{name}`{}", near(name, site.racks.iter().map(|rack| &rack.name)))
        }
    }
}

/// The device that an option names: by its kind and its name, or by its name where no other device has it.
pub fn device_id(site: &Site, option: &str, name: &str) -> Result<DeviceId> {
    let all: Vec<(DeviceId, String)> = site.devices().map(|id| (id, site.device_name(id))).collect();
    let bare = |full: &str| full.split_once(' ').is_some_and(|(_, own)| own == name);
    let found: Vec<&(DeviceId, String)> = all.iter().filter(|(_, full)| full == name || bare(full)).collect();
    match found[..] {
        [(id, _)] => Ok(*id),
        [] => bail!("{option}: the site has no device `{name}`{}", near(name, all.iter().map(|(_, full)| full))),
        _ => {
            let names: Vec<String> = found.iter().map(|(_, full)| format!("`{full}`")).collect();
            bail!("{option}: `{name}` can be {}", names.join(" or "))
        }
    }
}

/// The names that are most like this one, for the end of a refusal; where none is, the first that there are.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&String> = known.collect();
    let likeness = |other: &str| {
        let own = other.split_once(' ').map_or(other, |(_, own)| own);
        let to = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
        to(other).max(to(own))
    };
    let mut alike: Vec<(f64, &String)> = known.iter().map(|other| (likeness(other), *other)).collect();
    alike.retain(|(likeness, _)| *likeness >= ALIKE_MIN);
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    let listed = |names: Vec<&String>| {
        names.iter().take(SUGGESTED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    match (alike.is_empty(), known.len()) {
        (_, 0) => String::new(),
        (false, _) => format!("; near it: {}", listed(alike.into_iter().map(|(_, name)| name).collect())),
        (true, count) if count <= SUGGESTED_MAX => format!("; it has {}", listed(known)),
        (true, count) => format!("; it has {} and {} more", listed(known), count - SUGGESTED_MAX),
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::site::{FeedId, KesmId, TieId};

    use super::super::super::example::Growing;
    use super::*;

    #[test]
    fn a_name_is_found_or_those_near_it_are_told() {
        let site = Growing::founded().opened().site;
        let device = |name: &str| device_id(&site, "--device", name).map_err(|error| error.to_string());
        assert_eq!(device("K1"), Ok(DeviceId::Kesm(KesmId(0))));
        assert_eq!(device("tie A1-A2"), Ok(DeviceId::Tie(TieId(0))));
        assert_eq!(device("A2"), Ok(DeviceId::Pdu(RackId(1))));
        assert_eq!(device("utility"), Ok(DeviceId::Supply(FeedId(0))));
        let refused = |found: Result<DeviceId, String>| found.expect_err("not there");
        assert_eq!(refused(device("K2")), "--device: the site has no device `K2`; near it: `pdu A2`, `kesm K1`");
        assert_eq!(
            refused(device("zzz")),
            "--device: the site has no device `zzz`; it has `pdu A1`, `pdu A2`, `kesm K1` and 2 more"
        );
        assert!(rack_id(&site, "--rack", "A1").is_ok());
        let refused = rack_id(&site, "--rack", "a1").expect_err("not there").to_string();
        assert_eq!(refused, "--rack: the site has no rack `a1`; near it: `A1`, `A2`");
        let refused = rack_id(&site, "--rack", "Z9").expect_err("not there").to_string();
        assert_eq!(refused, "--rack: the site has no rack `Z9`; it has `A1`, `A2`");
    }
}
