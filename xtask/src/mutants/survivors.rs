//! The survivors that are explained, `fault-injection/mutants/survivors.toml`:
//!
//! ```toml
//! [[survivor]]
//! mutant = "controller/core/src/file.rs: replace < with <= in function"
//! times = 2      # in so many places of the function; one when it is not said
//! why = "…"
//! ```

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use crate::shell::root;

/// From the root.
pub const FILE: &str = "fault-injection/mutants/survivors.toml";

/// How often each mutant may survive, by its name without line and column.
#[derive(Debug)]
pub struct Survivors(BTreeMap<String, usize>);

impl Survivors {
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(root().join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
        Self::parse(&text).with_context(|| FILE.to_owned())
    }

    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse()?;
        let listed = table.get("survivor").and_then(Value::as_array).context("it lists no [[survivor]]")?;
        let mut times = BTreeMap::new();
        for entry in listed {
            let word = |key| entry.get(key).and_then(Value::as_str).filter(|word: &&str| !word.is_empty());
            let mutant = word("mutant").with_context(|| format!("`mutant` is missing: {entry}"))?;
            ensure!(word("why").is_some(), "`why` is missing: {mutant}");
            let often = entry.get("times").map_or(Some(1), |times| usize::try_from(times.as_integer()?).ok());
            let often = often.with_context(|| format!("`times` is no number: {mutant}"))?;
            ensure!(times.insert(mutant.to_owned(), often).is_none(), "it stands there twice: {mutant}");
        }
        Ok(Self(times))
    }

    /// Those of the missed that nobody has explained, each as often as it is too many.
    pub fn unexplained<'a>(&self, missed: &'a [String]) -> Vec<&'a str> {
        let mut left = self.0.clone();
        let explained = |mutant: &&str| match left.get_mut(&without_line(mutant)) {
            Some(times) if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        };
        let mut explained = explained;
        missed.iter().map(String::as_str).filter(|mutant| !explained(mutant)).collect()
    }

    /// Those listed below a folder that did not survive as often as the list says.
    pub fn gone<'a>(&'a self, missed: &[String], folder: &str) -> Vec<&'a str> {
        let mut seen = BTreeMap::<String, usize>::new();
        for mutant in missed {
            *seen.entry(without_line(mutant)).or_default() += 1;
        }
        let here = self.0.iter().filter(|(mutant, _)| mutant.starts_with(folder));
        here.filter(|(mutant, times)| seen.get(*mutant).unwrap_or(&0) < times)
            .map(|(mutant, _)| mutant.as_str())
            .collect()
    }
}

/// `file:line:column: what` as `file: what`.
fn without_line(mutant: &str) -> String {
    let Some((place, what)) = mutant.split_once(": ") else { return mutant.to_owned() };
    format!("{}: {what}", place.split(':').next().unwrap_or(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[survivor]]
        mutant = "a.rs: replace < with <= in f"
        times = 2
        why = "equal is never seen"
        [[survivor]]
        mutant = "b.rs: replace g with ()"
        why = "it is for people"
    "#;

    fn missed(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_survivor_is_known_by_its_name_wherever_it_stands_now() {
        let list = Survivors::parse(LIST).expect("a list");
        let seen = missed(&["a.rs:7:1: replace < with <= in f", "a.rs:9:1: replace < with <= in f"]);
        assert!(list.unexplained(&seen).is_empty());
        assert_eq!(list.gone(&seen, "b"), ["b.rs: replace g with ()"]);
        assert!(list.gone(&seen, "a").is_empty());
    }

    #[test]
    fn one_more_than_explained_is_unexplained() {
        let list = Survivors::parse(LIST).expect("a list");
        let seen =
            missed(&["b.rs:1:1: replace g with ()", "b.rs:5:1: replace g with ()", "c.rs:1:1: replace h with ()"]);
        assert_eq!(list.unexplained(&seen), [&seen[1], &seen[2]]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        let refused = Survivors::parse("[[survivor]]\nmutant = \"a.rs: x\"\nwhy = \"\"").expect_err("refused");
        assert_eq!(refused.to_string(), "`why` is missing: a.rs: x");
    }

    #[test]
    fn every_explained_survivor_is_of_a_file_that_is_there() {
        for mutant in Survivors::read().expect("a list").0.keys() {
            let file = mutant.split(": ").next().expect("a file");
            assert!(root().join(file).is_file(), "{mutant}");
        }
    }
}
