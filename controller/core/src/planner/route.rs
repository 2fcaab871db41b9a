//! The source and path that give a rack its power with the least loss.
//!
//! Dijkstra's algorithm from the receiver outwards, where the label of a rack is the power that would have to leave
//! it for `delivered` to arrive. A tie's loss only grows with its flow, so a smaller label stays smaller over every
//! tie and the first label that is settled is the least. Between equal labels the shorter cable wins.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::command::{HOPS_MAX, Hop, Leg};
use crate::electrical;
use crate::envelope::Usage;
use crate::site::{KesmId, RackId, Site};
use crate::units::Watts;

#[derive(Clone, Debug)]
struct Label {
    flow: Watts,
    length_mm: i64,
    drop_permille: u32,
    /// From this rack to the receiver.
    path: Vec<Hop>,
}

/// The leg that delivers exactly `delivered` to `rack` with the least power taken from a store, if any module whose
/// `capacity` allows it can be reached over ties with room.
pub(super) fn cheapest(
    site: &Site,
    usage: &Usage,
    rack: RackId,
    delivered: Watts,
    capacity: &dyn Fn(KesmId) -> Watts,
) -> Option<Leg> {
    let labels = settle(site, usage, rack, delivered);
    let mut best: Option<(i64, i64, Leg)> = None;
    for kesm in site.kesm_ids() {
        let module = site.kesm(kesm);
        let Some(label) = labels[module.rack.index()].as_ref() else { continue };
        if capacity(kesm) < label.flow {
            continue;
        }
        let in_use = usage.kesms.get(&kesm).copied().unwrap_or_default();
        let before = electrical::converter_loss(module.converter, module.rated, in_use);
        let after = electrical::converter_loss(module.converter, module.rated, in_use.saturating_add(label.flow));
        let taken = label.flow.saturating_add(after).saturating_sub(before).get();
        if best.as_ref().is_none_or(|(least, length, _)| (taken, label.length_mm) < (*least, *length)) {
            let leg = Leg { kesm, path: label.path.clone(), supplied: label.flow, delivered };
            best = Some((taken, label.length_mm, leg));
        }
    }
    best.map(|(_, _, leg)| leg)
}

fn settle(site: &Site, usage: &Usage, rack: RackId, delivered: Watts) -> Vec<Option<Label>> {
    let mut settled: Vec<Option<Label>> = vec![None; site.racks.len()];
    let mut open = BinaryHeap::new();
    let mut labels = vec![Label { flow: delivered, length_mm: 0, drop_permille: 0, path: Vec::new() }];
    open.push(Reverse((delivered, 0, rack, 0)));
    while let Some(Reverse((_, _, at, nth))) = open.pop() {
        if settled[at.index()].is_some() {
            continue;
        }
        let label = labels[nth].clone();
        if label.path.len() < HOPS_MAX {
            for (source, next) in steps(site, usage, at, &label) {
                if settled[source.index()].is_none() {
                    open.push(Reverse((next.flow, next.length_mm, source, labels.len())));
                    labels.push(next);
                }
            }
        }
        settled[at.index()] = Some(label);
    }
    settled
}

/// Every rack from which a tie leads to `at` with room for the flow, and its label.
fn steps<'a>(
    site: &'a Site,
    usage: &'a Usage,
    at: RackId,
    label: &'a Label,
) -> impl Iterator<Item = (RackId, Label)> + 'a {
    site.tie_ids().filter_map(move |id| {
        let tie = site.tie(id);
        let direction = match tie.direction_from(at)? {
            crate::device::Direction::Forward => crate::device::Direction::Backward,
            crate::device::Direction::Backward => crate::device::Direction::Forward,
        };
        let source = tie.source(direction);
        let bus = site.bus(source);
        let flow = electrical::tie_flow(tie, bus, label.flow);
        let (in_use, ways) = usage.ties.get(&id).map_or((Watts::ZERO, None), |(sum, ways)| (*sum, Some(ways)));
        let one_way = ways.is_none_or(|ways| ways.iter().all(|way| *way == direction));
        let total = in_use.saturating_add(flow);
        let drop = label.drop_permille.saturating_add(electrical::drop_permille(tie, bus, flow));
        let fits = total <= tie.rated
            && electrical::drop_permille(tie, bus, total) <= u32::from(site.policy.branch_drop_permille)
            && drop <= u32::from(site.policy.path_drop_permille);
        if !one_way || !fits || closes_a_ring(site, usage, source, at, &label.path) {
            return None;
        }
        let mut path = Vec::with_capacity(label.path.len() + 1);
        path.push(Hop { tie: id, direction });
        path.extend_from_slice(&label.path);
        Some((source, Label { flow, length_mm: label.length_mm + tie.length.get(), drop_permille: drop, path }))
    })
}

/// Whether power that reaches the path could already flow on to `source`: then it would go round for ever.
fn closes_a_ring(site: &Site, usage: &Usage, source: RackId, at: RackId, path: &[Hop]) -> bool {
    let mut seen: BTreeSet<RackId> = path.iter().map(|hop| site.tie(hop.tie).sink(hop.direction)).collect();
    seen.insert(at);
    let mut open: Vec<RackId> = seen.iter().copied().collect();
    while let Some(rack) = open.pop() {
        if rack == source {
            return true;
        }
        for (&id, (_, ways)) in &usage.ties {
            let tie = site.tie(id);
            for &direction in ways {
                if tie.source(direction) == rack && seen.insert(tie.sink(direction)) {
                    open.push(tie.sink(direction));
                }
            }
        }
    }
    false
}
