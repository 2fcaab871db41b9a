//! What must have held, each measured against its budget.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::file::{Drill, Expect};
use super::stage::named;

/// One thing that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// What was found.
    pub measured: String,
    /// What is allowed.
    pub budget: String,
    /// Whether it held.
    pub ok: bool,
}

/// What a run measured while it went on.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// Whether the steady state came about before the first fault, and after how long; otherwise what was missing.
    pub(super) steady: Option<Result<Duration, String>>,
    /// Every fault, and what showed that it worked.
    pub(super) effects: Vec<(String, Option<String>)>,
    /// How long until a device obeyed the next leader, for every fault that took the leader away.
    pub(super) gaps: Vec<Option<Duration>>,
    /// Whether the steady state came back, after how long; otherwise what was missing.
    pub(super) recovered: Option<Result<Duration, String>>,
    /// Racks that went dark.
    pub(super) trips: usize,
    /// From the first fault until no device had an order in force.
    pub(super) safe_after: Option<Duration>,
    /// Whether what was expected was seen while faults lasted: a quarantine, a mode, a source of forecasts.
    pub(super) quarantined: bool,
    pub(super) modes: Vec<String>,
    pub(super) sources: Vec<String>,
    /// What devices refused meanwhile.
    pub(super) refused: u64,
    /// Control periods that the leader missed meanwhile; none where the leader changed.
    pub(super) ticks_skipped: Option<u64>,
    /// What replicas were left to run, and whether they do; none where there is one program.
    pub(super) programs: Option<(String, bool)>,
    /// Entries that were committed while both programs ran; none where there is one program.
    pub(super) mixed_entries: Option<u64>,
    /// Replicas that ended by themselves, with whether a fault had touched them.
    pub(super) ended: Vec<(u16, bool)>,
    /// Two that acted in one term.
    pub(super) rivals: Option<String>,
    /// Leaders before the first fault and at the end.
    pub(super) leaders: Option<(u16, u16)>,
    /// What does not add up in the plant's energy account, as a share of what was turned over.
    /// None where the plant is somebody else's.
    pub(super) energy_error_share: Option<f64>,
    /// What the audit said.
    pub(super) audit: Value,
}

/// The most that the energy account may be off: the plant's own limit.
const ENERGY_ERROR_SHARE_MAX: f64 = 1e-6;

#[allow(clippy::needless_pass_by_value, reason = "numbers and words alike, without a & before each")]
fn check(name: &str, measured: impl ToString, budget: impl ToString, ok: bool) -> Check {
    Check { name: name.into(), measured: measured.to_string(), budget: budget.to_string(), ok }
}

fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1e3)
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// Everything that is judged.
pub(super) fn all(drill: &Drill, measured: &Measured) -> Vec<Check> {
    let mut checks = live(drill, measured);
    checks.extend(measured.energy_error_share.map(|_| audited(measured)).into_iter().flatten());
    checks
}

/// What can be judged while the cluster runs.
pub(super) fn live(drill: &Drill, measured: &Measured) -> Vec<Check> {
    let mut checks = vec![steady("steady before", measured.steady.as_ref(), drill.steady.within_s)];
    checks.extend(measured.effects.iter().map(|(fault, effect)| {
        let shown = effect.clone().unwrap_or_else(|| "nothing showed it".into());
        check(&format!("took effect: {fault}"), shown, "seen to work", effect.is_some())
    }));
    checks.extend(expected(&drill.expect, measured));
    checks.push(steady("steady after", measured.recovered.as_ref(), drill.expect.recovered_within_s));
    checks.extend(always(&drill.expect, measured));
    checks
}

fn steady(name: &str, found: Option<&Result<Duration, String>>, within_s: f64) -> Check {
    let budget = format!("within {within_s} s");
    match found {
        Some(Ok(after)) => check(name, format!("after {}", seconds(*after)), budget, true),
        Some(Err(missing)) => check(name, missing, budget, false),
        None => check(name, "it did not come to that", budget, false),
    }
}

fn expected(expect: &Expect, measured: &Measured) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(gap_ms) = expect.gap_ms {
        let worst = measured.gaps.iter().copied().max_by_key(|gap| gap.unwrap_or(Duration::MAX)).flatten();
        let shown = worst.map_or_else(|| "no device obeyed a next leader".into(), millis);
        let ok =
            worst.is_some_and(|gap| gap <= Duration::from_millis(gap_ms)) && measured.gaps.iter().all(Option::is_some);
        checks.push(check("failover gap", shown, format!("{gap_ms} ms"), ok));
    }
    if let Some(safe_ms) = expect.safe_within_ms {
        let shown = measured.safe_after.map_or_else(|| "never".into(), millis);
        let ok = measured.safe_after.is_some_and(|after| after <= Duration::from_millis(safe_ms));
        checks.push(check("every device in its safe state", shown, format!("{safe_ms} ms"), ok));
    }
    if let Some(device) = &expect.quarantined {
        let shown = if measured.quarantined { "quarantined" } else { "relied on" };
        checks.push(check(&format!("{device} is found out"), shown, "quarantined", measured.quarantined));
    }
    if let Some(mode) = &expect.mode {
        let ok = measured.modes.iter().any(|seen| seen == mode);
        checks.push(check("mode of a feed", measured.modes.join(", "), mode, ok));
    }
    if let Some(source) = &expect.forecast {
        let ok = measured.sources.iter().any(|seen| seen.starts_with(source.as_str()));
        checks.push(check("forecasts came from", measured.sources.join(", "), source, ok));
    }
    if let Some(least) = expect.refused_min {
        let ok = measured.refused >= least;
        checks.push(check("frames that devices refused", measured.refused, format!("at least {least}"), ok));
    }
    if let Some(most) = expect.ticks_skipped_max {
        let shown = measured.ticks_skipped.map_or_else(|| "another replica led".into(), |skipped| skipped.to_string());
        let ok = measured.ticks_skipped.is_some_and(|skipped| skipped <= most);
        checks.push(check("control periods missed", shown, format!("at most {most}"), ok));
    }
    if let Some(least) = expect.mixed_entries_min {
        let shown = measured.mixed_entries.unwrap_or(0);
        checks.push(check(
            "entries committed while both programs ran",
            shown,
            format!("at least {least}"),
            shown >= least,
        ));
    }
    if expect.same_leader {
        let shown =
            measured.leaders.map_or_else(|| "nobody".into(), |(before, after)| format!("n{before}, then n{after}"));
        let ok = measured.leaders.is_some_and(|(before, after)| before == after);
        checks.push(check("the leader", shown, "the same", ok));
    }
    checks
}

/// What every drill must keep.
fn always(expect: &Expect, measured: &Measured) -> Vec<Check> {
    let (own, other): (Vec<_>, Vec<_>) = measured.ended.iter().partition(|(_, touched)| *touched);
    let ended = |all: &[(u16, bool)]| match all {
        [] => "none".to_owned(),
        all => named(all.iter().map(|(id, _)| *id)),
    };
    let mut checks = vec![
        check(
            "two acting in one term",
            measured.rivals.as_deref().unwrap_or("never"),
            "never",
            measured.rivals.is_none(),
        ),
        check("untouched replicas that ended", ended(&other), "none", other.is_empty()),
    ];
    // The plant's meters can be read only where the plant is the drill's own.
    if let Some(energy) = measured.energy_error_share {
        checks.extend([
            check("racks dark", measured.trips, expect.trips_max, measured.trips <= expect.trips_max),
            check(
                "the plant's energy",
                format!("{energy:.1e} of the turnover"),
                format!("{ENERGY_ERROR_SHARE_MAX:e}"),
                energy.abs() <= ENERGY_ERROR_SHARE_MAX,
            ),
        ]);
    }
    if let Some((told, run)) = &measured.programs {
        checks.push(check("programs at the end", told, "as the drill left them", *run));
    }
    if expect.ends_by_itself || !own.is_empty() {
        let budget = if expect.ends_by_itself { "it ends" } else { "it does not" };
        let ok = expect.ends_by_itself != own.is_empty();
        checks.push(check("touched replicas that ended by themselves", ended(&own), budget, ok));
    }
    checks
}

/// What only the audit can tell: of the logs, once nobody writes to them, and of the devices' records.
fn audited(measured: &Measured) -> [Check; 4] {
    let count = |key: &str| measured.audit[key].as_u64();
    let none = |name: &str, key: &str| {
        let found = count(key);
        check(name, found.map_or_else(|| "not told".into(), |found| found.to_string()), 0, found == Some(0))
    };
    let verified = measured.audit["verified"].as_bool() == Some(true);
    let entries = count("entries").map_or_else(String::new, |entries| format!(" ({entries} entries)"));
    let shown = if verified { format!("verified{entries}") } else { "NOT VERIFIED".into() };
    [
        check("audit of all logs", shown, "verified", verified),
        none("uncommitted orders executed", "uncommitted_executed"),
        none("orders executed twice", "executed_twice"),
        none("fences that fell", "fences_not_rising"),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MIXED: &str = r#"name = "x"
about = ""
row = ""
plant = "demo"
[[fault]]
at_s = 2
kind = "other_program"
target = "n3"
[expect]
mixed_entries_min = 20
"#;

    /// What does not hold of a run that measured this.
    fn missed(measured: &Measured) -> Vec<String> {
        let plants = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let drill = Drill::parse("x.toml", MIXED, &plants).expect("good");
        live(&drill, measured).into_iter().filter(|check| !check.ok).map(|check| check.name).collect()
    }

    #[test]
    fn a_mix_of_programs_counts_only_where_it_was_seen_and_committed() {
        let steady = || Some(Ok(Duration::ZERO));
        let effects = vec![("n3".to_owned(), Some("seen".to_owned()))];
        let programs = Some(("n1 x".to_owned(), true));
        let good = Measured {
            steady: steady(),
            effects,
            recovered: steady(),
            programs,
            mixed_entries: Some(20),
            ..Measured::default()
        };
        assert!(missed(&good).is_empty(), "{:?}", missed(&good));
        let few = Measured { mixed_entries: Some(19), ..good.clone() };
        let unseen = Measured { effects: vec![("n3".into(), None)], ..good.clone() };
        let others = Measured { programs: Some((String::new(), false)), ..good.clone() };
        let ended = Measured { ended: vec![(3, true)], ..good };
        assert_eq!(missed(&few), ["entries committed while both programs ran"]);
        assert_eq!(missed(&unseen), ["took effect: n3"]);
        assert_eq!(missed(&others), ["programs at the end"]);
        assert_eq!(missed(&ended), ["touched replicas that ended by themselves"]);
    }
}
