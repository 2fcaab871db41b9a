//! A run as text: the verdict, then every check.

use std::fmt::Write as _;

use crate::drill::journal::Outcome;

/// The verdict and the checks, one line each.
pub fn text(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} {} in {:.1} s, seed {}\n",
        outcome.drill,
        outcome.verdict.as_str().to_uppercase(),
        outcome.seconds,
        outcome.seed
    );
    let width = outcome.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    for check in &outcome.checks {
        let mark = if check.ok { "ok  " } else { "FAIL" };
        let budget = if check.budget.is_empty() { String::new() } else { format!("  ({})", check.budget) };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {mark}  {:width$}  {}{budget}", check.name, check.measured);
    }
    text
}
