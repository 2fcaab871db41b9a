//! The transfer model within bounds that take seconds; `cargo run --release -p ridethrough-models` goes further.

use std::collections::BTreeSet;

use ridethrough_models::transfer::{Rules, SLICE, Until, WEAKENED, explore};

#[test]
fn the_rules_that_ship_hold_and_everything_happens() {
    let (mut happens, mut missing) = (BTreeSet::new(), BTreeSet::new());
    for &bounds in SLICE {
        let run = explore(bounds, Rules::SHIPPED, Until::Explored);
        assert!(run.broken.is_empty(), "within {bounds:?}: {:#?}", run.broken);
        happens.extend(run.happens);
        missing.extend(run.missing);
    }
    let never: Vec<_> = missing.difference(&happens).collect();
    assert!(never.is_empty(), "it never happens that {never:?}");
}

#[test]
fn every_weakened_rule_breaks_what_it_is_there_for() {
    for weakened in WEAKENED {
        for &property in weakened.breaks {
            let run = explore(weakened.bounds, weakened.rules, Until::Broken(property));
            assert!(run.counterexample(property).is_some(), "{}: not broken: {property}", weakened.name);
        }
    }
}
