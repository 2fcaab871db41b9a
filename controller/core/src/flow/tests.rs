//! Examples by hand, and properties of every flow; optimality is judged by two judges that share nothing with the
//! solver but the input: a linear program and a search for a ring of negative cost.

mod certificate;
mod linear_program;
mod problem;

use proptest::prelude::*;

use super::network::{AMOUNT_MAX, COST_MAX, LINKS_MAX, NODES_MAX, Network, SEGMENTS_MAX, VALUE_MAX};
use super::{Ended, Refusal, Segment, Solver};
use crate::cases;
use certificate::Covered;
use problem::{Problem, problem};

/// Solves a problem that is written down and compares what flows.
fn check(text: &str, expected: &str) {
    let problem = Problem::parse(text);
    let mut solver = problem.solver();
    let told = problem.tell(&problem.flows(&mut solver.solve()));
    assert_eq!(told, expected, "{text}");
}

#[test]
fn the_cheap_segment_fills_first() {
    check("source a 20@0; arc a b 4@1 9@3; demand b 6 worth 1000", "a gives 6; a>b 6; b gets 6 of 6; cost 10");
}

#[test]
fn what_cannot_be_carried_is_left_uncovered() {
    check("source a 10@1; arc a b 7@2; demand b 8 worth 100", "a gives 7; a>b 7; b gets 7 of 8; cost 21");
}

#[test]
fn the_more_valuable_demand_is_covered_first() {
    check(
        "source a 5@0; arc a b 9@1; arc a c 9@4; demand b 4 worth 10; demand c 4 worth 20",
        "a gives 5; a>b 1; a>c 4; b gets 1 of 4; c gets 4 of 4; cost 17",
    );
}

#[test]
fn a_unit_that_costs_what_it_is_worth_is_not_moved() {
    check("source a 9@0; arc a b 2@4 2@5 2@6; demand b 9 worth 5", "a gives 2; a>b 2; b gets 2 of 9; cost 8");
}

#[test]
fn nor_is_one_for_the_sake_of_fewer_arcs() {
    // With e's own source in its place, the unit of a would be at home, four arcs shorter, for just what that is worth.
    check(
        "source a 1@0; source e 1@5; arc a b 1@0; arc b c 1@0; arc c d 1@0; arc d e 1@0; demand e 1 worth 10; \
         demand a 1 worth 5",
        "a gives 1; e gives 0; a>b 1; b>c 1; c>d 1; d>e 1; e gets 1 of 1; a gets 0 of 1; cost 0",
    );
}

#[test]
fn an_earlier_way_is_taken_back_for_a_better_whole() {
    // The cheapest way, a>b>c>d, blocks both of the ways that are needed in the end.
    check(
        "source a 2@0; arc a b 1@1; arc b c 1@1; arc c d 1@1; arc a c 1@5; arc b d 1@5; demand d 2 worth 100",
        "a gives 2; a>b 1; c>d 1; a>c 1; b>d 1; d gets 2 of 2; cost 12",
    );
}

#[test]
fn between_equal_costs_fewer_arcs_and_then_the_earlier_win() {
    check(
        "source a 3@0; arc a b 9@0; arc b c 9@0; arc a c 2@0; arc a c 9@0; demand c 3 worth 1",
        "a gives 3; a>c 2; a>c 1; c gets 3 of 3; cost 0",
    );
}

#[test]
fn a_source_serves_its_own_node_without_an_arc() {
    check(
        "source a 3@2; source a 9@1; demand a 5 worth 2; demand a 2 worth 3",
        "a gives 0; a gives 7; a gets 5 of 5; a gets 2 of 2; cost 7",
    );
}

#[test]
fn nothing_is_a_network() {
    check("", "cost 0");
    check("demand a 5 worth 9", "a gets 0 of 5; cost 0");
    check("source a 0@0 7@1; demand a 5 worth 0", "a gives 0; a gets 0 of 5; cost 0");
}

#[test]
fn what_is_not_convex_or_too_large_is_refused() {
    let mut solver = Solver::new();
    let (a, b) = (solver.add_node().expect("room"), solver.add_node().expect("room"));
    let one = |capacity, cost| Segment { capacity, cost };
    assert_eq!(
        solver.add_arc(a, b, &[one(1, 5), one(1, 4)]).map(|_| ()),
        Err(Refusal::NotConvex { before: 5, after: 4 })
    );
    assert_eq!(solver.add_arc(a, a, &[one(1, 5)]), Err(Refusal::Loop(a)));
    assert_eq!(solver.add_arc(a, b, &[one(-1, 5)]), Err(Refusal::Amount(-1)));
    assert_eq!(solver.add_source(a, &[one(1, -5)]), Err(Refusal::Cost(-5)));
    assert_eq!(solver.add_source(a, &[one(1, COST_MAX + 1)]), Err(Refusal::Cost(COST_MAX + 1)));
    assert_eq!(solver.add_demand(a, AMOUNT_MAX + 1, 1), Err(Refusal::Amount(AMOUNT_MAX + 1)));
    assert_eq!(solver.add_demand(a, 1, VALUE_MAX + 1), Err(Refusal::Value(VALUE_MAX + 1)));
    for _ in 2..NODES_MAX {
        solver.add_node().expect("room");
    }
    assert_eq!(solver.add_node(), Err(Refusal::Full));
    assert_eq!(solver.solve().total_value(), 0, "what was refused was not added");
}

/// The longest and dearest way that the limits allow, in the largest amounts.
#[test]
fn the_limits_hold_together() {
    let dear = [Segment { capacity: AMOUNT_MAX, cost: COST_MAX }];
    let mut solver = Solver::new();
    let nodes: Vec<_> = (0..NODES_MAX).map(|_| solver.add_node().expect("room")).collect();
    for pair in nodes.windows(2) {
        solver.add_arc(pair[0], pair[1], &dear).expect("within the limits");
    }
    solver.add_source(nodes[0], &dear).expect("within the limits");
    let last = nodes[NODES_MAX - 1];
    let way_cost = i64::try_from(NODES_MAX).expect("few") * COST_MAX;
    let same = solver.add_demand(last, AMOUNT_MAX, way_cost).expect("within the limits");
    assert_eq!(solver.solve().covered(same), 0, "not worth more than it costs");
    let most = solver.add_demand(last, AMOUNT_MAX, VALUE_MAX).expect("within the limits");
    let mut solution = solver.solve();
    assert_eq!((solution.covered(same), solution.covered(most)), (0, AMOUNT_MAX));
    assert_eq!(solution.total_cost(), i128::from(way_cost) * i128::from(AMOUNT_MAX));
    assert_eq!(solution.total_value(), i128::from(VALUE_MAX) * i128::from(AMOUNT_MAX));
    assert_eq!(solution.decompose().map(|path| path.arcs.len()).collect::<Vec<_>>(), [NODES_MAX - 1]);
}

#[test]
fn a_solve_that_is_cut_short_has_filled_the_cheapest_way() {
    let problem = Problem::parse("source a 9@0; arc a b 2@1 2@3; demand b 9 worth 5");
    let mut solver = problem.solver();
    for (rounds_max, ended, moved) in [(0, Ended::Cut, 0), (1, Ended::Cut, 2), (2, Ended::Optimal, 4)] {
        let mut solution = solver.solve_within(rounds_max);
        assert_eq!((solution.ended(), solution.rounds()), (ended, rounds_max));
        assert_eq!(problem.flows(&mut solution).covered, [moved]);
    }
    assert_eq!(solver.solve().rounds(), 2);
}

proptest! {
    #![proptest_config(cases::config())]

    #[test]
    fn the_objective_is_that_of_a_linear_program(problem in problem(2..=12, 0..=30)) {
        let mut solver = problem.solver();
        let solution = solver.solve();
        prop_assert_eq!(solution.ended(), Ended::Optimal);
        let objective = solution.total_cost() - solution.total_value();
        linear_program::agrees(&problem, objective)?;
    }

    #[test]
    fn no_ring_of_changes_would_gain(problem in problem(2..=60, 0..=200)) {
        let flows = problem.flows(&mut problem.solver().solve());
        prop_assert!(!certificate::could_gain(&problem, &flows, Covered::MayChange));
    }

    #[test]
    fn what_was_filled_after_any_round_is_the_best_of_its_size(problem in problem(2..=12, 0..=30), rounds_max in 0_u32..12) {
        let flows = problem.flows(&mut problem.solver().solve_within(rounds_max));
        problem.judge(&flows)?;
        prop_assert!(!certificate::could_gain(&problem, &flows, Covered::Stays));
    }

    #[test]
    fn every_flow_obeys_the_network(problem in problem(2..=20, 0..=60)) {
        problem.judge(&problem.flows(&mut problem.solver().solve()))?;
    }

    #[test]
    fn a_larger_demand_never_lowers_what_is_covered(
        problem in problem(2..=12, 0..=30),
        value in 0_i64..2_000,
        which in any::<prop::sample::Index>(),
        more in 1_i64..10_000,
    ) {
        let mut problem = problem;
        problem.demands.iter_mut().for_each(|demand| demand.value = value);
        let before: i64 = problem.flows(&mut problem.solver().solve()).covered.iter().sum();
        let which = which.index(problem.demands.len());
        problem.demands[which].amount += more;
        let after: i64 = problem.flows(&mut problem.solver().solve()).covered.iter().sum();
        prop_assert!(after >= before, "{before} before, {after} after");
    }

    #[test]
    fn a_solver_is_used_again_without_a_trace_and_without_memory(
        first in problem(2..=20, 0..=60),
        second in problem(2..=20, 0..=60),
    ) {
        let mut solver = first.solver();
        let fresh = first.flows(&mut solver.solve());
        let other = second.flows(&mut second.solver().solve());
        prop_assert_eq!(&first.flows(&mut solver.solve()), &fresh, "solved twice");
        solver.clear();
        second.fill(&mut solver);
        prop_assert_eq!(&second.flows(&mut solver.solve()), &other, "after another problem");
        let held = solver.held();
        for problem in [&first, &second, &first] {
            solver.clear();
            problem.fill(&mut solver);
            problem.flows(&mut solver.solve());
        }
        prop_assert_eq!(solver.held(), held, "both problems fitted already");
    }
}

#[test]
fn a_network_takes_links_and_segments_up_to_its_limits() {
    let mut network = Network::default();
    let (a, b) = (network.add_node().expect("room"), network.add_node().expect("room"));
    for _ in 0..LINKS_MAX {
        network.add_demand(a, 1, 1).expect("room");
    }
    assert_eq!(network.add_demand(a, 1, 1), Err(Refusal::Full));
    assert_eq!(network.add_arc(a, b, &[]), Err(Refusal::Full));
    assert_eq!(network.add_source(a, &[]), Err(Refusal::Full));
    network.clear();
    let (a, b) = (network.add_node().expect("room"), network.add_node().expect("room"));
    let half = vec![Segment { capacity: 1, cost: 1 }; SEGMENTS_MAX / 2];
    assert_eq!(network.add_source(a, &half).expect("room").index(), 0);
    assert_eq!(network.add_source(b, &half).expect("room").index(), 1);
    assert_eq!(network.add_arc(a, b, &half[..1]), Err(Refusal::Full));
    assert!(network.add_arc(a, b, &[]).is_ok(), "which carries nothing");
}

#[test]
fn a_refusal_says_what_is_wrong_with_which_number() {
    let node = super::NodeId::new(7);
    let told = [
        Refusal::Full,
        Refusal::Loop(node),
        Refusal::Amount(-1),
        Refusal::Cost(-2),
        Refusal::Value(-3),
        Refusal::NotConvex { before: 9, after: 8 },
    ]
    .map(|refusal| refusal.to_string());
    for (words, part) in told.iter().zip(["full", "node 7", "-1", "-2", "-3", "8 follows one of 9"]) {
        assert!(words.contains(part), "{words}");
    }
}
