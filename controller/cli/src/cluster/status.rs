//! How a cluster is, as one of its replicas sees it.

use anyhow::Result;
use serde_json::{Value, json};

use crate::ask::{Of, ask};
use crate::output::Output;

/// Prints the members and how far each is.
pub fn show(of: &Of, output: Output) -> Result<bool> {
    let told = ask(of, &json!({ "command": "cluster" }))?;
    output.print(&told, || words(&told))?;
    Ok(true)
}

fn words(told: &Value) -> String {
    let number = |name: &str| told[name].as_u64().map_or_else(|| "-".into(), |value| value.to_string());
    let leader = told["leader"].as_u64().map_or_else(|| "nobody".into(), |id| format!("n{id}"));
    let forgotten =
        if told["forgotten"] == true { ", FORGOTTEN by its peers: it does not stand for election" } else { "" };
    let alone = if told["role"] == "leader" && told["acting"] == false {
        ", CONFIRMED BY NO MAJORITY: nothing is decided"
    } else {
        ""
    };
    let mut words = format!(
        "replica   n{}, {}{alone}{forgotten}\nleader    {leader}, term {}\nlog       last {}, committed {}, applied {}, snapshot {}\n",
        number("replica"),
        told["role"].as_str().unwrap_or("-"),
        number("term"),
        number("last_index"),
        number("committed_index"),
        number("applied_index"),
        number("snapshot_index"),
    );
    if let (Some(term), Some(index)) = (told["devices_ahead"]["term"].as_u64(), told["devices_ahead"]["index"].as_u64())
    {
        words += &format!(
            "fences    AHEAD OF THE LOG: devices have obeyed term {term}, index {index}, and refuse what stands below\n"
        );
    }
    for member in told["members"].as_array().into_iter().flatten() {
        words += &member_line(member);
    }
    for one in told["disputed"].as_array().into_iter().flatten() {
        let text = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
        words += &format!("DISPUTED  transfer {} to {}: {}\n", text("transfer"), text("rack"), text("why"));
    }
    words
}

fn member_line(member: &Value) -> String {
    let part = if member["votes"] == true { "votes" } else { "learns" };
    let lag = member["lag_entries"].as_u64().map(|entries| format!(", {entries} entries behind"));
    let heard = member["acked_ms_ago"].as_f64().map(|ms| format!(", acknowledged {ms:.1} ms ago"));
    let leads = if member["leads"] == true { ", leads" } else { "" };
    let at = member["address"].as_str().map(|address| format!(" at {address}")).unwrap_or_default();
    let (lag, heard) = (lag.unwrap_or_default(), heard.unwrap_or_default());
    format!("member    n{}{at} {part}{leads}{lag}{heard}\n", member["replica"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_tells_how_far_its_peers_are_and_a_follower_does_not_know() {
        let told = json!({
            "replica": 2, "role": "leader", "term": 7, "leader": 2, "last_index": 90, "committed_index": 89,
            "applied_index": 89, "snapshot_index": null,
            "members": [
                { "replica": 1, "address": "10.0.0.1:7301", "votes": true, "leads": false, "lag_entries": 1, "acked_ms_ago": 0.4 },
                { "replica": 2, "address": "10.0.0.2:7301", "votes": true, "leads": true, "lag_entries": 0, "acked_ms_ago": 0.0 },
                { "replica": 3, "address": "10.0.0.3:7301", "votes": false, "leads": false, "lag_entries": null, "acked_ms_ago": null },
            ],
            "acting": true,
            "disputed": [{ "transfer": "84.0", "rack": "A2", "why": "it stores too little" }],
        });
        let expected = "replica   n2, leader\nleader    n2, term 7\nlog       last 90, committed 89, applied 89, snapshot -\n\
                        member    n1 at 10.0.0.1:7301 votes, 1 entries behind, acknowledged 0.4 ms ago\n\
                        member    n2 at 10.0.0.2:7301 votes, leads, 0 entries behind, acknowledged 0.0 ms ago\n\
                        member    n3 at 10.0.0.3:7301 learns\n\
                        DISPUTED  transfer 84.0 to A2: it stores too little\n";
        assert_eq!(words(&told), expected);
        let alone = words(&json!({ "replica": 2, "role": "leader", "acting": false, "term": 7, "leader": 2 }));
        assert!(alone.starts_with("replica   n2, leader, CONFIRMED BY NO MAJORITY: nothing is decided\n"), "{alone}");
    }
}
