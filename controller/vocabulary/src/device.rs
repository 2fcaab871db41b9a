//! What the controller says to field devices and what they say back, apart from any encoding.

use core::fmt;

use crate::part::{FeedId, KesmId, RackId, TieId};
use crate::text;
use crate::units::{Joules, Millis, Millivolts, Watts};

/// One field device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceId {
    /// The smart PDU of a rack: meter, breaker, outlets that can be capped or switched.
    Pdu(RackId),
    /// A kinetic energy storage module.
    Kesm(KesmId),
    /// The converter of a tie.
    Tie(TieId),
    /// What stands before the rows of a feed: utility meters, transfer switch and generator.
    Supply(FeedId),
}

impl DeviceId {
    /// A number that names the device on the wire and in stored bytes: kind in the high half, index in the low.
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::Pdu(RackId(index)) => 0x0001_0000 | index as u32,
            Self::Kesm(KesmId(index)) => 0x0002_0000 | index as u32,
            Self::Tie(TieId(index)) => 0x0003_0000 | index as u32,
            Self::Supply(FeedId(index)) => 0x0004_0000 | index as u32,
        }
    }

    /// The device that [`Self::to_wire`] gave this number, if one of its kind can have it.
    pub const fn from_wire(wire: u32) -> Option<Self> {
        let index = (wire & 0xffff) as u16;
        match wire >> 16 {
            1 => Some(Self::Pdu(RackId(index))),
            2 => Some(Self::Kesm(KesmId(index))),
            3 => Some(Self::Tie(TieId(index))),
            4 => Some(Self::Supply(FeedId(index))),
            _ => None,
        }
    }
}

/// A controller replica, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u16);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::pad(f, format_args!("n{}", self.0))
    }
}

/// What orders every order totally. A device accepts one when its `term` is not below the last accepted and its
/// `index` is above it (the rule that survived model checking; see ARCHITECTURE.md, "Fence").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// Term of the *leader that sends*, which may be above the term of the entry.
    pub term: u64,
    /// Log index of the committed entry that the order comes from.
    pub index: u64,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// Which way power goes through a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the first rack that the site file names to the second.
    Forward,
    /// From the second to the first.
    Backward,
}

/// A complete and absolute instruction for one device. A ceiling, not a flow: within it the device itself follows
/// its bus in milliseconds, so that neither a late forecast nor a failover leaves a surge uncovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setpoint {
    /// For a KESM.
    Kesm {
        /// At most so much is given to the bus.
        supply_max: Watts,
        /// At most so much is taken from the bus to spin up.
        charge_max: Watts,
        /// The rack's own draw above which supply begins and below which charging may fill up.
        hold: Watts,
    },
    /// For a tie.
    Tie {
        /// Where the power goes.
        direction: Direction,
        /// At most so much leaves the source bus.
        flow_max: Watts,
        /// The draw of the receiving rack above which the tie begins to give.
        hold: Watts,
    },
    /// For a PDU.
    Pdu {
        /// At most so much goes to the rack's servers together; the PDU shares it out by tier (see
        /// `ridethrough_core::capping`). A cap of the rack's nameplate or more caps nobody.
        cap: Watts,
        /// Servers of a higher tier than this shut down in good order; their outlets open when they have.
        keep_tiers: u8,
    },
    /// For a supply.
    Supply {
        /// What its generator is to do.
        generator: GeneratorDuty,
    },
}

/// What a generator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GeneratorDuty {
    /// It follows its own rule: it starts when no utility has been good for its waiting time, and stops afterwards.
    Auto,
    /// It runs, and tries again when it has given up.
    Run,
}

impl Setpoint {
    /// Whether going from `before` to `self` could draw more from a source than before. Only modules and ties give or
    /// pass anything on; what PDUs and supplies are told goes at once.
    pub fn raises(&self, before: Option<&Self>) -> bool {
        match (self, before) {
            (Self::Kesm { supply_max, charge_max, .. }, Some(Self::Kesm { supply_max: s, charge_max: c, .. })) => {
                supply_max > s || charge_max > c
            }
            (Self::Tie { direction, flow_max, .. }, Some(Self::Tie { direction: d, flow_max: f, .. })) => {
                direction != d || flow_max > f
            }
            (Self::Kesm { supply_max, charge_max, .. }, _) => *supply_max > Watts::ZERO || *charge_max > Watts::ZERO,
            (Self::Tie { flow_max, .. }, _) => *flow_max > Watts::ZERO,
            (Self::Pdu { .. } | Self::Supply { .. }, _) => false,
        }
    }
}

/// What one device is to do, from one committed entry. Only `ridethrough_core::ledger::Ledger` makes it a
/// `Committed`, and only that can be sent (I1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// Who is to act.
    pub device: DeviceId,
    /// Log index of the entry.
    pub index: u64,
    /// Term of the entry.
    pub term: u64,
    /// What to do.
    pub setpoint: Setpoint,
    /// Ledger time after which it is void.
    pub until: Millis,
}

/// What a device measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// By a PDU.
    Pdu {
        /// What the servers of the rack take.
        load: Watts,
        /// What comes through the rack's breaker: load, less what ties and KESM give, plus what they take.
        draw: Watts,
        /// Potential of the rack bus.
        bus: Millivolts,
        /// The breaker's heat: 0 cold, 1000 trips.
        breaker_permille: u16,
        /// Whether the breaker is open.
        tripped: bool,
    },
    /// By a KESM.
    Kesm {
        /// Usable energy above the lowest allowed speed, flywheel and supercapacitor together.
        stored: Joules,
        /// What it gives to the bus; negative while it charges.
        supply: Watts,
        /// Speed of the wheel in revolutions per minute.
        speed_rpm: u32,
        /// Potential of the supercapacitor bank.
        capacitor: Millivolts,
        /// Whether it can act on orders.
        available: bool,
    },
    /// By a tie.
    Tie {
        /// What leaves the source bus, positive in the forward direction.
        flow: Watts,
        /// Whether it can act on orders.
        available: bool,
    },
    /// By a supply.
    Supply {
        /// What utility A gives, in thousandths of nominal potential.
        utility_a_permille: u16,
        /// What utility B gives; nothing where there is none.
        utility_b_permille: u16,
        /// What the transfer switch is on.
        source: SupplySource,
        /// What the generator does.
        generator: GeneratorPhase,
        /// What all rows of the feed draw together.
        drawn: Watts,
    },
}

/// What a transfer switch is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SupplySource {
    /// Nothing: it is on its way, or nothing is good.
    Open,
    /// The preferred utility.
    UtilityA,
    /// The other utility.
    UtilityB,
    /// The generator.
    Generator,
}

/// What a generator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeneratorPhase {
    /// There is none.
    Absent,
    /// It stands.
    Off,
    /// It is being started, or rests between two attempts.
    Starting,
    /// It runs at its speed.
    Running,
    /// It has given up.
    Failed,
}

/// What a device did with an order, and the first reason why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Taken and in force.
    Executed,
    /// The order in force already; answered again, done once.
    Duplicate,
    /// An older fence than one accepted before.
    StaleFence,
    /// Past its expiry on the device's clock.
    Expired,
    /// Outside the device's own limits, or not of its kind.
    BeyondLimits,
    /// The device has failed, or its bus is dead.
    Unavailable,
    /// Somebody at the device has locked it; only somebody there can unlock it.
    LockedOut,
}

impl Verdict {
    /// Whether the order is in force at the device.
    pub const fn in_force(self) -> bool {
        matches!(self, Self::Executed | Self::Duplicate)
    }

    /// Its word in records, exports and vectors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Duplicate => "duplicate",
            Self::StaleFence => "stale_fence",
            Self::Expired => "expired",
            Self::BeyondLimits => "beyond_limits",
            Self::Unavailable => "unavailable",
            Self::LockedOut => "locked_out",
        }
    }
}

/// A device's word on one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Who speaks.
    pub device: DeviceId,
    /// The fence of the order it answers.
    pub fence: Fence,
    /// What became of it.
    pub verdict: Verdict,
    /// The device's own monotonic clock.
    pub device_at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_one_number() {
        for device in [
            DeviceId::Pdu(RackId(7)),
            DeviceId::Kesm(KesmId(0)),
            DeviceId::Tie(TieId(9)),
            DeviceId::Supply(FeedId(u16::MAX)),
        ] {
            assert_eq!(DeviceId::from_wire(device.to_wire()), Some(device));
        }
        assert_eq!(DeviceId::from_wire(7), None);
        assert_eq!(DeviceId::from_wire(0x0005_0000), None);
    }

    #[test]
    fn turning_a_tie_round_is_a_rise() {
        let forward = Setpoint::Tie { direction: Direction::Forward, flow_max: Watts::new(9), hold: Watts::ZERO };
        let backward = Setpoint::Tie { direction: Direction::Backward, flow_max: Watts::new(1), hold: Watts::ZERO };
        assert!(backward.raises(Some(&forward)));
        assert!(!forward.raises(Some(&forward)));
        assert!(forward.raises(None));
    }
}
