//! What the replicas' sources can raise: the warnings and errors of their words, and the names of their metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{read, root};

/// Where replicas' sources lie.
const CRATES: [&str; 4] = ["controller", "io", "raft", "model"];
/// Folders below them that no replica is made of.
const ASIDE: [&str; 6] = ["benches", "bench", "examples", "tests", "cli", "firmware"];
const LEVELS: [&str; 2] = ["tracing::warn!(", "tracing::error!("];
const METRIC: &str = "\"ridethrough_";

/// A warning or an error that a replica may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// File and line, for whoever mends it.
    pub from: String,
    /// Its words; `…` stands for what differs.
    pub words: String,
}

/// All warnings and errors in the sources.
pub fn alarms() -> Vec<Alarm> {
    let mut found = Vec::new();
    for file in sources() {
        let text = read(&file);
        let starts = LEVELS.iter().flat_map(|level| text.match_indices(level).map(|(at, _)| at + level.len()));
        for start in starts {
            let line = text[..start].lines().count();
            let from = format!("{}:{line}", file.strip_prefix(root()).unwrap_or(&file).display());
            let words = last_literal(&text[start..]).unwrap_or_else(|| panic!("{from}: a warning without words"));
            found.push(Alarm { from, words: words_of(&words) });
        }
    }
    found
}

/// The names of all metrics in the sources.
pub fn metrics() -> BTreeSet<String> {
    let names_in = |text: &str| {
        let names =
            text.match_indices(METRIC).filter_map(|(at, _)| text[at + 1..].split('"').next().map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    sources().iter().flat_map(|file| names_in(&read(file))).collect()
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for one in CRATES {
        gather(&root().join(one), &mut files);
    }
    files.sort();
    files
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !ASIDE.contains(&name) {
            gather(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests.rs" {
            files.push(path);
        }
    }
}

/// The last text literal before the parenthesis that ends a macro.
fn last_literal(text: &str) -> Option<String> {
    let (mut depth, mut literal, mut last, mut escaped) = (1, None::<String>, None, false);
    for letter in text.chars() {
        if let Some(inside) = &mut literal {
            match letter {
                '"' if !escaped => last = literal.take(),
                _ => inside.push(letter),
            }
            escaped = letter == '\\' && !escaped;
            continue;
        }
        match letter {
            '"' => literal = Some(String::new()),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return last;
        }
    }
    None
}

/// A literal's words: on one line, with `…` for what is put in.
fn words_of(literal: &str) -> String {
    let line = literal.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ").replace("\\\"", "\"");
    let mut words = String::new();
    let mut left = line.as_str();
    while let Some((before, after)) = left.split_once('{') {
        words = words + before + "…";
        left = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    words + left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_macro_are_found() {
        let check = |text: &str, expected: &str| {
            assert_eq!(last_literal(text).map(|one| words_of(&one)).as_deref(), Some(expected));
        };
        check("%error, \"NO RUNTIME: it runs\");", "NO RUNTIME: it runs");
        check("reason = why(\"x\"), \"a \\\"b\\\" {name} of {MAX}\") + \"no\"", "a \"b\" … of …");
        check("\n  a,\n  \"one \\\n   two\"\n)", "one two");
        assert_eq!(last_literal("\"open"), None);
    }

    #[test]
    fn warnings_and_metrics_of_the_sources_are_found() {
        let alarms = alarms();
        assert!(
            alarms.iter().any(|one| one.words == "CERTIFICATE EXPIRES: replace it while it is valid"),
            "{alarms:?}"
        );
        assert!(alarms.len() > 30, "{alarms:?}");
        let metrics = metrics();
        assert!(metrics.contains("ridethrough_devices_quarantined") && metrics.len() > 60, "{metrics:?}");
    }
}
