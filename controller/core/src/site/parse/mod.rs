//! From a TOML text to a checked [`Site`], or to every fault in it with its line.

mod raw;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use sha2::{Digest, Sha256};
use toml::Spanned;

use self::raw::{RawFeed, RawKesm, RawPolicy, RawRack, RawRow, RawServer, RawSite, RawTie};
use super::fault::{Fault, line_of};
use super::{
    Feed, FeedId, Kesm, KesmId, Policy, Rack, RackId, Row, RowId, Server, ServerId, Site, TIER_MAX, Tie, TieId,
};
use crate::units::{Joules, Microohms, Millimetres, Millis, Millivolts, Watts};

/// No list of a site may be longer than this: indexes travel as 16 bits.
const LIST_MAX: usize = 60_000;
/// How long the controller takes to put a failure right, where the file does not say: half a second until telemetry is
/// stale, half a second for a failover, a commit, and two seconds until caps are followed (Wu et al., "Dynamo").
const REACTION_MS: i64 = 3_000;
/// A server's tier where the file does not say.
const TIER: i64 = 2;
/// A server's lowest cap where the file does not say, in thousandths of its rating.
const FLOOR_PERMILLE: u16 = 500;
/// How long a server takes to shut down where the file does not say.
const SHUTDOWN_MS: i64 = 30_000;
/// A site file larger than this is refused before it is read into tables.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A site file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteError {
    /// The file, as the caller named it.
    pub file: String,
    /// What is wrong with it, at least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.faults.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{fault}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for SiteError {}

impl Site {
    /// Reads a site from TOML. `file` is the name that errors carry.
    pub fn parse(file: &str, text: &str) -> Result<Self, SiteError> {
        let whole = |faults| SiteError { file: file.to_owned(), faults };
        if text.len() > FILE_BYTES_MAX {
            let reason = format!("{} bytes, expected at most {FILE_BYTES_MAX}", text.len());
            return Err(whole(vec![Fault { line: 1, field: "file".into(), reason }]));
        }
        let raw: RawSite = toml::from_str(text).map_err(|error| whole(vec![Fault::syntax(text, &error)]))?;
        let mut checker = Checker { text, faults: Vec::new() };
        let site = checker.site(&raw);
        if checker.faults.is_empty() { Ok(site) } else { Err(whole(checker.faults)) }
    }
}

/// Ids of one table, each with its place in the table and in the text, to refuse doubles and resolve references.
struct Names {
    table: &'static str,
    index: BTreeMap<String, (u16, Range<usize>)>,
}

struct Checker<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, span: &Range<usize>, field: &str, reason: String) {
        self.faults.push(Fault::at(self.text, span, field, reason));
    }

    fn within(&mut self, value: &Spanned<i64>, field: &str, range: std::ops::RangeInclusive<i64>) -> i64 {
        if !range.contains(value.get_ref()) {
            let reason = format!("{}, expected {} to {}", value.get_ref(), range.start(), range.end());
            self.fault(&value.span(), field, reason);
        }
        *value.get_ref()
    }

    /// A field that may be left out.
    fn given(
        &mut self,
        value: Option<&Spanned<i64>>,
        field: &str,
        range: std::ops::RangeInclusive<i64>,
        default: i64,
    ) -> i64 {
        value.map_or(default, |value| self.within(value, field, range))
    }

    fn permille(&mut self, value: &Spanned<i64>, field: &str, max: u16) -> u16 {
        u16::try_from(self.within(value, field, 0..=i64::from(max))).unwrap_or(max)
    }

    fn names<'n>(&mut self, table: &'static str, ids: impl Iterator<Item = &'n Spanned<String>>) -> Names {
        let mut names = Names { table, index: BTreeMap::new() };
        for (nth, id) in ids.enumerate() {
            let field = format!("{table}.id");
            if nth >= LIST_MAX {
                self.fault(&id.span(), &field, format!("more than {LIST_MAX} of them"));
                break;
            }
            if id.get_ref().is_empty() || id.get_ref().chars().count() > 64 {
                self.fault(&id.span(), &field, "expected 1 to 64 characters".into());
            }
            let index = u16::try_from(nth).unwrap_or(u16::MAX);
            if let Some((_, first)) = names.index.insert(id.get_ref().clone(), (index, id.span())) {
                let line = line_of(self.text, &first);
                let reason = format!("`{}` is already the id of the {table} in line {line}", id.get_ref());
                self.fault(&id.span(), &field, reason);
            }
        }
        names
    }

    fn resolve(&mut self, names: &Names, name: &str, span: &Range<usize>, field: &str) -> u16 {
        if let Some((index, _)) = names.index.get(name) {
            return *index;
        }
        self.fault(span, field, format!("there is no {} `{name}` in this file", names.table));
        0
    }

    fn site(&mut self, raw: &RawSite) -> Site {
        let feeds = self.names("feed", raw.feed.iter().map(|feed| &feed.id));
        let rows = self.names("row", raw.row.iter().map(|row| &row.id));
        let racks = self.names("rack", raw.rack.iter().map(|rack| &rack.id));
        self.names("server", raw.server.iter().map(|server| &server.id));
        self.names("kesm", raw.kesm.iter().map(|kesm| &kesm.id));
        self.names("tie", raw.tie.iter().map(|tie| &tie.id));
        if raw.rack.is_empty() {
            self.fault(&raw.name.span(), "rack", "a site needs at least one [[rack]]".into());
        }
        let mut site = Site {
            name: raw.name.get_ref().clone(),
            hash: Sha256::digest(self.text.as_bytes()).into(),
            policy: self.policy(&raw.policy),
            feeds: raw.feed.iter().map(|feed| self.feed(feed)).collect(),
            rows: raw.row.iter().map(|row| self.row(row, &feeds)).collect(),
            racks: raw.rack.iter().map(|rack| self.rack(rack, &rows)).collect(),
            servers: raw.server.iter().map(|server| self.server(server, &racks)).collect(),
            kesms: raw.kesm.iter().map(|kesm| self.kesm(kesm, &racks)).collect(),
            ties: Vec::new(),
        };
        for (index, server) in (0u16..).zip(&site.servers) {
            if let Some(rack) = site.racks.get_mut(server.rack.index()) {
                rack.nameplate = rack.nameplate.saturating_add(server.rated);
                rack.servers.push(ServerId(index));
            }
        }
        self.breakers(raw, &site);
        self.equipped(raw, &site);
        for tie in &raw.tie {
            let checked = self.tie(tie, &racks, &site);
            site.ties.push(checked);
        }
        join(&mut site);
        site
    }

    /// What hangs on a breaker fits through it, each for itself. Together they may be rated for more: oversubscription
    /// is what this is for.
    fn breakers(&mut self, raw: &RawSite, site: &Site) {
        for (row, checked) in raw.row.iter().zip(&site.rows) {
            let above = site.feeds.get(checked.feed.index()).map(|feed| (feed.limit, "feed", feed.name.as_str()));
            self.fits(&row.limit_watts, "row.limit_watts", above);
        }
        for (rack, checked) in raw.rack.iter().zip(&site.racks) {
            let above = site.rows.get(checked.row.index()).map(|row| (row.limit, "row", row.name.as_str()));
            self.fits(&rack.limit_watts, "rack.limit_watts", above);
        }
        let rack_above = |id: RackId| site.racks.get(id.index()).map(|rack| (rack.limit, "rack", rack.name.as_str()));
        for (server, checked) in raw.server.iter().zip(&site.servers) {
            self.fits(&server.rated_watts, "server.rated_watts", rack_above(checked.rack));
        }
        for (kesm, checked) in raw.kesm.iter().zip(&site.kesms) {
            self.fits(&kesm.charge_rated_watts, "kesm.charge_rated_watts", rack_above(checked.rack));
        }
    }

    fn fits(&mut self, given: &Spanned<i64>, field: &str, above: Option<(Watts, &str, &str)>) {
        let Some((limit, table, name)) = above else { return };
        if *given.get_ref() > limit.get() {
            let reason = format!(
                "{}, expected at most the limit_watts of {table} `{name}` ({}), or its breaker opens",
                given.get_ref(),
                limit.get()
            );
            self.fault(&given.span(), field, reason);
        }
    }

    /// A rack without servers is a slip of the pen: it has nothing to protect and its nameplate would be nothing.
    fn equipped(&mut self, raw: &RawSite, site: &Site) {
        for (rack, checked) in raw.rack.iter().zip(&site.racks) {
            if checked.nameplate == Watts::ZERO {
                let reason = format!("rack `{}` has no [[server]]", checked.name);
                self.fault(&rack.id.span(), "rack.id", reason);
            }
        }
    }

    fn policy(&mut self, raw: &RawPolicy) -> Policy {
        let tick = self.within(&raw.tick_ms, "policy.tick_ms", 10..=1_000);
        let lease = self.within(&raw.lease_ms, "policy.lease_ms", 100..=60_000);
        if lease < 3 * tick {
            let reason = format!("{lease}, expected at least three ticks ({} ms), or one lost frame ends it", 3 * tick);
            self.fault(&raw.lease_ms.span(), "policy.lease_ms", reason);
        }
        let hold = self.within(&raw.transfer_hold_ms, "policy.transfer_hold_ms", 1_000..=600_000);
        if hold <= lease {
            let reason = format!("{hold}, expected more than lease_ms ({lease}), so that a failover outlives no plan");
            self.fault(&raw.transfer_hold_ms.span(), "policy.transfer_hold_ms", reason);
        }
        Policy {
            tick: Millis::new(tick),
            margin_permille: self.permille(&raw.margin_permille, "policy.margin_permille", 500),
            transfer_hold: Millis::new(hold),
            lease: Millis::new(lease),
            stale_after: Millis::new(self.within(&raw.stale_after_ms, "policy.stale_after_ms", 50..=10_000)),
            branch_drop_permille: self.permille(&raw.branch_drop_permille, "policy.branch_drop_permille", 100),
            path_drop_permille: self.permille(&raw.path_drop_permille, "policy.path_drop_permille", 200),
            reaction: Millis::new(self.given(
                raw.reaction_ms.as_ref(),
                "policy.reaction_ms",
                500..=60_000,
                REACTION_MS,
            )),
        }
    }

    fn watts(&mut self, value: &Spanned<i64>, field: &str) -> Watts {
        Watts::new(self.within(value, field, 1..=1_000_000_000))
    }

    fn feed(&mut self, raw: &RawFeed) -> Feed {
        Feed {
            name: raw.id.get_ref().clone(),
            limit: self.watts(&raw.limit_watts, "feed.limit_watts"),
            generator: raw.generator_watts.as_ref().map(|rated| self.watts(rated, "feed.generator_watts")),
            rows: Vec::new(),
        }
    }

    fn row(&mut self, raw: &RawRow, feeds: &Names) -> Row {
        Row {
            name: raw.id.get_ref().clone(),
            feed: FeedId(self.resolve(feeds, raw.feed.get_ref(), &raw.feed.span(), "row.feed")),
            limit: self.watts(&raw.limit_watts, "row.limit_watts"),
            bus: Millivolts::new(self.within(&raw.bus_volts, "row.bus_volts", 12..=1_500) * 1_000),
        }
    }

    fn rack(&mut self, raw: &RawRack, rows: &Names) -> Rack {
        Rack {
            name: raw.id.get_ref().clone(),
            row: RowId(self.resolve(rows, raw.row.get_ref(), &raw.row.span(), "rack.row")),
            limit: self.watts(&raw.limit_watts, "rack.limit_watts"),
            nameplate: Watts::ZERO,
            servers: Vec::new(),
            kesms: Vec::new(),
            ties: Vec::new(),
        }
    }

    fn server(&mut self, raw: &RawServer, racks: &Names) -> Server {
        let rated = self.watts(&raw.rated_watts, "server.rated_watts");
        let usual_floor = rated.permille(FLOOR_PERMILLE).get();
        let floors = 0..=rated.get().max(0);
        let tier = self.given(raw.tier.as_ref(), "server.tier", 1..=i64::from(TIER_MAX), TIER);
        Server {
            name: raw.id.get_ref().clone(),
            rack: RackId(self.resolve(racks, raw.rack.get_ref(), &raw.rack.span(), "server.rack")),
            rated,
            tier: u8::try_from(tier).unwrap_or(TIER_MAX),
            floor: Watts::new(self.given(raw.floor_watts.as_ref(), "server.floor_watts", floors, usual_floor)),
            shutdown: Millis::new(self.given(
                raw.shutdown_ms.as_ref(),
                "server.shutdown_ms",
                1_000..=3_600_000,
                SHUTDOWN_MS,
            )),
        }
    }

    fn kesm(&mut self, raw: &RawKesm, racks: &Names) -> Kesm {
        let capacity = self.within(&raw.capacity_joules, "kesm.capacity_joules", 1..=1_000_000_000_000);
        let reserve = self.within(&raw.reserve_joules, "kesm.reserve_joules", 0..=1_000_000_000_000);
        if reserve >= capacity {
            let reason = format!("{reserve}, expected less than capacity_joules ({capacity}), or it can never give");
            self.fault(&raw.reserve_joules.span(), "kesm.reserve_joules", reason);
        }
        Kesm {
            name: raw.id.get_ref().clone(),
            rack: RackId(self.resolve(racks, raw.rack.get_ref(), &raw.rack.span(), "kesm.rack")),
            rated: self.watts(&raw.rated_watts, "kesm.rated_watts"),
            charge_rated: self.watts(&raw.charge_rated_watts, "kesm.charge_rated_watts"),
            capacity: Joules::new(capacity),
            reserve: Joules::new(reserve),
            converter: raw.converter.checked(),
        }
    }

    fn tie(&mut self, raw: &RawTie, racks: &Names, site: &Site) -> Tie {
        let span = raw.between.span();
        let [first, second] = raw.between.get_ref();
        let between = (
            RackId(self.resolve(racks, first, &span, "tie.between")),
            RackId(self.resolve(racks, second, &span, "tie.between")),
        );
        if first == second {
            self.fault(&span, "tie.between", format!("both ends are `{first}`, expected two racks"));
        } else if site.racks.len() > usize::from(between.0.0.max(between.1.0))
            && site.rack(between.0).row != site.rack(between.1).row
        {
            self.fault(&span, "tie.between", format!("`{first}` and `{second}` stand in different rows"));
        }
        Tie {
            name: raw.id.get_ref().clone(),
            between,
            length: Millimetres::new(self.within(&raw.length_mm, "tie.length_mm", 1..=1_000_000)),
            resistance: Microohms::new(self.within(
                &raw.resistance_microohm,
                "tie.resistance_microohm",
                1..=100_000_000,
            )),
            rated: self.watts(&raw.rated_watts, "tie.rated_watts"),
            converter: raw.converter.checked(),
        }
    }
}

/// Tells every feed which rows hang on it, and every rack what is joined to its bus.
fn join(site: &mut Site) {
    for (index, row) in (0u16..).zip(&site.rows) {
        if let Some(feed) = site.feeds.get_mut(row.feed.index()) {
            feed.rows.push(RowId(index));
        }
    }
    for (index, kesm) in (0u16..).zip(&site.kesms) {
        if let Some(rack) = site.racks.get_mut(kesm.rack.index()) {
            rack.kesms.push(KesmId(index));
        }
    }
    for (index, tie) in (0u16..).zip(&site.ties) {
        for end in [tie.between.0, tie.between.1] {
            if let Some(rack) = site.racks.get_mut(end.index()) {
                rack.ties.push(TieId(index));
            }
        }
    }
}

#[cfg(test)]
mod tests;
