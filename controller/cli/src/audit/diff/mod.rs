//! `ridectl audit diff`: do two copies of the log tell the same history, and where not?

mod side;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use ridethrough_witness::Hash;
use serde::Serialize;
use serde_json::Value;

use self::side::Side;
use super::show::flatten;
use crate::output::Output;

/// So many ranges are told one by one.
const RANGES_MAX: usize = 10;

#[derive(Serialize)]
struct Report {
    same: bool,
    a: Told,
    b: Told,
    /// Entries that both hold.
    compared: u64,
    /// Of those, such as are not the same.
    differing: u64,
    /// The last entry before the first that differs that both hold alike.
    same_up_to: Option<u64>,
    first_difference: Option<Difference>,
}

#[derive(Serialize)]
struct Told {
    path: String,
    entries: usize,
    last_index: Option<u64>,
    committed_index: u64,
    /// What only this one holds.
    only_here: Vec<Range>,
    /// What is missing here and nothing explains.
    missing: Vec<Range>,
}

#[derive(Clone, Copy, Serialize)]
struct Range {
    first: u64,
    last: u64,
}

#[derive(Serialize)]
struct Difference {
    index: u64,
    /// Whether either vouches for it as committed. Where neither does, replicas may differ for a while.
    committed: bool,
    fields: Vec<Field>,
    a: Value,
    b: Value,
}

#[derive(Serialize)]
struct Field {
    field: String,
    a: String,
    b: String,
}

/// Compares; a negative answer where an entry that both hold differs, something is missing, or nothing is held by both.
pub fn run(a: &Path, b: &Path, site: Option<&Path>, output: Output) -> Result<bool> {
    let (a, b) = (Side::read(a, site)?, Side::read(b, site)?);
    let report = compare(&a, &b)?;
    output.print(&report, || words(&report))?;
    Ok(report.same)
}

fn compare(a: &Side, b: &Side) -> Result<Report> {
    let (one, other) = (a.path.display(), b.path.display());
    if let (Some(of_a), Some(of_b)) = (&a.cluster, &b.cluster)
        && of_a != of_b
    {
        bail!("{one} and {other} are logs of two clusters, {of_a} and {of_b}");
    }
    if let (Some(of_a), Some(of_b)) = (&a.site, &b.site)
        && of_a.hash != of_b.hash
    {
        bail!("{one} and {other} have site files that differ: name the one that the cluster ran on with --site");
    }
    let merged = Merged::of(&a.leaves, &b.leaves);
    let site = a.site.as_ref().or(b.site.as_ref());
    let first_difference = merged.first_difference.map(|index| difference(a, b, index, site));
    Ok(Report {
        same: merged.differing == 0 && merged.compared > 0 && a.missing.is_empty() && b.missing.is_empty(),
        compared: merged.compared,
        differing: merged.differing,
        same_up_to: merged.same_up_to,
        first_difference,
        a: told(a, merged.only_in_a),
        b: told(b, merged.only_in_b),
    })
}

fn told(side: &Side, only_here: Vec<Range>) -> Told {
    Told {
        path: side.path.display().to_string(),
        entries: side.leaves.len(),
        last_index: side.leaves.last().map(|(index, _)| *index),
        committed_index: side.committed_index,
        only_here,
        missing: side.missing.iter().map(|&(first, last)| Range { first, last }).collect(),
    }
}

/// Both lists, gone through together.
#[derive(Default)]
struct Merged {
    compared: u64,
    differing: u64,
    same_up_to: Option<u64>,
    first_difference: Option<u64>,
    only_in_a: Vec<Range>,
    only_in_b: Vec<Range>,
}

impl Merged {
    fn of(a: &[(u64, Hash)], b: &[(u64, Hash)]) -> Self {
        let (mut merged, mut a, mut b) = (Self::default(), a.iter().peekable(), b.iter().peekable());
        loop {
            match (a.peek(), b.peek()) {
                (Some((at, leaf)), Some((other_at, other))) if at == other_at => {
                    merged.both(*at, leaf == other);
                    a.next();
                    b.next();
                }
                (Some((at, _)), other) if other.is_none_or(|(other_at, _)| at < other_at) => {
                    extend(&mut merged.only_in_a, *at);
                    a.next();
                }
                (_, Some((at, _))) => {
                    extend(&mut merged.only_in_b, *at);
                    b.next();
                }
                (_, None) => return merged,
            }
        }
    }

    fn both(&mut self, index: u64, same: bool) {
        self.compared += 1;
        if !same {
            self.differing += 1;
            self.first_difference.get_or_insert(index);
        } else if self.first_difference.is_none() {
            self.same_up_to = Some(index);
        }
    }
}

fn extend(ranges: &mut Vec<Range>, index: u64) {
    match ranges.last_mut() {
        Some(range) if range.last + 1 == index => range.last = index,
        _ => ranges.push(Range { first: index, last: index }),
    }
}

fn difference(a: &Side, b: &Side, index: u64, site: Option<&Arc<ridethrough_core::site::Site>>) -> Difference {
    let (of_a, of_b) = (a.entry(index, site), b.entry(index, site));
    let committed = index <= a.committed_index.max(b.committed_index);
    Difference { index, committed, fields: fields(&of_a, &of_b), a: of_a, b: of_b }
}

/// The fields that differ, in the order in which they are told.
fn fields(a: &Value, b: &Value) -> Vec<Field> {
    let flat = |value: &Value| {
        let mut lines = Vec::new();
        flatten(&mut lines, String::new(), value);
        lines
    };
    let (of_a, of_b) = (flat(a), flat(b));
    let value = |lines: &[(String, String)], field: &str| {
        lines.iter().find(|(path, _)| path == field).map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
    };
    let only_b = of_b.iter().filter(|(path, _)| !of_a.iter().any(|(other, _)| other == path));
    let paths = of_a.iter().chain(only_b).map(|(path, _)| path);
    let both = paths.map(|path| Field { field: path.clone(), a: value(&of_a, path), b: value(&of_b, path) });
    both.filter(|field| field.a != field.b).collect()
}

fn words(report: &Report) -> String {
    let mut lines = Vec::new();
    for (name, side) in [("a", &report.a), ("b", &report.b)] {
        let last = side.last_index.map_or_else(String::new, |last| format!(" up to {last}"));
        lines.push(format!("{name}          {}: {} entries{last}", side.path, side.entries));
    }
    let alike =
        report.same_up_to.map_or_else(|| "nothing".into(), |last| format!("all that both hold up to entry {last}"));
    lines.push(format!("same       {alike} ({} entries compared)", report.compared));
    lines.extend(report.first_difference.iter().flat_map(difference_words));
    if report.differing > 1 {
        lines.push(format!("differs    {} more entries", report.differing - 1));
    }
    for (name, side) in [("a", &report.a), ("b", &report.b)] {
        lines.extend(range_words(&format!("only in {name}"), &side.only_here));
        lines.extend(range_words(&format!("NOT IN {name}"), &side.missing));
    }
    lines.push(format!("verdict    {}\n", if report.same { "SAME" } else { "NOT THE SAME" }));
    lines.join("\n")
}

fn difference_words(found: &Difference) -> Vec<String> {
    let index = found.index;
    let known = if found.committed {
        ""
    } else {
        "; neither vouches for it as committed: replicas may differ there until they hear from each other"
    };
    let mut lines = vec![format!("differs    entry {index}{known}")];
    for field in &found.fields {
        let name = if field.field.is_empty() { "entry" } else { &field.field };
        lines.push(format!("  {name}\n    a: {}\n    b: {}", field.a, field.b));
    }
    lines
}

fn range_words(name: &str, ranges: &[Range]) -> Vec<String> {
    let words = |range: &Range| match range {
        Range { first, last } if first == last => format!("{name:<10} entry {first}"),
        Range { first, last } => format!("{name:<10} entries {first} to {last}"),
    };
    let more = ranges.len().saturating_sub(RANGES_MAX);
    let more = (more > 0).then(|| format!("{name:<10} {more} more ranges"));
    ranges.iter().take(RANGES_MAX).map(words).chain(more).collect()
}

#[cfg(test)]
mod tests;
