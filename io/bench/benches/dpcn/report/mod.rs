//! What is measured and told.

mod bars;
mod json;
mod table;

use anyhow::Result;
use ridethrough_dpcn_bench::cacheline;
use ridethrough_dpcn_bench::cores::Scheduling;
use ridethrough_dpcn_bench::latencies::Summary;
use ridethrough_dpcn_bench::sockets::Waiting;

use crate::fanout::{self, FanOut};
use crate::flood::{self, Flood};
use crate::floor::Floor;
use crate::hogged::{self, Hogged};
use crate::inline::Inline;
use crate::networks::{LanB, TwoNetworks};
use crate::options::{Effort, Options, Output};
use crate::peers;
use crate::rings::ViaRings;
use crate::rounds::{Case, Turns};
use crate::stages::{self, Stage};

pub const FLOOR: &str = "floor";
pub const ORDER_ACK: &str = "order_ack";
pub const VIA_RINGS: &str = "via_rings";
pub const VIA_RINGS_BLOCKING: &str = "via_rings_blocking";
pub const TWO_NETWORKS: &str = "two_networks";
pub const ONE_NETWORK_DEAD: &str = "one_network_dead";
pub const FLOOR_BLOCKING: &str = "floor_blocking";
pub const ORDER_ACK_BLOCKING: &str = "order_ack_blocking";

/// How many devices are told together.
const FANOUT_DEVICES: [u16; 2] = [1_000, 10_000];

/// All that was measured.
pub struct Report {
    pub scheduling: Scheduling,
    pub cacheline: Option<Summary>,
    /// Order to ack, our own ways, in the order in which they are told.
    pub ours: Vec<(&'static str, Summary)>,
    pub peers: Vec<(&'static str, Summary)>,
    pub fanout: Vec<FanOut>,
    pub hogged: Vec<Hogged>,
    pub flood: Option<Flood>,
    pub stages: Vec<Stage>,
    pub turns: Turns,
}

/// Measures what is wanted.
pub fn measure(options: &Options, scheduling: Scheduling) -> Result<Report> {
    let turns = Turns::of(options.effort);
    let cacheline = cacheline::round_trip();
    let mut cases = ours(options, scheduling)?;
    let own = cases.len();
    cases.extend(peers::cases(options)?);
    let taken = turns.take(&mut cases)?;
    drop(cases);
    let told = |(name, latencies): &(&'static str, ridethrough_dpcn_bench::latencies::Latencies)| {
        latencies.summary().map(|summary| (*name, summary))
    };
    let (ours, peers) = taken.split_at(own);
    Ok(Report {
        scheduling,
        cacheline,
        ours: ours.iter().filter_map(told).collect(),
        peers: peers.iter().filter_map(told).collect(),
        fanout: fan_out(options)?,
        hogged: if options.wants("hogged") { hogged::measure(options.effort)? } else { Vec::new() },
        flood: if options.wants("flood") { Some(flood::measure(options.effort)?) } else { None },
        stages: if options.wants("stages") { stages::measure(options.effort)? } else { Vec::new() },
        turns,
    })
}

fn ours(options: &Options, scheduling: Scheduling) -> Result<Vec<Box<dyn Case>>> {
    let all: [Box<dyn Case>; 8] = [
        Box::new(Floor::new(FLOOR, Waiting::Spinning)?),
        Box::new(Inline::new(ORDER_ACK, Waiting::Spinning)?),
        Box::new(ViaRings::new(VIA_RINGS, Waiting::Spinning, scheduling)?),
        Box::new(TwoNetworks::new(TWO_NETWORKS, LanB::Works)?),
        Box::new(TwoNetworks::new(ONE_NETWORK_DEAD, LanB::Dead)?),
        Box::new(Floor::new(FLOOR_BLOCKING, Waiting::Blocking)?),
        Box::new(Inline::new(ORDER_ACK_BLOCKING, Waiting::Blocking)?),
        Box::new(ViaRings::new(VIA_RINGS_BLOCKING, Waiting::Blocking, scheduling)?),
    ];
    Ok(all.into_iter().filter(|case| options.wants(case.name())).collect())
}

fn fan_out(options: &Options) -> Result<Vec<FanOut>> {
    if !options.wants("fanout") {
        return Ok(Vec::new());
    }
    // Ten thousand devices need seconds to get their keys.
    let sizes = if options.effort == Effort::Quick { &FANOUT_DEVICES[..1] } else { &FANOUT_DEVICES[..] };
    sizes.iter().map(|devices| fanout::measure(*devices, options.effort)).collect()
}

impl Report {
    /// What was told of one of our own ways.
    pub fn ours(&self, name: &str) -> Option<Summary> {
        self.ours.iter().find(|(known, _)| *known == name).map(|(_, summary)| *summary)
    }
}

impl Output {
    pub fn print(self, report: &Report) {
        match self {
            Self::Table => table::print(report),
            Self::Json => json::print(report),
        }
    }
}
