//! Frames that a receiver takes.

use ridethrough_vocabulary::device::{
    DeviceId, Direction, Fence, GeneratorDuty, GeneratorPhase, Reading, ReplicaId, Setpoint, SupplySource, Verdict,
};
use ridethrough_vocabulary::part::{FeedId, KesmId, RackId};
use ridethrough_vocabulary::units::{Joules, Millis, Millivolts, Watts};
use serde_json::{Value, json};

use super::{KESM, PDU, SUPPLY, TIE, first_version, header, lock, named, sealed, words};
use crate::body::{AckBody, Beat, Body, OrderBody, TelemetryBody};
use crate::header::Header;
use crate::{BootNonce, DATAGRAM_BYTES_MAX, KeyEpoch, Kind, Refusals, SessionNonce, Version, frame, frames};

const LOW: Watts = Watts::new(i64::MIN);
const HIGH: Watts = Watts::new(i64::MAX);
pub(super) const LATE: Millis = Millis::new(i64::MAX);
pub(super) const FENCE: Fence = Fence { term: 0x5857_5655_5453_5251, index: 0x6867_6665_6463_6261 };

pub(super) fn beats() -> Vec<Value> {
    let leads = Body::Beat(Beat { term: 7, lease_until: Millis::new(0x0706_0504_0302_0100) });
    let follows = Body::Beat(Beat { term: 7, lease_until: Millis::ZERO });
    let says_nothing = Body::Beat(Beat { term: 0, lease_until: Millis::ZERO });
    let highest = Body::Beat(Beat { term: u64::MAX, lease_until: LATE });
    let beat = header(Kind::Beat, KESM);
    vec![
        one("a leader renews the lease", &beat, &leads),
        one("a follower says its term", &beat, &follows),
        one("a replica that knows no term yet", &beat, &says_nothing),
        one("to a PDU", &header(Kind::Beat, PDU), &leads),
        one("to a tie", &header(Kind::Beat, TIE), &leads),
        one("to a supply", &header(Kind::Beat, SUPPLY), &leads),
        one("of version 4", &Header { version: Version::V4, ..beat }, &leads),
        one("of another replica", &Header { replica: ReplicaId(2), ..beat }, &leads),
        one("under the secret of another epoch", &Header { epoch: epoch(2), ..beat }, &leads),
        one("the lowest numbers", &lowest(Kind::Beat), &says_nothing),
        one("the highest numbers", &highest_of(Kind::Beat), &highest),
    ]
}

pub(super) fn orders() -> Vec<Value> {
    let order = |setpoint| OrderBody { fence: FENCE, entry_term: 5, expires_at: Millis::new(30_000), setpoint };
    let mut vectors = Vec::new();
    for (name, device, setpoint) in setpoints() {
        let body = order(setpoint);
        vectors.push(one(&format!("an order: {name}"), &header(Kind::Order, device), &Body::Order(body)));
        let endorsement = (header(Kind::Endorsement, device), Body::Endorsement(body));
        vectors.push(one(&format!("an endorsement: {name}"), &endorsement.0, &endorsement.1));
    }
    let of_now = OrderBody { entry_term: FENCE.term, ..order(kesm(1, 2, 3)) };
    vectors.push(one(
        "an order of an entry of the leader's own term",
        &header(Kind::Order, KESM),
        &Body::Order(of_now),
    ));
    let first = Fence { term: 0, index: 1 };
    let first = OrderBody { fence: first, entry_term: 0, expires_at: Millis::ZERO, setpoint: kesm(0, 0, 0) };
    vectors.push(one("an order with the lowest numbers", &lowest(Kind::Order), &Body::Order(first)));
    let last = Fence { term: u64::MAX, index: u64::MAX };
    let setpoint = Setpoint::Supply { generator: GeneratorDuty::Run };
    let last = OrderBody { fence: last, entry_term: u64::MAX, expires_at: LATE, setpoint };
    vectors.push(one("an order with the highest numbers", &highest_of(Kind::Order), &Body::Order(last)));
    vectors.push(one(
        "an endorsement with the highest numbers",
        &highest_of(Kind::Endorsement),
        &Body::Endorsement(last),
    ));
    vectors
}

pub(super) fn telemetry() -> Vec<Value> {
    let mut vectors: Vec<_> = readings()
        .into_iter()
        .map(|(name, device, reading, in_force)| {
            one(name, &header(Kind::Telemetry, device), &Body::Telemetry(told(reading, in_force)))
        })
        .collect();
    let (_, _, reading, _) = readings()[0];
    let greeting = Header { session: SessionNonce::NONE, heard: 0, ..header(Kind::Telemetry, PDU) };
    let (mut fresh, mut most) = (told(reading, None), told(reading, None));
    (fresh.fence, fresh.lease_remaining) = (Fence::default(), Millis::ZERO);
    (fresh.refusals, fresh.heard) = (Refusals::default(), [0; 2]);
    vectors.push(one("a greeting of a device that has just booted", &greeting, &Body::Telemetry(fresh)));
    fresh.device_at = Millis::ZERO;
    fresh.reading = Reading::Pdu {
        load: Watts::ZERO,
        draw: Watts::ZERO,
        bus: Millivolts::new(0),
        breaker_permille: 0,
        tripped: false,
    };
    vectors.push(one("the lowest numbers", &lowest(Kind::Telemetry), &Body::Telemetry(fresh)));
    most.device_at = LATE;
    most.reading = Reading::Supply {
        utility_a_permille: u16::MAX,
        utility_b_permille: u16::MAX,
        source: SupplySource::Generator,
        generator: GeneratorPhase::Failed,
        drawn: HIGH,
    };
    most.in_force = Some(Setpoint::Supply { generator: GeneratorDuty::Run });
    (most.fence, most.lease_remaining) = (Fence { term: u64::MAX, index: u64::MAX }, LATE);
    (most.refusals, most.heard) = (refusals(|_| u32::MAX), [u32::MAX; 2]);
    vectors.push(one("the highest numbers", &highest_of(Kind::Telemetry), &Body::Telemetry(most)));
    vectors
}

pub(super) fn acks() -> Vec<Value> {
    let supply = Some(Setpoint::Supply { generator: GeneratorDuty::Auto });
    let each = [
        ("executed", KESM, Verdict::Executed, Some(kesm(11, 12, -13))),
        ("duplicate", TIE, Verdict::Duplicate, Some(tie(Direction::Forward, 5, 7_000))),
        ("stale fence", PDU, Verdict::StaleFence, Some(pdu(0x0001_0203, 3))),
        ("expired", KESM, Verdict::Expired, None),
        ("beyond limits", KESM, Verdict::BeyondLimits, Some(kesm(1, 0, 2))),
        ("unavailable", TIE, Verdict::Unavailable, None),
        ("locked out", SUPPLY, Verdict::LockedOut, supply),
    ];
    let device_at = Millis::new(0x0706_0504_0302_0100);
    let mut vectors: Vec<_> = each
        .into_iter()
        .map(|(name, device, verdict, in_force)| {
            let body = Body::Ack(AckBody { fence: FENCE, device_at, verdict, in_force });
            one(name, &header(Kind::Ack, device), &body)
        })
        .collect();
    let first = Fence { term: 0, index: 1 };
    let body = AckBody { fence: first, device_at: Millis::ZERO, verdict: Verdict::Executed, in_force: None };
    vectors.push(one("the lowest numbers", &lowest(Kind::Ack), &Body::Ack(body)));
    let last = Fence { term: u64::MAX, index: u64::MAX };
    let body = AckBody { fence: last, device_at: LATE, verdict: Verdict::LockedOut, in_force: supply };
    vectors.push(one("the highest numbers", &highest_of(Kind::Ack), &Body::Ack(body)));
    vectors
}

pub(super) fn datagrams() -> Vec<Value> {
    let beat = |device| (header(Kind::Beat, device), Body::Beat(Beat { term: 7, lease_until: Millis::new(900) }));
    let order = |nth: u16| {
        let setpoint = kesm(i64::from(nth), 0, 0);
        let body = OrderBody { fence: FENCE, entry_term: 5, expires_at: Millis::new(30_000), setpoint };
        (header(Kind::Order, DeviceId::Kesm(KesmId(nth))), Body::Order(body))
    };
    let gateway = [beat(PDU), beat(TIE), order(4), beat(SUPPLY)];
    let ack = AckBody { fence: FENCE, device_at: Millis::new(9), verdict: Verdict::Executed, in_force: None };
    let (_, device, reading, in_force) = readings()[2];
    let device_says = [
        (header(Kind::Ack, device), Body::Ack(ack)),
        (header(Kind::Telemetry, device), Body::Telemetry(told(reading, in_force))),
    ];
    let full: Vec<_> = (0..9).map(order).chain([PDU, KESM, TIE, SUPPLY].map(beat)).collect();
    vec![
        several("a beat and an order to one device", &[beat(KESM), order(3)]),
        several("to four devices behind one gateway", &gateway),
        several("an ack and telemetry", &device_says),
        several("as long as a datagram may be", &full),
    ]
}

fn setpoints() -> Vec<(&'static str, DeviceId, Setpoint)> {
    vec![
        ("a KESM", KESM, kesm(11, 12, -13)),
        ("a KESM, zeros", KESM, kesm(0, 0, 0)),
        ("a KESM, extremes", KESM, Setpoint::Kesm { supply_max: HIGH, charge_max: LOW, hold: HIGH }),
        ("a tie, forward", TIE, tie(Direction::Forward, 50_000, 7_000)),
        ("a tie, backward, extremes", TIE, Setpoint::Tie { direction: Direction::Backward, flow_max: HIGH, hold: LOW }),
        ("a PDU", PDU, pdu(0x0001_0203, 3)),
        ("a PDU, no tier", PDU, pdu(0, 0)),
        ("a PDU, extremes", PDU, Setpoint::Pdu { cap: HIGH, keep_tiers: u8::MAX }),
        ("a supply, auto", SUPPLY, Setpoint::Supply { generator: GeneratorDuty::Auto }),
        ("a supply, run", SUPPLY, Setpoint::Supply { generator: GeneratorDuty::Run }),
    ]
}

pub(super) fn readings() -> Vec<(&'static str, DeviceId, Reading, Option<Setpoint>)> {
    let supply = |source, generator| Reading::Supply {
        utility_a_permille: 0x0102,
        utility_b_permille: 0x0304,
        source,
        generator,
        drawn: Watts::new(1_234_567),
    };
    let pdu_says = |tripped| Reading::Pdu {
        load: Watts::new(8_001),
        draw: Watts::new(8_002),
        bus: Millivolts::new(399_999),
        breaker_permille: 0x0506,
        tripped,
    };
    let kesm_says = |available| Reading::Kesm {
        stored: Joules::new(2_000_000),
        supply: Watts::new(-1_500),
        speed_rpm: 0x0807_0605,
        capacitor: Millivolts::new(810_000),
        available,
    };
    let lowest = Reading::Kesm {
        stored: Joules::new(i64::MIN),
        supply: LOW,
        speed_rpm: u32::MAX,
        capacitor: Millivolts::new(i64::MIN),
        available: true,
    };
    let auto = Some(Setpoint::Supply { generator: GeneratorDuty::Auto });
    vec![
        ("a PDU", PDU, pdu_says(false), Some(pdu(9_000, 2))),
        ("a PDU that has tripped", PDU, pdu_says(true), None),
        ("a KESM", KESM, kesm_says(true), Some(kesm(11, 12, -13))),
        ("a KESM that is not available", KESM, kesm_says(false), None),
        ("a KESM, extremes", KESM, lowest, Some(Setpoint::Kesm { supply_max: HIGH, charge_max: HIGH, hold: LOW })),
        (
            "a tie",
            TIE,
            Reading::Tie { flow: Watts::new(-4_000), available: true },
            Some(tie(Direction::Backward, 5, 6)),
        ),
        ("a tie that is not available", TIE, Reading::Tie { flow: HIGH, available: false }, None),
        ("a supply on nothing", SUPPLY, supply(SupplySource::Open, GeneratorPhase::Absent), None),
        ("a supply on utility A", SUPPLY, supply(SupplySource::UtilityA, GeneratorPhase::Off), auto),
        ("a supply on utility B", SUPPLY, supply(SupplySource::UtilityB, GeneratorPhase::Starting), auto),
        (
            "a supply on its generator",
            SUPPLY,
            supply(SupplySource::Generator, GeneratorPhase::Running),
            Some(Setpoint::Supply { generator: GeneratorDuty::Run }),
        ),
        ("a supply with a failed generator", SUPPLY, supply(SupplySource::Open, GeneratorPhase::Failed), auto),
    ]
}

pub(super) fn told(reading: Reading, in_force: Option<Setpoint>) -> TelemetryBody {
    TelemetryBody {
        device_at: Millis::new(0x0706_0504_0302_0100),
        reading,
        fence: FENCE,
        in_force,
        lease_remaining: Millis::new(450),
        refusals: refusals(|nth| nth),
        heard: [0x7473_7271, 0x7877_7675],
    }
}

fn refusals(count: impl Fn(u32) -> u32) -> Refusals {
    Refusals {
        malformed: count(1),
        misaddressed: count(2),
        bad_mac: count(3),
        replay: count(4),
        flooded: count(5),
        stale_fence: count(6),
        no_lease: count(7),
        expired: count(8),
        beyond_limits: count(9),
        unavailable: count(10),
        unendorsed: count(11),
    }
}

pub(super) const fn kesm(supply_max: i64, charge_max: i64, hold: i64) -> Setpoint {
    let (supply_max, charge_max, hold) = (Watts::new(supply_max), Watts::new(charge_max), Watts::new(hold));
    Setpoint::Kesm { supply_max, charge_max, hold }
}

pub(super) const fn tie(direction: Direction, flow_max: i64, hold: i64) -> Setpoint {
    Setpoint::Tie { direction, flow_max: Watts::new(flow_max), hold: Watts::new(hold) }
}

pub(super) const fn pdu(cap: i64, keep_tiers: u8) -> Setpoint {
    Setpoint::Pdu { cap: Watts::new(cap), keep_tiers }
}

fn epoch(number: u32) -> KeyEpoch {
    KeyEpoch::new(number).expect("epochs begin at one")
}

pub(super) fn lowest(kind: Kind) -> Header {
    Header {
        version: first_version(kind),
        kind,
        replica: ReplicaId(1),
        device: DeviceId::Pdu(RackId(0)),
        epoch: KeyEpoch::FIRST,
        session: SessionNonce::NONE,
        boot: BootNonce::new(0),
        sequence: 1,
        heard: 0,
    }
}

fn highest_of(kind: Kind) -> Header {
    Header {
        version: Version::NEWEST,
        kind,
        replica: ReplicaId(u16::MAX),
        device: DeviceId::Supply(FeedId(u16::MAX)),
        epoch: epoch(u32::MAX),
        session: SessionNonce::new(u64::MAX),
        boot: BootNonce::new(u64::MAX),
        sequence: u64::MAX,
        heard: u64::MAX,
    }
}

pub(super) fn one(name: &str, header: &Header, body: &Body) -> Value {
    several(name, &[(*header, *body)])
}

/// A vector of these frames in one datagram, which are read back as what they were made of.
pub(super) fn several(name: &str, said: &[(Header, Body)]) -> Value {
    let each: Vec<_> = said.iter().map(|(header, body)| sealed(header, body)).collect();
    let datagram = each.concat();
    assert!(datagram.len() <= DATAGRAM_BYTES_MAX, "{name}: {} bytes", datagram.len());
    let split: Vec<_> = frames(&datagram).collect::<Result<_, _>>().expect("whole frames");
    assert_eq!(split, each, "{name}");
    for (bytes, (header, body)) in split.into_iter().zip(said) {
        assert_eq!(Header::parse(bytes), Ok(*header), "{name}");
        assert_eq!(frame::open(header, bytes, &mut lock(header)), Ok(*body), "{name}");
    }
    let shown: Vec<_> =
        said.iter().zip(&each).map(|((header, body), bytes)| words::frame(header, body, bytes)).collect();
    named(name, &datagram, json!({ "frames": shown }))
}
