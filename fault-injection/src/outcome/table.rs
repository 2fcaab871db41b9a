//! Scores for people, and for programs.

use serde_json::{Map, Value, json};

use super::run::Outcome;
use super::score::Score;

/// A column: its head and what stands in it.
type Column = (&'static str, fn(&Score) -> String);

const COLUMNS: [Column; 14] = [
    ("trips", |score| score.trips.to_string()),
    ("over limit s", |score| format!("{:.1}", score.overload_seconds)),
    ("over limit kJ", |score| kilo(score.overload_joules)),
    ("worst heat", |score| format!("{:.2}", score.worst_damage)),
    ("capped s", |score| format!("{:.0}", score.capped_server_seconds)),
    ("denied kJ", |score| kilo(score.denied_joules)),
    ("moved kJ", |score| kilo(score.moved_joules)),
    ("lost kJ", |score| kilo(score.loss_joules)),
    ("deepest %", |score| format!("{:.0}", score.deepest_charge_share * 100.0)),
    ("reserve s", |score| format!("{:.0}", score.reserve_floor_seconds)),
    ("false", |score| format!("{}/{}", score.false_transfers, score.transfers)),
    ("failed", |score| score.server_failures.to_string()),
    ("ITIC", |score| score.itic_violations.to_string()),
    ("peak kW", |score| kilo(score.utility_peak_watts)),
];

/// `{scenario: {policy: score}}`, in the order of the outcomes.
pub fn json(outcomes: &[Outcome]) -> Value {
    let mut scenarios = Map::new();
    for outcome in outcomes {
        let policies = scenarios.entry(outcome.scenario.clone()).or_insert_with(|| json!({}));
        policies[outcome.policy.name()] = json!(outcome.score);
    }
    Value::Object(scenarios)
}

/// One block for each scenario, for a terminal.
pub fn text(outcomes: &[Outcome]) -> String {
    blocks(outcomes, |headline, rows| {
        let mut text = format!("{headline}\n");
        let widths: Vec<usize> =
            (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
        for row in rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(at, (cell, &width))| if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
                .collect();
            text += &format!("  {}\n", cells.join("  "));
        }
        text + "\n"
    })
}

/// The same as Markdown.
pub fn markdown(outcomes: &[Outcome]) -> String {
    blocks(outcomes, |headline, rows| {
        let mut text = format!("{headline}\n\n");
        for (nth, row) in rows.iter().enumerate() {
            text += &format!("| {} |\n", row.join(" | "));
            if nth == 0 {
                text += &format!("|---|{}\n", "--:|".repeat(row.len() - 1));
            }
        }
        text + "\n"
    })
}

fn blocks(outcomes: &[Outcome], block: impl Fn(&str, &[Vec<String>]) -> String) -> String {
    let mut text = String::new();
    for group in outcomes.chunk_by(|left, right| left.scenario == right.scenario) {
        let first = &group[0];
        let headline = format!("{} ({} s, seed {}): {}", first.scenario, first.seconds, first.seed, first.about);
        let head = std::iter::once("policy").chain(COLUMNS.iter().map(|(head, _)| *head)).map(str::to_owned).collect();
        let row = |outcome: &Outcome| {
            let cells = COLUMNS.iter().map(|(_, tell)| tell(&outcome.score));
            std::iter::once(outcome.policy.name().to_owned()).chain(cells).collect()
        };
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(group.iter().map(row)).collect();
        text += &block(&headline, &rows);
    }
    text
}

/// Thousands, rounded.
fn kilo(value: i64) -> String {
    ((value + 500) / 1_000).to_string()
}
