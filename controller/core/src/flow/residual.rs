//! What may still change: the network as the rounds see it.
//!
//! Every link is two halves, one for each way. The forward half offers the cheapest segment that is not full, the
//! backward half takes back the dearest unit that flows: since costs do not fall along a link, no other segment of it
//! can be on a cheapest way. So a link of many segments costs a round no more than one of a single segment.
//!
//! Two nodes are added: the super source, from which all sources lead, and the super sink, to which all demands lead.
//! A demand is a link whose cost is the highest value less its own; every way to the sink takes exactly one, so the
//! differences are right and no cost is negative.

use super::network::{COST_MAX, NODES_MAX, Network, NodeId, VALUE_MAX, narrow, wide};

/// A unit of cost, as the rounds count it. A hop over an arc counts one on top, so that between equal costs fewer
/// arcs win. A way visits each node at most once, so that hops, forward or taken back, never add up to half of it:
/// costs decide first. (A ring of negative cost would show as negative, whatever its hops: optimal here is optimal
/// in costs alone.)
const COST_UNIT: i64 = 32_768;
const _: () = assert!(wide(NODES_MAX) + 1 < COST_UNIT / 2);
// A distance is at most that over as many of the dearest halves as there are nodes, and one demand's: twice the
// highest value, hops included. Two of them and a half add up within an `i64`.
const _: () = assert!(wide(NODES_MAX) * COST_MAX < VALUE_MAX && VALUE_MAX < i64::MAX / COST_UNIT / 8);

/// A direction of a link, seen from the node that it leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    /// The node it leads to.
    pub(super) to: u32,
    /// Its number in the row of links, twice, and one for backward.
    way: u32,
    /// Where the other half is.
    pub(super) mate: u32,
    /// Units that it would take at `cost`; more may fit at another.
    pub(super) room: i64,
    pub(super) cost: i64,
}

impl Half {
    pub(super) fn link(&self) -> usize {
        (self.way >> 1) as usize
    }

    pub(super) fn is_forward(&self) -> bool {
        self.way & 1 == 0
    }
}

#[derive(Clone, Copy, Debug)]
struct Part {
    capacity: i64,
    cost: i64,
}

/// A link's state: every part before `at` is full, every one after it empty, and `within` units are in it.
#[derive(Clone, Copy, Debug)]
struct Fill {
    from: u32,
    to: u32,
    first: u32,
    end: u32,
    at: u32,
    within: i64,
    flow: i64,
    /// Its forward half; the backward one is the mate.
    half: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Residual {
    nodes: usize,
    links: Vec<Fill>,
    parts: Vec<Part>,
    /// Where the halves of each node begin, and one past the end.
    first: Vec<u32>,
    halves: Vec<Half>,
    /// The highest value of any demand, as the rounds count.
    value: i64,
}

impl Residual {
    /// Takes the network in, with nothing flowing.
    pub(super) fn load(&mut self, network: &Network) {
        self.nodes = network.nodes();
        self.links.clear();
        self.parts.clear();
        let value = network.demands().iter().map(|demand| demand.value).max().unwrap_or(0);
        self.value = value * COST_UNIT;
        for arc in network.arcs() {
            let first = self.parts.len();
            for segment in network.segments_of_arc(arc) {
                self.add_part(first, segment.capacity, segment.cost * COST_UNIT + 1);
            }
            self.add_link(self.own(arc.from), self.own(arc.to), first);
        }
        for source in network.sources() {
            let first = self.parts.len();
            for segment in network.segments_of_source(source) {
                self.add_part(first, segment.capacity, segment.cost * COST_UNIT);
            }
            self.add_link(self.super_source(), self.own(source.node), first);
        }
        for demand in network.demands() {
            let first = self.parts.len();
            self.add_part(first, demand.amount, (value - demand.value) * COST_UNIT);
            self.add_link(self.own(demand.node), self.super_sink(), first);
        }
        self.lay_out();
    }

    fn own(&self, node: NodeId) -> u32 {
        assert!(node.index() < self.nodes, "the node is of this network");
        narrow(node.index())
    }

    /// Adds to the parts of the link that began at `first`, unless nothing fits in or it costs what the last one does.
    fn add_part(&mut self, first: usize, capacity: i64, cost: i64) {
        if capacity == 0 {
            return;
        }
        match self.parts[first..].last_mut() {
            Some(last) if last.cost == cost => last.capacity += capacity,
            _ => self.parts.push(Part { capacity, cost }),
        }
    }

    fn add_link(&mut self, from: u32, to: u32, first: usize) {
        let (first, end) = (narrow(first), narrow(self.parts.len()));
        self.links.push(Fill { from, to, first, end, at: first, within: 0, flow: 0, half: 0 });
    }

    /// Lays the halves out node by node, in the order of the links.
    fn lay_out(&mut self) {
        let nodes = self.nodes + 2;
        self.first.clear();
        self.first.resize(nodes + 1, 0);
        for link in &self.links {
            self.first[link.from as usize + 1] += 1;
            self.first[link.to as usize + 1] += 1;
        }
        for node in 0..nodes {
            self.first[node + 1] += self.first[node];
        }
        self.halves.clear();
        self.halves.resize(2 * self.links.len(), Half { to: 0, way: 0, mate: 0, room: 0, cost: 0 });
        // Each node's beginning moves on as its halves are placed, and ends where the next one began.
        for (nth, link) in self.links.iter_mut().enumerate() {
            let (from, to) = (link.from as usize, link.to as usize);
            let (forward, backward) = (self.first[from], self.first[to]);
            self.first[from] += 1;
            self.first[to] += 1;
            let way = narrow(2 * nth);
            self.halves[forward as usize] = Half { to: link.to, way, mate: backward, room: 0, cost: 0 };
            self.halves[backward as usize] = Half { to: link.from, way: way + 1, mate: forward, room: 0, cost: 0 };
            link.half = forward;
        }
        self.first.rotate_right(1);
        self.first[0] = 0;
        for link in 0..self.links.len() {
            self.refresh(link);
        }
    }

    /// Lets `amount` more units pass a half. It must have room for them.
    pub(super) fn push(&mut self, half: u32, amount: i64) {
        let half = self.halves[half as usize];
        assert!(amount <= half.room, "a half takes no more than its room");
        let link = &mut self.links[half.link()];
        if half.is_forward() {
            link.flow += amount;
            link.within += amount;
            if link.within == self.parts[link.at as usize].capacity {
                link.at += 1;
                link.within = 0;
            }
        } else {
            if link.within == 0 {
                link.at -= 1;
                link.within = self.parts[link.at as usize].capacity;
            }
            link.flow -= amount;
            link.within -= amount;
        }
        self.refresh(half.link());
    }

    /// Makes the halves of a link say what its fill allows.
    fn refresh(&mut self, link: usize) {
        let link = self.links[link];
        let (at, parts) = (link.at as usize, &self.parts);
        let (room, cost) = if link.at < link.end { (parts[at].capacity - link.within, parts[at].cost) } else { (0, 0) };
        let (back_room, back_cost) = if link.within > 0 {
            (link.within, -parts[at].cost)
        } else if link.at > link.first {
            (parts[at - 1].capacity, -parts[at - 1].cost)
        } else {
            (0, 0)
        };
        let forward = &mut self.halves[link.half as usize];
        (forward.room, forward.cost) = (room, cost);
        let mate = forward.mate;
        let backward = &mut self.halves[mate as usize];
        (backward.room, backward.cost) = (back_room, back_cost);
    }

    /// How many nodes there are, the two added ones included.
    pub(super) fn nodes(&self) -> usize {
        self.nodes + 2
    }

    pub(super) fn super_source(&self) -> u32 {
        narrow(self.nodes)
    }

    pub(super) fn super_sink(&self) -> u32 {
        narrow(self.nodes + 1)
    }

    /// A way from the super source to the super sink is worth filling when it costs less than this: hops alone must
    /// neither make it worth filling nor keep it from being filled.
    pub(super) fn cost_limit(&self) -> i64 {
        self.value - COST_UNIT / 2
    }

    /// The places of the halves that leave a node.
    pub(super) fn leaving(&self, node: u32) -> std::ops::Range<u32> {
        self.first[node as usize]..self.first[node as usize + 1]
    }

    pub(super) fn half(&self, place: u32) -> &Half {
        &self.halves[place as usize]
    }

    pub(super) fn flow(&self, link: usize) -> i64 {
        self.links[link].flow
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.links.capacity() + self.parts.capacity() + self.first.capacity() + self.halves.capacity()
    }
}
