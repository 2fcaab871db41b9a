//! What became of the mutants of a crate.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Counts, and who survived.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub caught: usize,
    /// As cargo-mutants names them: file, line, column, what was changed.
    pub missed: Vec<String>,
    /// The tests did not end: neither caught nor missed.
    pub hung: usize,
    /// They do not compile.
    pub unviable: usize,
}

impl Tally {
    /// What cargo-mutants has written into its folder.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Self {
            caught: names(folder, "caught.txt")?.len(),
            missed: names(folder, "missed.txt")?,
            hung: names(folder, "timeout.txt")?.len(),
            unviable: names(folder, "unviable.txt")?.len(),
        })
    }

    /// Takes in what the next tests say about those that the tests before them have missed.
    pub fn after(&mut self, next: Self) {
        self.caught += next.caught;
        self.hung += next.hung;
        self.unviable += next.unviable;
        self.missed = next.missed;
    }

    /// For people.
    pub fn line(&self, package: &str, seconds: u64) -> String {
        let judged = self.caught + self.missed.len();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let percent = if judged == 0 { 100.0 } else { 100.0 * self.caught as f64 / judged as f64 };
        format!(
            "mutants of {package}: {} caught, {} missed, {} hung, {} do not compile; {percent:.1} % of {judged} caught, {seconds} s",
            self.caught,
            self.missed.len(),
            self.hung,
            self.unviable,
        )
    }
}

/// One name a line.
fn names(folder: &Path, file: &str) -> Result<Vec<String>> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(caught: usize, missed: &[&str]) -> Tally {
        Tally { caught, missed: missed.iter().map(|&name| name.to_owned()).collect(), ..Tally::default() }
    }

    #[test]
    fn what_later_tests_catch_is_missed_no_more() {
        let mut tally = tally(7, &["a", "b", "c"]);
        tally.after(self::tally(2, &["b"]));
        assert_eq!(tally, self::tally(9, &["b"]));
        assert!(tally.line("core", 3).contains("9 caught, 1 missed, 0 hung, 0 do not compile; 90.0 % of 10"));
    }

    #[test]
    fn figures_are_read_as_they_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in
            [("caught.txt", "a\nb\n"), ("missed.txt", "c\n"), ("timeout.txt", ""), ("unviable.txt", "d\n")]
        {
            fs::write(folder.path().join(file), text).expect("written");
        }
        let expected = Tally { unviable: 1, ..tally(2, &["c"]) };
        assert_eq!(Tally::read(folder.path()).expect("figures"), expected);
    }
}
