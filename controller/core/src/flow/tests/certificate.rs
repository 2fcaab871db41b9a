//! The exact proof of an optimum: a flow is the cheapest exactly when no ring of changes, more here and less there,
//! lowers the sum. Found by the method of Bellman and Ford, from the input and the flows alone.

use super::problem::{Flows, Problem, capacity};
use crate::flow::Segment;

/// Whether changes may cover more or less in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Covered {
    MayChange,
    Stays,
}

/// A unit more that way changes the sum by so much.
struct Change {
    from: usize,
    to: usize,
    cost: i64,
}

/// Whether some ring of changes lowers cost less value.
pub(super) fn could_gain(problem: &Problem, flows: &Flows, covered: Covered) -> bool {
    let changes = changes(problem, flows, covered);
    let mut labels = vec![0_i64; problem.nodes + 2];
    for _ in 0..=labels.len() {
        let mut settled = true;
        for change in &changes {
            let next = labels[change.from] + change.cost;
            if next < labels[change.to] {
                labels[change.to] = next;
                settled = false;
            }
        }
        if settled {
            return false;
        }
    }
    true
}

fn changes(problem: &Problem, flows: &Flows, covered: Covered) -> Vec<Change> {
    let (supply, served) = (problem.nodes, problem.nodes + 1);
    let mut changes = Vec::new();
    let mut add = |from: usize, to: usize, segments: &[Segment], flow: i64| {
        let mut below = 0;
        for &Segment { capacity, cost } in segments {
            if flow < below + capacity {
                changes.push(Change { from, to, cost });
            }
            if capacity > 0 && flow > below {
                changes.push(Change { from: to, to: from, cost: -cost });
            }
            below += capacity;
        }
    };
    for (arc, flow) in problem.arcs.iter().zip(&flows.arcs) {
        add(arc.from, arc.to, &arc.segments, *flow);
    }
    for (source, flow) in problem.sources.iter().zip(&flows.sources) {
        add(supply, source.node, &source.segments, *flow);
    }
    for (demand, flow) in problem.demands.iter().zip(&flows.covered) {
        add(demand.node, served, &[Segment { capacity: demand.amount, cost: -demand.value }], *flow);
    }
    if covered == Covered::MayChange {
        let most = problem.sources.iter().map(|source| capacity(&source.segments)).sum();
        add(served, supply, &[Segment { capacity: most, cost: 0 }], flows.covered.iter().sum());
    }
    changes
}
