//! The same problem as a linear program, built from the input alone and solved by the simplex method.

#![allow(clippy::cast_precision_loss, reason = "the judge counts in floating point; the tolerance allows for it")]

use microlp::{ComparisonOp, OptimizationDirection, Variable};
use proptest::prelude::*;

use super::problem::Problem;
use crate::flow::Segment;

/// Relative, and absolute below one.
const TOLERANCE: f64 = 1e-6;

/// Whether `objective`, cost less value, is the program's optimum.
pub(super) fn agrees(problem: &Problem, objective: i128) -> Result<(), TestCaseError> {
    let (ours, least) = (objective as f64, optimum(problem));
    prop_assert!((ours - least).abs() <= TOLERANCE * least.abs().max(1.0), "{ours} is not {least}");
    Ok(())
}

/// The least cost less value over all flows that obey the network.
fn optimum(problem: &Problem) -> f64 {
    let mut program = microlp::Problem::new(OptimizationDirection::Minimize);
    // What flows into a node counts up, what flows out of it down.
    let mut nodes: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); problem.nodes];
    let variable = |program: &mut microlp::Problem, segment: &Segment| {
        program.add_var(segment.cost as f64, (0.0, segment.capacity as f64))
    };
    for arc in &problem.arcs {
        for segment in &arc.segments {
            let flow = variable(&mut program, segment);
            nodes[arc.from].push((flow, -1.0));
            nodes[arc.to].push((flow, 1.0));
        }
    }
    for source in &problem.sources {
        for segment in &source.segments {
            nodes[source.node].push((variable(&mut program, segment), 1.0));
        }
    }
    for demand in &problem.demands {
        let covered = program.add_var(-(demand.value as f64), (0.0, demand.amount as f64));
        nodes[demand.node].push((covered, -1.0));
    }
    for terms in &nodes {
        program.add_constraint(terms.as_slice(), ComparisonOp::Eq, 0.0);
    }
    let solved = program.solve().expect("nothing flowing is feasible, and every flow is bounded");
    solved.into_solution().expect("no limit of time was set").objective()
}
