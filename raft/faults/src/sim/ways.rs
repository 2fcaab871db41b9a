//! What lies between hosts, as the active faults make it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use turmoil::Sim;

use super::net::Air;
use super::plan::{Fault, Kind};

/// How it stands from one host to another; the last is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Open,
    Held,
    Blocked,
}

/// Between each two, from the lower to the higher and back.
pub struct Ways {
    air: Arc<Air>,
    ways: BTreeMap<(u16, u16), [Way; 2]>,
}

/// Where a host is.
pub fn address(id: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 168, 7, u8::try_from(id).unwrap_or(u8::MAX)))
}

impl Ways {
    /// All open, between all of these.
    pub fn new(air: Arc<Air>, hosts: &[u16]) -> Self {
        let pairs = hosts.iter().flat_map(|one| hosts.iter().map(move |other| (*one, *other)));
        let ways = pairs.filter(|(one, other)| one < other).map(|pair| (pair, [Way::Open; 2])).collect();
        Self { air, ways }
    }

    /// What a host says or is told from now on is lost.
    pub fn silence(&mut self, sim: &Sim<'_>, id: u16) {
        let pairs: Vec<_> = self.ways.keys().copied().filter(|(one, other)| id == *one || id == *other).collect();
        for pair in pairs {
            self.set(sim, pair, [Way::Blocked; 2]);
        }
    }

    /// Brings all to what these faults make of them.
    pub fn follow(&mut self, sim: &Sim<'_>, active: &[Fault]) {
        let pairs: Vec<_> = self.ways.keys().copied().collect();
        for (one, other) in pairs {
            let made = |from, to| active.iter().map(|fault| made_by(fault, from, to)).fold(Way::Open, Way::max);
            let ways = match [made(one, other), made(other, one)] {
                // What is lost is not held as well: turmoil holds both directions or none.
                [Way::Blocked, Way::Held] => [Way::Blocked, Way::Open],
                [Way::Held, Way::Blocked] => [Way::Open, Way::Blocked],
                ways => ways,
            };
            self.set(sim, (one, other), ways);
        }
    }

    fn set(&mut self, sim: &Sim<'_>, (one, other): (u16, u16), ways: [Way; 2]) {
        let before = self.ways.insert((one, other), ways).unwrap_or([Way::Open; 2]);
        if before == ways {
            return;
        }
        let (one, other) = (address(one), address(other));
        if before == [Way::Held; 2] {
            sim.release(one, other);
        }
        for (way, [from, to]) in ways.into_iter().zip([[one, other], [other, one]]) {
            match way {
                Way::Open => sim.repair_oneway(from, to),
                Way::Held => sim.hold(from, to),
                Way::Blocked => sim.partition_oneway(from, to),
            }
            self.air.set_blocked(from, to, way == Way::Blocked);
        }
    }
}

fn made_by(fault: &Fault, from: u16, to: u16) -> Way {
    let both = [fault.whom, fault.other];
    match fault.kind {
        Kind::Partition | Kind::RestartedVoter if both == [from, to] || both == [to, from] => Way::Blocked,
        Kind::OneWay if both == [from, to] => Way::Blocked,
        Kind::Isolate | Kind::TurnedTables | Kind::PowerCut if fault.whom == from || fault.whom == to => Way::Blocked,
        Kind::PowerCutAll => Way::Blocked,
        Kind::Hold if both == [from, to] || both == [to, from] => Way::Held,
        _ => Way::Open,
    }
}
