//! What each kind of frame says. `io/PROTOCOL.md` has the layouts; the golden files pin them.

use ridethrough_vocabulary::device::{Fence, Reading, Setpoint, Verdict};
use ridethrough_vocabulary::units::Millis;

use crate::datagram::Datagram;
use crate::header::Kind;
use crate::outlets::{self, OutletPage};
use crate::refusal::{Malformed, Refusals};
use crate::wire::{Reader, Writer};
use crate::{reading, setpoint};

/// The body of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Beat(Beat),
    Order(OrderBody),
    Telemetry(TelemetryBody),
    Ack(AckBody),
    /// The same as an order, in the words of a replica that need not lead.
    Endorsement(OrderBody),
    Outlets(OutletsBody),
}

/// Opens a session, says the sender's term and, from a leader, renews the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    /// The sender's present term; zero while it knows none.
    pub(crate) term: u64,
    /// Until when the device may go on, on its own clock; zero from a replica that does not lead.
    pub(crate) lease_until: Millis,
}

/// One committed order. In an endorsement the fence's term is the endorser's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderBody {
    pub(crate) fence: Fence,
    pub(crate) entry_term: u64,
    /// When it is void, on the device's own clock.
    pub(crate) expires_at: Millis,
    pub(crate) setpoint: Setpoint,
}

/// What a device measures and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TelemetryBody {
    pub(crate) device_at: Millis,
    pub(crate) reading: Reading,
    /// The last accepted.
    pub(crate) fence: Fence,
    /// Nothing while the device follows its local safe rule.
    pub(crate) in_force: Option<Setpoint>,
    pub(crate) lease_remaining: Millis,
    pub(crate) refusals: Refusals,
    /// Frames heard on each network since the boot, first and second copies.
    pub(crate) heard: [u32; 2],
}

/// A device's word on one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AckBody {
    pub(crate) fence: Fence,
    pub(crate) device_at: Millis,
    pub(crate) verdict: Verdict,
    /// What the device does after its verdict.
    pub(crate) in_force: Option<Setpoint>,
}

/// What some of a PDU's outlets feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutletsBody {
    pub(crate) device_at: Millis,
    pub(crate) page: OutletPage,
}

impl Body {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Beat(_) => Kind::Beat,
            Self::Order(_) => Kind::Order,
            Self::Telemetry(_) => Kind::Telemetry,
            Self::Ack(_) => Kind::Ack,
            Self::Endorsement(_) => Kind::Endorsement,
            Self::Outlets(_) => Kind::Outlets,
        }
    }

    pub(crate) fn write(&self, out: &mut Datagram) {
        let mut writer = Writer::new(out);
        match self {
            Self::Beat(beat) => beat.write(&mut writer),
            Self::Order(order) | Self::Endorsement(order) => order.write(&mut writer),
            Self::Telemetry(telemetry) => telemetry.write(&mut writer),
            Self::Ack(ack) => ack.write(&mut writer),
            Self::Outlets(said) => said.write(&mut writer),
        }
    }

    pub(crate) fn read(kind: Kind, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let body = match kind {
            Kind::Beat => Self::Beat(Beat::read(&mut reader)?),
            Kind::Order => Self::Order(OrderBody::read(&mut reader)?),
            Kind::Telemetry => Self::Telemetry(TelemetryBody::read(&mut reader)?),
            Kind::Ack => Self::Ack(AckBody::read(&mut reader)?),
            Kind::Endorsement => Self::Endorsement(OrderBody::read(&mut reader)?),
            Kind::Outlets => Self::Outlets(OutletsBody::read(&mut reader)?),
        };
        reader.end()?;
        Ok(body)
    }
}

impl Beat {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.term);
        writer.millis(self.lease_until);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { term: reader.u64()?, lease_until: reader.millis()? })
    }
}

impl OrderBody {
    fn write(&self, writer: &mut Writer<'_>) {
        write_fence(self.fence, writer);
        writer.u64(self.entry_term);
        writer.millis(self.expires_at);
        setpoint::write(Some(&self.setpoint), writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (fence, entry_term) = (read_fence(reader)?, reader.u64()?);
        // An entry cannot be younger than the leader that sends it, and the log begins at index 1.
        if entry_term > fence.term || fence.index == 0 {
            return Err(Malformed::Field);
        }
        let expires_at = reader.millis()?;
        let setpoint = setpoint::read(reader)?.ok_or(Malformed::Field)?;
        Ok(Self { fence, entry_term, expires_at, setpoint })
    }
}

impl TelemetryBody {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.millis(self.device_at);
        reading::write(&self.reading, writer);
        write_fence(self.fence, writer);
        setpoint::write(self.in_force.as_ref(), writer);
        writer.millis(self.lease_remaining);
        self.refusals.to_counts().into_iter().for_each(|count| writer.u32(count));
        self.heard.into_iter().for_each(|count| writer.u32(count));
        writer.reserved::<4>();
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let said = Self {
            device_at: reader.millis()?,
            reading: reading::read(reader)?,
            fence: read_fence(reader)?,
            in_force: setpoint::read(reader)?,
            lease_remaining: reader.millis()?,
            refusals: read_refusals(reader)?,
            heard: [reader.u32()?, reader.u32()?],
        };
        reader.reserved::<4>()?;
        Ok(said)
    }
}

impl AckBody {
    fn write(&self, writer: &mut Writer<'_>) {
        write_fence(self.fence, writer);
        writer.millis(self.device_at);
        writer.u8(verdict_to_wire(self.verdict));
        writer.reserved::<7>();
        setpoint::write(self.in_force.as_ref(), writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (fence, device_at) = (read_fence(reader)?, reader.millis()?);
        let verdict = verdict_from_wire(reader.u8()?)?;
        reader.reserved::<7>()?;
        Ok(Self { fence, device_at, verdict, in_force: setpoint::read(reader)? })
    }
}

impl OutletsBody {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.millis(self.device_at);
        outlets::write(&self.page, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { device_at: reader.millis()?, page: outlets::read(reader)? })
    }
}

fn write_fence(fence: Fence, writer: &mut Writer<'_>) {
    writer.u64(fence.term);
    writer.u64(fence.index);
}

fn read_fence(reader: &mut Reader<'_>) -> Result<Fence, Malformed> {
    Ok(Fence { term: reader.u64()?, index: reader.u64()? })
}

const fn verdict_to_wire(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Executed => 1,
        Verdict::Duplicate => 2,
        Verdict::StaleFence => 3,
        Verdict::Expired => 4,
        Verdict::BeyondLimits => 5,
        Verdict::Unavailable => 6,
        Verdict::LockedOut => 7,
    }
}

const fn verdict_from_wire(wire: u8) -> Result<Verdict, Malformed> {
    match wire {
        1 => Ok(Verdict::Executed),
        2 => Ok(Verdict::Duplicate),
        3 => Ok(Verdict::StaleFence),
        4 => Ok(Verdict::Expired),
        5 => Ok(Verdict::BeyondLimits),
        6 => Ok(Verdict::Unavailable),
        7 => Ok(Verdict::LockedOut),
        _ => Err(Malformed::Field),
    }
}

fn read_refusals(reader: &mut Reader<'_>) -> Result<Refusals, Malformed> {
    let mut counts = [0; Refusals::REASONS];
    for count in &mut counts {
        *count = reader.u32()?;
    }
    Ok(Refusals::from_counts(counts))
}
