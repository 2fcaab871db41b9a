//! What can be known of a frame before its MAC is checked: whether it could be one at all, and whose it claims to be.

use ridethrough_vocabulary::device::{DeviceId, ReplicaId};

use crate::datagram::Datagram;
use crate::keys::KeyEpoch;
use crate::nonce::{BootNonce, SessionNonce};
use crate::refusal::Malformed;
use crate::wire::{Reader, Writer};

/// Opens every frame: "DPCN".
pub const MAGIC: u32 = u32::from_le_bytes(*b"DPCN");

/// Bytes of the header.
pub const HEADER_BYTES: usize = 48;

/// Bytes of the MAC that closes every frame.
pub const MAC_BYTES: usize = 16;

/// What a frame may say. A device speaks one; a replica answers each device in the one that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// Without the power of single outlets.
    V3,
    /// With it.
    V4,
}

impl Version {
    /// Every version that is believed.
    pub const ALL: [Self; 2] = [Self::V3, Self::V4];

    /// What a device of this release speaks.
    pub const NEWEST: Self = Self::V4;

    /// Its number on the wire.
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    /// Whether frames of this kind have a meaning in it.
    pub const fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Outlets => matches!(self, Self::V4),
            Kind::Beat | Kind::Order | Kind::Telemetry | Kind::Ack | Kind::Endorsement => true,
        }
    }

    /// The version and the kind that these two bytes stand for.
    pub(crate) fn kind_from_wire(version: u8, kind: u8) -> Result<(Self, Kind), Malformed> {
        let version = Self::ALL.into_iter().find(|known| known.to_wire() == version).ok_or(Malformed::Version)?;
        let kind = Kind::from_wire(kind).filter(|kind| version.has(*kind)).ok_or(Malformed::Kind)?;
        Ok((version, kind))
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Replica to device: opens a session, renews a lease.
    Beat,
    /// Replica to device: one committed order.
    Order,
    /// Device to replica: what it measures and does.
    Telemetry,
    /// Device to replica: its word on one order.
    Ack,
    /// Replica to device: the same order as another replica has committed it, from its own log. It moves a device that
    /// demands the word of two replicas only together with the leader's order.
    Endorsement,
    /// Device to replica: what a PDU's outlets feed, since version 4.
    Outlets,
}

/// Which way a frame goes. The two ways have different keys, so that no frame can be reflected to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From a replica to a device.
    ToDevice,
    /// From a device to a replica.
    ToReplica,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Beat, Self::Order, Self::Telemetry, Self::Ack, Self::Endorsement, Self::Outlets];

    /// Which way frames of this kind go.
    pub const fn way(self) -> Way {
        match self {
            Self::Beat | Self::Order | Self::Endorsement => Way::ToDevice,
            Self::Telemetry | Self::Ack | Self::Outlets => Way::ToReplica,
        }
    }

    /// The exact size of a frame of this kind, in bytes.
    pub const fn frame_bytes(self) -> usize {
        HEADER_BYTES + self.body_bytes() + MAC_BYTES
    }

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::Order => "order",
            Self::Telemetry => "telemetry",
            Self::Ack => "ack",
            Self::Endorsement => "endorsement",
            Self::Outlets => "outlets",
        }
    }

    const fn body_bytes(self) -> usize {
        match self {
            Self::Beat => 16,
            Self::Order | Self::Endorsement | Self::Ack => 64,
            Self::Telemetry => 152,
            Self::Outlets => 144,
        }
    }

    const fn to_wire(self) -> u8 {
        match self {
            Self::Beat => 1,
            Self::Order => 2,
            Self::Telemetry => 3,
            Self::Ack => 4,
            Self::Endorsement => 5,
            Self::Outlets => 6,
        }
    }

    fn from_wire(wire: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_wire() == wire)
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// In which version it is said.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// The replica at one end.
    pub replica: ReplicaId,
    /// The device at the other end.
    pub device: DeviceId,
    /// Which of the site's secrets the MAC is under.
    pub epoch: KeyEpoch,
    /// The replica's present life, as the sender knows it; [`SessionNonce::NONE`] while a device knows none.
    pub session: SessionNonce,
    /// The device's present life, as the sender knows it.
    pub boot: BootNonce,
    /// Rises by one with every frame from this sender to this receiver.
    pub sequence: u64,
    /// The highest sequence that the sender has believed of the receiver's life named here; proves freshness.
    pub heard: u64,
}

impl Header {
    /// Reads the head of a frame without believing any of it. An error if it cannot be one: wrong length, magic,
    /// version, kind, device number or key epoch.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(frame);
        if reader.u32()? != MAGIC {
            return Err(Malformed::Magic);
        }
        let (version, kind) = Version::kind_from_wire(reader.u8()?, reader.u8()?)?;
        if frame.len() != kind.frame_bytes() {
            return Err(Malformed::Length);
        }
        let replica = ReplicaId(reader.u16()?);
        let device = DeviceId::from_wire(reader.u32()?).ok_or(Malformed::Device)?;
        let epoch = KeyEpoch::new(reader.u32()?).ok_or(Malformed::Epoch)?;
        Ok(Self {
            version,
            kind,
            replica,
            device,
            epoch,
            session: SessionNonce::from_wire(reader.u64()?),
            boot: BootNonce::new(reader.u64()?),
            sequence: reader.u64()?,
            heard: reader.u64()?,
        })
    }

    pub(crate) fn write(&self, out: &mut Datagram) {
        let mut writer = Writer::new(out);
        writer.u32(MAGIC);
        writer.u8(self.version.to_wire());
        writer.u8(self.kind.to_wire());
        writer.u16(self.replica.0);
        writer.u32(self.device.to_wire());
        writer.u32(self.epoch.get());
        writer.u64(self.session.to_wire());
        writer.u64(self.boot.to_wire());
        writer.u64(self.sequence);
        writer.u64(self.heard);
    }
}
