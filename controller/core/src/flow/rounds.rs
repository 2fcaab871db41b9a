//! Shortest paths in the residual network, one a round, each filled as far as its narrowest half allows.
//!
//! The tree of cheapest ways from the super source to all nodes is kept from round to round. Filling a way can only
//! make nodes dearer to reach: a half that is filled offers its next segment or nothing, and the halves that it opens
//! the other way lead back along the tree. So only what hangs on the first half that no longer is what it was is
//! looked at again, with Dijkstra's algorithm on how much dearer each node becomes. The old distances are the
//! potentials: no half with room has a negative reduced cost `cost + distance(from) − distance(to)`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::network::narrow;
use super::residual::Residual;

/// How a solve ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No flow is better.
    Optimal,
    /// The rounds ran out: the cheapest ways are filled, others are left that would be worth their cost.
    Cut,
}

/// No way leads to a node; none ever will again, as filling opens no new node.
const FAR: i64 = i64::MAX;
/// No half arrives at a node.
const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    /// What the cheapest way to each node costs; at a loose node, what it did cost.
    distances: Vec<i64>,
    /// The half over which that way arrives.
    arrivals: Vec<u32>,
    /// How much dearer a loose node becomes by the best way so far, and [`FAR`] at every other node.
    rises: Vec<i64>,
    /// Whether a node has lost its place in the tree.
    is_loose: Vec<bool>,
    /// The nodes that had lost their place when this round began.
    loose: Vec<u32>,
    open: BinaryHeap<Reverse<(i64, u32)>>,
    /// The halves of the way that is filled, from the super source.
    way: Vec<u32>,
}

impl Rounds {
    /// Fills the residual network path by path; says how it ended, and after how many rounds.
    pub(super) fn run(&mut self, residual: &mut Residual, rounds_max: u32) -> (Ended, u32) {
        self.plant(residual);
        let sink = residual.super_sink() as usize;
        for round in 0..rounds_max {
            if self.distances[sink] >= residual.cost_limit() {
                return (Ended::Optimal, round);
            }
            self.fill(residual);
            self.mend(residual);
        }
        let ended = if self.distances[sink] >= residual.cost_limit() { Ended::Optimal } else { Ended::Cut };
        (ended, rounds_max)
    }

    /// The first tree: no cost is negative yet, so that zeros are potentials, and every node is loose but the root.
    fn plant(&mut self, residual: &Residual) {
        let (nodes, root) = (residual.nodes(), residual.super_source());
        refill(&mut self.distances, nodes, 0);
        refill(&mut self.arrivals, nodes, NOWHERE);
        refill(&mut self.rises, nodes, FAR);
        refill(&mut self.is_loose, nodes, true);
        self.is_loose[root as usize] = false;
        self.loose.clear();
        self.loose.extend((0..narrow(nodes)).filter(|node| *node != root));
        self.mend(residual);
    }

    /// Fills the way to the super sink, and loosens what hangs on the first half that it changed.
    fn fill(&mut self, residual: &mut Residual) {
        self.way.clear();
        let mut node = residual.super_sink();
        while node != residual.super_source() {
            let place = self.arrivals[node as usize];
            self.way.push(place);
            node = residual.half(residual.half(place).mate).to;
        }
        self.way.reverse();
        let amount = self.way.iter().map(|place| residual.half(*place).room).min().unwrap_or(0);
        assert!(amount > 0, "only halves with room are on a way");
        // The narrowest halves are those that are filled: they alone cost more from now on, or have no room.
        let first = self.way.iter().find(|place| residual.half(**place).room == amount);
        self.loose.extend(first.map(|place| residual.half(*place).to));
        for &place in &self.way {
            residual.push(place, amount);
        }
        self.loosen(residual);
    }

    /// Loosens all that hangs on the loose nodes.
    fn loosen(&mut self, residual: &Residual) {
        let mut nth = 0;
        while let Some(&node) = self.loose.get(nth) {
            self.is_loose[node as usize] = true;
            let hangs = |place: &u32| self.arrivals[residual.half(*place).to as usize] == *place;
            self.loose.extend(residual.leaving(node).filter(hangs).map(|place| residual.half(place).to));
            nth += 1;
        }
    }

    /// Gives every loose node its new place in the tree, the least dearer first. Each is settled once, and each half
    /// that leads to or from one looked at once.
    fn mend(&mut self, residual: &Residual) {
        // No way leads on from the super sink. One would be no shorter, but half the tree would hang on the sink, and
        // every round cuts that off.
        let sink = residual.super_sink();
        for &node in &self.loose {
            let own = node as usize;
            self.arrivals[own] = NOWHERE;
            for place in residual.leaving(node) {
                let half = residual.half(place);
                let from = half.to as usize;
                let arrival = residual.half(half.mate);
                if arrival.room == 0 || self.is_loose[from] || self.distances[from] == FAR || half.to == sink {
                    continue;
                }
                let rise = self.distances[from] + arrival.cost - self.distances[own];
                debug_assert!(rise >= 0, "filling makes no node nearer");
                if rise < self.rises[own] {
                    self.rises[own] = rise;
                    self.arrivals[own] = half.mate;
                }
            }
            if self.rises[own] != FAR {
                self.open.push(Reverse((self.rises[own], node)));
            }
        }
        while let Some(Reverse((rise, node))) = self.open.pop() {
            let own = node as usize;
            if !self.is_loose[own] {
                continue;
            }
            self.is_loose[own] = false;
            self.distances[own] += rise;
            if node != sink {
                self.reach_on(residual, node);
            }
        }
        for node in self.loose.drain(..) {
            let own = node as usize;
            self.rises[own] = FAR;
            if std::mem::take(&mut self.is_loose[own]) {
                self.distances[own] = FAR;
            }
        }
    }

    /// Offers the loose nodes next to a settled one the way over it.
    fn reach_on(&mut self, residual: &Residual, node: u32) {
        let distance = self.distances[node as usize];
        for place in residual.leaving(node) {
            let half = residual.half(place);
            let to = half.to as usize;
            if half.room == 0 || !self.is_loose[to] {
                continue;
            }
            let rise = distance + half.cost - self.distances[to];
            if rise < self.rises[to] {
                self.rises[to] = rise;
                self.arrivals[to] = place;
                self.open.push(Reverse((rise, half.to)));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let rows = self.distances.capacity() + self.arrivals.capacity() + self.rises.capacity();
        rows + self.is_loose.capacity() + self.loose.capacity() + self.open.capacity() + self.way.capacity()
    }
}

/// Makes a row of equal items in the memory that it has.
fn refill<T: Clone>(row: &mut Vec<T>, length: usize, item: T) {
    row.clear();
    row.resize(length, item);
}
