//! `ridectl audit show`: one entry, whole.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use serde_json::Value;

use super::facts::Facts;
use super::history::History;
use crate::output::Output;

/// Prints everything that an entry says.
pub fn run(history: &History, index: u64, output: Output) -> Result<bool> {
    let entry = find(history, index)?;
    output.print(&entry, || words(&entry))?;
    Ok(true)
}

fn find(history: &History, index: u64) -> Result<Value> {
    let mut found = None;
    history.walk(|item| {
        if item.at.index < index {
            return Ok(ControlFlow::Continue(()));
        }
        if item.at.index == index {
            found = Some(serde_json::to_value(Facts::of(item, &history.site))?);
        }
        Ok(ControlFlow::Break(()))
    })?;
    let last = history.committed_index;
    found.with_context(|| format!("the log has no entry {index}; its last committed one is {last}"))
}

/// A line for each field, with the way to it.
fn words(entry: &Value) -> String {
    let mut lines = Vec::new();
    flatten(&mut lines, String::new(), entry);
    let width = lines.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    lines.into_iter().map(|(path, value)| format!("{path:<width$}  {value}\n")).collect()
}

/// The fields of a value, each with the way to it.
pub fn flatten(lines: &mut Vec<(String, String)>, path: String, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                flatten(lines, if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, field);
            }
        }
        Value::Array(items) => {
            for (nth, item) in items.iter().enumerate() {
                flatten(lines, format!("{path}[{nth}]"), item);
            }
        }
        Value::Null => lines.push((path, "-".into())),
        // Nothing in what an operator wrote moves a terminal's cursor.
        Value::String(text) => lines.push((path, text.escape_debug().to_string())),
        other => lines.push((path, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::Growing;
    use super::super::{Source, history};
    use super::*;

    fn shown(log: Growing, index: u64) -> Value {
        let dir = tempfile::tempdir().expect("a folder for a test");
        log.write(dir.path());
        let source = Source { dir: vec![dir.path().to_path_buf()], site: None };
        find(&history::open(&source).expect("a log"), index).expect("there")
    }

    #[test]
    fn every_number_of_a_transfer_is_shown() {
        let words = words(&shown(Growing::eventful(), 2));
        for (path, value) in [
            ("index", "2"),
            ("plan.grants[0].legs[0].source", "kesm K1"),
            ("plan.grants[0].legs[0].ties[0].direction", "backward"),
            ("plan.grants[0].risk.peak_p99_watts", "26000"),
            ("plan.grants[0].risk.forecast_by", "rule (no model)"),
            ("plan.loads[1].peak_watts", "15000"),
            ("proposed_by", "n3"),
            ("effect", "admitted"),
        ] {
            let mut lines = words.lines().filter_map(|line| line.split_once(' '));
            assert!(lines.any(|found| (found.0, found.1.trim()) == (path, value)), "{path} {value} in:\n{words}");
        }
    }

    #[test]
    fn what_an_operator_wrote_moves_no_cursor() {
        let entry = shown(Growing::eventful(), 6);
        assert_eq!(entry["operation"]["action"], "hold");
        assert_eq!(entry["operation"]["reason"], "breaker A1 is \u{1b}[31mserviced");
        assert!(!words(&entry).contains('\u{1b}') && words(&entry).contains("\\u{1b}[31m"));
    }

    #[test]
    fn a_leaders_first_entry_is_one() {
        let entry = shown(Growing::founded(), 0);
        assert_eq!((&entry["leader"], &entry["kinds"][0]), (&Value::from("n1"), &Value::from("leader")));
        assert_eq!(entry["leaf_hash"].as_str().map(str::len), Some(64));
    }
}
