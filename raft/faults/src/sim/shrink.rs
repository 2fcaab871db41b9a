//! The fewest faults with which a run still breaks the same rule.

use std::io;

use super::book::Rule;
use super::plan::Plan;
use super::run::Outcome;

/// Runs that shrinking may take.
const RUNS_MAX: usize = 120;

/// Takes faults away, first many at once and then one by one, as long as the run fails in the same way.
pub fn shrink(plan: &Plan, run: impl Fn(&Plan) -> io::Result<Outcome>) -> Plan {
    let broken = |plan: &Plan| -> Option<Rule> { run(plan).ok()?.violations.first().map(|violation| violation.rule) };
    let wanted = broken(plan);
    let (mut least, mut runs, mut size) = (plan.clone(), 0, plan.faults.len().div_ceil(2));
    while size > 0 && runs < RUNS_MAX {
        let mut from = 0;
        while from < least.faults.len() && runs < RUNS_MAX {
            let mut fewer = least.clone();
            fewer.faults.drain(from..(from + size).min(least.faults.len()));
            runs += 1;
            if broken(&fewer) == wanted {
                least = fewer;
            } else {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    least
}
