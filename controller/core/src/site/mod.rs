//! What stands where: one data center as its site file describes it.
//!
//! A [`Site`] has been checked: every index in it points at something, every quantity is physical. Only
//! [`Site::parse`] makes one.

mod fault;
mod parse;

pub use fault::Fault;
pub use parse::SiteError;

use crate::device::{DeviceId, Direction};
use crate::units::{Joules, Microohms, Millimetres, Millis, Millivolts, Watts};

pub use ridethrough_vocabulary::part::{FeedId, KesmId, RackId, RowId, ServerId, TieId};

/// One data center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What people call it.
    pub name: String,
    /// SHA-256 of the site file, so that replicas can tell whether they speak of the same site.
    pub hash: [u8; 32],
    /// How the controller is to behave.
    pub policy: Policy,
    /// Utility feeds.
    pub feeds: Vec<Feed>,
    /// Rows.
    pub rows: Vec<Row>,
    /// Racks.
    pub racks: Vec<Rack>,
    /// Servers.
    pub servers: Vec<Server>,
    /// Storage modules.
    pub kesms: Vec<Kesm>,
    /// Ties.
    pub ties: Vec<Tie>,
}

/// How the controller is to behave on this site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The control period.
    pub tick: Millis,
    /// Distance kept from every rack limit, in thousandths of the limit.
    pub margin_permille: u16,
    /// For how long a committed transfer is in force unless renewed.
    pub transfer_hold: Millis,
    /// For how long a device obeys without hearing from a leader.
    pub lease: Millis,
    /// Telemetry older than this is not believed.
    pub stale_after: Millis,
    /// Voltage drop allowed on one tie, in thousandths of the bus potential.
    pub branch_drop_permille: u16,
    /// Voltage drop allowed on a whole path, in thousandths of the bus potential.
    pub path_drop_permille: u16,
    /// How long the controller may take to put a single failure right: to see it, to change leaders, to commit, and for
    /// caps to be followed. Breakers must bear what the failure leaves for so long (I9).
    pub reaction: Millis,
}

/// A utility feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Its id in the site file.
    pub name: String,
    /// What it can carry.
    pub limit: Watts,
    /// Rating of its generator, where there is one.
    pub generator: Option<Watts>,
    /// Rows that hang on it.
    pub rows: Vec<RowId>,
}

/// A row of racks on one bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id in the site file.
    pub name: String,
    /// The feed it hangs on.
    pub feed: FeedId,
    /// What its own feeder can carry.
    pub limit: Watts,
    /// Nominal potential of its buses.
    pub bus: Millivolts,
}

/// A rack with its smart PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rack {
    /// Its id in the site file.
    pub name: String,
    /// The row it stands in.
    pub row: RowId,
    /// What its breaker carries for ever.
    pub limit: Watts,
    /// The most that its servers can ever take together, from their ratings.
    pub nameplate: Watts,
    /// Its servers.
    pub servers: Vec<ServerId>,
    /// Modules on its bus.
    pub kesms: Vec<KesmId>,
    /// Ties that end at its bus.
    pub ties: Vec<TieId>,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its id in the site file.
    pub name: String,
    /// The rack it stands in.
    pub rack: RackId,
    /// The most that its power supplies take.
    pub rated: Watts,
    /// How much its work matters: 1 most, [`TIER_MAX`] least. What matters least is capped and shut down first.
    pub tier: u8,
    /// No cap goes below this.
    pub floor: Watts,
    /// How long it needs to shut down in good order.
    pub shutdown: Millis,
}

/// The tier of what matters least.
pub const TIER_MAX: u8 = 4;

/// A flywheel with its supercapacitor bank and converter, on the bus of one rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kesm {
    /// Its id in the site file.
    pub name: String,
    /// The rack on whose bus it sits.
    pub rack: RackId,
    /// The most that it gives.
    pub rated: Watts,
    /// The most that it takes to spin up.
    pub charge_rated: Watts,
    /// Usable energy between its lowest and highest speed.
    pub capacity: Joules,
    /// Energy that transfers must leave for riding through a utility outage.
    pub reserve: Joules,
    /// Losses of its converter.
    pub converter: ConverterLoss,
}

/// A converter-controlled cable between the buses of two racks of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Its id in the site file.
    pub name: String,
    /// The two racks, in the order that [`Direction::Forward`] goes.
    pub between: (RackId, RackId),
    /// Length of the cable.
    pub length: Millimetres,
    /// Resistance of one conductor of the cable at 20 °C.
    pub resistance: Microohms,
    /// The most that its converter takes from the source bus.
    pub rated: Watts,
    /// Losses of its converter.
    pub converter: ConverterLoss,
}

/// Losses of a converter: `fixed + linear·P + quadratic·P²/rated`, each in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConverterLoss {
    /// Millionths of the rating, lost at any power above nothing.
    pub fixed_ppm: u32,
    /// Millionths of the power.
    pub linear_ppm: u32,
    /// Millionths of `P²/rated`.
    pub quadratic_ppm: u32,
}

impl Tie {
    /// The rack that power leaves in this direction.
    pub const fn source(&self, direction: Direction) -> RackId {
        match direction {
            Direction::Forward => self.between.0,
            Direction::Backward => self.between.1,
        }
    }

    /// The rack that power reaches in this direction.
    pub const fn sink(&self, direction: Direction) -> RackId {
        match direction {
            Direction::Forward => self.between.1,
            Direction::Backward => self.between.0,
        }
    }

    /// The direction in which power leaves `rack`, if the tie ends there.
    pub fn direction_from(&self, rack: RackId) -> Option<Direction> {
        if self.between.0 == rack {
            Some(Direction::Forward)
        } else if self.between.1 == rack {
            Some(Direction::Backward)
        } else {
            None
        }
    }
}

impl Site {
    /// The rack with this index.
    pub fn rack(&self, id: RackId) -> &Rack {
        &self.racks[id.index()]
    }

    /// The module with this index.
    pub fn kesm(&self, id: KesmId) -> &Kesm {
        &self.kesms[id.index()]
    }

    /// The tie with this index.
    pub fn tie(&self, id: TieId) -> &Tie {
        &self.ties[id.index()]
    }

    /// Nominal potential of a rack's bus.
    pub fn bus(&self, rack: RackId) -> Millivolts {
        self.rows[self.rack(rack).row.index()].bus
    }

    /// The draw at which help for this rack begins: its limit less the margin.
    pub fn hold(&self, rack: RackId) -> Watts {
        let limit = self.rack(rack).limit;
        limit.saturating_sub(limit.permille(self.policy.margin_permille))
    }

    /// The servers of a rack.
    pub fn servers_of(&self, rack: RackId) -> impl Iterator<Item = &Server> {
        self.rack(rack).servers.iter().map(|server| &self.servers[server.index()])
    }

    /// What a row may draw at the most: its limit less the margin.
    pub fn row_hold(&self, row: RowId) -> Watts {
        let limit = self.rows[row.index()].limit;
        limit.saturating_sub(limit.permille(self.policy.margin_permille))
    }

    /// Every rack with its index.
    pub fn rack_ids(&self) -> impl Iterator<Item = RackId> + use<> {
        ids(self.racks.len()).map(RackId)
    }

    /// Every module with its index.
    pub fn kesm_ids(&self) -> impl Iterator<Item = KesmId> + use<> {
        ids(self.kesms.len()).map(KesmId)
    }

    /// Every tie with its index.
    pub fn tie_ids(&self) -> impl Iterator<Item = TieId> + use<> {
        ids(self.ties.len()).map(TieId)
    }

    /// Every row with its index.
    pub fn row_ids(&self) -> impl Iterator<Item = RowId> + use<> {
        ids(self.rows.len()).map(RowId)
    }

    /// Every feed with its index.
    pub fn feed_ids(&self) -> impl Iterator<Item = FeedId> + use<> {
        ids(self.feeds.len()).map(FeedId)
    }

    /// The feed that a rack hangs on.
    pub fn feed_of(&self, rack: RackId) -> FeedId {
        self.rows[self.rack(rack).row.index()].feed
    }

    /// Every field device: PDUs, then KESMs, then ties, then supplies.
    pub fn devices(&self) -> impl Iterator<Item = DeviceId> + use<> {
        let pdus = self.rack_ids().map(DeviceId::Pdu);
        let carriers = self.kesm_ids().map(DeviceId::Kesm).chain(self.tie_ids().map(DeviceId::Tie));
        pdus.chain(carriers).chain(self.feed_ids().map(DeviceId::Supply))
    }

    /// Where a device stands in the order of [`Self::devices`], if the site has it.
    pub fn device_slot(&self, device: DeviceId) -> Option<usize> {
        let (offset, index, count) = match device {
            DeviceId::Pdu(id) => (0, id.index(), self.racks.len()),
            DeviceId::Kesm(id) => (self.racks.len(), id.index(), self.kesms.len()),
            DeviceId::Tie(id) => (self.racks.len() + self.kesms.len(), id.index(), self.ties.len()),
            DeviceId::Supply(id) => {
                (self.racks.len() + self.kesms.len() + self.ties.len(), id.index(), self.feeds.len())
            }
        };
        (index < count).then_some(offset + index)
    }

    /// What people call a device of this site.
    pub fn device_name(&self, device: DeviceId) -> String {
        let name = match device {
            DeviceId::Pdu(id) => self.racks.get(id.index()).map(|rack| format!("pdu {}", rack.name)),
            DeviceId::Kesm(id) => self.kesms.get(id.index()).map(|kesm| format!("kesm {}", kesm.name)),
            DeviceId::Tie(id) => self.ties.get(id.index()).map(|tie| format!("tie {}", tie.name)),
            DeviceId::Supply(id) => self.feeds.get(id.index()).map(|feed| format!("supply {}", feed.name)),
        };
        name.unwrap_or_else(|| format!("device {:#x} (not of this site)", device.to_wire()))
    }
}

/// Indexes of a list whose length [`Site::parse`] held to what a `u16` can name.
fn ids(count: usize) -> impl Iterator<Item = u16> {
    0..u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::site;

    #[test]
    fn a_tie_gives_from_either_end_and_from_nowhere_else() {
        let site = site();
        let tie = site.tie(TieId(2));
        for rack in site.rack_ids() {
            let direction = tie.direction_from(rack);
            assert_eq!(direction.is_some(), rack == RackId(2) || rack == RackId(3));
            assert!(direction.is_none_or(|direction| tie.source(direction) == rack && tie.sink(direction) != rack));
        }
    }
}
