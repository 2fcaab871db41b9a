//! Whether all is well, for scripts.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::ask::Of;
use crate::ended::Ended;
use crate::output::Output;

/// From one look to the next.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// Looks until all is well or the time is up.
pub fn judge(of: &Of, wait: Duration, output: Output) -> Result<Ended> {
    let begun = Instant::now();
    loop {
        let wrong = look(of);
        if wrong.is_empty() || begun.elapsed() >= wait {
            let healthy = wrong.is_empty();
            output.print(&json!({ "healthy": healthy, "wrong": wrong }), || words(&wrong))?;
            return Ok(if healthy { Ended::Well } else { Ended::Unreachable });
        }
        std::thread::sleep(LOOKS_EVERY);
    }
}

fn look(of: &Of) -> Vec<String> {
    match super::shown(of) {
        Ok(shown) => wrong(&shown),
        Err(error) => vec![format!("{error:#}")],
    }
}

/// What is not as it should be, in words.
fn wrong(shown: &Value) -> Vec<String> {
    let (role, number) = (shown["role"].as_str().unwrap_or("-"), |name: &str| shown[name].as_u64().unwrap_or_default());
    let (heard, devices) = (number("devices_heard"), number("devices"));
    let says = [
        (role == "leader" && shown["acting"] != true, "this replica leads, and no majority confirms it".to_owned()),
        (role != "leader" && !shown["leader"].is_u64(), "nobody leads".to_owned()),
        (!matches!(role, "leader" | "follower"), format!("this replica is a {role}")),
        (heard < devices, format!("{heard} of {devices} devices are heard")),
    ];
    says.into_iter().filter(|(so, _)| *so).map(|(_, what)| what).collect()
}

fn words(wrong: &[String]) -> String {
    if wrong.is_empty() {
        return "healthy\n".into();
    }
    wrong.iter().map(|what| format!("UNHEALTHY {what}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shown: &Value, expected: &str) {
        assert_eq!(words(&wrong(shown)), expected);
    }

    #[test]
    fn a_leader_must_be_confirmed_a_follower_must_know_one_and_all_devices_be_heard() {
        let shown = |role: &str, acting, leader: Option<u16>, heard| json!({ "role": role, "acting": acting, "leader": leader, "devices_heard": heard, "devices": 9 });
        check(&shown("leader", true, Some(1), 9), "healthy\n");
        check(&shown("follower", false, Some(1), 9), "healthy\n");
        check(&shown("leader", false, Some(1), 9), "UNHEALTHY this replica leads, and no majority confirms it\n");
        check(&shown("follower", false, None, 9), "UNHEALTHY nobody leads\n");
        check(&shown("candidate", false, None, 9), "UNHEALTHY nobody leads\nUNHEALTHY this replica is a candidate\n");
        check(&shown("follower", false, Some(1), 8), "UNHEALTHY 8 of 9 devices are heard\n");
    }
}
