//! Made-up outcomes, to look at a table and a page without running a plant. Nothing of it was measured.

use super::{Curve, Mark, MarkKind, Outcome, PolicyName, PolicyOutcome, Score};

/// A surge that some policies do not survive, and a calm scenario under two policies.
pub fn outcomes() -> Vec<Outcome> {
    let surge = [
        surge(PolicyName::None, 1.38, &[131.4, 133.0, 137.9, 290.2, 292.7, 301.1]),
        surge(PolicyName::ReactiveCapping, 1.04, &[]),
        surge(PolicyName::ReactiveTransfer, 1.12, &[292.2]),
        surge(PolicyName::Persistence, 1.03, &[]),
        surge(PolicyName::Ours, 1.004, &[]),
        surge(PolicyName::Oracle, 0.998, &[]),
    ];
    vec![
        outcome("surge", "Two rows surge at once while one module is away.", 600, surge.into()),
        outcome(
            "calm",
            "Nothing happens: nobody should do anything.",
            1_800,
            vec![calm(PolicyName::None), calm(PolicyName::Ours)],
        ),
    ]
}

fn outcome(scenario: &str, about: &str, seconds: u32, policies: Vec<PolicyOutcome>) -> Outcome {
    Outcome { scenario: scenario.to_owned(), about: about.to_owned(), seed: 42, seconds: f64::from(seconds), policies }
}

fn surge(policy: PolicyName, peak_share: f64, trips_at_seconds: &[f64]) -> PolicyOutcome {
    let holds = policy >= PolicyName::ReactiveTransfer;
    let surging = |second: u32| (120..210).contains(&second) || (280..370).contains(&second);
    let draw = |second: u32| {
        let swing = 0.05 * wave(second, 7.0) + 0.03 * wave(second, 2.3);
        if surging(second) { peak_share - 0.02 + swing * 0.4 } else { 0.78 + swing }
    };
    let stored = |second: u32| {
        let spent = (0..second).filter(|second| surging(*second)).count();
        if holds { 0.9 - 0.003 * f64::from(u32::try_from(spent).expect("few")) } else { 0.9 }
    };
    let utility = |second: u32| {
        let shaved = if holds && surging(second) { 21_000.0 } else { 0.0 };
        212_000.0 + 9_000.0 * wave(second, 40.0) + if surging(second) { 48_000.0 - shaved } else { 0.0 }
    };
    let capped = |second: u32| if policy == PolicyName::ReactiveCapping && surging(second) { 14 } else { 0 };
    let mut marks =
        vec![event(120.0, "surge on rows A and B"), event(280.0, "second surge"), event(300.0, "K3 is back")];
    marks.extend(trips_at_seconds.iter().enumerate().map(|(nth, &at_seconds)| Mark {
        at_seconds,
        kind: MarkKind::Trip,
        text: format!("A{}", nth + 1),
    }));
    PolicyOutcome {
        policy,
        score: score(policy, trips_at_seconds.len() as u64),
        curve: Curve {
            worst_draw_shares: (0..=600).map(draw).collect(),
            stored_shares: (0..=600).map(stored).collect(),
            utility_watts: (0..=600).map(utility).collect(),
            capped_servers: (0..=600).map(capped).collect(),
            marks,
        },
        wall_seconds: 1.2,
    }
}

fn score(policy: PolicyName, trips: u64) -> Score {
    let capping = policy == PolicyName::ReactiveCapping;
    let holds = policy >= PolicyName::ReactiveTransfer;
    Score {
        trips,
        overload_seconds: [1_204.6, 38.2, 91.0, 12.4, 0.8, 0.0][policy as usize],
        overload_joules: [2_912_400, 61_000, 402_100, 9_800, 310, 0][policy as usize],
        capped_server_seconds: if capping { 2_520.0 } else { 0.0 },
        denied_joules: if capping { 1_840_200 } else { 0 },
        moved_joules: if holds { 3_120_000 } else { 0 },
        loss_joules: if holds { 402_000 } else { 0 },
        reserve_floor_seconds: if policy == PolicyName::ReactiveTransfer { 4.2 } else { 0.0 },
        false_transfers: if policy == PolicyName::Ours { 2 } else { 0 },
        worst_damage: [1.0, 0.31, 1.0, 0.12, 0.02, 0.0][policy as usize],
        deepest_charge_share: if holds { 0.36 } else { 0.9 },
        utility_peak_watts: if holds { 248_000 } else { 269_000 },
        unserved_joules: i64::try_from(trips).expect("few") * 900_000,
        transfers: if holds { 31 } else { 0 },
        energy_error_share: 3.1e-12,
        ..Score::default()
    }
}

fn calm(policy: PolicyName) -> PolicyOutcome {
    PolicyOutcome {
        policy,
        score: Score { deepest_charge_share: 0.89, utility_peak_watts: 198_000, ..Score::default() },
        curve: Curve {
            worst_draw_shares: (0..=1_800).map(|second| 0.7 + 0.06 * wave(second, 11.0)).collect(),
            stored_shares: (0..=1_800).map(|second| 0.9 - 0.000_004 * f64::from(second)).collect(),
            utility_watts: (0..=1_800).map(|second| 190_000.0 + 6_000.0 * wave(second, 60.0)).collect(),
            capped_servers: vec![0; 1_801],
            marks: Vec::new(),
        },
        wall_seconds: 3.4,
    }
}

fn event(at_seconds: f64, text: &str) -> Mark {
    Mark { at_seconds, kind: MarkKind::Event, text: text.to_owned() }
}

/// Looks restless enough for a load, and is the same on every machine.
fn wave(second: u32, period_seconds: f64) -> f64 {
    let turns = f64::from(second) / period_seconds;
    0.6 * (turns * std::f64::consts::TAU).sin() + 0.4 * (turns * 4.1).sin()
}
