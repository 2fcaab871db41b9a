//! What DPCN promises to hold, each as a ratio inside one run or as a time that a site can count on.

use ridethrough_dpcn_bench::cores::Scheduling;
use ridethrough_dpcn_bench::latencies::Summary;

use super::{FLOOR, FLOOR_BLOCKING, ONE_NETWORK_DEAD, ORDER_ACK, Report, TWO_NETWORKS, VIA_RINGS, VIA_RINGS_BLOCKING};
use crate::fanout::{FanOut, Told};
use crate::flood::Flood;
use crate::hogged::Hogged;
use crate::peers;

/// A figure and what it may be at most.
pub struct Bar {
    pub what: String,
    pub figure: f64,
    pub at_most: f64,
}

impl Bar {
    pub fn holds(&self) -> bool {
        self.figure <= self.at_most
    }
}

/// All bars whose figures were measured.
pub fn bars(report: &Report) -> Vec<Bar> {
    let mut bars = Vec::new();
    let floor = report.ours(FLOOR);
    if let (Some(floor), Some(ours)) = (floor, report.ours(ORDER_ACK)) {
        bars.extend(ratios("order to ack / floor", ours, floor, [1.3, 1.5]));
    }
    let over = |what: &str, ours: &str, base: &str, at_most: f64| {
        let figure = report.ours(ours)?.p50_us / report.ours(base)?.p50_us;
        Some(Bar { what: format!("{what}, p50"), figure, at_most })
    };
    bars.extend(over("via rings / floor", VIA_RINGS, FLOOR, 2.5));
    bars.extend(over("via rings / floor, all asleep", VIA_RINGS_BLOCKING, FLOOR_BLOCKING, 2.5));
    bars.extend(one_network_dead(report));
    bars.extend(report.peers.iter().filter_map(|(name, peer)| beside(name, *peer, report.ours(ORDER_ACK)?)));
    bars.extend(report.fanout.iter().flat_map(fanned_out));
    bars.extend(report.hogged.iter().filter_map(hogged));
    bars.extend(report.flood.iter().flat_map(flooded));
    bars
}

fn ratios(what: &str, ours: Summary, floor: Summary, at_most: [f64; 2]) -> [Bar; 2] {
    [
        Bar { what: format!("{what}, p50"), figure: ours.p50_us / floor.p50_us, at_most: at_most[0] },
        Bar { what: format!("{what}, p99"), figure: ours.p99_us / floor.p99_us, at_most: at_most[1] },
    ]
}

/// p99 within noise of what it is with both.
fn one_network_dead(report: &Report) -> Option<Bar> {
    let figure = report.ours(ONE_NETWORK_DEAD)?.p99_us / report.ours(TWO_NETWORKS)?.p99_us;
    Some(Bar { what: "one network dead / both alive, p99".into(), figure, at_most: 1.25 })
}

/// At or below Aeron; three times faster than what sites use today.
fn beside(name: &str, peer: Summary, ours: Summary) -> Option<Bar> {
    let at_most = match name {
        peers::AERON => 1.0,
        peers::MODBUS | peers::ZEROMQ | peers::MQTT | peers::QUIC => 1.0 / 3.0,
        _ => return None,
    };
    Some(Bar { what: format!("order to ack / {name}, p50"), figure: ours.p50_us / peer.p50_us, at_most })
}

fn fanned_out(fanout: &FanOut) -> Vec<Bar> {
    let FanOut { devices, floor, unicast, gateway } = fanout;
    #[allow(clippy::cast_precision_loss, reason = "a count for people")]
    let lost = (unicast.lost + gateway.lost) as f64;
    let ratio = |told: &Told| told.summary.p50_us / floor.summary.p50_us;
    vec![
        Bar { what: format!("{devices} devices / floor, p50"), figure: ratio(unicast), at_most: 1.2 },
        Bar { what: format!("{devices} behind gateways / floor, p50"), figure: ratio(gateway), at_most: 1.2 },
        Bar { what: format!("acks of {devices} devices lost"), figure: lost, at_most: 0.0 },
    ]
}

fn hogged(hogged: &Hogged) -> Option<Bar> {
    let at_most = match hogged.scheduling {
        Scheduling::Fifo => 50.0,
        Scheduling::Nice => 2_000.0,
        Scheduling::Normal => return None,
    };
    let what = format!("both cores hogged, {}, p99 µs", hogged.scheduling.name());
    Some(Bar { what, figure: hogged.summary.p99_us, at_most })
}

fn flooded(flood: &Flood) -> [Bar; 2] {
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    let growth = flood.rss_growth_bytes as f64;
    [
        Bar { what: "flooded / calm, p99".into(), figure: flood.blind.p99_us / flood.calm.p99_us, at_most: 2.0 },
        // One batch of pages that the allocator keeps.
        Bar { what: "memory grown by the flood, bytes".into(), figure: growth, at_most: 262_144.0 },
    ]
}
