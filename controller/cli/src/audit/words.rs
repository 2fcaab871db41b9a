//! Entries in words.

use ridethrough_core::audit::Record;
use ridethrough_core::command::{Command, Grant, Outcome, Plan, Release, ReleaseReason, Shortfall, TransferId};
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::{Millis, Watts};

use crate::output::hex;

/// Milliseconds as seconds with one decimal.
pub fn seconds(span: Millis) -> String {
    format!("{}.{} s", span.get() / 1_000, (span.get() % 1_000) / 100)
}

/// What an entry says, a line for each thing.
pub fn lines(record: &Record, site: &Site) -> Vec<String> {
    let mut lines = match &record.entry.command {
        Command::Found(founding) => {
            let (cluster, hash) = (hex(&founding.cluster), hex(&founding.site_hash[..8]));
            vec![format!("founded cluster {cluster} on site {} ({hash}…)", site.name)]
        }
        Command::Plan(plan) => plan_lines(record.position.index, plan, site),
        Command::Outcome(outcome) => vec![outcome_line(outcome, site)],
    };
    match &record.effect {
        Effect::Refused(refusal) => lines.push(format!("REFUSED, nothing changed: {}", refusal.describe(site))),
        Effect::Diverged { index } => lines.push(format!("DIVERGED: its proposer saw another state {index}")),
        Effect::Founded | Effect::Admitted { .. } | Effect::Noted => {}
    }
    lines
}

/// Whether an entry is about this rack.
pub fn concerns(record: &Record, rack: RackId, transfers: &dyn Fn(TransferId) -> Option<RackId>) -> bool {
    match &record.entry.command {
        Command::Found(_) => false,
        Command::Plan(plan) => {
            plan.grants.iter().any(|grant| grant.rack == rack)
                || plan.releases.iter().any(|release| release.rack == rack)
                || plan.shortfalls.iter().any(|shortfall| shortfall.rack == rack)
        }
        Command::Outcome(outcome) => transfers(outcome.transfer) == Some(rack),
    }
}

fn plan_lines(index: u64, plan: &Plan, site: &Site) -> Vec<String> {
    let grants = plan.grants.iter().enumerate().map(|(nth, grant)| grant_line(index, nth, grant, site));
    let releases = plan.releases.iter().map(|release| release_line(*release, site));
    let charges = plan.charges.iter().map(|charge| {
        let name = &site.kesm(charge.kesm).name;
        format!("charge    {name} may take {} for {}", charge.charge_max.kilo(), seconds(charge.hold))
    });
    let shortfalls = plan.shortfalls.iter().map(|shortfall| shortfall_line(shortfall, site));
    grants.chain(releases).chain(charges).chain(shortfalls).collect()
}

fn grant_line(index: u64, nth: usize, grant: &Grant, site: &Site) -> String {
    let from: Vec<String> = grant.legs.iter().map(|leg| site.leg_name(leg)).collect();
    let delivered: Watts = grant.legs.iter().map(|leg| leg.delivered).sum();
    let rack = &site.rack(grant.rack).name;
    let (peak, limit) = (grant.risk.forecast.peak_p99.kilo(), grant.risk.limit.kilo());
    let (up_to, hold) = (delivered.kilo(), seconds(grant.hold));
    format!(
        "transfer  {index}.{nth} to {rack} from {}: up to {up_to} for {hold} (P99 {peak}, limit {limit})",
        from.join(" + ")
    )
}

fn release_line(release: Release, site: &Site) -> String {
    format!("release   {}: {}", site.rack(release.rack).name, release_reason(release.reason))
}

/// Why a transfer was released.
pub fn release_reason(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::ForecastFell => "the forecast fell and stayed low",
        ReleaseReason::DeviceFailed => "a source failed and the rack could do without",
    }
}

fn shortfall_line(shortfall: &Shortfall, site: &Site) -> String {
    format!("SHORTFALL {}: {} not covered", site.rack(shortfall.rack).name, shortfall.uncovered.kilo())
}

fn outcome_line(outcome: &Outcome, site: &Site) -> String {
    let said: Vec<String> = outcome
        .acks
        .iter()
        .map(|timed| {
            let name = site.device_name(timed.ack.device);
            format!("{name} {} after {}", verdict(timed.ack.verdict), millis(timed.after_us))
        })
        .collect();
    format!("outcome   {}: {}", outcome.transfer, said.join(", "))
}

/// A device's verdict in a word.
pub fn verdict(verdict: ridethrough_core::device::Verdict) -> &'static str {
    use ridethrough_core::device::Verdict;
    match verdict {
        Verdict::Executed => "acted",
        Verdict::Duplicate => "had acted",
        Verdict::StaleFence => "refused a stale fence",
        Verdict::Expired => "refused, expired",
        Verdict::BeyondLimits => "refused, beyond its limits",
        Verdict::Unavailable => "refused, unavailable",
    }
}

/// Microseconds as milliseconds with two decimals.
pub fn millis(micros: u32) -> String {
    format!("{}.{:02} ms", micros / 1_000, (micros % 1_000) / 10)
}
