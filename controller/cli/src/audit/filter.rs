//! Which entries are asked for. What is given is joined by "and".

use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;
use ridethrough_core::command::{Command, Operation};
use ridethrough_core::device::DeviceId;
use ridethrough_core::request::RequestId;
use ridethrough_core::site::{RackId, Site};

use super::about;
use super::history::{History, Item};
use super::kind::Kind;
use super::words::names::{device_id, rack_id};

/// Which entries.
#[derive(Args, Clone, Debug, Default)]
pub struct Filter {
    /// Only entries proposed at this time or later: such as `2026-11-26T08:00:00Z`, or `2h` for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<i64>,
    /// Only entries proposed before this time, told alike.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<i64>,
    /// Only entries about this rack: itself, its servers, what stands at it or feeds it.
    #[arg(long, value_name = "NAME")]
    pub rack: Option<String>,
    /// Only entries that name this device or made orders for it, such as `K1` or, where that names several, `kesm K1`.
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Only what an operator asked for whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub actor: Option<String>,
    /// Only what was asked for under this number.
    #[arg(long, value_name = "NUMBER")]
    pub request: Option<RequestId>,
    /// Only entries of this kind; of several kinds, any.
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',', num_args = 1..)]
    pub kind: Vec<Kind>,
    /// Only entries of this term, or of these: `7`, `7..9` (both included), `7..`, `..9`.
    #[arg(long, value_name = "RANGE", value_parser = span)]
    pub term: Option<Span>,
    /// Only the entry with this index, or those with these.
    #[arg(long, value_name = "RANGE", value_parser = span)]
    pub index: Option<Span>,
    /// At most so many entries, counted in the order in which they are told.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

/// Whole numbers from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    first: u64,
    last: u64,
}

impl Span {
    const fn has(self, number: u64) -> bool {
        self.first <= number && number <= self.last
    }
}

/// A filter whose names the site has.
#[derive(Debug)]
pub struct Wanted<'a> {
    filter: &'a Filter,
    rack: Option<RackId>,
    device: Option<DeviceId>,
}

impl Filter {
    /// Looks its names up; fails where the site does not have one.
    pub fn on(&self, site: &Site) -> Result<Wanted<'_>> {
        Ok(Wanted {
            filter: self,
            rack: self.rack.as_deref().map(|name| rack_id(site, "--rack", name)).transpose()?,
            device: self.device.as_deref().map(|name| device_id(site, "--device", name)).transpose()?,
        })
    }
}

impl Wanted<'_> {
    /// Shows every entry that is asked for, oldest first, until there is no more or `each` has seen enough; the limit is the
    /// caller's.
    pub fn walk(&self, history: &History, mut each: impl FnMut(&Item) -> Result<ControlFlow<()>>) -> Result<()> {
        history.walk(|item| {
            if self.filter.index.is_some_and(|span| item.at.index > span.last) {
                return Ok(ControlFlow::Break(()));
            }
            if self.takes(item, &history.site) { each(item) } else { Ok(ControlFlow::Continue(())) }
        })
    }

    fn takes(&self, item: &Item, site: &Site) -> bool {
        let filter = self.filter;
        let proposed = item.wall_unix_ms;
        filter.index.is_none_or(|span| span.has(item.at.index))
            && filter.term.is_none_or(|span| span.has(item.at.term))
            && filter.since.is_none_or(|since| proposed.is_some_and(|at| at >= since))
            && filter.until.is_none_or(|until| proposed.is_some_and(|at| at < until))
            && (filter.kind.is_empty() || Kind::of(item).iter().any(|kind| filter.kind.contains(kind)))
            && filter.actor.as_deref().is_none_or(|actor| asked_by(item, actor))
            && filter.request.is_none_or(|request| operation(item).is_some_and(|asked| asked.request == Some(request)))
            && self.rack.is_none_or(|rack| about_rack(item, rack, site))
            && self.device.is_none_or(|device| about_device(item, device))
    }
}

fn asked_by(item: &Item, actor: &str) -> bool {
    operation(item).is_some_and(|operation| operation.actor.contains(actor))
}

fn operation<'a>(item: &'a Item<'_>) -> Option<&'a Operation> {
    match &item.record()?.entry.command {
        Command::Operation(operation) => Some(operation),
        _ => None,
    }
}

fn about_rack(item: &Item, rack: RackId, site: &Site) -> bool {
    item.record().is_some_and(|record| about::concerns(record, rack, site, &|transfer| item.rack_of(transfer)))
}

fn about_device(item: &Item, device: DeviceId) -> bool {
    let ordered = || item.ledger.order(device).is_some_and(|order| order.get().index == item.at.index);
    item.record().is_some_and(|record| about::devices(record).contains(&device) || ordered())
}

/// A time, or a span back from now, as Unix milliseconds.
fn moment(text: &str) -> Result<i64> {
    let at: SystemTime = match (humantime::parse_rfc3339_weak(text), humantime::parse_duration(text)) {
        (Ok(at), _) => at,
        (_, Ok(ago)) => SystemTime::now().checked_sub(ago).context("is before any log")?,
        _ => bail!("expected a time such as 2026-11-26T08:00:00Z (UTC), or a span back from now such as 2h"),
    };
    let since_1970 = at.duration_since(UNIX_EPOCH).context("is before 1970")?;
    Ok(i64::try_from(since_1970.as_millis())?)
}

fn span(text: &str) -> Result<Span> {
    let expected = || format!("`{text}`: expected a number, or a range such as `7..9`, `7..` or `..9`");
    let number = |text: &str, open: u64| if text.is_empty() { Ok(open) } else { text.parse().with_context(expected) };
    let span = match text.split_once("..") {
        Some(("", "")) => bail!(expected()),
        Some((first, last)) => Span { first: number(first, 0)?, last: number(last, u64::MAX)? },
        None => {
            let only = text.parse().with_context(expected)?;
            Span { first: only, last: only }
        }
    };
    if span.first > span.last {
        bail!("`{text}`: begins after its end");
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_both_their_ends() {
        let check = |text: &str, inside: &[u64], outside: &[u64]| {
            let span = span(text).expect("a span");
            assert!(inside.iter().all(|number| span.has(*number)), "{text}");
            assert!(!outside.iter().any(|number| span.has(*number)), "{text}");
        };
        check("7", &[7], &[6, 8]);
        check("7..9", &[7, 9], &[6, 10]);
        check("7..", &[7, u64::MAX], &[6]);
        check("..9", &[0, 9], &[10]);
        for bad in ["", "..", "9..7", "x", "7...9", "-1", "1.5", "7..x"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_is_a_time_or_a_span_ago() {
        assert_eq!(moment("2023-11-14T22:13:20Z").expect("a time"), 1_700_000_000_000);
        let (hours, day) = (moment("2h").expect("a span"), moment("1day").expect("a span"));
        assert_eq!((hours - day) / 60_000, 22 * 60);
        for bad in ["yesterday", "2", "2026-13-01T00:00:00Z", "1000000000years"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
