//! The fewest faults with which a run still fails.

use ridethrough_fault_injection::scenario::Scenario;

use crate::run::Plan;

/// Runs that shrinking may take.
const RUNS_MAX: usize = 200;

/// Takes faults away, first many at once and then one by one, as long as the run fails in the same way.
pub fn shrink(plan: &Plan, scenario: &Scenario) -> Plan {
    let fails = |plan: &Plan| plan.run(scenario).violations.first().map(|violation| violation.invariant);
    let wanted = fails(plan);
    let (mut least, mut runs) = (plan.clone(), 0);
    let mut size = least.faults.len().div_ceil(2);
    while size > 0 && runs < RUNS_MAX {
        let mut from = 0;
        while from < least.faults.len() && runs < RUNS_MAX {
            let mut fewer = least.clone();
            let to = (from + size).min(fewer.faults.len());
            fewer.faults.drain(from..to);
            runs += 1;
            if fails(&fewer) == wanted {
                least = fewer;
            } else {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    least
}
