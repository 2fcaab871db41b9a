//! What every outlet feeds, as its PDU last said: one atomic word each, which whoever likes reads without waiting.

use std::time::{Duration, Instant};

use ridethrough_core::site::RackId;
use ridethrough_core::units::Watts;
use ridethrough_protocol::{OUTLETS_MAX, Outlet, OutletPage};

use crate::sync::{AtomicU64, Ordering};

/// A measurement may be older than this store by what a page can say, so the scale of times begins before it, in ms.
const BEFORE_MS: u64 = 1 << 16;
/// Where the time begins in a word; 38 bits of milliseconds last for more than eight years.
const TIME_SHIFT: u32 = 26;
const TIME_MS_MAX: u64 = u64::MAX >> TIME_SHIFT;
/// Where the state begins in a word, above the power.
const STATE_SHIFT: u32 = 24;
const WATTS_MAX: u64 = (1 << STATE_SHIFT) - 1;

const METERED: u64 = 1;
const OPEN: u64 = 2;
const UNMETERED: u64 = 3;

/// One outlet as its PDU last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutletReading {
    /// What it said.
    pub outlet: Outlet,
    /// How long ago it was measured: what the PDU said, and the time since that was heard. What the frame spent on its
    /// way is not in it.
    pub age: Duration,
}

/// What all outlets of a site feed. The link's thread writes it; any thread may read it.
#[derive(Debug)]
pub struct OutletPowers {
    started: Instant,
    /// Where each PDU's outlets begin, by the index of its rack, and the end of the last.
    begins: Box<[usize]>,
    /// Time, state and power of each outlet; 0 for one that was never heard.
    words: Box<[AtomicU64]>,
}

impl OutletPowers {
    /// A store in which nothing is ever told, for whoever has no link.
    pub fn none() -> Self {
        Self::new(&[])
    }

    /// For PDUs with so many outlets, by the index of their racks. What no frame can name has no place.
    pub(crate) fn new(outlets: &[usize]) -> Self {
        let mut end = 0;
        let ends = outlets.iter().map(|count| {
            end += count.min(&OUTLETS_MAX);
            end
        });
        let begins: Box<[usize]> = std::iter::once(0).chain(ends).collect();
        Self { started: Instant::now(), begins, words: (0..end).map(|_| AtomicU64::new(0)).collect() }
    }

    /// What this outlet of a rack's PDU feeds; none if it was never told.
    pub fn read(&self, rack: RackId, outlet: usize, now: Instant) -> Option<OutletReading> {
        // One word says it all: nothing else is published by it, so there is nothing to pair with.
        let word = self.of(rack)?.get(outlet)?.load(Ordering::Relaxed);
        let outlet = match word >> STATE_SHIFT & 3 {
            METERED => Outlet::Metered(Watts::new((word & WATTS_MAX).cast_signed())),
            OPEN => Outlet::Open,
            UNMETERED => Outlet::Unmetered,
            _ => return None,
        };
        let age_ms = self.clock_ms(now).saturating_sub(word >> TIME_SHIFT);
        Some(OutletReading { outlet, age: Duration::from_millis(age_ms) })
    }

    /// Takes in what a PDU has said, heard at `heard`; returns how many of its outlets have no place here.
    pub(crate) fn put(&self, rack: RackId, page: &OutletPage, heard: Instant) -> usize {
        let measured_ms = self.clock_ms(heard).saturating_sub(page.age_ms().into());
        let mut places = self.of(rack).and_then(|of| of.get(page.first().into()..)).unwrap_or_default().iter();
        let mut unknown = 0;
        for outlet in page.outlets() {
            match places.next() {
                Some(place) => place.store(word(outlet, measured_ms), Ordering::Relaxed),
                None => unknown += 1,
            }
        }
        unknown
    }

    fn of(&self, rack: RackId) -> Option<&[AtomicU64]> {
        let (begin, end) = (self.begins.get(rack.index())?, self.begins.get(rack.index() + 1)?);
        self.words.get(*begin..*end)
    }

    /// A time on the store's scale; at its end, years from now, times stand still and nothing is young any more.
    fn clock_ms(&self, at: Instant) -> u64 {
        let since = u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX);
        since.saturating_add(BEFORE_MS)
    }
}

fn word(outlet: Outlet, measured_ms: u64) -> u64 {
    let said = match outlet {
        Outlet::Metered(power) => METERED << STATE_SHIFT | power.or_zero().get().unsigned_abs().min(WATTS_MAX),
        Outlet::Open => OPEN << STATE_SHIFT,
        Outlet::Unmetered => UNMETERED << STATE_SHIFT,
    };
    measured_ms.min(TIME_MS_MAX) << TIME_SHIFT | said
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const RACK: RackId = RackId(1);

    fn page(first: u16, outlets: &[Outlet], age_ms: u16) -> OutletPage {
        OutletPage::new(first, outlets, age_ms).expect("a page")
    }

    fn metered(watts: i64) -> Outlet {
        Outlet::Metered(Watts::new(watts))
    }

    #[test]
    fn what_was_said_is_read_with_its_age() {
        let powers = OutletPowers::new(&[2, 3]);
        let at = powers.started;
        let all = [metered((1 << 24) - 1), Outlet::Open, Outlet::Unmetered];
        assert_eq!(powers.put(RACK, &page(0, &all, u16::MAX), at), 0);
        for (nth, outlet) in all.into_iter().enumerate() {
            let read = |after_ms| powers.read(RACK, nth, at + Duration::from_millis(after_ms));
            let age = |ms| OutletReading { outlet, age: Duration::from_millis(u64::from(u16::MAX) + ms) };
            assert_eq!((read(0), read(1_234)), (Some(age(0)), Some(age(1_234))));
        }
        assert_eq!(powers.read(RackId(0), 0, at), None, "nobody has said anything of it");
        assert_eq!(powers.put(RackId(0), &page(0, &[metered(0)], 0), at), 0);
        assert_eq!(powers.read(RackId(0), 0, at).map(|read| read.outlet), Some(metered(0)), "nothing is a power, too");
    }

    #[test]
    fn what_has_no_place_is_counted_and_moves_nothing_else() {
        let powers = OutletPowers::new(&[2, 3, 400]);
        let at = powers.started;
        assert_eq!(powers.put(RackId(0), &page(0, &[metered(5); 4], 0), at), 2);
        assert_eq!(powers.read(RACK, 0, at), None, "the next rack's outlets are its own");
        assert_eq!(powers.put(RACK, &page(32, &[metered(5); 4], 0), at), 4);
        assert_eq!(powers.put(RackId(9), &page(0, &[metered(5)], 0), at), 1);
        assert_eq!(powers.put(RackId(2), &page(224, &[metered(5); 32], 0), at), 0);
        assert!(powers.read(RackId(2), 255, at).is_some());
        assert_eq!(powers.read(RackId(2), 256, at), None);
    }

    #[test]
    fn at_the_end_of_the_scale_nothing_is_young() {
        let powers = OutletPowers::new(&[1]);
        let at = powers.started + Duration::from_millis(TIME_MS_MAX) + Duration::from_hours(1);
        powers.put(RackId(0), &page(0, &[metered(7)], 0), at);
        let read = powers.read(RackId(0), 0, at).expect("told");
        assert!(read.outlet == metered(7) && read.age >= Duration::from_hours(1));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    #[test]
    fn loom_an_outlet_is_read_whole_and_never_goes_back() {
        loom::model(|| {
            let powers = Arc::new(OutletPowers::new(&[1]));
            let (written, at) = (Arc::clone(&powers), powers.started);
            // A power and an age that belong together, in each of two pages.
            let page = |watts: u16| OutletPage::new(0, &[Outlet::Metered(Watts::new(watts.into()))], 1_000 - watts);
            let writer = thread::spawn(move || {
                for watts in [1, 2] {
                    assert_eq!(written.put(RackId(0), &page(watts).expect("a page"), at), 0);
                }
            });
            let mut newest = 0;
            for _ in 0..2 {
                if let Some(OutletReading { outlet: Outlet::Metered(power), age }) = powers.read(RackId(0), 0, at) {
                    let watts = power.get().unsigned_abs();
                    assert_eq!(age, Duration::from_millis(1_000 - watts), "half of one word and half of another");
                    assert!(watts >= newest, "{watts} after {newest}");
                    newest = watts;
                }
            }
            writer.join().expect("the writer does not panic");
            let read = powers.read(RackId(0), 0, at).map(|read| read.outlet);
            assert_eq!(read, Some(Outlet::Metered(Watts::new(2))));
        });
    }
}
