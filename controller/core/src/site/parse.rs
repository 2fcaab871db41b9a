//! From a TOML text to a checked [`Site`], or to every fault in it with its line.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::fault::{Fault, line_of};
use super::{ConverterLoss, Feed, FeedId, Kesm, Policy, Rack, RackId, Row, RowId, Server, Site, Tie};
use crate::units::{Joules, Microohms, Millimetres, Millis, Millivolts, Watts};

/// No list of a site may be longer than this: indexes travel as 16 bits.
const LIST_MAX: usize = 60_000;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSite {
    name: Spanned<String>,
    policy: RawPolicy,
    #[serde(default)]
    feed: Vec<RawFeed>,
    #[serde(default)]
    row: Vec<RawRow>,
    #[serde(default)]
    rack: Vec<RawRack>,
    #[serde(default)]
    server: Vec<RawServer>,
    #[serde(default)]
    kesm: Vec<RawKesm>,
    #[serde(default)]
    tie: Vec<RawTie>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    tick_ms: Spanned<i64>,
    margin_permille: Spanned<i64>,
    transfer_hold_ms: Spanned<i64>,
    lease_ms: Spanned<i64>,
    stale_after_ms: Spanned<i64>,
    branch_drop_permille: Spanned<i64>,
    path_drop_permille: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    id: Spanned<String>,
    limit_watts: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    id: Spanned<String>,
    feed: Spanned<String>,
    limit_watts: Spanned<i64>,
    bus_volts: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRack {
    id: Spanned<String>,
    row: Spanned<String>,
    limit_watts: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    id: Spanned<String>,
    rack: Spanned<String>,
    rated_watts: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKesm {
    id: Spanned<String>,
    rack: Spanned<String>,
    rated_watts: Spanned<i64>,
    charge_rated_watts: Spanned<i64>,
    capacity_joules: Spanned<i64>,
    reserve_joules: Spanned<i64>,
    #[serde(default)]
    converter: RawConverter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTie {
    id: Spanned<String>,
    between: Spanned<[String; 2]>,
    length_mm: Spanned<i64>,
    resistance_microohm: Spanned<i64>,
    rated_watts: Spanned<i64>,
    #[serde(default)]
    converter: RawConverter,
}

/// The defaults give 97.5 % at 38 % of the rating and 96.5 % at the rating.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConverter {
    fixed_ppm: u32,
    linear_ppm: u32,
    quadratic_ppm: u32,
}

impl Default for RawConverter {
    fn default() -> Self {
        Self { fixed_ppm: 4_000, linear_ppm: 4_590, quadratic_ppm: 27_700 }
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
        for server in &site.servers {
            if let Some(rack) = site.racks.get_mut(server.rack.index()) {
                rack.nameplate = rack.nameplate.saturating_add(server.rated);
            }
        }
        self.breakers(raw, &site);
        self.equipped(raw, &site);
        for tie in &raw.tie {
            let checked = self.tie(tie, &racks, &site);
            site.ties.push(checked);
        }
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
        }
    }

    fn watts(&mut self, value: &Spanned<i64>, field: &str) -> Watts {
        Watts::new(self.within(value, field, 1..=1_000_000_000))
    }

    fn feed(&mut self, raw: &RawFeed) -> Feed {
        Feed { name: raw.id.get_ref().clone(), limit: self.watts(&raw.limit_watts, "feed.limit_watts") }
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
        }
    }

    fn server(&mut self, raw: &RawServer, racks: &Names) -> Server {
        Server {
            name: raw.id.get_ref().clone(),
            rack: RackId(self.resolve(racks, raw.rack.get_ref(), &raw.rack.span(), "server.rack")),
            rated: self.watts(&raw.rated_watts, "server.rated_watts"),
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

impl RawConverter {
    fn checked(&self) -> ConverterLoss {
        ConverterLoss {
            fixed_ppm: self.fixed_ppm.min(500_000),
            linear_ppm: self.linear_ppm.min(500_000),
            quadratic_ppm: self.quadratic_ppm.min(500_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "two racks"
[policy]
tick_ms = 100
margin_permille = 50
transfer_hold_ms = 8000
lease_ms = 1500
stale_after_ms = 500
branch_drop_permille = 30
path_drop_permille = 50
[[feed]]
id = "utility"
limit_watts = 100000
[[row]]
id = "A"
feed = "utility"
limit_watts = 60000
bus_volts = 800
[[rack]]
id = "A1"
row = "A"
limit_watts = 24000
[[rack]]
id = "A2"
row = "A"
limit_watts = 24000
[[server]]
id = "A1-s1"
rack = "A1"
rated_watts = 10400
[[server]]
id = "A2-s1"
rack = "A2"
rated_watts = 24000
[[kesm]]
id = "K1"
rack = "A2"
rated_watts = 50000
charge_rated_watts = 15000
capacity_joules = 2000000
reserve_joules = 600000
[[tie]]
id = "A1-A2"
between = ["A1", "A2"]
length_mm = 12000
resistance_microohm = 8400
rated_watts = 25000
"#;

    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "the test edits what is there");
        let error = Site::parse("site.toml", &GOOD.replacen(from, to, 1)).expect_err(expected).to_string();
        assert!(error.contains(expected), "expected `{expected}` in:\n{error}");
    }

    #[test]
    fn a_good_site_is_read_whole() {
        let site = Site::parse("site.toml", GOOD).expect("good");
        assert_eq!(site.racks.len(), 2);
        assert_eq!(site.rack(RackId(0)).nameplate, Watts::new(10_400));
        assert_eq!(site.hold(RackId(0)), Watts::new(22_800));
        assert_eq!(site.ties[0].between, (RackId(0), RackId(1)));
        assert_eq!(site.devices().count(), 4);
    }

    #[test]
    fn faults_name_file_line_and_field() {
        check("id = \"A2\"", "id = \"A1\"", "site.toml:24: rack.id: `A1` is already the id of the rack in line 20");
        check("[\"A1\", \"A2\"]", "[\"A1\", \"A9\"]", "site.toml:44: tie.between: there is no rack `A9` in this file");
        check("length_mm", "lenght_mm", "unknown field `lenght_mm`");
        check("limit_watts = 24000", "limit_watts = -1", "rack.limit_watts: -1, expected 1 to 1000000000");
        check("limit_watts = 24000", "limit_watts = \"24 kW\"", "invalid type: string");
        check("lease_ms = 1500", "lease_ms = 200", "policy.lease_ms: 200, expected at least three ticks");
        check("reserve_joules = 600000", "reserve_joules = 2000000", "kesm.reserve_joules");
        check("rack = \"A2\"", "", "missing field `rack`");
        check("name = \"two racks\"", "name = ", "site.toml:2");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        check("resistance_microohm = 8400", "resistance_microohm = -1", "site.toml:46: tie.resistance_microohm: -1");
        check("resistance_microohm = 8400", "resistance_microohm = 0", "tie.resistance_microohm: 0");
        check("capacity_joules = 2000000", "capacity_joules = 0", "site.toml:40: kesm.capacity_joules: 0, expected 1");
        check("reserve_joules = 600000", "reserve_joules = 2000001", "site.toml:41: kesm.reserve_joules: 2000001");
        check("[\"A1\", \"A2\"]", "[\"A1\", \"A1\"]", "site.toml:44: tie.between: both ends are `A1`");
        check("rack = \"A2\"", "rack = \"A1\"", "site.toml:24: rack.id: rack `A2` has no [[server]]");
    }

    #[test]
    fn nothing_is_rated_above_its_breaker() {
        check(
            "rated_watts = 10400",
            "rated_watts = 24001",
            "site.toml:30: server.rated_watts: 24001, expected at most the limit_watts of rack `A1` (24000)",
        );
        check(
            "charge_rated_watts = 15000",
            "charge_rated_watts = 24001",
            "site.toml:39: kesm.charge_rated_watts: 24001",
        );
        check(
            "limit_watts = 24000",
            "limit_watts = 60001",
            "site.toml:22: rack.limit_watts: 60001, expected at most the limit_watts of row `A` (60000)",
        );
        check(
            "limit_watts = 60000",
            "limit_watts = 100001",
            "site.toml:17: row.limit_watts: 100001, expected at most the limit_watts of feed `utility` (100000)",
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad = GOOD.replace("tick_ms = 100", "tick_ms = 0").replace("length_mm = 12000", "length_mm = 0");
        assert_eq!(Site::parse("site.toml", &bad).expect_err("two bad quantities").faults.len(), 2);
    }
}
