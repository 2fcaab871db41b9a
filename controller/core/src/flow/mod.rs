//! How much of one commodity should flow over which arcs: a deterministic minimum-cost flow over convex costs.
//!
//! A [`Solver`] is filled with nodes, arcs, sources and demands, and [solved](Solver::solve). The [`Solution`]
//! minimises what the flow costs less what the covered demand is worth:
//!
//! ```text
//!          sources              arcs                    demands
//!   supply ═══► a ──── segment 0: 4 units at 1 ────► b ═══► 6 wanted, each worth 1000
//!               └───── segment 1: 9 units at 3 ────► ┘
//! ```
//!
//! The costs of an arc's segments do not fall, so the cheap ones fill first and the sum is convex. With demands of
//! equal value above the cost of every path, as much as possible is covered, as cheaply as possible.
//!
//! The method is that of successive shortest paths: every round fills the cheapest way from any source to any demand
//! in the residual network (Dijkstra's algorithm on costs reduced by potentials), until a further unit would cost at
//! least what it is worth. What was filled after any round is the best flow of its size, so a solve
//! that is [cut](Ended::Cut) short is still a plan. Between flows of equal cost one over fewer arcs is chosen, which
//! also means that flow never goes round in a ring; what is equal even then is settled by the order of insertion.
//!
//! | file | subject |
//! |---|---|
//! | `network` | the input, its limits, and what is refused |
//! | `residual` | what may still change: the network as the rounds see it |
//! | `rounds` | shortest paths and filling them |
//! | `paths` | a flow taken apart into paths |
//!
//! With `n` nodes and `m` arcs, sources and demands, a round takes at most `O((n + m) log m)`, mostly far less, as the
//! tree of cheapest ways is kept and only what a round cut off is grown again. A solve ends after the rounds that it
//! is allowed; each fills or empties a segment, and as few are ever emptied again, about as many rounds as segments
//! in use are usual. Taking the flow apart is `O(n · m)`. A solver that is cleared and filled again to no more than a
//! former size does not allocate.

mod network;
mod paths;
mod residual;
mod rounds;
#[cfg(test)]
mod tests;

pub use network::{
    AMOUNT_MAX, ArcId, COST_MAX, DemandId, LINKS_MAX, NODES_MAX, NodeId, Refusal, SEGMENTS_MAX, Segment, SourceId,
    VALUE_MAX,
};
pub use paths::PathFlow;
pub use rounds::Ended;

use network::Network;
use paths::Paths;
use residual::Residual;
use rounds::Rounds;

/// The rounds of [`Solver::solve`]: far more than any network of a plant needs, and an end for all others.
pub const ROUNDS_MAX: u32 = 1_000_000;

/// A network to be solved, with all the memory that solving it needs.
///
/// The ids that it gives out are its own and end with the next [`clear`](Solver::clear). A foreign or outlived id is
/// a bug of the caller; it names another part of the network or panics.
#[derive(Clone, Debug, Default)]
pub struct Solver {
    network: Network,
    residual: Residual,
    rounds: Rounds,
    paths: Paths,
}

impl Solver {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the network and keeps its memory.
    pub fn clear(&mut self) {
        self.network.clear();
    }

    /// Adds a node; refused beyond [`NODES_MAX`].
    pub fn add_node(&mut self) -> Result<NodeId, Refusal> {
        self.network.add_node()
    }

    /// Adds an arc over which at most the sum of the segments' capacities flows, one way. Refused when the segments
    /// are not convex or leave the limits, or when the arc leads back to where it begins.
    pub fn add_arc(&mut self, from: NodeId, to: NodeId, segments: &[Segment]) -> Result<ArcId, Refusal> {
        self.network.add_arc(from, to, segments)
    }

    /// Adds a source that feeds `node`. Refused when the segments are not convex or leave the limits.
    pub fn add_source(&mut self, node: NodeId, segments: &[Segment]) -> Result<SourceId, Refusal> {
        self.network.add_source(node, segments)
    }

    /// Adds a demand of `amount` units at `node`, each worth `value` when it is covered. A node may have several
    /// demands, for what is wanted more and less. Refused beyond [`AMOUNT_MAX`] and [`VALUE_MAX`].
    pub fn add_demand(&mut self, node: NodeId, amount: i64, value: i64) -> Result<DemandId, Refusal> {
        self.network.add_demand(node, amount, value)
    }

    /// The best flow, in at most [`ROUNDS_MAX`] rounds.
    pub fn solve(&mut self) -> Solution<'_> {
        self.solve_within(ROUNDS_MAX)
    }

    /// The best flow that so many rounds can reach.
    pub fn solve_within(&mut self, rounds_max: u32) -> Solution<'_> {
        self.residual.load(&self.network);
        let (ended, rounds) = self.rounds.run(&mut self.residual, rounds_max);
        Solution { solver: self, ended, rounds }
    }

    /// How much memory is held, in elements: what a second solve must not raise.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.network.held() + self.residual.held() + self.rounds.held() + self.paths.held()
    }
}

/// A flow that obeys every capacity, conserves at every node, and has no rings.
#[derive(Debug)]
pub struct Solution<'a> {
    solver: &'a mut Solver,
    ended: Ended,
    rounds: u32,
}

impl Solution<'_> {
    /// Whether this is the best flow, or the best of its size when the rounds ran out.
    pub fn ended(&self) -> Ended {
        self.ended
    }

    /// How many rounds it took.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// What flows over an arc.
    pub fn flow_on(&self, arc: ArcId) -> i64 {
        self.solver.residual.flow(self.solver.network.link_of_arc(arc))
    }

    /// What a source gives.
    pub fn source_flow(&self, source: SourceId) -> i64 {
        self.solver.residual.flow(self.solver.network.link_of_source(source))
    }

    /// How much of a demand is covered.
    pub fn covered(&self, demand: DemandId) -> i64 {
        self.solver.residual.flow(self.solver.network.link_of_demand(demand))
    }

    /// What the flow costs over all arcs and sources; what it is worth is not taken off.
    pub fn total_cost(&self) -> i128 {
        self.solver.network.cost(|link| self.solver.residual.flow(link))
    }

    /// What the covered demand is worth.
    pub fn total_value(&self) -> i128 {
        self.solver.network.value(|link| self.solver.residual.flow(link))
    }

    /// The flow as paths from a source to a demand, in the order of the sources; at most as many as there are arcs,
    /// sources and demands together.
    pub fn decompose(&mut self) -> impl ExactSizeIterator<Item = PathFlow<'_>> {
        let Solver { network, residual, paths, .. } = &mut *self.solver;
        paths.take_apart(network, residual);
        paths.iter()
    }
}
