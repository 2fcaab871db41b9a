//! What others read of the servers: for every part and signal the newest value and when it was sampled, in one atomic
//! word, so that whoever reads waits for nobody and never sees half of two values.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ridethrough_core::site::{RackId, ServerId, Site};
use serde::Deserialize;

/// Resolution of a sample's time in a slot, milliseconds. 32 bits of it last for more than six years.
const STEP_MS: u64 = 50;
/// No sample is older than this when it is taken, so the scale begins so long before the store does, milliseconds.
pub(crate) const AGE_MS_MAX: u64 = 3_600_000;

/// What a series tells of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Network traffic, bytes per second.
    Network,
    /// Work in hand, in a unit of the operator's, the same for all parts: requests per second, busy processors.
    Workload,
    /// Power drawn, watts, by a meter that speaks no DPCN.
    Power,
}

impl Signal {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Network, Self::Workload, Self::Power];

    /// Its name in mapping files and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Workload => "workload",
            Self::Power => "power",
        }
    }
}

/// Of what a signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A server.
    Server(ServerId),
    /// A rack as a whole.
    Rack(RackId),
}

/// A signal as it was last heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// In the signal's unit; finite and not negative. Kept with 24 bits.
    pub value: f64,
    /// How long ago it was sampled, by the sender's clock when it arrived and by this machine's monotonic one since: a
    /// clock that is set afterwards changes nothing. For a sum, the age of its oldest part. Up to 50 ms too much.
    pub age: Duration,
}

/// The newest value of every signal. The number of slots is fixed by the site: 16 bytes for each signal of each part.
#[derive(Debug)]
pub struct Signals {
    started: Instant,
    servers: usize,
    slots: Box<[Slot]>,
}

/// The time in steps, plus one, in the low half; the value in the high half. 0: nothing.
#[derive(Debug, Default)]
struct Slot {
    word: AtomicU64,
    /// Older than this is not told any more, milliseconds; 0 where no series is mapped.
    age_ms_max: u64,
}

impl Signals {
    /// A store in which nothing is ever heard, for a replica without intake.
    pub fn none(started: Instant) -> Self {
        Self { started, servers: 0, slots: Box::default() }
    }

    /// A store for this site. `age_ms_max` gives, for a slot, how old what is told of it may be.
    pub(crate) fn new(site: &Site, started: Instant, age_ms_max: impl Fn(usize) -> u64) -> Self {
        let slot = |index| Slot { word: AtomicU64::new(0), age_ms_max: age_ms_max(index) };
        let slots = (0..slots(site)).map(slot).collect();
        Self { started, servers: site.servers.len(), slots }
    }

    /// The newest value of a signal; none where none is mapped, none was heard, its series ended, or it is older than
    /// its mapping allows.
    pub fn read(&self, part: Part, signal: Signal, now: Instant) -> Option<Reading> {
        self.slots.get(slot_of(self.servers, part, signal))?.read(self.clock_ms(now))
    }

    /// Of how many parts a signal is mapped, and of how many of those it can be read now.
    pub fn heard(&self, signal: Signal, now: Instant) -> (usize, usize) {
        let now_ms = self.clock_ms(now);
        let of_signal = self.slots.iter().skip(signal as usize).step_by(Signal::ALL.len());
        let mapped = of_signal.filter(|slot| slot.age_ms_max > 0);
        mapped.fold((0, 0), |(all, heard), slot| (all + 1, heard + usize::from(slot.read(now_ms).is_some())))
    }

    /// What is mapped, servers first, then racks.
    pub fn mapped(&self) -> impl Iterator<Item = (Part, Signal)> {
        let mapped = self.slots.iter().enumerate().filter(|(_, slot)| slot.age_ms_max > 0);
        mapped.filter_map(|(index, _)| {
            let (part, signal) = (index / Signal::ALL.len(), Signal::ALL[index % Signal::ALL.len()]);
            let id = |index: usize| u16::try_from(index).ok();
            let part = match part.checked_sub(self.servers) {
                None => Part::Server(ServerId(id(part)?)),
                Some(rack) => Part::Rack(RackId(id(rack)?)),
            };
            Some((part, signal))
        })
    }

    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    /// A time on the store's scale, on which what was sampled before it began has room.
    pub(crate) fn clock_ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started).as_millis();
        AGE_MS_MAX.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    pub(crate) fn publish(&self, slot: usize, value: Option<(f64, u64)>) {
        let word = value.map_or(0, |(value, sampled_ms)| pack(value, sampled_ms));
        if let Some(slot) = self.slots.get(slot) {
            // One word says it all: nothing else is published by it, so there is nothing to pair with.
            slot.word.store(word, Ordering::Relaxed);
        }
    }
}

impl Slot {
    fn read(&self, now_ms: u64) -> Option<Reading> {
        let word = self.word.load(Ordering::Relaxed);
        let steps = (word & u64::from(u32::MAX)).checked_sub(1)?;
        let age_ms = now_ms.saturating_sub(steps * STEP_MS);
        let value = f64::from(f32::from_bits(u32::try_from(word >> 32).unwrap_or_default()));
        (age_ms <= self.age_ms_max).then_some(Reading { value, age: Duration::from_millis(age_ms) })
    }
}

/// 0, which is nothing, for what is not finite as 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "24 bits are more than a hint needs; infinity is told apart")]
fn pack(value: f64, sampled_ms: u64) -> u64 {
    let narrow = value as f32;
    // At the end of the scale, years from now, times stand still: signals grow old and are told no more.
    let steps = u32::try_from(sampled_ms / STEP_MS + 1).unwrap_or(u32::MAX);
    if narrow.is_finite() { u64::from(narrow.to_bits()) << 32 | u64::from(steps) } else { 0 }
}

/// How many slots a site has.
pub(crate) fn slots(site: &Site) -> usize {
    (site.servers.len() + site.racks.len()) * Signal::ALL.len()
}

/// Where a signal's slot is: servers first, then racks.
pub(crate) fn slot_of(servers: usize, part: Part, signal: Signal) -> usize {
    let part = match part {
        Part::Server(id) => id.index(),
        Part::Rack(id) => servers + id.index(),
    };
    part * Signal::ALL.len() + signal as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (Signals, Instant) {
        let started = Instant::now();
        let slots = (0..6).map(|_| Slot { word: AtomicU64::new(0), age_ms_max: 10_000 }).collect();
        (Signals { started, servers: 1, slots }, started)
    }

    #[test]
    fn a_value_is_told_until_it_is_too_old() {
        let (signals, started) = store();
        let (part, signal) = (Part::Rack(RackId(0)), Signal::Power);
        assert_eq!(signals.read(part, signal, started), None);
        signals.publish(5, Some((1_234.5, signals.clock_ms(started))));
        let after = |ms| signals.read(part, signal, started + Duration::from_millis(ms));
        assert_eq!(after(0), Some(Reading { value: 1_234.5, age: Duration::ZERO }));
        assert_eq!(after(10_000).map(|reading| reading.age), Some(Duration::from_secs(10)));
        assert_eq!(after(10_001), None);
        assert_eq!(signals.heard(Signal::Power, started), (2, 1));
        assert_eq!(signals.mapped().last(), Some((part, signal)));
        assert_eq!(signals.mapped().next(), Some((Part::Server(ServerId(0)), Signal::Network)));
        signals.publish(5, None);
        assert_eq!(after(0), None);
    }

    #[test]
    fn what_has_no_room_is_nothing() {
        let (signals, started) = store();
        signals.publish(0, Some((f64::MAX, signals.clock_ms(started))));
        assert_eq!(signals.read(Part::Server(ServerId(0)), Signal::Network, started), None);
        assert_eq!(signals.read(Part::Server(ServerId(9)), Signal::Network, started), None);
        assert_eq!(Signals::none(started).read(Part::Rack(RackId(0)), Signal::Power, started), None);
        signals.publish(0, Some((1.0, u64::MAX)));
        assert!(signals.read(Part::Server(ServerId(0)), Signal::Network, started).is_some(), "saturates");
    }
}
