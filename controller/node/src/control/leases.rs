//! How long devices go on obeying, as they say it themselves. It is shown; nothing is decided by it.

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_dashboard::LeasesView;

/// What each device last said of its lease.
#[derive(Debug)]
pub struct Leases {
    /// When it ends, by this replica's clock, in the order of devices; none before a device has spoken.
    ends: Vec<Option<Millis>>,
}

impl Leases {
    /// Nothing is known yet.
    pub fn new(site: &Site) -> Self {
        Self { ends: vec![None; site.devices().count()] }
    }

    /// A device says that its lease lasts so much longer.
    pub fn hear(&mut self, site: &Site, device: DeviceId, remaining: Millis, now: Millis) {
        if let Some(end) = site.device_slot(device).and_then(|slot| self.ends.get_mut(slot)) {
            *end = Some(now.saturating_add(remaining));
        }
    }

    /// Of those that are heard, how many still hold what a leader told them last, and for how long at the least.
    pub fn shown(&self, now: Millis, is_heard: impl Fn(usize) -> bool) -> LeasesView {
        let told = self.ends.iter().enumerate().filter(|(slot, _)| is_heard(*slot));
        let left: Vec<Millis> = told.filter_map(|(_, end)| Some(end.as_ref()?.saturating_sub(now))).collect();
        let standing = left.iter().filter(|left| **left > Millis::ZERO);
        LeasesView {
            devices: left.len(),
            standing: standing.clone().count(),
            least_left_ms: standing.min().map(|left| left.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::site::{KesmId, RackId};

    use super::*;

    #[test]
    fn leases_run_out_between_two_words_of_a_device() {
        let text = include_str!("../../../../fault-injection/scenarios/demo/site.toml");
        let site = Site::parse("site.toml", text).expect("the demo's site is good");
        let mut leases = Leases::new(&site);
        assert_eq!(leases.shown(Millis::ZERO, |_| true), LeasesView::default());
        let (kesm, pdu) = (DeviceId::Kesm(KesmId(0)), DeviceId::Pdu(RackId(1)));
        leases.hear(&site, kesm, Millis::new(900), Millis::new(100));
        leases.hear(&site, pdu, Millis::new(400), Millis::new(200));
        let view = |devices, standing, least_left_ms| LeasesView { devices, standing, least_left_ms };
        assert_eq!(leases.shown(Millis::new(300), |_| true), view(2, 2, Some(300)));
        assert_eq!(leases.shown(Millis::new(700), |_| true), view(2, 1, Some(300)));
        assert_eq!(leases.shown(Millis::new(2_000), |_| true), view(2, 0, None));
        assert_eq!(leases.shown(Millis::new(300), |_| false), view(0, 0, None));
    }
}
