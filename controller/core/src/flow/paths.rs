//! A flow taken apart into paths.
//!
//! From the super source, always over the first link that still has flow left, to the super sink; then what all links
//! of the path share is taken off. Flow has no rings, so a walk visits no node twice, and every walk uses up a link.

use super::network::{ArcId, DemandId, Link, Network, SourceId, narrow};
use super::residual::Residual;

/// What flows from a source to a demand over one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathFlow<'a> {
    /// Where it comes from.
    pub source: SourceId,
    /// Whom it serves.
    pub demand: DemandId,
    /// The arcs from the source's node to the demand's; none when that is the same node.
    pub arcs: &'a [ArcId],
    /// How many units.
    pub amount: i64,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    source: SourceId,
    demand: DemandId,
    first_arc: usize,
    end_arc: usize,
    amount: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    paths: Vec<Path>,
    arcs: Vec<ArcId>,
    /// What of each link's flow no path has taken.
    left: Vec<i64>,
    /// The first half of each node whose link may have flow left.
    cursors: Vec<u32>,
    walk: Vec<usize>,
}

impl Paths {
    pub(super) fn take_apart(&mut self, network: &Network, residual: &Residual) {
        self.paths.clear();
        self.arcs.clear();
        self.left.clear();
        self.left.extend((0..network.links()).map(|link| residual.flow(link)));
        self.cursors.clear();
        self.cursors.extend((0..residual.nodes()).map(|node| residual.leaving(narrow(node)).start));
        while self.walk(residual) {
            self.record(network);
        }
        assert!(self.left.iter().all(|left| *left == 0), "paths make up the whole flow");
    }

    /// Walks to the super sink over links that have flow left; false when the super source has none.
    fn walk(&mut self, residual: &Residual) -> bool {
        self.walk.clear();
        let mut node = residual.super_source();
        while node != residual.super_sink() {
            assert!(self.walk.len() < residual.nodes(), "flow does not go round in a ring");
            let cursor = &mut self.cursors[node as usize];
            let mut leaving = *cursor..residual.leaving(node).end;
            let has_flow = |place: &u32| {
                let half = residual.half(*place);
                half.is_forward() && self.left[half.link()] > 0
            };
            let Some(place) = leaving.find(has_flow) else {
                assert!(self.walk.is_empty(), "what flows into a node flows out of it");
                return false;
            };
            *cursor = place;
            let half = residual.half(place);
            self.walk.push(half.link());
            node = half.to;
        }
        true
    }

    fn record(&mut self, network: &Network) {
        let amount = self.walk.iter().map(|link| self.left[*link]).min().unwrap_or(0);
        let first_arc = self.arcs.len();
        let (mut from, mut to) = (None, None);
        for &link in &self.walk {
            self.left[link] -= amount;
            match network.link(link) {
                Link::Source(source) => from = Some(source),
                Link::Arc(arc) => self.arcs.push(arc),
                Link::Demand(demand) => to = Some(demand),
            }
        }
        let (Some(source), Some(demand)) = (from, to) else {
            unreachable!("a way begins with a source and ends with a demand")
        };
        self.paths.push(Path { source, demand, first_arc, end_arc: self.arcs.len(), amount });
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = PathFlow<'_>> {
        self.paths.iter().map(|path| PathFlow {
            source: path.source,
            demand: path.demand,
            arcs: &self.arcs[path.first_arc..path.end_arc],
            amount: path.amount,
        })
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let found = self.paths.capacity() + self.arcs.capacity();
        found + self.left.capacity() + self.cursors.capacity() + self.walk.capacity()
    }
}
