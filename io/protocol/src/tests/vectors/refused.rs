//! What a receiver does not take, for each reason that needs no session.

use ridethrough_vocabulary::device::{DeviceId, Direction, GeneratorDuty, ReplicaId, Setpoint, Verdict};
use ridethrough_vocabulary::part::RackId;
use ridethrough_vocabulary::units::Millis;
use serde_json::{Value, json};

use super::good::{self, FENCE, kesm, pdu, tie, told};
use super::outlets::{body as page_body, metered};
use super::{KESM, PDU, SECRETS, SUPPLY, TIE, header, named, resealed, sealed, words};
use crate::body::{AckBody, Beat, Body, OrderBody};
use crate::header::{Header, Way};
use crate::keys::Lock;
use crate::{KeyEpoch, Keyring, Kind, Malformed, Outlet, Refusal, SiteSecret, frame, frames, reading};

const REPLICAS: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];
const DEVICES: [DeviceId; 4] = [PDU, KESM, TIE, SUPPLY];

/// Who takes frames. Devices have the secrets of epochs 1 and 2, and so have replicas.
#[derive(Clone, Copy)]
enum Receiver {
    Device(DeviceId),
    Replica(ReplicaId),
}

/// A frame that its receiver takes, to be spoilt.
struct Sample {
    header: Header,
    bytes: Vec<u8>,
}

impl Sample {
    fn new(kind: Kind, device: DeviceId, body: &Body) -> Self {
        let header = header(kind, device);
        Self { bytes: sealed(&header, body), header }
    }

    fn receiver(&self) -> Receiver {
        match self.header.kind.way() {
            Way::ToDevice => Receiver::Device(self.header.device),
            Way::ToReplica => Receiver::Replica(self.header.replica),
        }
    }

    /// Changed without its key.
    fn changed(&self, name: &str, reason: &str, change: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut bytes = self.bytes.clone();
        change(&mut bytes);
        refused(name, self.receiver(), &bytes, reason)
    }

    /// Changed by somebody who has its key.
    fn with(&self, name: &str, at: usize, value: &[u8], reason: &str) -> Value {
        let bytes = resealed(&self.header, self.bytes.clone(), |bytes| {
            bytes[at..at + value.len()].copy_from_slice(value);
        });
        refused(name, self.receiver(), &bytes, reason)
    }
}

pub(super) fn all() -> Vec<Value> {
    [heads(), addresses(), macs(), beats_and_orders(), telemetry(), acks(), outlets(), datagrams()].concat()
}

fn beat() -> Sample {
    Sample::new(Kind::Beat, KESM, &Body::Beat(Beat { term: 7, lease_until: Millis::new(900) }))
}

fn order(device: DeviceId, setpoint: Setpoint) -> Sample {
    let body = OrderBody { fence: FENCE, entry_term: 5, expires_at: Millis::new(30_000), setpoint };
    Sample::new(Kind::Order, device, &Body::Order(body))
}

fn of_readings(wanted: DeviceId) -> Sample {
    let (_, device, reading, in_force) =
        good::readings().into_iter().find(|(_, device, ..)| *device == wanted).expect("there is one of each");
    Sample::new(Kind::Telemetry, device, &Body::Telemetry(told(reading, in_force)))
}

fn ack() -> Sample {
    let body =
        AckBody { fence: FENCE, device_at: Millis::new(9), verdict: Verdict::Executed, in_force: Some(kesm(1, 2, 3)) };
    Sample::new(Kind::Ack, KESM, &Body::Ack(body))
}

fn heads() -> Vec<Value> {
    let beat = beat();
    vec![
        beat.changed("three bytes", "length", |bytes| bytes.truncate(3)),
        beat.changed("a magic and no more", "length", |bytes| bytes.truncate(4)),
        beat.changed("cut within its header", "length", |bytes| bytes.truncate(47)),
        beat.changed("cut within its MAC", "length", |bytes| bytes.truncate(79)),
        beat.changed("a beat said to be an order", "length", |bytes| bytes[5] = 2),
        beat.changed("another magic", "magic", |bytes| bytes[0] = b'd'),
        beat.changed("the version before", "version", |bytes| bytes[4] = 2),
        beat.changed("a version to come", "version", |bytes| bytes[4] = 5),
        beat.changed("no kind", "kind", |bytes| bytes[5] = 0),
        beat.changed("an unknown kind", "kind", |bytes| bytes[5] = 7),
        beat.changed("a kind that only a later version has", "kind", |bytes| bytes[5] = 6),
        of_outlets().changed("outlets said in version 3", "kind", |bytes| bytes[4] = 3),
        beat.changed("no kind of device", "device", |bytes| bytes[10] = 0),
        beat.changed("an unknown kind of device", "device", |bytes| bytes[10] = 5),
        beat.changed("a kind of device beyond a byte", "device", |bytes| bytes[11] = 1),
        beat.changed("no epoch", "epoch", |bytes| bytes[12] = 0),
    ]
}

fn addresses() -> Vec<Value> {
    let (beat, ack) = (beat(), ack());
    let other = Sample::new(Kind::Beat, TIE, &Body::Beat(Beat { term: 7, lease_until: Millis::new(900) }));
    let stranger = header(Kind::Telemetry, DeviceId::Pdu(RackId(99)));
    let (_, _, reading, _) = good::readings()[0];
    let stranger = sealed(&stranger, &Body::Telemetry(told(reading, None)));
    let misaddressed = |name, receiver, bytes: &[u8]| refused(name, receiver, bytes, "misaddressed");
    vec![
        misaddressed("to another device", Receiver::Device(KESM), &other.bytes),
        misaddressed("to another replica", Receiver::Replica(ReplicaId(2)), &ack.bytes),
        misaddressed("a beat reflected to a replica", Receiver::Replica(ReplicaId(1)), &beat.bytes),
        misaddressed("an ack reflected to its device", Receiver::Device(KESM), &ack.bytes),
        misaddressed("of an unknown device", Receiver::Replica(ReplicaId(1)), &stranger),
        beat.changed("of an unknown replica", "misaddressed", |bytes| bytes[6] = 4),
        beat.changed("of replica 0", "misaddressed", |bytes| bytes[6] = 0),
    ]
}

fn macs() -> Vec<Value> {
    let (beat, ack, order) = (beat(), ack(), order(KESM, kesm(1, 2, 3)));
    let mut reflected = ack.bytes.clone();
    reflected[5] = 2;
    let unknown = Header { epoch: KeyEpoch::new(u32::MAX).expect("not zero"), ..beat.header };
    let unknown = sealed(&unknown, &Body::Beat(Beat { term: 7, lease_until: Millis::new(900) }));
    vec![
        refused("under the secret of an epoch that is not in use", beat.receiver(), &unknown, "unknown_epoch"),
        beat.changed("said to be of the other epoch", "bad_mac", |bytes| bytes[12] = 2),
        beat.changed("said to be another replica's", "bad_mac", |bytes| bytes[6] = 2),
        beat.changed("of another session", "bad_mac", |bytes| bytes[16] ^= 1),
        beat.changed("of another boot", "bad_mac", |bytes| bytes[24] ^= 1),
        beat.changed("another sequence", "bad_mac", |bytes| bytes[32] ^= 1),
        beat.changed("another sequence heard", "bad_mac", |bytes| bytes[40] ^= 1),
        beat.changed("a beat of version 3 said in version 4", "bad_mac", |bytes| bytes[4] = 4),
        beat.changed("a longer lease", "bad_mac", |bytes| bytes[57] ^= 1),
        beat.changed("the first bit of the MAC", "bad_mac", |bytes| bytes[64] ^= 1),
        beat.changed("the last bit of the MAC", "bad_mac", |bytes| bytes[79] ^= 0x80),
        order.changed("an order said to be an endorsement", "bad_mac", |bytes| bytes[5] = 5),
        order.changed("another setpoint", "bad_mac", |bytes| bytes[88] ^= 1),
        refused("an ack said to be an order", Receiver::Device(KESM), &reflected, "bad_mac"),
        ack.changed("another verdict", "bad_mac", |bytes| bytes[72] = 2),
        ack.changed("no MAC", "bad_mac", |bytes| bytes[112..].fill(0)),
    ]
}

fn beats_and_orders() -> Vec<Value> {
    let past = (-1_i64).to_le_bytes();
    let beat = beat();
    let (to_kesm, to_tie) = (order(KESM, kesm(1, 2, 3)), order(TIE, tie(Direction::Forward, 5, 6)));
    let to_pdu = order(PDU, pdu(9_000, 2));
    let to_supply = order(SUPPLY, Setpoint::Supply { generator: GeneratorDuty::Auto });
    let above = (FENCE.term + 1).to_le_bytes();
    vec![
        beat.with("a lease before the device's clock began", 56, &past, "field"),
        to_kesm.with("an order of no entry", 56, &[0; 8], "field"),
        to_kesm.with("an entry of a later term than its leader's", 64, &above, "field"),
        to_kesm.with("an expiry before the device's clock began", 72, &past, "field"),
        to_kesm.with("an order without a setpoint", 80, &[0; 32], "field"),
        to_kesm.with("no setpoint, but a quantity", 80, &[0; 8], "field"),
        to_kesm.with("a setpoint of an unknown kind", 80, &[5], "field"),
        to_kesm.with("a KESM's setpoint with a way", 81, &[1], "field"),
        to_kesm.with("the first reserved byte of a setpoint", 82, &[1], "reserved"),
        to_kesm.with("the last reserved byte of a setpoint", 87, &[1], "reserved"),
        to_tie.with("a tie without a direction", 81, &[0], "field"),
        to_tie.with("a tie with an unknown direction", 81, &[3], "field"),
        to_tie.with("a tie with a third quantity", 104, &[1], "field"),
        to_pdu.with("a PDU with a second quantity", 96, &[1], "field"),
        to_pdu.with("a PDU with a third quantity", 111, &[1], "field"),
        to_supply.with("a supply without a duty", 81, &[0], "field"),
        to_supply.with("a supply with an unknown duty", 81, &[3], "field"),
        to_supply.with("a supply with a quantity", 88, &[1], "field"),
    ]
}

fn telemetry() -> Vec<Value> {
    let past = (-1_i64).to_le_bytes();
    let [of_pdu, of_kesm, of_tie, of_supply] = DEVICES.map(of_readings);
    let (_, _, of_another, _) = good::readings()[0];
    let of_another = Sample::new(Kind::Telemetry, KESM, &Body::Telemetry(told(of_another, None)));
    vec![
        of_kesm.with("a device clock before it began", 48, &past, "field"),
        of_kesm.with("a reading of no kind", 56, &[0], "field"),
        of_kesm.with("a reading of an unknown kind", 56, &[5], "field"),
        of_kesm.with("neither available nor not", 57, &[2], "field"),
        of_kesm.with("a KESM with a breaker", 58, &[1], "field"),
        of_pdu.with("neither tripped nor not", 57, &[2], "field"),
        of_pdu.with("a PDU with a speed", 60, &[1], "field"),
        of_tie.with("a tie with a breaker", 58, &[1], "field"),
        of_tie.with("a tie with a speed", 63, &[1], "field"),
        of_tie.with("a tie with a second quantity", 72, &[1], "field"),
        of_tie.with("a tie with a third quantity", 80, &[1], "field"),
        of_supply.with("a supply without a switch", 57, &[0], "field"),
        of_supply.with("a supply with an unknown switch", 57, &[5], "field"),
        of_supply.with("a supply without a generator's phase", 62, &[0], "field"),
        of_supply.with("a supply with an unknown generator's phase", 62, &[6], "field"),
        of_supply.with("the reserved byte of a supply's reading", 63, &[1], "reserved"),
        of_supply.with("a supply with a second quantity", 72, &[1], "field"),
        of_kesm.with("in force: an unknown kind", 104, &[5], "field"),
        of_kesm.with("in force: a reserved byte", 106, &[1], "reserved"),
        of_kesm.with("a negative lease remaining", 136, &past, "field"),
        of_kesm.with("the first reserved byte of telemetry", 196, &[1], "reserved"),
        of_kesm.with("the last reserved byte of telemetry", 199, &[1], "reserved"),
        refused("a reading of another kind of device", of_another.receiver(), &of_another.bytes, "field"),
    ]
}

fn acks() -> Vec<Value> {
    let ack = ack();
    vec![
        ack.with("an ack before the device's clock began", 64, &(-1_i64).to_le_bytes(), "field"),
        ack.with("no verdict", 72, &[0], "field"),
        ack.with("an unknown verdict", 72, &[8], "field"),
        ack.with("the first reserved byte of an ack", 73, &[1], "reserved"),
        ack.with("the last reserved byte of an ack", 79, &[1], "reserved"),
        ack.with("an ack: in force, an unknown kind", 80, &[5], "field"),
    ]
}

fn of_outlets() -> Sample {
    Sample::new(Kind::Outlets, PDU, &Body::Outlets(page_body(0, &[metered(350), Outlet::Open, Outlet::Unmetered], 20)))
}

fn outlets() -> Vec<Value> {
    let said = of_outlets();
    let of_another = Sample::new(Kind::Outlets, KESM, &Body::Outlets(page_body(0, &[Outlet::Open], 0)));
    let mut shorter = said.bytes.clone();
    shorter.truncate(207);
    vec![
        refused("outlets, cut within their MAC", said.receiver(), &shorter, "length"),
        said.changed("another power", "bad_mac", |bytes| bytes[64] ^= 1),
        said.with("outlets: a device clock before it began", 48, &(-1_i64).to_le_bytes(), "field"),
        said.with("outlets that begin within a page", 56, &[1], "field"),
        said.with("outlets beyond the last page", 57, &[1], "field"),
        said.with("no outlets", 58, &[0], "field"),
        said.with("more outlets than fit", 58, &[33], "field"),
        said.with("fewer outlets than are told", 58, &[2], "reserved"),
        said.with("more outlets than are told", 58, &[4], "field"),
        said.with("the first reserved byte of outlets", 59, &[1], "reserved"),
        said.with("the last reserved byte of outlets", 63, &[1], "reserved"),
        said.with("an outlet in no state", 67, &[0], "field"),
        said.with("an outlet in an unknown state", 67, &[4], "field"),
        said.with("an open outlet with a power", 68, &[1], "field"),
        said.with("an unmetered outlet with a power", 74, &[1], "field"),
        said.with("a power beyond the last outlet", 188, &[1], "reserved"),
        refused("outlets of a device that has none", of_another.receiver(), &of_another.bytes, "field"),
    ]
}

fn datagrams() -> Vec<Value> {
    let (beat, order) = (beat(), order(KESM, kesm(1, 2, 3)));
    let both = [&beat.bytes[..], &order.bytes[..]].concat();
    let broken = |name, change: &dyn Fn(&mut Vec<u8>), reason| {
        let mut bytes = both.clone();
        change(&mut bytes);
        refused(name, beat.receiver(), &bytes, reason)
    };
    let second = beat.bytes.len();
    vec![
        broken("a second frame that is cut", &|bytes| bytes.truncate(207), "length"),
        broken("a byte behind the last frame", &|bytes| bytes.push(0), "length"),
        broken("zeros behind the last frame", &|bytes| bytes.extend([0; 16]), "magic"),
        broken("a second frame with another magic", &|bytes| bytes[second] = b'd', "magic"),
        broken("a second frame of another version", &|bytes| bytes[second + 4] = 2, "version"),
        broken("a second frame of an unknown kind", &|bytes| bytes[second + 5] = 9, "kind"),
        broken("a second frame with another MAC", &|bytes| bytes[207] ^= 1, "bad_mac"),
    ]
}

/// A vector of a datagram whose frames are taken up to one that is refused.
fn refused(name: &str, receiver: Receiver, datagram: &[u8], reason: &str) -> Value {
    let each: Vec<_> = frames(datagram).map(|frame| take(receiver, frame?)).collect();
    let before = each.iter().take_while(|taken| taken.is_ok()).count();
    let found = each.get(before).and_then(|taken| taken.err()).unwrap_or_else(|| panic!("{name}: taken"));
    assert_eq!(name_of(found), reason, "{name}");
    let receiver = match receiver {
        Receiver::Device(device) => {
            json!({ "device": words::device(device), "replicas": REPLICAS.map(|replica| replica.0), "epochs": [1, 2] })
        }
        Receiver::Replica(replica) => {
            json!({ "replica": replica.0, "devices": DEVICES.map(words::device), "epochs": [1, 2] })
        }
    };
    named(name, datagram, json!({ "receiver": receiver, "frames_before": before, "refused": reason }))
}

/// What an endpoint checks that needs no session, in its order.
fn take(receiver: Receiver, bytes: &[u8]) -> Result<Body, Refusal> {
    let header = Header::parse(bytes)?;
    let mine = match receiver {
        Receiver::Device(device) => header.device == device && header.kind.way() == Way::ToDevice,
        Receiver::Replica(replica) => header.replica == replica && header.kind.way() == Way::ToReplica,
    };
    if !mine || !REPLICAS.contains(&header.replica) || !DEVICES.contains(&header.device) {
        return Err(Refusal::Misaddressed);
    }
    let body = frame::open(&header, bytes, &mut lock(&header))?;
    match body {
        Body::Outlets(_) if !matches!(header.device, DeviceId::Pdu(_)) => Err(Malformed::Field.into()),
        Body::Telemetry(told) if !reading::fits(&told.reading, header.device) => Err(Malformed::Field.into()),
        _ => Ok(body),
    }
}

/// The keys of one who has the secrets of epochs 1 and 2.
fn lock(header: &Header) -> Lock {
    let [(_, first), (_, second), _] = SECRETS;
    let next = KeyEpoch::new(2).expect("not zero");
    let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new(first)).with_accepted(next, SiteSecret::new(second));
    let pairs = keyring.expect("two epochs").replica(header.replica).pair(header.device);
    Lock::new(pairs.map(|_, pair| match header.kind.way() {
        Way::ToDevice => pair.to_device.clone(),
        Way::ToReplica => pair.to_replica.clone(),
    }))
}

fn name_of(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed(Malformed::Length) => "length",
        Refusal::Malformed(Malformed::Magic) => "magic",
        Refusal::Malformed(Malformed::Version) => "version",
        Refusal::Malformed(Malformed::Kind) => "kind",
        Refusal::Malformed(Malformed::Device) => "device",
        Refusal::Malformed(Malformed::Epoch) => "epoch",
        Refusal::Malformed(Malformed::Reserved) => "reserved",
        Refusal::Malformed(Malformed::Field) => "field",
        other => other.name(),
    }
}
