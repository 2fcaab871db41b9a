//! What the outlets of a PDU feed, as one frame says it: a page of 32 outlets.
//!
//! The size of a page is what lets it pass through all that carries frames without making anything larger: a page is
//! shorter than telemetry.

use core::fmt;

use ridethrough_vocabulary::units::Watts;

use crate::refusal::Malformed;
use crate::wire::{Reader, Writer};

/// Outlets that one frame tells of.
pub const OUTLETS_PER_FRAME: usize = 32;

/// No PDU tells of more outlets than this.
pub const OUTLETS_MAX: usize = 256;

/// The most that an outlet is said to feed, in W: what 24 bits hold.
const WATTS_MAX: u32 = (1 << STATE_SHIFT) - 1;
const STATE_SHIFT: u32 = 24;

const METERED: u32 = 1;
const OPEN: u32 = 2;
const UNMETERED: u32 = 3;

const _: () = assert!(OUTLETS_MAX.is_multiple_of(OUTLETS_PER_FRAME) && OUTLETS_MAX <= u16::MAX as usize);

/// One outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// It is closed, and feeds so much.
    Metered(Watts),
    /// Its switch is open: it feeds nothing.
    Open,
    /// It is closed or may be, and nobody measures what it feeds: it has no meter, or one that has failed.
    Unmetered,
}

/// Some outlets of one PDU, next to each other. Their numbers count from 0 and mean the rack's servers in the order of
/// the site file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutletPage {
    first: u16,
    count: u8,
    age_ms: u16,
    /// Each as on the wire; 0 beyond `count`.
    words: [u32; OUTLETS_PER_FRAME],
}

/// Why these outlets are no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRefused {
    /// Its first outlet is not a multiple of [`OUTLETS_PER_FRAME`] below [`OUTLETS_MAX`].
    First,
    /// It has no outlets, or more than [`OUTLETS_PER_FRAME`].
    Count,
}

impl fmt::Display for PageRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => write!(f, "a page begins at a multiple of {OUTLETS_PER_FRAME} below {OUTLETS_MAX}"),
            Self::Count => write!(f, "a page has 1 to {OUTLETS_PER_FRAME} outlets"),
        }
    }
}

impl core::error::Error for PageRefused {}

impl OutletPage {
    /// These outlets, the first with the number `first`, measured `age_ms` ago. Power below zero is told as nothing,
    /// power beyond 24 bits of watts as their maximum.
    pub fn new(first: u16, outlets: &[Outlet], age_ms: u16) -> Result<Self, PageRefused> {
        let mut words = [0; OUTLETS_PER_FRAME];
        if outlets.is_empty() || outlets.len() > words.len() {
            return Err(PageRefused::Count);
        }
        words.iter_mut().zip(outlets).for_each(|(word, outlet)| *word = to_wire(*outlet));
        let count = u8::try_from(outlets.len()).map_err(|_| PageRefused::Count)?;
        begins(first).then_some(Self { first, count, age_ms, words }).ok_or(PageRefused::First)
    }

    /// Number of its first outlet.
    pub const fn first(&self) -> u16 {
        self.first
    }

    /// How long before the frame was said its oldest measurement was made, in ms; at the maximum, or longer ago.
    pub const fn age_ms(&self) -> u16 {
        self.age_ms
    }

    /// Its outlets in the order of their numbers.
    pub fn outlets(&self) -> impl Iterator<Item = Outlet> + '_ {
        // Whoever made the page has checked every word.
        self.words.iter().take(self.count.into()).map(|word| from_wire(*word).unwrap_or(Outlet::Unmetered))
    }
}

pub(crate) fn write(page: &OutletPage, writer: &mut Writer<'_>) {
    writer.u16(page.first);
    writer.u8(page.count);
    writer.reserved::<1>();
    writer.u16(page.age_ms);
    writer.reserved::<2>();
    page.words.into_iter().for_each(|word| writer.u32(word));
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Result<OutletPage, Malformed> {
    let (first, count) = (reader.u16()?, reader.u8()?);
    reader.reserved::<1>()?;
    let age_ms = reader.u16()?;
    reader.reserved::<2>()?;
    let mut words = [0; OUTLETS_PER_FRAME];
    for word in &mut words {
        *word = reader.u32()?;
    }
    let (told, beyond) = words.split_at_checked(count.into()).ok_or(Malformed::Field)?;
    if !begins(first) || told.is_empty() || told.iter().any(|word| from_wire(*word).is_none()) {
        return Err(Malformed::Field);
    }
    if beyond.iter().any(|word| *word != 0) {
        return Err(Malformed::Reserved);
    }
    Ok(OutletPage { first, count, age_ms, words })
}

fn begins(first: u16) -> bool {
    usize::from(first).is_multiple_of(OUTLETS_PER_FRAME) && usize::from(first) < OUTLETS_MAX
}

fn to_wire(outlet: Outlet) -> u32 {
    match outlet {
        Outlet::Metered(power) => {
            let watts = u32::try_from(power.or_zero().get()).map_or(WATTS_MAX, |watts| watts.min(WATTS_MAX));
            METERED << STATE_SHIFT | watts
        }
        Outlet::Open => OPEN << STATE_SHIFT,
        Outlet::Unmetered => UNMETERED << STATE_SHIFT,
    }
}

fn from_wire(word: u32) -> Option<Outlet> {
    match (word >> STATE_SHIFT, word & WATTS_MAX) {
        (METERED, watts) => Some(Outlet::Metered(Watts::new(watts.into()))),
        (OPEN, 0) => Some(Outlet::Open),
        (UNMETERED, 0) => Some(Outlet::Unmetered),
        _ => None,
    }
}
