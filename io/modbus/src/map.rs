//! Which register is what. `README.md` has the same tables; a test compares them.

use ridethrough_core::mode::Mode;
use ridethrough_core::units::{Joules, Watts};

use crate::field::{Block, Field, Kind};
use crate::layout::Identity;
use crate::shown::{FeedShown, KesmShown, KesmState, RackShown, Shown, Standing};

/// "RT", by which a reader knows whom he reads.
const MAGIC: i64 = 0x5254;
/// Another number for another map.
const VERSION: i64 = 1;
/// Where the site's block begins; the identity's begins at 0.
const SITE_BASE: u16 = 32;
/// Where the racks begin.
pub const RACKS_BASE: u16 = 64;

const fn field<V>(
    at: u16,
    kind: Kind,
    name: &'static str,
    what: &'static str,
    tell: fn(&V) -> Option<i64>,
) -> Field<V> {
    Field { at, kind, name, what, tell }
}

/// From register 0 on.
pub const IDENTITY: Block<Identity> = Block {
    size: SITE_BASE,
    fields: &[
        field(0, Kind::U16, "magic", "0x5254, \"RT\"", |_| Some(MAGIC)),
        field(1, Kind::U16, "map", "version of this map: 1", |_| Some(VERSION)),
        field(2, Kind::U16, "major", "version of the program", |_| env!("CARGO_PKG_VERSION_MAJOR").parse().ok()),
        field(3, Kind::U16, "minor", "", |_| env!("CARGO_PKG_VERSION_MINOR").parse().ok()),
        field(4, Kind::U16, "patch", "", |_| env!("CARGO_PKG_VERSION_PATCH").parse().ok()),
        field(5, Kind::U16, "replica", "who tells this: n1 is 1", |one| Some(one.layout.replica.into())),
        field(6, Kind::U32, "site file", "first 8 digits of its `sha256sum`: another file, other blocks", |one| {
            Some(one.layout.site.into())
        }),
        field(
            8,
            Kind::U16,
            "age",
            "of all registers from 32 on, ms; 65,534 also for more, 65,535: never told",
            |one| one.age_ms,
        ),
        field(9, Kind::U32, "registers", "how many there are, from 0", |one| Some(count(one.layout.end))),
        field(11, Kind::U16, "site base", "where the site's block begins: 32", |_| Some(SITE_BASE.into())),
        field(12, Kind::U16, "rack base", "where the first rack begins: 64", |one| Some(one.layout.racks.base.into())),
        field(13, Kind::U16, "rack stride", "registers from a rack to the next", |_| Some(RACK.size.into())),
        field(14, Kind::U16, "racks", "how many", |one| Some(one.layout.racks.count.into())),
        field(15, Kind::U16, "KESM base", "where the first module begins", |one| Some(one.layout.kesms.base.into())),
        field(16, Kind::U16, "KESM stride", "registers from a module to the next", |_| Some(KESM.size.into())),
        field(17, Kind::U16, "KESMs", "how many", |one| Some(one.layout.kesms.count.into())),
        field(18, Kind::U16, "feed base", "where the first feed begins", |one| Some(one.layout.feeds.base.into())),
        field(19, Kind::U16, "feed stride", "registers from a feed to the next", |_| Some(FEED.size.into())),
        field(20, Kind::U16, "feeds", "how many", |one| Some(one.layout.feeds.count.into())),
    ],
};

/// From register 32 on.
pub const SITE: Block<Shown> = Block {
    size: RACKS_BASE - SITE_BASE,
    fields: &[
        field(0, Kind::U16, "mode", "0 automatic, 1 an operator has taken over", |all| Some(all.site.manual.into())),
        field(1, Kind::U16, "leader", "the replica that leads", |all| all.site.leader.map(i64::from)),
        field(
            2,
            Kind::U16,
            "quorum",
            "how this replica knows: 1 it hears a leader, 2 it leads and a majority confirms it",
            |all| Some(if all.site.standing == Standing::Leads { 2 } else { 1 }),
        ),
        field(3, Kind::U32, "term", "of the leader; a new one with every election", |all| {
            Some(unsigned(all.site.term))
        }),
        field(5, Kind::U64, "commit", "last log entry known to be committed", |all| Some(unsigned(all.site.commit))),
        field(9, Kind::U16, "alarms 1", "that stand or wait for somebody, of priority 1 (now)", |all| {
            Some(count(all.site.alarms[0]))
        }),
        field(10, Kind::U16, "alarms 2", "of priority 2 (within the hour)", |all| Some(count(all.site.alarms[1]))),
        field(11, Kind::U16, "alarms 3", "of priority 3 (today); of all, the 64 most urgent are counted", |all| {
            Some(count(all.site.alarms[2]))
        }),
        field(12, Kind::U16, "alarms unseen", "of them, those that nobody has acknowledged", |all| {
            Some(count(all.site.alarms_unseen))
        }),
        field(13, Kind::U16, "transfers", "in force", |all| Some(count(all.site.transfers))),
        field(14, Kind::U16, "at risk", "racks that need help", |all| {
            Some(count(all.racks.iter().filter(|rack| rack.at_risk).count()))
        }),
        field(15, Kind::U16, "devices heard", "lately", |all| Some(count(all.site.devices_heard))),
        field(16, Kind::U16, "devices", "of the site", |all| Some(count(all.site.devices))),
        field(17, Kind::U16, "feeds off normal", "whose mode is not 0", |all| {
            Some(count(all.feeds.iter().filter(|feed| feed.mode != Some(Mode::Normal)).count()))
        }),
        field(18, Kind::U32, "load", "what all servers take, 0.1 kW; unknown while one rack's is", |all| {
            sum(&all.racks, |rack| rack.load.map(used))
        }),
        field(20, Kind::U32, "draw", "what comes through all racks' breakers, 0.1 kW; the same", |all| {
            sum(&all.racks, |rack| rack.draw.map(used))
        }),
        field(22, Kind::U32, "limit", "what they carry for ever, 0.1 kW", |all| {
            sum(&all.racks, |rack| Some(left(rack.limit)))
        }),
        field(24, Kind::U32, "stored", "usable energy of all modules, kJ; unknown while one module's is", |all| {
            sum(&all.kesms, |kesm| kesm.stored.map(kilojoules))
        }),
        field(26, Kind::U32, "capacity", "the same when all are full, kJ", |all| {
            sum(&all.kesms, |kesm| Some(kilojoules(kesm.capacity)))
        }),
    ],
};

/// One for each rack, in the order of the site file.
pub const RACK: Block<RackShown> = Block {
    size: 12,
    fields: &[
        field(0, Kind::U32, "load", "what its servers take, 0.1 kW", |rack| rack.load.map(used)),
        field(2, Kind::U32, "draw", "what comes through its breaker, 0.1 kW", |rack| rack.draw.map(used)),
        field(4, Kind::U32, "limit", "what its breaker carries for ever, 0.1 kW", |rack| Some(left(rack.limit))),
        field(6, Kind::I32, "headroom", "limit less draw, 0.1 kW", |rack| Some(left(rack.limit) - used(rack.draw?))),
        field(8, Kind::U32, "cap", "at most so much for its servers, 0.1 kW; unknown: no cap", |rack| {
            rack.cap.map(left)
        }),
        field(10, Kind::U16, "at risk", "1: it needs help", |rack| Some(rack.at_risk.into())),
        field(11, Kind::U16, "tripped", "1: its breaker is open, as last told", |rack| Some(rack.tripped.into())),
    ],
};

/// One for each module, in the order of the site file.
pub const KESM: Block<KesmShown> = Block {
    size: 8,
    fields: &[
        field(0, Kind::U16, "charge", "stored energy, thousandths of what fits", |kesm| {
            Some(kesm.stored?.get().saturating_mul(1_000) / kesm.capacity.get().max(1))
        }),
        field(
            1,
            Kind::U16,
            "state",
            "0 rests, 1 gives, 2 charges, 3 not heard, 4 held by an operator, 5 quarantined",
            |kesm| Some(state(kesm.state)),
        ),
        field(2, Kind::U32, "stored", "usable energy, kJ", |kesm| kesm.stored.map(kilojoules)),
        field(4, Kind::I32, "supply", "what it gives, 0.1 kW; negative while it charges", |kesm| {
            kesm.supply.map(|supply| supply.get() / 100)
        }),
        field(6, Kind::U32, "capacity", "usable energy when full, kJ", |kesm| Some(kilojoules(kesm.capacity))),
    ],
};

/// One for each feed, in the order of the site file.
pub const FEED: Block<FeedShown> = Block {
    size: 3,
    fields: &[
        field(0, Kind::U16, "mode", "0 normal, 1 ride-through, 2 generator, 3 orderly shutdown, 4 recovery", |feed| {
            feed.mode.map(mode)
        }),
        field(1, Kind::U32, "since", "for how long, s", |feed| Some(feed.since.get() / 1_000)),
    ],
};

/// Power that is used, in units of 100 W, rounded up.
const fn used(power: Watts) -> i64 {
    power.get().saturating_add(99).div_euclid(100)
}

/// Power that may be used, in units of 100 W, rounded down.
const fn left(power: Watts) -> i64 {
    power.get().div_euclid(100)
}

const fn kilojoules(energy: Joules) -> i64 {
    energy.get().div_euclid(1_000)
}

fn sum<V>(all: &[V], one: impl Fn(&V) -> Option<i64>) -> Option<i64> {
    all.iter().map(one).try_fold(0, |sum: i64, next| Some(sum.saturating_add(next?)))
}

fn unsigned(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const fn state(state: KesmState) -> i64 {
    match state {
        KesmState::Rests => 0,
        KesmState::Gives => 1,
        KesmState::Charges => 2,
        KesmState::Silent => 3,
        KesmState::Held => 4,
        KesmState::Quarantined => 5,
    }
}

const fn mode(mode: Mode) -> i64 {
    match mode {
        Mode::Normal => 0,
        Mode::RideThrough => 1,
        Mode::Generator => 2,
        Mode::OrderlyShutdown => 3,
        Mode::Recovery => 4,
    }
}

#[cfg(test)]
mod tests;
