//! `[[event]]`: what happens to the plant, and when.

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{FeedId, KesmId, RackId, Site, TieId};
use serde::Deserialize;
use toml::Spanned;

use super::{Checker, SECONDS_MAX, listed};
use crate::plant::fault::{DeviceFault, Event, Happening, Utility};
use crate::plant::supply::SupplySpec;
use crate::plant::{real, whole};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvent {
    at_s: Spanned<f64>,
    for_s: Option<Spanned<f64>>,
    feed: Option<Spanned<String>>,
    kesm: Option<Spanned<String>>,
    tie: Option<Spanned<String>>,
    rack: Option<Spanned<String>>,
    what: Spanned<What>,
    share: Option<Spanned<f64>>,
    times: Option<Spanned<f64>>,
    watts: Option<Spanned<f64>>,
    keeps_memory: Option<Spanned<bool>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum What {
    UtilityA,
    UtilityB,
    GeneratorRefuses,
    Broken,
    Stuck,
    LockedOut,
    Frozen,
    Mute,
    Lying,
    Babbling,
    Reboot,
    Vacuum,
    Bearing,
}

/// What it happens to.
#[derive(Clone, Copy)]
enum Target {
    Feed(FeedId),
    Device(DeviceId),
}

/// The parameters of an event, checked; those that it does not have are at nothing.
#[derive(Clone, Copy, Default)]
struct Parameters {
    share: f64,
    times: f64,
    watts: f64,
    keeps_memory: bool,
}

impl What {
    /// The one parameter that it needs.
    fn parameter(self) -> Option<&'static str> {
        match self {
            Self::UtilityA | Self::UtilityB | Self::Lying => Some("share"),
            Self::Babbling | Self::Vacuum => Some("times"),
            Self::Bearing => Some("watts"),
            Self::Reboot => Some("keeps_memory"),
            Self::GeneratorRefuses | Self::Broken | Self::Stuck | Self::LockedOut | Self::Frozen | Self::Mute => None,
        }
    }
}

impl Checker<'_> {
    /// All events in the order of time.
    pub(super) fn events(&mut self, raw: &[RawEvent], site: &Site, supply: &SupplySpec, span_ms: u64) -> Vec<Event> {
        let mut events: Vec<Event> = raw.iter().filter_map(|event| self.event(event, site, supply, span_ms)).collect();
        events.sort_by_key(|event| event.at_ms);
        events
    }

    fn event(&mut self, raw: &RawEvent, site: &Site, supply: &SupplySpec, span_ms: u64) -> Option<Event> {
        let faults_before = self.faults.len();
        let at_ms = self.moment(Some(&raw.at_s), "event.at_s");
        if at_ms >= span_ms {
            let reason =
                format!("{}, expected less than the {} s of the scenario", raw.at_s.get_ref(), span_ms / 1_000);
            self.fault(&raw.at_s.span(), "event.at_s", reason);
        }
        let for_ms = self.millis(raw.for_s.as_ref(), "event.for_s", 0, 0.001..=real(SECONDS_MAX));
        if *raw.what.get_ref() == What::Reboot && raw.for_s.is_none() {
            self.fault(&raw.what.span(), "event.for_s", "missing: a reboot lasts as long as it says".into());
        }
        let parameters = self.parameters(raw);
        let target = self.target(raw, site)?;
        let what = match happening(*raw.what.get_ref(), target, parameters, supply) {
            Ok(what) => what,
            Err(reason) => {
                self.fault(&raw.what.span(), "event.what", reason);
                return None;
            }
        };
        let until_ms = raw.for_s.is_some().then_some(at_ms + for_ms);
        (self.faults.len() == faults_before).then_some(Event { at_ms, until_ms, what })
    }

    /// The one target that is given.
    fn target(&mut self, raw: &RawEvent, site: &Site) -> Option<Target> {
        let keys = [("feed", &raw.feed), ("kesm", &raw.kesm), ("tie", &raw.tie), ("rack", &raw.rack)];
        let given: Vec<_> = keys.iter().filter_map(|(key, name)| name.as_ref().map(|name| (*key, name))).collect();
        let [(key, name)] = given[..] else {
            let found = listed(given.iter().map(|(key, _)| *key));
            let reason = format!("on {found}, expected on exactly one of `feed`, `kesm`, `tie`, `rack`");
            self.fault(&raw.what.span(), "event.what", reason);
            return None;
        };
        let (names, target): (Vec<&str>, fn(u16) -> Target) = match key {
            "feed" => (site.feeds.iter().map(|feed| feed.name.as_str()).collect(), |nth| Target::Feed(FeedId(nth))),
            "kesm" => (site.kesms.iter().map(|kesm| kesm.name.as_str()).collect(), |nth| {
                Target::Device(DeviceId::Kesm(KesmId(nth)))
            }),
            "tie" => (site.ties.iter().map(|tie| tie.name.as_str()).collect(), |nth| {
                Target::Device(DeviceId::Tie(TieId(nth)))
            }),
            _ => (site.racks.iter().map(|rack| rack.name.as_str()).collect(), |nth| {
                Target::Device(DeviceId::Pdu(RackId(nth)))
            }),
        };
        let place = names.iter().position(|there| there == name.get_ref()).and_then(|nth| u16::try_from(nth).ok());
        if place.is_none() {
            let reason = format!("the site has no {key} `{}`; there is {}", name.get_ref(), listed(names));
            self.fault(&name.span(), &format!("event.{key}"), reason);
        }
        place.map(target)
    }

    fn parameters(&mut self, raw: &RawEvent) -> Parameters {
        let what = *raw.what.get_ref();
        let given = [
            ("share", raw.share.as_ref().map(Spanned::span)),
            ("times", raw.times.as_ref().map(Spanned::span)),
            ("watts", raw.watts.as_ref().map(Spanned::span)),
            ("keeps_memory", raw.keeps_memory.as_ref().map(Spanned::span)),
        ];
        for (name, span) in given {
            match (span, what.parameter() == Some(name)) {
                (Some(span), false) => self.fault(&span, &format!("event.{name}"), format!("{what} has none")),
                (None, true) => {
                    self.fault(&raw.what.span(), &format!("event.{name}"), format!("missing: {what} needs it"));
                }
                _ => {}
            }
        }
        let mut to = Parameters {
            keeps_memory: raw.keeps_memory.as_ref().is_some_and(|keeps| *keeps.get_ref()),
            ..Parameters::default()
        };
        let share_max = if what == What::Lying { 10.0 } else { 1.5 };
        self.set(raw.share.as_ref(), "event.share", &mut to.share, 0.0..=share_max);
        let times = if what == What::Babbling { 2.0..=1_000.0 } else { 1.0..=1e6 };
        self.set(raw.times.as_ref(), "event.times", &mut to.times, times);
        self.set(raw.watts.as_ref(), "event.watts", &mut to.watts, 0.0..=1e6);
        if let (What::Babbling, Some(times)) = (what, &raw.times)
            && times.get_ref().fract() != 0.0
        {
            self.fault(&times.span(), "event.times", format!("{}, expected a whole number", times.get_ref()));
        }
        to
    }
}

/// What happens, or why that cannot happen there.
fn happening(what: What, target: Target, to: Parameters, supply: &SupplySpec) -> Result<Happening, String> {
    match target {
        Target::Feed(feed) => feed_happening(what, feed, to, supply),
        Target::Device(DeviceId::Kesm(kesm)) if what == What::Vacuum => Ok(Happening::Vacuum { kesm, times: to.times }),
        Target::Device(DeviceId::Kesm(kesm)) if what == What::Bearing => {
            Ok(Happening::Bearing { kesm, watts: to.watts })
        }
        Target::Device(device) => Ok(Happening::Device { device, fault: device_fault(what, device, to)? }),
    }
}

/// What happens before the rows of a feed; faults are those of its supply's controller.
fn feed_happening(what: What, feed: FeedId, to: Parameters, supply: &SupplySpec) -> Result<Happening, String> {
    let share = to.share;
    match what {
        What::UtilityA => Ok(Happening::UtilityVolts { feed, utility: Utility::A, share }),
        What::UtilityB if supply.second_utility => Ok(Happening::UtilityVolts { feed, utility: Utility::B, share }),
        What::UtilityB => Err("there is no second utility: supply.second_utility is not true".into()),
        What::GeneratorRefuses if supply.generator.is_some() => Ok(Happening::GeneratorRefuses { feed }),
        What::GeneratorRefuses => Err("there is no generator: [supply.generator] is not given".into()),
        other => {
            let device = DeviceId::Supply(feed);
            Ok(Happening::Device { device, fault: device_fault(other, device, to)? })
        }
    }
}

fn device_fault(what: What, device: DeviceId, to: Parameters) -> Result<DeviceFault, String> {
    match (what, device) {
        (What::Broken, DeviceId::Pdu(_)) => {
            Err("`broken` on a rack, expected on a kesm or a tie: a PDU carries nothing that it could stop carrying"
                .into())
        }
        (What::Broken, DeviceId::Supply(_)) => {
            Err("`broken` on a feed, expected on a kesm or a tie: a supply has `utility_a`, `utility_b` and \
                 `generator_refuses`"
                .into())
        }
        (What::Broken, _) => Ok(DeviceFault::Broken),
        (What::Stuck, _) => Ok(DeviceFault::Stuck),
        (What::LockedOut, _) => Ok(DeviceFault::LockedOut),
        (What::Frozen, _) => Ok(DeviceFault::Frozen),
        (What::Mute, _) => Ok(DeviceFault::Mute),
        (What::Lying, _) => Ok(DeviceFault::Lying { share: to.share }),
        (What::Babbling, _) => Ok(DeviceFault::Babbling { times: u32::try_from(whole(to.times)).unwrap_or(2) }),
        (What::Reboot, _) => Ok(DeviceFault::Reboot { keeps_memory: to.keeps_memory }),
        (What::Vacuum | What::Bearing, _) => Err(format!("{what}, expected on a kesm: only it has a wheel")),
        (What::UtilityA | What::UtilityB | What::GeneratorRefuses, _) => {
            Err(format!("{what} on a device, expected on a feed"))
        }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UtilityA => "`utility_a`",
            Self::UtilityB => "`utility_b`",
            Self::GeneratorRefuses => "`generator_refuses`",
            Self::Broken => "`broken`",
            Self::Stuck => "`stuck`",
            Self::LockedOut => "`locked_out`",
            Self::Frozen => "`frozen`",
            Self::Mute => "`mute`",
            Self::Lying => "`lying`",
            Self::Babbling => "`babbling`",
            Self::Reboot => "`reboot`",
            Self::Vacuum => "`vacuum`",
            Self::Bearing => "`bearing`",
        })
    }
}
