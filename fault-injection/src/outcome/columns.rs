//! What every table of scores shows, and how a figure is written.

use super::Score;
use crate::plant::{real, whole};

/// A column of scores.
pub struct Column {
    /// The first line of its head.
    pub head: &'static str,
    /// The second: a unit, or more of the name; may be empty.
    pub unit: &'static str,
    /// What it tells, for people.
    pub about: &'static str,
    /// Its figure, as text.
    pub cell: fn(&Score) -> String,
    /// Whether the figure is one that should not be.
    pub abnormal: fn(&Score) -> bool,
}

/// What a table shows wherever it is shown.
pub const COLUMNS: [Column; 13] = [
    Column {
        head: "trips",
        unit: "",
        about: "breakers that tripped",
        cell: |score| count(score.trips),
        abnormal: |score| score.trips > 0,
    },
    Column {
        head: "over limit",
        unit: "s",
        about: "seconds over a limit, summed over racks",
        cell: |score| decimal(score.overload_seconds, 1),
        abnormal: |_| false,
    },
    Column {
        head: "over limit",
        unit: "kJ",
        about: "energy drawn above limits",
        cell: |score| kilo(score.overload_joules),
        abnormal: |_| false,
    },
    Column {
        head: "worst",
        unit: "heat",
        about: "the highest heat of any breaker; at 1 it trips",
        cell: |score| decimal(score.worst_damage, 2),
        abnormal: |_| false,
    },
    Column {
        head: "capped",
        unit: "server-s",
        about: "seconds under a cap, summed over servers",
        cell: |score| decimal(score.capped_server_seconds, 0),
        abnormal: |_| false,
    },
    Column {
        head: "denied",
        unit: "kJ",
        about: "energy that caps and shutdowns kept from servers: work not done",
        cell: |score| kilo(score.denied_joules),
        abnormal: |_| false,
    },
    Column {
        head: "moved",
        unit: "kJ",
        about: "energy that modules and ties brought to racks",
        cell: |score| kilo(score.moved_joules),
        abnormal: |_| false,
    },
    Column {
        head: "lost",
        unit: "kJ",
        about: "energy lost by storing and moving",
        cell: |score| kilo(score.loss_joules),
        abnormal: |_| false,
    },
    Column {
        head: "deepest",
        unit: "charge %",
        about: "the lowest charge of any module",
        cell: |score| decimal(score.deepest_charge_share * 100.0, 1),
        abnormal: |_| false,
    },
    Column {
        head: "reserve",
        unit: "floor s",
        about: "seconds below the reserve, summed over modules, outages and the 60 s after them left out",
        cell: |score| decimal(score.reserve_floor_seconds, 1),
        abnormal: |score| score.reserve_floor_seconds > 0.0,
    },
    Column {
        head: "false",
        unit: "",
        about: "transfers that no overload would have needed",
        cell: |score| count(score.false_transfers),
        abnormal: |_| false,
    },
    Column {
        head: "ITIC",
        unit: "",
        about: "excursions of a server's supply outside the ITIC curve",
        cell: |score| count(score.itic_violations),
        abnormal: |score| score.itic_violations > 0,
    },
    Column {
        head: "utility",
        unit: "peak kW",
        about: "the highest power taken from all utility feeds together",
        cell: |score| kilo(score.utility_peak_watts),
        abnormal: |_| false,
    },
];

/// What only a page has room for.
pub const MORE: [Column; 7] = [
    Column {
        head: "servers",
        unit: "failed",
        about: "servers that failed for want of power",
        cell: |score| count(score.server_failures),
        abnormal: |score| score.server_failures > 0,
    },
    Column {
        head: "unserved",
        unit: "kJ",
        about: "what servers would have taken while they were dark",
        cell: |score| kilo(score.unserved_joules),
        abnormal: |score| score.unserved_joules > 0,
    },
    Column {
        head: "transfers",
        unit: "",
        about: "transfers that were ordered",
        cell: |score| count(score.transfers),
        abnormal: |_| false,
    },
    Column {
        head: "refused",
        unit: "",
        about: "plans of the planner's own that the envelope refused",
        cell: |score| count(score.refused_plans),
        abnormal: |score| score.refused_plans > 0,
    },
    Column {
        head: "shut down",
        unit: "",
        about: "servers that shut down in good order",
        cell: |score| count(score.orderly_shutdowns),
        abnormal: |_| false,
    },
    Column {
        head: "shut down",
        unit: "server-s",
        about: "seconds from the beginning of a shutdown until it works again, summed over servers",
        cell: |score| decimal(score.shutdown_server_seconds, 0),
        abnormal: |_| false,
    },
    Column {
        head: "reserve",
        unit: "total s",
        about: "seconds below the reserve, summed over modules, outages included",
        cell: |score| decimal(score.reserve_floor_total_seconds, 1),
        abnormal: |_| false,
    },
];

impl Column {
    /// Its head in one line.
    pub fn title(&self) -> String {
        if self.unit.is_empty() { self.head.to_owned() } else { format!("{} {}", self.head, self.unit) }
    }
}

/// Joules or watts in thousands, with one decimal.
pub fn kilo(units: i64) -> String {
    decimal(real(units) / 1_000.0, 1)
}

/// A count, its thousands apart.
pub fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// A figure with so many decimals, its thousands apart.
pub fn decimal(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    // What rounds to nothing has no sign.
    let sign = if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) { "-" } else { "" };
    let (digits, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    format!("{sign}{}{fraction}", grouped(digits))
}

/// A span for a headline: whole seconds without decimals.
pub fn seconds(span_seconds: f64) -> String {
    let is_whole = (span_seconds - real(whole(span_seconds))).abs() < 0.05;
    format!("{} s", decimal(span_seconds, usize::from(!is_whole)))
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        for (value, decimals, expected) in [
            (0.0, 1, "0.0"),
            (999.94, 1, "999.9"),
            (999.96, 1, "1,000.0"),
            (1_234_567.0, 0, "1,234,567"),
            (-1_234.5, 1, "-1,234.5"),
            (-0.01, 1, "0.0"),
            (f64::NAN, 1, "–"),
        ] {
            assert_eq!(decimal(value, decimals), expected, "{value}");
        }
        assert_eq!(kilo(12_345_678), "12,345.7");
        assert_eq!(count(100), "100");
        assert_eq!(seconds(1_800.0), "1,800 s");
        assert_eq!(seconds(2.5), "2.5 s");
    }

    #[test]
    fn no_two_columns_have_one_title() {
        let mut titles = COLUMNS.iter().chain(&MORE).map(Column::title).collect::<Vec<_>>();
        titles.sort();
        titles.dedup();
        assert_eq!(titles.len(), COLUMNS.len() + MORE.len());
    }
}
