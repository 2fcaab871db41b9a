//! Scores for people at a terminal, and as Markdown for a page of figures.

use super::columns::{COLUMNS, Column, seconds};
use super::{Outcome, PolicyOutcome, verdict};

/// Between two columns.
const GAP: &str = "  ";
/// How many letters a line of prose has at most.
const TEXT_WIDTH: usize = 120;

/// One block for each scenario: a headline, the scores and the verdict.
pub fn text(outcomes: &[Outcome]) -> String {
    let widths = widths(outcomes);
    let blocks = outcomes.iter().map(|outcome| {
        let heads = [line("policy", COLUMNS.iter().map(|column| column.head.to_owned()), &widths)];
        let units = [line("", COLUMNS.iter().map(|column| column.unit.to_owned()), &widths)];
        let rows = outcome.policies.iter().map(|each| line(each.policy.name(), cells(each), &widths));
        let lines = heads.into_iter().chain(units).chain(rows).collect::<String>();
        format!("{}\n{lines}\n{}", wrapped(&headline(outcome)), wrapped(&verdict::sentence(outcome)))
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// The same in Markdown.
pub fn markdown(outcomes: &[Outcome]) -> String {
    let titles = COLUMNS.iter().map(Column::title).collect::<Vec<_>>().join(" | ");
    let rule = " ---: |".repeat(COLUMNS.len());
    let blocks = outcomes.iter().map(|outcome| {
        let rows = outcome.policies.iter().map(|each| {
            let cells = cells(each).collect::<Vec<_>>().join(" | ");
            format!("| `{}` | {cells} |\n", each.policy)
        });
        let (headline, verdict) = (plain(&headline(outcome)), plain(&verdict::sentence(outcome)));
        format!("### {headline}\n\n{verdict}\n\n| policy | {titles} |\n| --- |{rule}\n{}", rows.collect::<String>())
    });
    blocks.collect::<Vec<_>>().join("\n")
}

/// `name: about; seed 42, 600 s`.
fn headline(outcome: &Outcome) -> String {
    let about = one_line(&outcome.about);
    let named = if about.is_empty() { outcome.scenario.clone() } else { format!("{}: {about}", outcome.scenario) };
    format!("{}; seed {}, {}", named.trim_end_matches('.'), outcome.seed, seconds(outcome.seconds))
}

fn cells(outcome: &PolicyOutcome) -> impl Iterator<Item = String> {
    COLUMNS.iter().map(|column| (column.cell)(&outcome.score))
}

/// The widest of each column over all blocks, so that these stand under each other; the policy's first.
fn widths(outcomes: &[Outcome]) -> Vec<usize> {
    let mut widths = vec!["policy".len()];
    widths.extend(COLUMNS.iter().map(|column| column.head.len().max(column.unit.len())));
    for each in outcomes.iter().flat_map(|outcome| &outcome.policies) {
        let texts = std::iter::once(each.policy.name().to_owned()).chain(cells(each));
        for (width, text) in widths.iter_mut().zip(texts) {
            *width = (*width).max(text.chars().count());
        }
    }
    widths
}

fn line(name: &str, cells: impl Iterator<Item = String>, widths: &[usize]) -> String {
    let mut line = format!("{name:<0$}", widths[0]);
    for (cell, width) in cells.zip(&widths[1..]) {
        line += GAP;
        line += &format!("{cell:>width$}");
    }
    format!("{}\n", line.trim_end())
}

/// A text in lines that a terminal shows whole.
fn wrapped(text: &str) -> String {
    let (mut wrapped, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if width > 0 && width + 1 + letters > TEXT_WIDTH {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped += word;
        width += letters;
    }
    wrapped + "\n"
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Keeps a text of a scenario from being read as Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#') {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_terminal_of_160_columns_is_enough() {
        let mut outcomes = example::outcomes();
        outcomes[0].about = "Many words. ".repeat(40);
        let score = &mut outcomes[0].policies[0].score;
        (score.overload_seconds, score.moved_joules, score.loss_joules) = (86_400.0 * 24.0, 9_999_999_999, 999_999_999);
        let text = text(&outcomes);
        for line in text.lines() {
            assert!(line.chars().count() <= 160, "{} columns: {line}", line.chars().count());
        }
    }

    #[test]
    fn rows_stand_under_their_heads() {
        let text = text(&example::outcomes()[..1]);
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(lines[0], "surge: Two rows surge at once while one module is away; seed 42, 600 s");
        assert!(lines[2].starts_with("policy"));
        assert!(lines[2].ends_with("utility") && lines[3].ends_with("peak kW"));
        let ends = lines[4..10].iter().map(|line| line.chars().count()).collect::<Vec<_>>();
        assert_eq!(ends, vec![lines[3].chars().count(); 6], "{text}");
        assert!(lines[4].starts_with("none ") && lines[9].starts_with("oracle "), "{text}");
        assert!(lines[4].contains("1,204.6"), "{text}");
    }

    #[test]
    fn a_text_of_a_scenario_does_not_break_a_markdown_table() {
        let mut outcomes = example::outcomes();
        outcomes[0].about = "a | b\n## *c*".to_owned();
        let text = markdown(&outcomes[..1]);
        assert!(text.starts_with("### surge: a \\| b \\#\\# \\*c\\*; seed 42, 600 s\n\n"), "{text}");
        let rows = text.lines().filter(|line| line.starts_with('|')).collect::<Vec<_>>();
        assert_eq!(rows.len(), 2 + 6);
        for row in rows {
            assert_eq!(row.matches('|').count(), COLUMNS.len() + 2, "{row}");
        }
        assert!(text.contains("| over limit s | over limit kJ |") && text.contains("\n| `ours` | 0 |"), "{text}");
    }
}
