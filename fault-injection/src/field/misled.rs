//! A replica that is told something else than the others: what the plant looks like to a machine with a fault of its own.

use ridethrough_core::device::{DeviceId, Reading, ReplicaId};
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::Watts;

/// One replica hears of one rack's PDU more than its meter measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misled {
    /// Who.
    pub replica: ReplicaId,
    /// Of which rack.
    pub rack: RackId,
    /// How much more.
    pub more: Watts,
}

impl Misled {
    /// From words such as `1 A3 9000`: the replica, the rack's name, watts.
    pub fn parse(words: &str, site: &Site) -> Result<Self, String> {
        let expected = || format!("`{words}`: expected a replica, a rack of the site and watts, such as `1 A3 9000`");
        let mut words_of = words.split_whitespace();
        let (replica, rack, more) = (words_of.next(), words_of.next(), words_of.next());
        let replica = replica.and_then(|text| text.parse().ok()).ok_or_else(expected)?;
        let rack = site.rack_ids().find(|id| Some(site.rack(*id).name.as_str()) == rack).ok_or_else(expected)?;
        let more =
            more.and_then(|text| text.parse().ok()).filter(|_| words_of.next().is_none()).ok_or_else(expected)?;
        Ok(Self { replica: ReplicaId(replica), rack, more: Watts::new(more) })
    }

    /// What this replica hears in place of what the device's meter says. The rack adds up for it: both of its meters agree.
    pub fn hears(self, replica: ReplicaId, device: DeviceId, reading: Reading) -> Reading {
        match reading {
            Reading::Pdu { load, draw, bus, breaker_permille, tripped }
                if replica == self.replica && device == DeviceId::Pdu(self.rack) =>
            {
                let (load, draw) = (load.saturating_add(self.more), draw.saturating_add(self.more));
                Reading::Pdu { load, draw, bus, breaker_permille, tripped }
            }
            reading => reading,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridethrough_core::units::Millivolts;

    #[test]
    fn only_the_named_replica_hears_more_and_only_of_the_named_rack() {
        let misled = Misled { replica: ReplicaId(2), rack: RackId(3), more: Watts::new(9_000) };
        let pdu = |watts| {
            let (load, draw, bus) = (Watts::new(watts), Watts::new(watts - 500), Millivolts::new(800_000));
            Reading::Pdu { load, draw, bus, breaker_permille: 7, tripped: false }
        };
        assert_eq!(misled.hears(ReplicaId(2), DeviceId::Pdu(RackId(3)), pdu(10_000)), pdu(19_000));
        assert_eq!(misled.hears(ReplicaId(1), DeviceId::Pdu(RackId(3)), pdu(10_000)), pdu(10_000));
        assert_eq!(misled.hears(ReplicaId(2), DeviceId::Pdu(RackId(4)), pdu(10_000)), pdu(10_000));
    }
}
