//! Where the blocks of a site stand.

use std::fmt;

use crate::map::{FEED, IDENTITY, KESM, RACK, RACKS_BASE, SITE};
use crate::shown::Shown;

/// What Modbus can address.
const REGISTERS_MAX: usize = 65_536;

/// What is always told, however old everything else is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Where everything stands.
    pub layout: Layout,
    /// How old the rest is, in milliseconds.
    pub age_ms: Option<i64>,
}

/// Where the blocks of one site stand, which never changes while a replica runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub(crate) replica: u16,
    /// The first four bytes of the site file's hash.
    pub(crate) site: u32,
    pub(crate) racks: Span,
    pub(crate) kesms: Span,
    pub(crate) feeds: Span,
    /// How many registers there are.
    pub(crate) end: usize,
}

/// Blocks of one kind, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub base: u16,
    pub count: u16,
}

/// How many there are of what a site is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Racks.
    pub racks: usize,
    /// Modules.
    pub kesms: usize,
    /// Feeds.
    pub feeds: usize,
}

/// A site that does not fit into what Modbus can address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    counts: Counts,
    registers: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counts: Counts { racks, kesms, feeds }, registers } = self;
        write!(
            f,
            "modbus: {racks} racks, {kesms} KESMs and {feeds} feeds take {registers} registers, and Modbus knows \
             {REGISTERS_MAX}: leave [modbus] out, and read this site from /api/snapshot or /metrics"
        )
    }
}

impl std::error::Error for TooLarge {}

impl Layout {
    /// The registers of a site with so many of everything, whose file has this hash, as this replica tells them.
    pub fn new(replica: u16, site_hash: [u8; 32], counts: Counts) -> Result<Self, TooLarge> {
        let kesms = usize::from(RACKS_BASE) + counts.racks * usize::from(RACK.size);
        let feeds = kesms + counts.kesms * usize::from(KESM.size);
        let end = feeds + counts.feeds * usize::from(FEED.size);
        let wrong = TooLarge { counts, registers: end };
        if end > REGISTERS_MAX {
            return Err(wrong);
        }
        let base = |place: usize| u16::try_from(place).map_err(|_| wrong);
        let count = |count: usize| u16::try_from(count).map_err(|_| wrong);
        let [a, b, c, d, ..] = site_hash;
        Ok(Self {
            replica,
            site: u32::from_be_bytes([a, b, c, d]),
            racks: Span { base: RACKS_BASE, count: count(counts.racks)? },
            kesms: Span { base: base(kesms)?, count: count(counts.kesms)? },
            feeds: Span { base: base(feeds)?, count: count(counts.feeds)? },
            end,
        })
    }

    /// How many registers there are.
    pub const fn registers(&self) -> usize {
        self.end
    }

    /// The block that is always told.
    pub(crate) fn identity(&self, age_ms: Option<i64>) -> Vec<u16> {
        IDENTITY.write(&Identity { layout: *self, age_ms })
    }

    /// All registers behind that block; none when what is shown is of another site.
    pub(crate) fn write(&self, shown: &Shown) -> Option<Vec<u16>> {
        let counts = [shown.racks.len(), shown.kesms.len(), shown.feeds.len()];
        if counts != [self.racks, self.kesms, self.feeds].map(|span| usize::from(span.count)) {
            return None;
        }
        let mut registers = SITE.write(shown);
        registers.extend(shown.racks.iter().flat_map(|rack| RACK.write(rack)));
        registers.extend(shown.kesms.iter().flat_map(|kesm| KESM.write(kesm)));
        registers.extend(shown.feeds.iter().flat_map(|feed| FEED.write(feed)));
        Some(registers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shown::{FeedShown, KesmShown, RackShown, SiteShown};

    fn layout(racks: usize, kesms: usize, feeds: usize) -> Result<Layout, TooLarge> {
        Layout::new(2, [7; 32], Counts { racks, kesms, feeds })
    }

    #[test]
    fn blocks_follow_each_other() {
        let layout = layout(24, 9, 2).expect("small");
        assert_eq!(layout.racks, Span { base: 64, count: 24 });
        assert_eq!(layout.kesms, Span { base: 64 + 24 * 12, count: 9 });
        assert_eq!(layout.feeds, Span { base: 64 + 24 * 12 + 9 * 8, count: 2 });
        assert_eq!(layout.registers(), 64 + 24 * 12 + 9 * 8 + 2 * 3);
        assert_eq!(layout.identity(None).len(), 32);
    }

    #[test]
    fn what_is_shown_fills_every_register_or_is_of_another_site() {
        let one = layout(2, 1, 1).expect("small");
        let (racks, kesms, feeds) =
            (vec![RackShown::default(); 2], vec![KesmShown::default()], vec![FeedShown::default()]);
        let mut shown = Shown { site: SiteShown::default(), racks, kesms, feeds };
        assert_eq!(one.write(&shown).map(|registers| registers.len()), Some(one.registers() - 32));
        shown.racks.pop();
        assert_eq!(one.write(&shown), None);
    }

    #[test]
    fn a_site_that_modbus_cannot_address_is_refused_by_name() {
        assert!(layout(5_455, 0, 1).is_ok(), "nine registers are left");
        let error = layout(5_000, 700, 1).expect_err("too large").to_string();
        assert!(error.contains("5000 racks, 700 KESMs and 1 feeds take 65667 registers"), "{error}");
        assert!(layout(5_457, 0, 0).is_err() && layout(usize::MAX / 16, 0, 0).is_err());
    }
}
