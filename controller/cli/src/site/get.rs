//! Lists of what is there.

use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::ask::Of;
use crate::columns::columns;
use crate::ended::Ended;
use crate::output::Output;

/// From one list to the next, while it is watched.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Racks: what they draw, what they may, what is foreseen.
    Racks,
    /// Flywheels: what they store and give.
    Kesms,
    /// Transfers in force.
    Transfers,
    /// Alarms that stand or wait for somebody.
    Alarms,
    /// Devices that are held or not relied on, racks that get less.
    Exceptions,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// As the site file and the log have them.
    Site,
    /// By name.
    Name,
    /// The least distance from the limit first; racks only.
    Headroom,
}

/// Prints a list.
pub fn list(what: What, of: &Of, sort: Sort, output: Output) -> Result<Ended> {
    let rows = sorted(what, of, sort)?;
    output.print(&rows, || table(what, &rows, output))?;
    Ok(Ended::Well)
}

/// Prints a list once a second, on a terminal always in the same place, until nobody reads any more or no replica answers.
pub fn watch(what: What, of: &Of, sort: Sort, output: Output) -> Result<Ended> {
    let stays = std::io::stdout().is_terminal() && output.is_for_people();
    loop {
        let rows = sorted(what, of, sort)?;
        let text = output.text(&rows, || table(what, &rows, output))?;
        // Home, and nothing left of what was there.
        let text = if stays { format!("\x1b[H\x1b[2J{text}") } else { text };
        let mut out = std::io::stdout();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Ended::Well),
            written => written?,
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

fn sorted(what: What, of: &Of, sort: Sort) -> Result<Vec<Value>> {
    let mut rows = rows(what, &super::shown(of)?);
    match sort {
        Sort::Site => {}
        Sort::Name => rows.sort_by_key(|row| row["name"].as_str().unwrap_or_default().to_owned()),
        Sort::Headroom => rows.sort_by_key(|row| headroom(row).unwrap_or(i64::MAX)),
    }
    Ok(rows)
}

const WIDE_RACK: [&str; 13] = [
    "RACK", "DRAW", "LOAD", "LIMIT", "HEADROOM", "PEAK P99", "AT RISK", "PEAK P50", "USUAL", "ANOMALY", "DRIFT",
    "HEAT", "BREAKER",
];
const WIDE_KESM: [&str; 7] = ["KESM", "STORED", "CHARGE", "RESERVE", "GIVES", "WHEN FULL", "FLOOR"];

/// From one of them to the cells of its line.
type Line = fn(&Value) -> Vec<String>;

fn rows(what: What, shown: &Value) -> Vec<Value> {
    let list = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    match what {
        What::Racks => list("racks"),
        What::Kesms => list("kesms"),
        What::Transfers => list("transfers"),
        What::Alarms => list("alarms"),
        What::Exceptions => exceptions(shown),
    }
}

fn exceptions(shown: &Value) -> Vec<Value> {
    let list = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let held = list("held").into_iter().map(|name| json!({ "name": name, "why": "held by an operator" }));
    let locked = list("locks")
        .into_iter()
        .map(|one| json!({ "name": one["name"], "why": format!("locked by {}", text(&one["by"])) }));
    let doubted = list("quarantined").into_iter().map(|one| json!({ "name": one["name"], "why": one["why"] }));
    let asked = list("sheds").into_iter().map(|one| {
        let (cap, left) = (kilo(&one["cap_watts"]), seconds(&one["left_ms"]));
        json!({ "name": format!("rack {}", text(&one["rack"])), "why": format!("an operator asks for at most {cap}, for {left} more") })
    });
    let capped = list("caps").into_iter().map(|one| {
        let why = format!("at most {}: {}", kilo(&one["cap_watts"]), text(&one["reason"]));
        json!({ "name": format!("rack {}", text(&one["rack"])), "why": why })
    });
    held.chain(locked).chain(doubted).chain(asked).chain(capped).collect()
}

fn headroom(row: &Value) -> Option<i64> {
    Some(row["limit_watts"].as_i64()? - row["draw_watts"].as_i64()?)
}

fn table(what: What, rows: &[Value], output: Output) -> String {
    let (heads, line): (&[&str], Line) = match what {
        What::Racks if output == Output::Wide => (&WIDE_RACK, wide_rack),
        What::Kesms if output == Output::Wide => (&WIDE_KESM, wide_kesm),
        What::Racks => (&WIDE_RACK[..7], rack),
        What::Kesms => (&WIDE_KESM[..5], kesm),
        What::Transfers => (&["TRANSFER", "TO", "UP TO", "LEFT", "PHASE", "FROM"], transfer),
        What::Alarms => (&["P", "ALARM", "STANDS", "AGE", "SEEN BY", "SHELVED", "WHAT"], alarm),
        What::Exceptions => (&["WHAT", "WHY"], |row| vec![text(&row["name"]), text(&row["why"])]),
    };
    if rows.is_empty() {
        return "none\n".into();
    }
    columns(heads, rows.iter().map(line))
}

fn rack(row: &Value) -> Vec<String> {
    let risk = if row["at_risk"] == true { "yes" } else { "-" };
    let headroom = headroom(row).map_or_else(|| "-".into(), |watts| kilo(&json!(watts)));
    let power = |name: &str| kilo(&row[name]);
    vec![
        text(&row["name"]),
        power("draw_watts"),
        power("load_watts"),
        power("limit_watts"),
        headroom,
        power("peak_p99_watts"),
        risk.into(),
    ]
}

fn wide_rack(row: &Value) -> Vec<String> {
    let number = |name: &str| row[name].as_i64().map_or_else(|| "-".into(), |number| number.to_string());
    let heat = row["heat_permille"].as_i64().map_or_else(|| "-".into(), |heat| format!("{} %", heat / 10));
    let tripped = if row["tripped"] == true { "TRIPPED" } else { "closed" };
    let more = [kilo(&row["peak_p50_watts"]), kilo(&row["expected_watts"]), number("anomaly"), number("drift"), heat];
    rack(row).into_iter().chain(more).chain([tripped.into()]).collect()
}

fn wide_kesm(row: &Value) -> Vec<String> {
    let energy = |name: &str| row[name].as_i64().map_or_else(|| "-".into(), |joules| format!("{} kJ", joules / 1_000));
    kesm(row).into_iter().chain([energy("capacity_joules"), energy("reserve_joules")]).collect()
}

fn kesm(row: &Value) -> Vec<String> {
    let (stored, capacity) = (row["stored_joules"].as_i64(), row["capacity_joules"].as_i64().unwrap_or(1).max(1));
    let share = |joules: i64| format!("{} %", joules.saturating_mul(100) / capacity);
    let reserve = row["reserve_joules"].as_i64().map_or_else(|| "-".into(), share);
    let energy = |joules: i64| format!("{} kJ", joules / 1_000);
    vec![
        text(&row["name"]),
        stored.map_or_else(|| "-".into(), energy),
        stored.map_or_else(|| "-".into(), share),
        reserve,
        kilo(&row["supply_watts"]),
    ]
}

fn transfer(row: &Value) -> Vec<String> {
    let from: Vec<String> = row["from"].as_array().into_iter().flatten().map(text).collect();
    vec![
        text(&row["id"]),
        text(&row["rack"]),
        kilo(&row["watts"]),
        seconds(&row["left_ms"]),
        text(&row["phase"]),
        from.join(" + "),
    ]
}

fn alarm(row: &Value) -> Vec<String> {
    let stands = match (row["active"] == true, row["chattering"] == true) {
        (true, false) => "stands",
        (true, true) => "comes and goes",
        (false, _) => "gone",
    };
    let shelved = if row["shelved_left_ms"].is_null() { "-".into() } else { seconds(&row["shelved_left_ms"]) };
    vec![
        row["priority"].to_string(),
        text(&row["id"]),
        stands.into(),
        seconds(&row["age_ms"]),
        text(&row["acknowledged_by"]),
        shelved,
        format!("{}: runbooks/{}.md", text(&row["text"]), text(&row["runbook"])),
    ]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

/// Watts as kilowatts with one decimal.
pub fn kilo(watts: &Value) -> String {
    watts.as_i64().map_or_else(|| "-".into(), |watts| ridethrough_core::units::Watts::new(watts).kilo().to_string())
}

fn seconds(span_ms: &Value) -> String {
    let span = span_ms.as_i64().unwrap_or_default().max(0).unsigned_abs() / 1_000;
    humantime::format_duration(Duration::from_secs(span)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: What, shown: &Value, expected: &str) {
        assert_eq!(table(what, &rows(what, shown), Output::Table), expected);
    }

    #[test]
    fn lists_have_a_line_for_each_and_dashes_for_what_is_not_known() {
        let shown = json!({
            "racks": [
                { "name": "A1", "draw_watts": 12_000, "load_watts": 12_100, "limit_watts": 24_000, "peak_p99_watts": 25_000, "at_risk": true },
                { "name": "A2", "draw_watts": null, "load_watts": null, "limit_watts": 24_000, "peak_p99_watts": 0, "at_risk": false },
            ],
            "kesms": [{ "name": "K1", "stored_joules": 1_500_000, "capacity_joules": 2_000_000, "reserve_joules": 600_000, "supply_watts": -500 }],
            "alarms": [{
                "id": "utility-outage:feed-A", "priority": 1, "active": true, "chattering": false, "age_ms": 61_000,
                "acknowledged_by": null, "shelved_left_ms": null, "text": "lost", "runbook": "utility-outage",
            }],
            "held": ["kesm K1"],
            "locks": [{ "name": "kesm K1", "by": "mira (uid 1000)" }],
            "sheds": [{ "rack": "A1", "cap_watts": 14_000, "left_ms": 600_000 }],
        });
        check(
            What::Racks,
            &shown,
            "RACK  DRAW     LOAD     LIMIT    HEADROOM  PEAK P99  AT RISK\n\
             A1    12.0 kW  12.1 kW  24.0 kW  12.0 kW   25.0 kW   yes\n\
             A2    -        -        24.0 kW  -         0.0 kW    -\n",
        );
        check(What::Kesms, &shown, "KESM  STORED   CHARGE  RESERVE  GIVES\nK1    1500 kJ  75 %    30 %     -0.5 kW\n");
        check(
            What::Alarms,
            &shown,
            "P  ALARM                  STANDS  AGE    SEEN BY  SHELVED  WHAT\n\
             1  utility-outage:feed-A  stands  1m 1s  -        -        lost: runbooks/utility-outage.md\n",
        );
        check(
            What::Exceptions,
            &shown,
            "WHAT     WHY\nkesm K1  held by an operator\nkesm K1  locked by mira (uid 1000)\nrack A1  an operator asks for at most 14.0 kW, for 10m more\n",
        );
        check(What::Transfers, &shown, "none\n");
        let wide = |what| table(what, &rows(what, &shown), Output::Wide);
        assert_eq!(
            wide(What::Kesms),
            "KESM  STORED   CHARGE  RESERVE  GIVES    WHEN FULL  FLOOR\nK1    1500 kJ  75 %    30 %     -0.5 kW  2000 kJ    600 kJ\n"
        );
        let racks = wide(What::Racks);
        assert!(racks.lines().all(|line| line.ends_with("BREAKER") || line.ends_with("closed")), "{racks}");
    }
}
