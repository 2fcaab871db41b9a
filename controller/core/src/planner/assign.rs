//! Who gives how much to whom over which ties: a minimum-cost flow over one row, for all its racks in want together.
//!
//! ```text
//!  modules ══ source ══► rack ──tie──► rack ══ need (hard), slack ══►
//!                          │
//!                          └──► relief of the row, from what the rack may come to draw, or draws now
//! ```
//!
//! The flow is of delivered power; a unit costs what it loses and how far the voltage drops, both in millionths, then
//! the length of the cable, then wear and imbalance of charge. Losses rise with the flow, so every arc has segments.
//! What a flow loses on its way is added afterwards, exactly; what then does not fit is taken back, and a second pass
//! looks for it elsewhere.

use crate::command::{HOPS_MAX, Hop, LEGS_MAX, Leg};
use crate::device::{DeviceId, Direction};
use crate::electrical;
use crate::envelope::Usage;
use crate::flow::{ArcId, DemandId, NodeId, Segment, Solver, SourceId};
use crate::site::{KesmId, RackId, Site, Tie, TieId};
use crate::units::{Joules, Millis, Watts};

use super::topology::RowMembers;

/// Segments of a convex cost.
const SEGMENTS: usize = 4;
/// The same as a divisor of watts.
const PARTS: i64 = 4;
/// One millionth of loss or drop in cost units; what follows it (length, wear) stays below.
const PPM: i64 = 1_000;
/// The highest cost of length, wear and imbalance: they decide between ways of equal loss.
const TIE_BREAK_MAX: i64 = 999;
/// Loss of the wheel's own machine, the same for every module, in millionths.
const WHEEL_PPM: i64 = 50_000;
/// A way that is in use already is taken for so much cheaper, so that equal plans are not exchanged.
const KEPT_PPM: i64 = 1_500;
/// What a covered watt is worth: what is above a hold now before what may come to be, a need of a rack before relief of its
/// row, then slack, and all before any cost.
const NEED_PRESENT_VALUE: i64 = 6_400_000_000_000;
const RELIEF_PRESENT_VALUE: i64 = 1_600_000_000_000;
const NEED_COMING_VALUE: i64 = 400_000_000_000;
const RELIEF_COMING_VALUE: i64 = 100_000_000_000;
const SLACK_VALUE: i64 = 25_000_000_000;
/// What it costs to relieve a row by what a rack draws already, in millionths: energy goes out from now on.
const STANDING_RELIEF_PPM: i64 = 20_000;
/// A leg of less is left to the margin.
pub(super) const LEAST_LEG: Watts = Watts::new(500);
/// The second pass looks for what the first had to take back.
const PASSES: usize = 2;
/// Halvings of what does not fit until it fits.
const HALVINGS: usize = 12;

/// A rack in want.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) rack: RackId,
    /// What it needs: what it draws above its hold now.
    pub(super) need_present: Watts,
    /// What it may come to draw above it beyond that.
    pub(super) need_coming: Watts,
    /// What it would be given besides, if there is enough, so that it is not back at once.
    pub(super) slack: Watts,
    /// What it may relieve its row of by a lower level, beyond what it draws now.
    pub(super) relief_coming: Watts,
    /// What it may relieve its row of, of what it draws now.
    pub(super) relief_present: Watts,
}

/// The row's own want.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowWant {
    pub(super) coming: Watts,
    pub(super) present: Watts,
}

/// What there is to give.
pub(super) struct Means<'a> {
    pub(super) site: &'a Site,
    pub(super) members: &'a RowMembers,
    /// In use by transfers that stay as they are.
    pub(super) usage: Usage,
    /// What a module may give at the most, by its rating, its store and its promises.
    pub(super) can_supply: &'a dyn Fn(KesmId, &Usage) -> Watts,
    /// Energy that a module may still promise.
    pub(super) can_promise: &'a dyn Fn(KesmId, &Usage) -> Joules,
    /// Thousandths of its capacity that a module stores.
    pub(super) stored_permille: &'a dyn Fn(KesmId) -> i64,
    pub(super) excluded: &'a dyn Fn(DeviceId) -> bool,
    /// Legs of the transfers that are planned anew.
    pub(super) before: Vec<Leg>,
    pub(super) hold: Millis,
}

/// What one rack gets.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) legs: Vec<Leg>,
    /// Of what is delivered: relief by a lower level beyond what the rack draws.
    pub(super) relief_coming: Watts,
    /// And of what it draws now.
    pub(super) relief_present: Watts,
}

/// What a delivered watt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Own,
    ReliefComing,
    ReliefPresent,
}

/// The planner's solver with its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Assigner {
    solver: Solver,
    nodes: Vec<Option<NodeId>>,
    tie_arcs: Vec<(ArcId, Hop)>,
    relief_arcs: Vec<(ArcId, RackId, Purpose)>,
    demands: Vec<(DemandId, Option<RackId>)>,
    sources: Vec<(SourceId, KesmId)>,
    /// Costs of ties that nothing uses, once they have been asked for: they never change.
    idle_ties: Vec<Option<[Segment; SEGMENTS]>>,
}

/// A path of the flow, named.
#[derive(Clone, Debug)]
struct Way {
    rack: RackId,
    kesm: KesmId,
    path: Vec<Hop>,
    amount: Watts,
    purpose: Purpose,
}

impl Assigner {
    /// What each rack in want gets, in the order of `wants`; what `means` had in use grows by it.
    pub(super) fn assign(&mut self, means: &mut Means<'_>, wants: &[Want], row: RowWant) -> Vec<Given> {
        let mut given = vec![Given::default(); wants.len()];
        let (mut left, mut row_left) = (wants.to_vec(), row);
        for _ in 0..PASSES {
            let nothing = left.iter().all(|want| want.need() < LEAST_LEG && want.slack < LEAST_LEG)
                && row_left.coming < LEAST_LEG
                && row_left.present < LEAST_LEG;
            if nothing {
                break;
            }
            let ways = self.solve(means, &left, row_left);
            if ways.is_empty() {
                break;
            }
            for way in ways {
                let Some(place) = wants.iter().position(|want| want.rack == way.rack) else { continue };
                let delivered = place_leg(means, &mut given[place].legs, &way);
                given[place].book(way.purpose, delivered);
                left[place].book(way.purpose, delivered);
                row_left.book(way.purpose, delivered);
            }
        }
        given
    }

    /// The flow of least cost as named ways, the largest first for each rack.
    fn solve(&mut self, means: &Means<'_>, wants: &[Want], row: RowWant) -> Vec<Way> {
        self.build(means, wants, row);
        let mut solution = self.solver.solve();
        let mut ways: Vec<Way> = Vec::new();
        for flow in solution.decompose() {
            let kesm = self.sources[flow.source.index()].1;
            let served = self.demands[flow.demand.index()].1;
            let hops = flow.arcs.iter().filter_map(|arc| self.tie_arcs.iter().find(|(id, _)| id == arc));
            let path: Vec<Hop> = hops.map(|(_, hop)| *hop).collect();
            let relief = flow.arcs.last().and_then(|arc| self.relief_arcs.iter().find(|(id, ..)| id == arc));
            let (rack, purpose) = match (served, relief) {
                (Some(rack), _) => (rack, Purpose::Own),
                (None, Some((_, rack, purpose))) => (*rack, *purpose),
                (None, None) => continue,
            };
            ways.push(Way { rack, kesm, path, amount: Watts::new(flow.amount), purpose });
        }
        // Needs are placed before relief, large before small.
        ways.sort_by_key(|way| (way.purpose != Purpose::Own, std::cmp::Reverse(way.amount), way.rack, way.kesm));
        ways
    }

    fn build(&mut self, means: &Means<'_>, wants: &[Want], row: RowWant) {
        self.solver.clear();
        self.tie_arcs.clear();
        self.relief_arcs.clear();
        self.demands.clear();
        self.sources.clear();
        // Nodes of other rows are left behind here; nothing of this row asks for them.
        self.nodes.resize(means.site.racks.len(), None);
        self.idle_ties.resize(means.site.ties.len(), None);
        for rack in &means.members.joined {
            self.nodes[rack.index()] = self.solver.add_node().ok();
        }
        means.members.ties.iter().for_each(|tie| self.add_tie(means, *tie));
        means.members.kesms.iter().for_each(|kesm| self.add_source(means, *kesm));
        for want in wants {
            self.add_demand(want.rack, want.need_present, NEED_PRESENT_VALUE);
            self.add_demand(want.rack, want.need_coming, NEED_COMING_VALUE);
            self.add_demand(want.rack, want.slack, SLACK_VALUE);
        }
        self.add_relief(wants, row.coming, Purpose::ReliefComing);
        self.add_relief(wants, row.present, Purpose::ReliefPresent);
    }

    fn add_tie(&mut self, means: &Means<'_>, id: TieId) {
        if (means.excluded)(DeviceId::Tie(id)) {
            return;
        }
        let tie = means.site.tie(id);
        let used = means.usage.ties.get(&id);
        for direction in [Direction::Forward, Direction::Backward] {
            // What is in use one way cannot be used the other way.
            if used.is_some_and(|(_, ways)| ways.iter().any(|way| *way != direction)) {
                continue;
            }
            let ends = (self.nodes[tie.source(direction).index()], self.nodes[tie.sink(direction).index()]);
            let (Some(from), Some(to)) = ends else { continue };
            let hop = Hop { tie: id, direction };
            let kept = means.before.iter().any(|leg| leg.path.contains(&hop));
            let in_use = used.map_or(Watts::ZERO, |(flow, _)| *flow);
            let mut segments = if in_use == Watts::ZERO {
                *self.idle_ties[id.index()].get_or_insert_with(|| tie_segments(means.site, tie, Watts::ZERO))
            } else {
                tie_segments(means.site, tie, in_use)
            };
            discount(&mut segments, kept);
            if let Ok(arc) = self.solver.add_arc(from, to, &segments) {
                self.tie_arcs.push((arc, hop));
            }
        }
    }

    fn add_source(&mut self, means: &Means<'_>, id: KesmId) {
        let Some(node) = self.nodes[means.site.kesm(id).rack.index()] else { return };
        let most = (means.can_supply)(id, &means.usage);
        if most < LEAST_LEG || (means.excluded)(DeviceId::Kesm(id)) {
            return;
        }
        let module = means.site.kesm(id);
        let in_use = means.usage.kesms.get(&id).copied().unwrap_or_default();
        let kept = means.before.iter().any(|leg| leg.kesm == id);
        // Wear and imbalance: the emptier module is spared.
        let spared = (1_000 - (means.stored_permille)(id)).clamp(0, 1_000) * TIE_BREAK_MAX / 1_000;
        let loss = |power: Watts| electrical::converter_loss(module.converter, module.rated, power);
        let base = WHEEL_PPM * PPM + spared;
        let mut segments = segments(most, base, |from, to| {
            marginal_ppm(loss(in_use.saturating_add(from)), loss(in_use.saturating_add(to)), from, to)
        });
        discount(&mut segments, kept);
        if let Ok(source) = self.solver.add_source(node, &segments) {
            self.sources.push((source, id));
        }
    }

    fn add_demand(&mut self, rack: RackId, amount: Watts, value: i64) {
        let Some(node) = self.nodes[rack.index()] else { return };
        if amount > Watts::ZERO
            && let Ok(demand) = self.solver.add_demand(node, amount.get(), value)
        {
            self.demands.push((demand, Some(rack)));
        }
    }

    /// A node that stands for the row, reached from every rack that can take less.
    fn add_relief(&mut self, wants: &[Want], amount: Watts, purpose: Purpose) {
        if amount < LEAST_LEG {
            return;
        }
        let Ok(node) = self.solver.add_node() else { return };
        for want in wants {
            let (room, cost) = match purpose {
                Purpose::ReliefPresent => (want.relief_present, STANDING_RELIEF_PPM * PPM),
                Purpose::ReliefComing | Purpose::Own => (want.relief_coming, 0),
            };
            let Some(from) = self.nodes[want.rack.index()] else { continue };
            let segment = [Segment { capacity: room.or_zero().get(), cost }];
            if let Ok(arc) = self.solver.add_arc(from, node, &segment) {
                self.relief_arcs.push((arc, want.rack, purpose));
            }
        }
        let value = if purpose == Purpose::ReliefPresent { RELIEF_PRESENT_VALUE } else { RELIEF_COMING_VALUE };
        if let Ok(demand) = self.solver.add_demand(node, amount.get(), value) {
            self.demands.push((demand, None));
        }
    }
}

impl Given {
    fn book(&mut self, purpose: Purpose, delivered: Watts) {
        match purpose {
            Purpose::Own => {}
            Purpose::ReliefComing => self.relief_coming = self.relief_coming.saturating_add(delivered),
            Purpose::ReliefPresent => self.relief_present = self.relief_present.saturating_add(delivered),
        }
    }
}

impl Want {
    /// All that it needs.
    pub(super) fn need(&self) -> Watts {
        self.need_present.saturating_add(self.need_coming)
    }

    fn book(&mut self, purpose: Purpose, delivered: Watts) {
        match purpose {
            Purpose::Own => {
                let mut left = delivered;
                for part in [&mut self.need_present, &mut self.need_coming, &mut self.slack] {
                    let booked = left.min(*part);
                    (*part, left) = (part.saturating_sub(booked), left.saturating_sub(booked));
                }
            }
            Purpose::ReliefComing => self.relief_coming = self.relief_coming.saturating_sub(delivered).or_zero(),
            Purpose::ReliefPresent => self.relief_present = self.relief_present.saturating_sub(delivered).or_zero(),
        }
    }
}

impl RowWant {
    fn book(&mut self, purpose: Purpose, delivered: Watts) {
        match purpose {
            Purpose::Own => {}
            Purpose::ReliefComing => self.coming = self.coming.saturating_sub(delivered).or_zero(),
            Purpose::ReliefPresent => self.present = self.present.saturating_sub(delivered).or_zero(),
        }
    }
}

/// Costs of a tie for what is still free of it.
fn tie_segments(site: &Site, tie: &Tie, in_use: Watts) -> [Segment; SEGMENTS] {
    let bus = site.bus(tie.between.0);
    let loss = |power: Watts| {
        electrical::converter_loss(tie.converter, tie.rated, power)
            .saturating_add(electrical::cable_loss(tie, bus, power))
    };
    let room = tie.rated.saturating_sub(in_use).saturating_sub(loss(tie.rated)).or_zero();
    let metres = (tie.length.get() / 1_000).min(TIE_BREAK_MAX);
    segments(room, metres, |from, to| {
        let (low, high) = (in_use.saturating_add(from), in_use.saturating_add(to));
        let drop_ppm = i64::from(electrical::drop_permille(tie, bus, high)) * 1_000 / 2;
        marginal_ppm(loss(low), loss(high), from, to).saturating_add(drop_ppm)
    })
}

/// Equal parts of `most`; `ppm` tells the marginal cost of the part between two powers. Rounding makes no later part
/// cheaper.
fn segments(most: Watts, base: i64, ppm: impl Fn(Watts, Watts) -> i64) -> [Segment; SEGMENTS] {
    let mut segments = [Segment { capacity: 0, cost: 0 }; SEGMENTS];
    let (mut from, mut dearest) = (0, 0);
    for (nth, segment) in (1i64..).zip(&mut segments) {
        let to = most.get() * nth / PARTS;
        let cost = ppm(Watts::new(from), Watts::new(to)).saturating_mul(PPM).saturating_add(base);
        dearest = cost.clamp(dearest, crate::flow::COST_MAX);
        *segment = Segment { capacity: to - from, cost: dearest };
        from = to;
    }
    segments
}

/// Makes a way that is in use already a little cheaper.
fn discount(segments: &mut [Segment], kept: bool) {
    if kept {
        for segment in segments {
            segment.cost = (segment.cost - KEPT_PPM * PPM).max(0);
        }
    }
}

fn marginal_ppm(low: Watts, high: Watts, from: Watts, to: Watts) -> i64 {
    let span = to.saturating_sub(from).get().max(1);
    high.saturating_sub(low).get().saturating_mul(1_000_000) / span
}

/// Adds a way to the legs of its rack as far as it fits with exact losses; returns what it delivers more.
fn place_leg(means: &mut Means<'_>, legs: &mut Vec<Leg>, way: &Way) -> Watts {
    let known = legs.iter().position(|leg| leg.kesm == way.kesm && leg.path == way.path);
    if way.path.len() > HOPS_MAX || (known.is_none() && (legs.len() >= LEGS_MAX || way.amount < LEAST_LEG)) {
        return Watts::ZERO;
    }
    let mut amount = way.amount;
    let before = known.map_or(Watts::ZERO, |nth| legs[nth].delivered);
    if let Some(nth) = known {
        let old = legs.remove(nth);
        means.usage.remove(means.site, std::slice::from_ref(&old), means.hold);
    }
    let mut leg = exact(means.site, way, before.saturating_add(amount));
    for _ in 0..HALVINGS {
        if fits(means, &leg) {
            break;
        }
        amount = Watts::new(amount.get() * 7 / 8);
        leg = exact(means.site, way, before.saturating_add(amount));
    }
    if !fits(means, &leg) {
        leg = exact(means.site, way, before);
    }
    if leg.delivered < LEAST_LEG {
        return Watts::ZERO;
    }
    means.usage.add(means.site, std::slice::from_ref(&leg), means.hold);
    let more = leg.delivered.saturating_sub(before);
    legs.push(leg);
    more
}

fn exact(site: &Site, way: &Way, delivered: Watts) -> Leg {
    let supplied = electrical::path_flows(site, &way.path, delivered).first().copied().unwrap_or(delivered);
    Leg { kesm: way.kesm, path: way.path.clone(), supplied, delivered }
}

/// Whether a leg fits beside what is in use, by the envelope's own measures.
fn fits(means: &Means<'_>, leg: &Leg) -> bool {
    let site = means.site;
    let flows = electrical::path_flows(site, &leg.path, leg.delivered);
    let mut path_drop = 0;
    let ties_fit = leg.path.iter().zip(&flows).all(|(hop, flow)| {
        let tie = site.tie(hop.tie);
        let bus = site.bus(tie.source(hop.direction));
        let total = means.usage.ties.get(&hop.tie).map_or(*flow, |(used, _)| used.saturating_add(*flow));
        path_drop += electrical::drop_permille(tie, bus, *flow);
        total <= tie.rated && electrical::drop_permille(tie, bus, total) <= u32::from(site.policy.branch_drop_permille)
    });
    ties_fit
        && !closes_a_ring(means, &leg.path)
        && path_drop <= u32::from(site.policy.path_drop_permille)
        && leg.supplied <= (means.can_supply)(leg.kesm, &means.usage)
        && electrical::stored_for(site.kesm(leg.kesm), leg.supplied, means.hold)
            <= (means.can_promise)(leg.kesm, &means.usage)
}

/// Whether power that reaches the end of this path could already flow on to its beginning: it would go round for ever.
fn closes_a_ring(means: &Means<'_>, path: &[Hop]) -> bool {
    let site = means.site;
    let Some(first) = path.first() else { return false };
    let begin = site.tie(first.tie).source(first.direction);
    let mut open: Vec<RackId> = path.iter().map(|hop| site.tie(hop.tie).sink(hop.direction)).collect();
    let mut seen = open.clone();
    while let Some(rack) = open.pop() {
        if rack == begin {
            return true;
        }
        for (&id, (_, ways)) in &means.usage.ties {
            let tie = site.tie(id);
            let onward = ways.iter().filter(|way| tie.source(**way) == rack).map(|way| tie.sink(*way));
            for next in onward.filter(|next| !seen.contains(next)).collect::<Vec<_>>() {
                seen.push(next);
                open.push(next);
            }
        }
    }
    false
}

/// The most that `energy` holds through one hold. The converter's losses at the rating bound those below it.
pub(super) fn by_energy(site: &Site, kesm: KesmId, energy: Joules) -> Watts {
    let module = site.kesm(kesm);
    let whole = electrical::stored_for(module, module.rated, site.policy.transfer_hold);
    if energy >= whole {
        return module.rated;
    }
    let share = module.rated.share(energy.or_zero().get(), whole.get());
    // The fixed loss weighs more at low power; a twentieth of the rating is kept back for it.
    let kept_back = module.rated.get() / 20;
    share.saturating_sub(Watts::new(kept_back)).or_zero()
}

#[cfg(test)]
mod tests;
