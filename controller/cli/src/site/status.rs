//! How the site is, in a few lines.

use anyhow::Result;
use serde_json::{Value, json};

use super::get::kilo;
use crate::ask::Of;
use crate::ended::Ended;
use crate::output::Output;

/// Prints it.
pub fn show(of: &Of, output: Output) -> Result<Ended> {
    let shown = super::shown(of)?;
    output.print(&shown, || words(&shown))?;
    Ok(Ended::Well)
}

fn words(shown: &Value) -> String {
    let list = |name: &str| shown[name].as_array().map_or(&[][..], Vec::as_slice);
    let sum = |name: &str, of: &str| list(name).iter().filter_map(|one| one[of].as_i64()).sum::<i64>();
    let leader = shown["leader"].as_u64().map_or_else(|| "nobody leads".into(), |id| format!("n{id} leads"));
    let modes = list("feeds")
        .iter()
        .map(|feed| format!("{} {}", feed["name"].as_str().unwrap_or("-"), feed["mode"].as_str().unwrap_or("-")));
    let at_risk = list("racks").iter().filter(|rack| rack["at_risk"] == true).count();
    let (stored, capacity) = (sum("kesms", "stored_joules"), sum("kesms", "capacity_joules").max(1));
    let mut lines = vec![
        format!("site      {}", shown["site"].as_str().unwrap_or("-")),
        format!(
            "replica   n{}, {}; {leader}, term {}, applied {}",
            shown["replica"],
            shown["role"].as_str().unwrap_or("-"),
            shown["term"],
            shown["applied_index"]
        ),
        format!(
            "feeds     {}{}",
            modes.collect::<Vec<_>>().join(", "),
            if shown["manual"] == true { "; MANUAL MODE" } else { "" }
        ),
        format!(
            "power     {} drawn of {}, {at_risk} of {} racks at risk, {} transfers",
            kilo(&json!(sum("racks", "draw_watts"))),
            kilo(&json!(sum("racks", "limit_watts"))),
            list("racks").len(),
            list("transfers").len()
        ),
        format!("storage   {} kJ, {} % of what fits", stored / 1_000, stored.saturating_mul(100) / capacity),
        format!("devices   {} of {} heard", shown["devices_heard"], shown["devices"]),
        format!("alarms    {}", alarms(list("alarms"), shown["alarm_flood"] == true)),
    ];
    let except = list("held").len() + list("quarantined").len() + list("sheds").len() + list("caps").len();
    if except > 0 {
        lines.push(format!("also      {except} exceptions: `ridectl get exceptions`"));
    }
    lines.join("\n") + "\n"
}

fn alarms(alarms: &[Value], flood: bool) -> String {
    let of = |priority: u64| alarms.iter().filter(|alarm| alarm["priority"] == priority).count();
    let unseen = alarms.iter().filter(|alarm| alarm["acknowledged_by"].is_null()).count();
    let flood = if flood { ", in a FLOOD: see to priority 1 first" } else { "" };
    format!("{} of priority 1, {} of 2, {} of 3; {unseen} not acknowledged{flood}", of(1), of(2), of(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_say_how_the_site_is() {
        let shown = json!({
            "site": "hall", "replica": 2, "role": "follower", "leader": 1, "term": 7, "applied_index": 90,
            "feeds": [{ "name": "A", "mode": "normal" }], "manual": false,
            "racks": [{ "draw_watts": 10_000, "limit_watts": 24_000, "at_risk": true }, { "draw_watts": null, "limit_watts": 24_000 }],
            "kesms": [{ "stored_joules": 1_500_000, "capacity_joules": 2_000_000 }],
            "transfers": [], "devices_heard": 3, "devices": 4, "held": ["kesm K1"],
            "alarms": [{ "priority": 1, "acknowledged_by": null }, { "priority": 2, "acknowledged_by": "mira" }],
        });
        let expected = "site      hall\nreplica   n2, follower; n1 leads, term 7, applied 90\nfeeds     A normal\n\
                        power     10.0 kW drawn of 48.0 kW, 1 of 2 racks at risk, 0 transfers\n\
                        storage   1500 kJ, 75 % of what fits\ndevices   3 of 4 heard\n\
                        alarms    1 of priority 1, 1 of 2, 0 of 3; 1 not acknowledged\n\
                        also      1 exceptions: `ridectl get exceptions`\n";
        assert_eq!(words(&shown), expected);
    }
}
