//! The bytes: round trips, the layout, flips of every bit, anything at all.

use proptest::prelude::*;
use ridethrough_core::device::{
    DeviceId, Direction, Fence, GeneratorDuty, GeneratorPhase, Reading, ReplicaId, Setpoint, SupplySource, Verdict,
};
use ridethrough_core::site::{FeedId, KesmId, RackId, TieId};
use ridethrough_core::units::{Joules, Millivolts, Watts};

use super::support::*;
use crate::body::{AckBody, Beat, Body, OrderBody, OutletsBody, TelemetryBody};
use crate::header::{Header, Way};
use crate::keys::{Lock, Seal};
use crate::wire::Reader;
use crate::{
    BootNonce, Datagram, Event, Handled, KeyEpoch, Kind, Lan, Malformed, Outlet, OutletPage, Refusal, Refusals,
    SessionNonce, Version, frame, frames, reading, setpoint,
};

fn sealed(header: &Header, body: &Body) -> Vec<u8> {
    let pair = secret().replica(header.replica).pair(header.device);
    let keys = pair.map(|_, pair| match header.kind.way() {
        Way::ToDevice => pair.to_device.clone(),
        Way::ToReplica => pair.to_replica.clone(),
    });
    let mut out = Datagram::new();
    frame::seal(header, body, &mut Seal::new(keys), &mut out);
    out.as_bytes().to_vec()
}

fn opened(datagram: &[u8]) -> Result<(Header, Body), Refusal> {
    let header = Header::parse(datagram)?;
    let pair = secret().replica(header.replica).pair(header.device);
    let keys = pair.map(|_, pair| match header.kind.way() {
        Way::ToDevice => pair.to_device.clone(),
        Way::ToReplica => pair.to_replica.clone(),
    });
    let body = frame::open(&header, datagram, &mut Lock::new(keys))?;
    Ok((header, body))
}

fn header(kind: Kind) -> Header {
    Header {
        version: Version::NEWEST,
        kind,
        replica: ReplicaId(0x0201),
        device: DeviceId::Kesm(KesmId(0x0403)),
        epoch: KeyEpoch::FIRST,
        session: SessionNonce::new(0x1817_1615_1413_1211),
        boot: BootNonce::new(0x2827_2625_2423_2221),
        sequence: 0x3837_3635_3433_3231,
        heard: 0x4847_4645_4443_4241,
    }
}

fn samples() -> [Body; 9] {
    let fence = Fence { term: 0x5857_5655_5453_5251, index: 0x6867_6665_6463_6261 };
    let setpoint = Setpoint::Kesm { supply_max: Watts::new(11), charge_max: Watts::new(12), hold: Watts::new(-13) };
    let refusals = Refusals {
        malformed: 1,
        misaddressed: 2,
        bad_mac: 3,
        replay: 4,
        flooded: 5,
        stale_fence: 6,
        no_lease: 7,
        expired: 8,
        beyond_limits: 9,
        unavailable: 10,
        unendorsed: 11,
    };
    let device_at = ms(0x0706_0504_0302_0100);
    [
        Body::Beat(Beat { term: 7, lease_until: ms(900) }),
        Body::Order(OrderBody { fence, entry_term: 5, expires_at: ms(30_000), setpoint }),
        Body::Telemetry(TelemetryBody {
            device_at,
            reading: reading(),
            fence,
            in_force: Some(flow(5)),
            lease_remaining: ms(450),
            refusals,
            heard: [21, 22],
        }),
        Body::Ack(AckBody { fence, device_at, verdict: Verdict::StaleFence, in_force: None }),
        Body::Order(OrderBody { fence, entry_term: 5, expires_at: ms(30_000), setpoint: capped() }),
        Body::Endorsement(OrderBody { fence, entry_term: 5, expires_at: ms(30_000), setpoint: capped() }),
        Body::Telemetry(TelemetryBody {
            device_at,
            reading: supplied(),
            fence,
            in_force: Some(Setpoint::Supply { generator: GeneratorDuty::Run }),
            lease_remaining: ms(450),
            refusals,
            heard: [21, 22],
        }),
        Body::Ack(AckBody {
            fence,

            device_at,
            verdict: Verdict::LockedOut,
            in_force: Some(Setpoint::Supply { generator: GeneratorDuty::Auto }),
        }),
        Body::Outlets(OutletsBody { device_at, page: page(32, &[Outlet::Metered(Watts::new(350)), Outlet::Open], 7) }),
    ]
}

fn page(first: u16, outlets: &[Outlet], age_ms: u16) -> OutletPage {
    OutletPage::new(first, outlets, age_ms).expect("a page")
}

fn capped() -> Setpoint {
    Setpoint::Pdu { cap: Watts::new(0x0001_0203), keep_tiers: 3 }
}

fn supplied() -> Reading {
    Reading::Supply {
        utility_a_permille: 0x0102,
        utility_b_permille: 0x0304,
        source: SupplySource::Generator,
        generator: GeneratorPhase::Running,
        drawn: Watts::new(1_234_567),
    }
}

#[test]
fn no_flipped_bit_is_accepted() {
    for body in samples() {
        let bytes = sealed(&header(body.kind()), &body);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&flipped).is_err(), "bit {bit} of {:?}", body.kind());
        }
    }
}

#[test]
fn no_flipped_bit_moves_an_endpoint() {
    let mut field = Field::new(DEVICE);
    let mut replica = Scripted::leading(&mut field, R1, 1, 1, 900);
    let frames = [replica.order(1, 1, 500), replica.beat(1, 1000)];
    let mut now = 0;
    for frame in &frames {
        for bit in 0..frame.len() * 8 {
            now += i64::from(bit % 8 == 0);
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(field.handle(&flipped, now), Handled::Ignored(_)), "bit {bit}");
        }
    }
    assert!(field.recorder.applied.is_empty());
    assert!(matches!(field.handle(&frames[0], now), Handled::Answer { verdict: Verdict::Executed, .. }));
}

#[test]
fn what_no_reader_may_take() {
    let order = |change: &dyn Fn(&mut OrderBody)| {
        let Body::Order(mut body) = samples()[1] else { unreachable!() };
        change(&mut body);
        opened(&sealed(&header(Kind::Order), &Body::Order(body))).map(|_| ())
    };
    let field = Err(Refusal::Malformed(Malformed::Field));
    assert_eq!(order(&|_| {}), Ok(()));
    assert_eq!(order(&|body| body.entry_term = body.fence.term + 1), field, "an entry younger than its leader");
    assert_eq!(order(&|body| body.fence.index = 0), field, "the log begins at 1");
}

#[test]
fn numbers_without_a_meaning_are_refused() {
    let setpoint = |kind: u8, way: u8, at: usize, value: u8| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[1]) = (kind, way);
        bytes[at] |= value;
        setpoint::read(&mut Reader::new(&bytes)).map(|_| ())
    };
    let (field, reserved) = (Err(Malformed::Field), Err(Malformed::Reserved));
    assert_eq!(setpoint(3, 2, 8, 9), Ok(()), "a PDU's cap");
    assert_eq!(setpoint(3, 2, 16, 9), field, "a PDU has one quantity");
    assert_eq!(setpoint(3, 2, 7, 1), reserved);
    assert_eq!(setpoint(4, 2, 0, 0), Ok(()), "a generator that runs");
    assert_eq!(setpoint(4, 0, 0, 0), field, "no duty");
    assert_eq!(setpoint(4, 3, 0, 0), field, "an unknown duty");
    assert_eq!(setpoint(4, 1, 8, 1), field, "a supply has no quantity");
    assert_eq!(setpoint(5, 1, 0, 0), field, "an unknown kind");

    let supply = |change: &dyn Fn(&mut [u8; 32])| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[1], bytes[6]) = (4, 2, 3);
        change(&mut bytes);
        reading::read(&mut Reader::new(&bytes)).map(|_| ())
    };
    assert_eq!(supply(&|_| {}), Ok(()));
    for source in [0, 5] {
        assert_eq!(supply(&|bytes| bytes[1] = source), field, "source {source}");
    }
    for phase in [0, 6] {
        assert_eq!(supply(&|bytes| bytes[6] = phase), field, "generator {phase}");
    }
    assert_eq!(supply(&|bytes| bytes[7] = 1), reserved);
    assert_eq!(supply(&|bytes| bytes[16] = 1), field, "a supply has one quantity");
    assert_eq!(supply(&|bytes| bytes[0] = 5), field, "an unknown kind");
}

#[test]
fn only_a_device_of_its_kind_says_or_does_it() {
    let devices =
        [DeviceId::Pdu(RackId(0)), DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(0)), DeviceId::Supply(FeedId(0))];
    let setpoints = [capped(), supply(1), flow(1), Setpoint::Supply { generator: GeneratorDuty::Auto }];
    for (nth, device) in devices.into_iter().enumerate() {
        let able = setpoints.iter().filter(|setpoint| setpoint::fits(setpoint, device)).count();
        assert!(setpoint::fits(&setpoints[nth], device) && able == 1, "{device:?}");
    }
    assert!(reading::fits(&supplied(), devices[3]) && !reading::fits(&supplied(), devices[0]));
    assert!(!reading::fits(&reading(), devices[3]));
}

#[test]
fn the_header_is_checked_before_any_mac() {
    let body = samples()[0];
    let bytes = sealed(&header(Kind::Beat), &body);
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = bytes.clone();
        change(&mut changed);
        Header::parse(&changed).map(|_| ())
    };
    assert_eq!(parse(&|_| {}), Ok(()));
    assert_eq!(parse(&|bytes| bytes.truncate(79)), Err(Malformed::Length));
    assert_eq!(parse(&|bytes| bytes.push(0)), Err(Malformed::Length));
    assert_eq!(parse(&|bytes| bytes.clear()), Err(Malformed::Length));
    assert_eq!(parse(&|bytes| bytes[0] = b'd'), Err(Malformed::Magic));
    assert_eq!(parse(&|bytes| bytes[4] = 2), Err(Malformed::Version), "the version before");
    assert_eq!(parse(&|bytes| bytes[4] = 5), Err(Malformed::Version));
    assert_eq!(parse(&|bytes| bytes[5] = 9), Err(Malformed::Kind));
    assert_eq!(parse(&|bytes| bytes[5] = 2), Err(Malformed::Length), "the size of a beat, said to be an order");
    assert_eq!(parse(&|bytes| bytes[10] = 5), Err(Malformed::Device));
    assert_eq!(parse(&|bytes| bytes[12] = 0), Err(Malformed::Epoch));
}

#[test]
fn a_datagram_is_split_into_whole_frames() {
    let [beat, order] = [0, 1].map(|nth| sealed(&header(samples()[nth].kind()), &samples()[nth]));
    let split = |parts: &[&[u8]]| frames(&parts.concat()).map(|frame| frame.map(<[u8]>::len)).collect::<Vec<_>>();
    assert_eq!(split(&[&beat]), [Ok(80)]);
    assert_eq!(split(&[&order, &beat, &order]), [Ok(128), Ok(80), Ok(128)]);
    assert_eq!(split(&[]), []);
    assert_eq!(split(&[&beat, &order[..127]]), [Ok(80), Err(Malformed::Length)], "the first stands");
    assert_eq!(split(&[&beat, &[0], &order]), [Ok(80), Err(Malformed::Magic)], "nothing behind it is looked at");
    assert_eq!(split(&[&order[..5]]), [Err(Malformed::Length)]);
    let mut of_another_version = beat;
    of_another_version[4] = 5;
    assert_eq!(split(&[&of_another_version]), [Err(Malformed::Version)]);
}

fn setpoints() -> impl Strategy<Value = Setpoint> {
    let kesm = any::<(i64, i64, i64)>().prop_map(|(a, b, c)| Setpoint::Kesm {
        supply_max: Watts::new(a),
        charge_max: Watts::new(b),
        hold: Watts::new(c),
    });
    let tie = any::<(bool, i64, i64)>().prop_map(|(forward, a, b)| Setpoint::Tie {
        direction: if forward { Direction::Forward } else { Direction::Backward },
        flow_max: Watts::new(a),
        hold: Watts::new(b),
    });
    let pdu = any::<(i64, u8)>().prop_map(|(cap, keep_tiers)| Setpoint::Pdu { cap: Watts::new(cap), keep_tiers });
    let duties = prop::sample::select(vec![GeneratorDuty::Auto, GeneratorDuty::Run]);
    let supply = duties.prop_map(|generator| Setpoint::Supply { generator });
    prop_oneof![kesm, tie, pdu, supply]
}

fn supply_readings() -> impl Strategy<Value = Reading> {
    let sources = prop::sample::select(vec![
        SupplySource::Open,
        SupplySource::UtilityA,
        SupplySource::UtilityB,
        SupplySource::Generator,
    ]);
    let phases = prop::sample::select(vec![
        GeneratorPhase::Absent,
        GeneratorPhase::Off,
        GeneratorPhase::Starting,
        GeneratorPhase::Running,
        GeneratorPhase::Failed,
    ]);
    (any::<(u16, u16, i64)>(), sources, phases).prop_map(|((a, b, drawn), source, generator)| Reading::Supply {
        utility_a_permille: a,
        utility_b_permille: b,
        source,
        generator,
        drawn: Watts::new(drawn),
    })
}

fn readings() -> impl Strategy<Value = Reading> {
    let pdu = any::<(i64, i64, i64, u16, bool)>().prop_map(|(a, b, c, breaker_permille, tripped)| Reading::Pdu {
        load: Watts::new(a),
        draw: Watts::new(b),
        bus: Millivolts::new(c),
        breaker_permille,
        tripped,
    });
    let kesm = any::<(i64, i64, u32, i64, bool)>().prop_map(|(a, b, speed_rpm, c, available)| Reading::Kesm {
        stored: Joules::new(a),
        supply: Watts::new(b),
        speed_rpm,
        capacitor: Millivolts::new(c),
        available,
    });
    let tie = any::<(i64, bool)>().prop_map(|(a, available)| Reading::Tie { flow: Watts::new(a), available });
    prop_oneof![pdu, kesm, tie, supply_readings()]
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Executed,
        Verdict::Duplicate,
        Verdict::StaleFence,
        Verdict::Expired,
        Verdict::BeyondLimits,
        Verdict::Unavailable,
        Verdict::LockedOut,
    ])
}

fn refusals() -> impl Strategy<Value = Refusals> {
    any::<([u32; 5], [u32; 6])>().prop_map(|(a, b)| Refusals {
        malformed: a[0],
        misaddressed: a[1],
        bad_mac: a[2],
        replay: a[3],
        flooded: a[4],
        stale_fence: b[0],
        no_lease: b[1],
        expired: b[2],
        beyond_limits: b[3],
        unavailable: b[4],
        unendorsed: b[5],
    })
}

fn bodies() -> impl Strategy<Value = Body> {
    let time = || (0..i64::MAX).prop_map(ms);
    let fence = || (1_u64.., 1_u64..).prop_map(|(term, index)| Fence { term, index });
    let beat = (any::<u64>(), time()).prop_map(|(term, lease_until)| Body::Beat(Beat { term, lease_until }));
    let order = (fence(), any::<u64>(), time(), setpoints()).prop_map(|(fence, term, expires_at, setpoint)| {
        Body::Order(OrderBody { fence, entry_term: term % fence.term, expires_at, setpoint })
    });
    let telemetry =
        (time(), readings(), fence(), prop::option::of(setpoints()), time(), (refusals(), any::<[u32; 2]>())).prop_map(
            |(device_at, reading, fence, in_force, lease_remaining, (refusals, heard))| {
                Body::Telemetry(TelemetryBody { device_at, reading, fence, in_force, lease_remaining, refusals, heard })
            },
        );
    let ack = (fence(), time(), verdicts(), prop::option::of(setpoints()))
        .prop_map(|(fence, device_at, verdict, in_force)| Body::Ack(AckBody { fence, device_at, verdict, in_force }));
    let pages = (0_u16..8, prop::collection::vec(outlets(), 1..=32), any::<u16>());
    let outlets = (time(), pages).prop_map(|(device_at, (nth, outlets, age_ms))| {
        Body::Outlets(OutletsBody { device_at, page: page(32 * nth, &outlets, age_ms) })
    });
    prop_oneof![beat, order, telemetry, ack, outlets]
}

fn outlets() -> impl Strategy<Value = Outlet> {
    let metered = (0_i64..1 << 24).prop_map(|watts| Outlet::Metered(Watts::new(watts)));
    prop_oneof![metered, Just(Outlet::Open), Just(Outlet::Unmetered)]
}

fn headers(kind: Kind) -> impl Strategy<Value = Header> {
    let devices = any::<(u8, u16)>().prop_map(|(kind, index)| match kind % 4 {
        0 => DeviceId::Pdu(RackId(index)),
        1 => DeviceId::Kesm(KesmId(index)),
        2 => DeviceId::Tie(TieId(index)),
        _ => DeviceId::Supply(FeedId(index)),
    });
    let versions = prop::sample::select(Version::ALL.to_vec()).prop_filter("has it", move |version| version.has(kind));
    let numbers = (any::<u16>(), devices, any::<[u64; 4]>());
    (versions, numbers).prop_map(move |(version, (replica, device, [a, b, sequence, heard]))| Header {
        version,
        kind,
        replica: ReplicaId(replica),
        device,
        epoch: KeyEpoch::FIRST,
        session: SessionNonce::new(a),
        boot: BootNonce::new(b),
        sequence,
        heard,
    })
}

fn framed() -> impl Strategy<Value = (Header, Body)> {
    bodies().prop_flat_map(|body| (headers(body.kind()), Just(body)))
}

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was((header, body) in framed()) {
        prop_assert_eq!(opened(&sealed(&header, &body)), Ok((header, body)));
    }

    #[test]
    fn one_flipped_bit_is_refused((header, body) in framed(), bit in any::<prop::sample::Index>()) {
        let mut bytes = sealed(&header, &body);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(opened(&bytes).is_err());
    }

    #[test]
    fn any_body_reads_or_is_refused(kind in prop::sample::select(Kind::ALL.to_vec()),
                                    bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // What can be read is written back as the same bytes: one value, one encoding.
        if let Ok(body) = Body::read(kind, &bytes) {
            let mut out = Datagram::new();
            body.write(&mut out);
            prop_assert_eq!(out.as_bytes(), &bytes[..]);
        }
    }

    #[test]
    fn sparse_bodies_read_or_are_refused(kind in prop::sample::select(Kind::ALL.to_vec()),
                                         set in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..12)) {
        // Mostly zeros, so that kinds and flags are often right and the fields behind them are reached.
        let mut bytes = vec![0; kind.frame_bytes() - 64];
        for (at, value) in set {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(body) = Body::read(kind, &bytes) {
            let mut out = Datagram::new();
            body.write(&mut out);
            prop_assert_eq!(out.as_bytes(), &bytes[..]);
        }
    }

    #[test]
    fn arbitrary_bytes_move_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300), head in 0_usize..64) {
        let mut field = Field::new(DEVICE);
        let mut replica = Scripted::leading(&mut field, R1, 1, 1, 900);
        let mut controller = controller(R1, 1);
        let mut forged = replica.order(1, 1, 500);
        let mut telemetry = field.telemetry(R1, 0);
        // A true head over arbitrary bytes goes as far as the MAC.
        forged.truncate(head);
        forged.extend_from_slice(&bytes);
        telemetry.truncate(head);
        telemetry.extend_from_slice(&bytes);
        for datagram in [&forged, &telemetry, &bytes] {
            prop_assert!(matches!(field.handle(datagram, 1), Handled::Ignored(_)));
            prop_assert!(matches!(controller.observe(datagram, Lan::A, ms(1)), Some(Event::Rejected(_))));
        }
        prop_assert!(field.recorder.applied.is_empty());
    }
}
