//! What `llvm-cov export` writes: for each source, the places where a region of code begins or ends, and how often what
//! follows ran.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Sources with their counters.
#[derive(Debug)]
pub struct Export {
    pub sources: Vec<Source>,
}

/// One file.
#[derive(Debug)]
pub struct Source {
    /// As the compiler saw it.
    pub path: String,
    segments: Vec<Segment>,
}

/// From here to the next one.
#[derive(Debug, Clone, Copy)]
struct Segment {
    line: u64,
    runs: u64,
    /// Code that has a counter. The rest is between items, or was not compiled.
    is_counted: bool,
    /// A region begins here; otherwise one that was interrupted goes on.
    begins: bool,
    /// Between statements: never a reason to call a line covered.
    is_gap: bool,
}

impl Segment {
    fn begins_region(&self) -> bool {
        self.begins && self.is_counted && !self.is_gap
    }
}

/// The format's major version.
const VERSION: &str = "3.";
const TYPE: &str = "llvm.coverage.json.export";

impl Export {
    pub fn parse(text: &str) -> Result<Self> {
        let export: Value = serde_json::from_str(text).context("this is no JSON")?;
        let (kind, version) = (&export["type"], &export["version"]);
        ensure!(kind == TYPE, "this is no export of llvm-cov, but {kind}");
        ensure!(version.as_str().is_some_and(|version| version.starts_with(VERSION)), "version {version} is not known");
        let data = export["data"].as_array().context("there is no data")?;
        let files = data.iter().flat_map(|part| part["files"].as_array().into_iter().flatten());
        Ok(Self { sources: files.map(|file| source(file).context("a file is not understood")).collect::<Result<_>>()? })
    }
}

impl Source {
    /// Lines that hold code, each with how often it ran, as `llvm-cov show` has them: the most of what begins in a line and of
    /// what reaches into it.
    pub fn lines(&self) -> Vec<(u64, u64)> {
        let mut lines = Vec::new();
        let mut open: Option<Segment> = None;
        let mut rest = &self.segments[..];
        while let Some(first) = rest.first() {
            let line = first.line;
            let here = rest.iter().take_while(|segment| segment.line == line).count();
            let (of_line, later) = rest.split_at(here);
            lines.extend(runs(open, of_line).map(|runs| (line, runs)));
            open = of_line.last().copied();
            // What goes on until something else begins.
            let until = later.first().map_or(line + 1, |next| next.line);
            lines.extend((line + 1..until).filter_map(|line| runs(open, &[]).map(|runs| (line, runs))));
            rest = later;
        }
        lines
    }

    /// Lines that a region begins in, each with whether it ran.
    pub fn regions(&self) -> impl Iterator<Item = (u64, bool)> {
        let begun = self.segments.iter().filter(|segment| segment.begins_region());
        begun.map(|segment| (segment.line, segment.runs > 0))
    }
}

/// How often a line ran; none when it holds no code.
fn runs(open: Option<Segment>, of_line: &[Segment]) -> Option<u64> {
    let begun = of_line.iter().filter(|segment| segment.begins_region()).map(|segment| segment.runs).max();
    let skipped = of_line.first().is_some_and(|first| first.begins && !first.is_counted);
    let reaching = open.filter(|open| open.is_counted && !skipped).map(|open| open.runs);
    begun.max(reaching)
}

fn source(file: &Value) -> Option<Source> {
    let segments = file["segments"].as_array()?;
    Some(Source {
        path: file["filename"].as_str()?.to_owned(),
        segments: segments.iter().map(segment).collect::<Option<_>>()?,
    })
}

/// `[line, column, runs, is_counted, begins, is_gap]`.
fn segment(words: &Value) -> Option<Segment> {
    let [line, _, runs, is_counted, begins, is_gap] = words.as_array()?.as_slice() else { return None };
    Some(Segment {
        line: line.as_u64()?,
        runs: runs.as_u64()?,
        is_counted: is_counted.as_bool()?,
        begins: begins.as_bool()?,
        is_gap: is_gap.as_bool()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What llvm-cov wrote of
    /// ```text
    ///  1 /// Doubles.                                       14 pub fn never() {}
    ///  2 pub fn doubled(text: &str) -> Option<u32> {        15
    ///  3     let number: u32 = text.parse().ok()?;          16 #[cfg(test)]
    ///  4     match number {                                 17 mod tests {
    ///  5         0 => None,                                 18     #[test]
    ///  6         1..=9 => number.checked_mul(2),            19     fn seven() {
    ///  7         _ => {                                     20         assert_eq!(super::doubled("7"), Some(14));
    ///  8             let half = number / 2;                 21     }
    ///  9             Some(half)                             22 }
    /// 10         }
    /// 11     }
    /// 12 }
    /// ```
    const DOUBLED: &str = include_str!("doubled.json");

    fn source() -> Source {
        Export::parse(DOUBLED).expect("an export").sources.remove(0)
    }

    #[test]
    fn lines_are_counted_as_llvm_shows_them() {
        let expected =
            [2, 3, 4, 5, 6, 8, 9, 12, 14, 19, 20, 21].map(|line| (line, u64::from(![5, 8, 9, 14].contains(&line))));
        assert_eq!(source().lines(), expected);
    }

    #[test]
    fn as_many_lines_and_regions_are_counted_as_llvm_counts() {
        let value: Value = serde_json::from_str(DOUBLED).expect("JSON");
        let totals = |what: &str, which: &str| value["data"][0]["totals"][what][which].as_u64().expect("a number");
        let (lines, regions) = (source().lines(), source().regions().collect::<Vec<_>>());
        assert_eq!(lines.len() as u64, totals("lines", "count"));
        assert_eq!(lines.iter().filter(|(_, runs)| *runs > 0).count() as u64, totals("lines", "covered"));
        assert_eq!(regions.len() as u64, totals("regions", "count"));
        assert_eq!(regions.iter().filter(|(_, ran)| *ran).count() as u64, totals("regions", "covered"));
    }

    #[test]
    fn lines_inside_a_region_count_and_gaps_do_not() {
        let of = |segments: &str| {
            let file = format!(r#"{{"filename":"a.rs","segments":{segments}}}"#);
            super::source(&serde_json::from_str(&file).expect("JSON")).expect("a source").lines()
        };
        assert_eq!(of("[[1,1,2,true,true,false],[4,2,0,false,false,false]]"), [(1, 2), (2, 2), (3, 2), (4, 2)]);
        // A loop's body within: the line that it begins in has the most of both.
        assert_eq!(
            of("[[1,1,1,true,true,false],[2,9,0,true,true,false],[3,5,1,true,false,false],[4,2,0,false,false,false]]"),
            [(1, 1), (2, 1), (3, 0), (4, 1)]
        );
        assert_eq!(of("[[1,1,0,true,true,false],[1,5,9,true,true,true],[2,1,0,false,false,false]]"), [(1, 0), (2, 9)]);
    }

    #[test]
    fn what_is_no_such_export_is_refused() {
        assert!(Export::parse("{}").is_err());
        assert!(Export::parse(&DOUBLED.replace("3.1.0", "4.0.0")).is_err());
        assert!(Export::parse(&DOUBLED.replace("[2, 1, 1, true, true, false]", "[2, 1]")).is_err());
        assert!(Export::parse(DOUBLED).is_ok());
    }
}
