//! A problem as plain data, written down or random, and what every flow of it must obey.

use std::fmt::Write;
use std::ops::RangeInclusive;

use proptest::prelude::*;

use crate::flow::network::{ArcId, DemandId, NodeId, SourceId};
use crate::flow::{Segment, Solution, Solver};

#[derive(Clone, Debug)]
pub(super) struct Arc {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) node: usize,
    pub(super) segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub(super) node: usize,
    pub(super) amount: i64,
    pub(super) value: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Problem {
    pub(super) nodes: usize,
    pub(super) arcs: Vec<Arc>,
    pub(super) sources: Vec<Source>,
    pub(super) demands: Vec<Demand>,
}

/// All that a solution says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flows {
    pub(super) arcs: Vec<i64>,
    pub(super) sources: Vec<i64>,
    pub(super) covered: Vec<i64>,
    cost: i128,
    value: i128,
    /// Source, arcs, demand and amount of each path.
    paths: Vec<(usize, Vec<usize>, usize, i64)>,
}

impl Problem {
    /// Reads `source a 10@1 5@3; arc a b 7@2; demand b 8 worth 100`: capacities at costs, nodes from a to z.
    pub(super) fn parse(text: &str) -> Self {
        let mut problem = Self::default();
        for line in text.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["source", node, ..] => {
                    let (node, segments) = (problem.node(node), segments(&words[2..]));
                    problem.sources.push(Source { node, segments });
                }
                ["arc", from, to, ..] => {
                    let (from, to) = (problem.node(from), problem.node(to));
                    problem.arcs.push(Arc { from, to, segments: segments(&words[3..]) });
                }
                ["demand", node, amount, "worth", value] => {
                    let node = problem.node(node);
                    problem.demands.push(Demand { node, amount: number(amount), value: number(value) });
                }
                _ => panic!("`{line}` is no source, arc or demand"),
            }
        }
        problem
    }

    fn node(&mut self, name: &str) -> usize {
        let node = usize::from(name.as_bytes()[0] - b'a');
        self.nodes = self.nodes.max(node + 1);
        node
    }

    pub(super) fn solver(&self) -> Solver {
        let mut solver = Solver::new();
        self.fill(&mut solver);
        solver
    }

    pub(super) fn fill(&self, solver: &mut Solver) {
        let nodes: Vec<NodeId> = (0..self.nodes).map(|_| solver.add_node().expect("few nodes")).collect();
        for arc in &self.arcs {
            solver.add_arc(nodes[arc.from], nodes[arc.to], &arc.segments).expect("a good arc");
        }
        for source in &self.sources {
            solver.add_source(nodes[source.node], &source.segments).expect("a good source");
        }
        for demand in &self.demands {
            solver.add_demand(nodes[demand.node], demand.amount, demand.value).expect("a good demand");
        }
    }

    pub(super) fn flows(&self, solution: &mut Solution<'_>) -> Flows {
        Flows {
            arcs: (0..self.arcs.len()).map(|nth| solution.flow_on(ArcId::new(nth))).collect(),
            sources: (0..self.sources.len()).map(|nth| solution.source_flow(SourceId::new(nth))).collect(),
            covered: (0..self.demands.len()).map(|nth| solution.covered(DemandId::new(nth))).collect(),
            cost: solution.total_cost(),
            value: solution.total_value(),
            paths: solution
                .decompose()
                .map(|path| {
                    let arcs = path.arcs.iter().map(|arc| arc.index()).collect();
                    (path.source.index(), arcs, path.demand.index(), path.amount)
                })
                .collect(),
        }
    }

    /// Whether the flow obeys every capacity and conserves at every node, has no rings, costs what it is said to
    /// cost, and is the sum of its paths.
    pub(super) fn judge(&self, flows: &Flows) -> Result<(), TestCaseError> {
        let mut balance = vec![0; self.nodes];
        let mut cost = 0;
        for (arc, &flow) in self.arcs.iter().zip(&flows.arcs) {
            prop_assert!((0..=capacity(&arc.segments)).contains(&flow), "{arc:?} carries {flow}");
            balance[arc.from] -= flow;
            balance[arc.to] += flow;
            cost += filled(&arc.segments, flow);
        }
        for (source, &flow) in self.sources.iter().zip(&flows.sources) {
            prop_assert!((0..=capacity(&source.segments)).contains(&flow), "{source:?} gives {flow}");
            balance[source.node] += flow;
            cost += filled(&source.segments, flow);
        }
        let mut value = 0;
        for (demand, &covered) in self.demands.iter().zip(&flows.covered) {
            prop_assert!((0..=demand.amount).contains(&covered), "{demand:?} gets {covered}");
            balance[demand.node] -= covered;
            value += i128::from(covered) * i128::from(demand.value);
        }
        prop_assert!(balance.iter().all(|balance| *balance == 0), "what flows in flows out: {balance:?}");
        prop_assert_eq!((flows.cost, flows.value), (cost, value));
        prop_assert!(self.is_without_rings(flows));
        self.judge_paths(flows)
    }

    fn judge_paths(&self, flows: &Flows) -> Result<(), TestCaseError> {
        let links = self.arcs.len() + self.sources.len() + self.demands.len();
        prop_assert!(flows.paths.len() <= links);
        let (mut arcs, mut sources, mut covered) =
            (vec![0; self.arcs.len()], vec![0; self.sources.len()], vec![0; self.demands.len()]);
        for (source, path, demand, amount) in &flows.paths {
            prop_assert!(*amount > 0);
            let mut node = self.sources[*source].node;
            for &arc in path {
                prop_assert_eq!(self.arcs[arc].from, node, "the path hangs together");
                node = self.arcs[arc].to;
                arcs[arc] += amount;
            }
            prop_assert_eq!(self.demands[*demand].node, node, "the path arrives");
            sources[*source] += amount;
            covered[*demand] += amount;
        }
        prop_assert_eq!((&arcs, &sources, &covered), (&flows.arcs, &flows.sources, &flows.covered));
        Ok(())
    }

    /// Whether all nodes can be put in an order in which flow only goes forward.
    fn is_without_rings(&self, flows: &Flows) -> bool {
        let flowing = || self.arcs.iter().zip(&flows.arcs).filter(|(_, flow)| **flow > 0).map(|(arc, _)| arc);
        let mut placed = vec![false; self.nodes];
        for _ in 0..self.nodes {
            let waits = |node: usize| flowing().any(|arc| arc.to == node && !placed[arc.from]);
            let ready: Vec<usize> = (0..self.nodes).filter(|node| !placed[*node] && !waits(*node)).collect();
            for node in ready {
                placed[node] = true;
            }
        }
        placed.iter().all(|placed| *placed)
    }

    /// What flows, for people; arcs without flow are left out.
    pub(super) fn tell(&self, flows: &Flows) -> String {
        let name = |node: usize| char::from(b'a' + u8::try_from(node).expect("few nodes"));
        let mut text = String::new();
        for (source, flow) in self.sources.iter().zip(&flows.sources) {
            write!(text, "{} gives {flow}; ", name(source.node)).expect("text grows");
        }
        for (arc, flow) in self.arcs.iter().zip(&flows.arcs).filter(|(_, flow)| **flow > 0) {
            write!(text, "{}>{} {flow}; ", name(arc.from), name(arc.to)).expect("text grows");
        }
        for (demand, covered) in self.demands.iter().zip(&flows.covered) {
            write!(text, "{} gets {covered} of {}; ", name(demand.node), demand.amount).expect("text grows");
        }
        text + &format!("cost {}", flows.cost)
    }
}

fn segments(words: &[&str]) -> Vec<Segment> {
    let read = |word: &&str| {
        let (capacity, cost) = word.split_once('@').expect("capacity@cost");
        Segment { capacity: number(capacity), cost: number(cost) }
    };
    words.iter().map(read).collect()
}

fn number(word: &str) -> i64 {
    word.parse().expect("a number")
}

pub(super) fn capacity(segments: &[Segment]) -> i64 {
    segments.iter().map(|segment| segment.capacity).sum()
}

/// What `flow` units cost: unit by unit over the segments, each filled from below.
fn filled(segments: &[Segment], flow: i64) -> i128 {
    let mut below = 0;
    let mut cost = 0;
    for segment in segments {
        let within = (flow - below).clamp(0, segment.capacity);
        cost += i128::from(within) * i128::from(segment.cost);
        below += segment.capacity;
    }
    cost
}

/// How large the numbers of a problem are: small ones for ties, costs of nothing and full arcs; large ones for
/// everything else.
#[derive(Clone, Copy, Debug)]
struct Scale {
    capacity_max: i64,
    cost_max: i64,
    value_max: i64,
}

const SCALES: [Scale; 5] = [
    Scale { capacity_max: 3, cost_max: 1, value_max: 4 },
    Scale { capacity_max: 6, cost_max: 4, value_max: 12 },
    Scale { capacity_max: 40, cost_max: 9, value_max: 1_000 },
    Scale { capacity_max: 5_000, cost_max: 300, value_max: 2_000 },
    Scale { capacity_max: 100_000, cost_max: 10_000, value_max: 1_000_000 },
];

/// Random problems of so many nodes and arcs.
pub(super) fn problem(nodes: RangeInclusive<usize>, arcs: RangeInclusive<usize>) -> impl Strategy<Value = Problem> {
    (nodes, prop::sample::select(&SCALES[..]), any::<bool>()).prop_flat_map(move |(nodes, scale, equal)| {
        let arc = (0..nodes, 1..nodes, random_segments(scale)).prop_map(move |(from, step, segments)| Arc {
            from,
            to: (from + step) % nodes,
            segments,
        });
        let source = (0..nodes, random_segments(scale)).prop_map(|(node, segments)| Source { node, segments });
        let value = if equal { scale.value_max..=scale.value_max } else { 0..=scale.value_max };
        let demand = (0..nodes, 0..=3 * scale.capacity_max, value).prop_map(|(node, amount, value)| Demand {
            node,
            amount,
            value,
        });
        let few = |most| 1_usize..=most;
        let parts = (
            prop::collection::vec(arc, arcs.clone()),
            prop::collection::vec(source, few(5)),
            prop::collection::vec(demand, few(5)),
        );
        parts.prop_map(move |(arcs, sources, demands)| Problem { nodes, arcs, sources, demands })
    })
}

fn random_segments(scale: Scale) -> impl Strategy<Value = Vec<Segment>> {
    let segment = (0..=scale.capacity_max, 0..=scale.cost_max).prop_map(|(capacity, cost)| Segment { capacity, cost });
    prop::collection::vec(segment, 1..=4).prop_map(|mut segments| {
        segments.sort_by_key(|segment| segment.cost);
        segments
    })
}
