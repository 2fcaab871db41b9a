//! The input: nodes, arcs, sources, demands, within limits that keep every sum of a solve inside its integers.

use std::fmt;
use std::ops::Range;

/// The most nodes of a network.
pub const NODES_MAX: usize = 10_000;
/// The most arcs, sources and demands together.
pub const LINKS_MAX: usize = 200_000;
/// The most segments of all arcs and sources together.
pub const SEGMENTS_MAX: usize = 1_000_000;
/// The largest capacity of a segment, and the largest demand.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// The largest cost of one unit in a segment.
pub const COST_MAX: i64 = 1_000_000_000;
/// The largest worth of a covered unit: more than the dearest way through the largest network, detours included.
pub const VALUE_MAX: i64 = (wide(NODES_MAX) + 1) * COST_MAX;

// What an arc or a node carries in all stays within an `i64`.
const _: () = assert!(wide(SEGMENTS_MAX + LINKS_MAX).checked_mul(AMOUNT_MAX).is_some());
// Links are counted twice, once for each way, in a `u32`; a demand has one segment more.
const _: () = assert!(2 * LINKS_MAX + SEGMENTS_MAX + NODES_MAX < u32::MAX as usize);

/// A limit in the integers of amounts and costs.
#[expect(clippy::cast_possible_wrap, reason = "evaluated for the limits above alone, at compile time")]
pub(super) const fn wide(limit: usize) -> i64 {
    limit as i64
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            pub(super) fn new(index: usize) -> Self {
                Self(narrow(index))
            }

            /// How many of its kind were added before it.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A node of a network.
    NodeId
);
id!(
    /// An arc of a network.
    ArcId
);
id!(
    /// A source of a network.
    SourceId
);
id!(
    /// A demand of a network.
    DemandId
);

/// A part of an arc's or a source's capacity, with what each unit in it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Units that fit, from nothing to [`AMOUNT_MAX`].
    pub capacity: i64,
    /// Cost of a unit, from nothing to [`COST_MAX`] and at least that of the segment before.
    pub cost: i64,
}

/// Why something was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// [`NODES_MAX`], [`LINKS_MAX`] or [`SEGMENTS_MAX`] is reached.
    Full,
    /// An arc that leads from a node to itself.
    Loop(NodeId),
    /// A capacity or a demand that is negative or above [`AMOUNT_MAX`].
    Amount(i64),
    /// A cost that is negative or above [`COST_MAX`].
    Cost(i64),
    /// A value that is negative or above [`VALUE_MAX`].
    Value(i64),
    /// A segment that is cheaper than the one before it: the sum would not be convex.
    NotConvex {
        /// The cost of the earlier segment.
        before: i64,
        /// The lower cost of the one that follows.
        after: i64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "the network is full"),
            Self::Loop(node) => write!(f, "an arc leads from node {} to itself", node.0),
            Self::Amount(amount) => write!(f, "an amount of {amount} is not within 0 and {AMOUNT_MAX}"),
            Self::Cost(cost) => write!(f, "a cost of {cost} is not within 0 and {COST_MAX}"),
            Self::Value(value) => write!(f, "a value of {value} is not within 0 and {VALUE_MAX}"),
            Self::NotConvex { before, after } => write!(f, "a cost of {after} follows one of {before}"),
        }
    }
}

impl std::error::Error for Refusal {}

#[derive(Clone, Debug)]
pub(super) struct Arc {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    segments: Range<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) node: NodeId,
    segments: Range<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) node: NodeId,
    pub(super) amount: i64,
    pub(super) value: i64,
}

/// What a link is: arcs, sources and demands are numbered in one row, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Arc(ArcId),
    Source(SourceId),
    Demand(DemandId),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    nodes: usize,
    arcs: Vec<Arc>,
    sources: Vec<Source>,
    demands: Vec<Demand>,
    /// Of all arcs and sources.
    segments: Vec<Segment>,
}

impl Network {
    pub(super) fn clear(&mut self) {
        self.nodes = 0;
        self.arcs.clear();
        self.sources.clear();
        self.demands.clear();
        self.segments.clear();
    }

    pub(super) fn add_node(&mut self) -> Result<NodeId, Refusal> {
        if self.nodes == NODES_MAX {
            return Err(Refusal::Full);
        }
        self.nodes += 1;
        Ok(NodeId::new(self.nodes - 1))
    }

    pub(super) fn add_arc(&mut self, from: NodeId, to: NodeId, segments: &[Segment]) -> Result<ArcId, Refusal> {
        if from == to {
            return Err(Refusal::Loop(from));
        }
        self.room_for_link()?;
        let segments = self.add_segments(segments)?;
        self.arcs.push(Arc { from, to, segments });
        Ok(ArcId::new(self.arcs.len() - 1))
    }

    pub(super) fn add_source(&mut self, node: NodeId, segments: &[Segment]) -> Result<SourceId, Refusal> {
        self.room_for_link()?;
        let segments = self.add_segments(segments)?;
        self.sources.push(Source { node, segments });
        Ok(SourceId::new(self.sources.len() - 1))
    }

    pub(super) fn add_demand(&mut self, node: NodeId, amount: i64, value: i64) -> Result<DemandId, Refusal> {
        self.room_for_link()?;
        if !(0..=AMOUNT_MAX).contains(&amount) {
            return Err(Refusal::Amount(amount));
        }
        if !(0..=VALUE_MAX).contains(&value) {
            return Err(Refusal::Value(value));
        }
        self.demands.push(Demand { node, amount, value });
        Ok(DemandId::new(self.demands.len() - 1))
    }

    fn room_for_link(&self) -> Result<(), Refusal> {
        if self.links() < LINKS_MAX { Ok(()) } else { Err(Refusal::Full) }
    }

    fn add_segments(&mut self, segments: &[Segment]) -> Result<Range<u32>, Refusal> {
        let mut before = 0;
        for &Segment { capacity, cost } in segments {
            if !(0..=AMOUNT_MAX).contains(&capacity) {
                return Err(Refusal::Amount(capacity));
            }
            if !(0..=COST_MAX).contains(&cost) {
                return Err(Refusal::Cost(cost));
            }
            if cost < before {
                return Err(Refusal::NotConvex { before, after: cost });
            }
            before = cost;
        }
        let first = self.segments.len();
        if SEGMENTS_MAX - first < segments.len() {
            return Err(Refusal::Full);
        }
        self.segments.extend_from_slice(segments);
        Ok(narrow(first)..narrow(self.segments.len()))
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(super) fn arcs(&self) -> &[Arc] {
        &self.arcs
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn demands(&self) -> &[Demand] {
        &self.demands
    }

    pub(super) fn segments_of_arc(&self, arc: &Arc) -> &[Segment] {
        self.segments_in(&arc.segments)
    }

    pub(super) fn segments_of_source(&self, source: &Source) -> &[Segment] {
        self.segments_in(&source.segments)
    }

    fn segments_in(&self, range: &Range<u32>) -> &[Segment] {
        &self.segments[range.start as usize..range.end as usize]
    }

    /// Arcs, sources and demands together.
    pub(super) fn links(&self) -> usize {
        self.arcs.len() + self.sources.len() + self.demands.len()
    }

    pub(super) fn link_of_arc(&self, arc: ArcId) -> usize {
        assert!(arc.index() < self.arcs.len(), "the arc is of this network");
        arc.index()
    }

    pub(super) fn link_of_source(&self, source: SourceId) -> usize {
        assert!(source.index() < self.sources.len(), "the source is of this network");
        self.arcs.len() + source.index()
    }

    pub(super) fn link_of_demand(&self, demand: DemandId) -> usize {
        assert!(demand.index() < self.demands.len(), "the demand is of this network");
        self.arcs.len() + self.sources.len() + demand.index()
    }

    /// What stands at a place of the row of links.
    pub(super) fn link(&self, nth: usize) -> Link {
        let after_arcs = nth.checked_sub(self.arcs.len());
        match after_arcs.map(|nth| (nth, nth.checked_sub(self.sources.len()))) {
            None => Link::Arc(ArcId::new(nth)),
            Some((nth, None)) => Link::Source(SourceId::new(nth)),
            Some((_, Some(nth))) => Link::Demand(DemandId::new(nth)),
        }
    }

    /// What a flow costs over all arcs and sources.
    pub(super) fn cost(&self, flow: impl Fn(usize) -> i64) -> i128 {
        let of_arcs = self.arcs.iter().map(|arc| &arc.segments);
        let of_sources = self.sources.iter().map(|source| &source.segments);
        let of_link = |(nth, range)| filled_cost(self.segments_in(range), flow(nth));
        of_arcs.chain(of_sources).enumerate().map(of_link).sum()
    }

    /// What the covered demand is worth.
    pub(super) fn value(&self, flow: impl Fn(usize) -> i64) -> i128 {
        let first = self.arcs.len() + self.sources.len();
        let worth = |(nth, demand): (usize, &Demand)| i128::from(flow(first + nth)) * i128::from(demand.value);
        self.demands.iter().enumerate().map(worth).sum()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.arcs.capacity() + self.sources.capacity() + self.demands.capacity() + self.segments.capacity()
    }
}

/// What `flow` units cost in segments that fill from the first.
fn filled_cost(segments: &[Segment], flow: i64) -> i128 {
    let mut left = flow;
    let mut cost = 0;
    for segment in segments {
        let filled = left.min(segment.capacity);
        cost += i128::from(filled) * i128::from(segment.cost);
        left -= filled;
    }
    cost
}

/// An index of something whose number is limited far below 2³².
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).expect("the limits above keep every index below 2³²")
}
