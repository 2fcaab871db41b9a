//! What a PDU's outlets feed, from a real device's end to a real replica's.

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::site::{KesmId, RackId};
use ridethrough_core::units::{Millivolts, Watts};

use super::support::*;
use crate::controller::Event;
use crate::{
    ControllerEndpoint, Datagram, DeviceEndpoint, Handled, Lan, NotSaid, OUTLETS_MAX, OUTLETS_PER_FRAME, Orders,
    Outlet, OutletPage, PageRefused, Refusal, Version, VolatileFence,
};

const RACK: RackId = RackId(7);
const REPLAY: Option<Event> = Some(Event::Rejected(Refusal::Replay));

/// A PDU and a replica that know each other.
struct Desk {
    pdu: DeviceEndpoint<VolatileFence>,
    replica: ControllerEndpoint,
}

impl Desk {
    fn new(version: Version) -> Self {
        let device = DeviceId::Pdu(RACK);
        let keys = secret().device(device, &REPLICAS);
        let pdu = DeviceEndpoint::new(keys, boot(1), Orders::One, VolatileFence::default()).speaking(version);
        let replica = ControllerEndpoint::new(&secret().replica(R1), session(1), &[device], Orders::One);
        Self { pdu, replica }
    }

    fn met(version: Version) -> Self {
        let mut desk = Self::new(version);
        desk.telemetry(0);
        for frame in due(&mut desk.replica, 0) {
            let handled = desk.pdu.handle(&frame, Lan::A, ms(0), &mut Recorder::default(), &mut Datagram::new());
            assert_eq!(handled, Handled::Opened(R1));
        }
        desk.telemetry(0);
        assert_eq!(desk.replica.live_devices(), 1);
        desk
    }

    fn telemetry(&mut self, now: i64) -> Option<Event> {
        let (load, draw, bus) = (Watts::new(700), Watts::new(700), Millivolts::new(800_000));
        let reading = Reading::Pdu { load, draw, bus, breaker_permille: 0, tripped: false };
        let mut out = Datagram::new();
        self.pdu.telemetry(R1, &reading, ms(now), &mut out).expect("the replica is known");
        self.replica.observe(out.as_bytes(), Lan::A, ms(now))
    }

    fn outlets(&mut self, page: &OutletPage, now: i64) -> Result<Vec<u8>, NotSaid> {
        let mut out = Datagram::new();
        self.pdu.outlets(R1, page, ms(now), &mut out).map(|()| out.as_bytes().to_vec())
    }
}

fn page(first: u16) -> OutletPage {
    let outlets = [Outlet::Metered(Watts::new(350)), Outlet::Open, Outlet::Unmetered];
    OutletPage::new(first, &outlets, 20).expect("a page")
}

#[test]
fn a_page_is_told_once_and_never_again() {
    let mut desk = Desk::met(Version::V4);
    let frame = desk.outlets(&page(0), 1).expect("a session is open");
    let told = Event::Outlets { rack: RACK, page: page(0) };
    assert_eq!(desk.replica.observe(&frame, Lan::A, ms(1)), Some(told));
    assert_eq!(desk.replica.observe(&frame, Lan::B, ms(1)), Some(Event::Copy { device: DeviceId::Pdu(RACK) }));
    assert_eq!(desk.replica.observe(&frame, Lan::A, ms(1)), REPLAY);
    assert_eq!(desk.replica.observe(&frame, Lan::B, ms(1)), REPLAY);
}

#[test]
fn what_was_overtaken_is_no_news() {
    let mut desk = Desk::met(Version::V4);
    let [first, second] = [0, 32].map(|first| desk.outlets(&page(first), 1).expect("a session is open"));
    assert_eq!(desk.replica.observe(&second, Lan::A, ms(2)), Some(Event::Outlets { rack: RACK, page: page(32) }));
    assert_eq!(desk.replica.observe(&first, Lan::A, ms(2)), REPLAY);
    assert!(matches!(desk.telemetry(3), Some(Event::Telemetry(_))), "telemetry goes on");
}

#[test]
fn outlets_greet_nobody() {
    let mut desk = Desk::new(Version::V4);
    assert_eq!(desk.outlets(&page(0), 0), Err(NotSaid::NoSession(R1)), "and it does not even say it");
    let mut desk = Desk::met(Version::V4);
    let recorded = desk.outlets(&page(0), 1).expect("a session is open");
    let device = DeviceId::Pdu(RACK);
    let mut restarted = ControllerEndpoint::new(&secret().replica(R1), session(2), &[device], Orders::One);
    assert_eq!(restarted.observe(&recorded, Lan::A, ms(2)), REPLAY, "of another life of the replica");
    assert!(due(&mut restarted, 2).is_empty(), "nothing is offered to it");
}

#[test]
fn only_a_pdu_of_version_4_tells_and_only_those_it_knows() {
    let mut old = Desk::met(Version::V3);
    assert_eq!(old.outlets(&page(0), 1), Err(NotSaid::Version));
    let mut desk = Desk::met(Version::V4);
    let stranger = ridethrough_core::device::ReplicaId(9);
    let said = desk.pdu.outlets(stranger, &page(0), ms(1), &mut Datagram::new());
    assert_eq!(said, Err(NotSaid::UnknownReplica(stranger)));
    let keys = secret().device(DeviceId::Kesm(KesmId(0)), &REPLICAS);
    let mut kesm = DeviceEndpoint::new(keys, boot(1), Orders::One, VolatileFence::default());
    assert_eq!(kesm.outlets(R1, &page(0), ms(1), &mut Datagram::new()), Err(NotSaid::NoOutlets));
}

#[test]
fn a_changed_page_is_not_believed() {
    let mut desk = Desk::met(Version::V4);
    let frame = desk.outlets(&page(0), 1).expect("a session is open");
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let event = desk.replica.observe(&flipped, Lan::A, ms(1 + i64::try_from(bit / 64).expect("few")));
        assert!(matches!(event, Some(Event::Rejected(_))), "bit {bit}: {event:?}");
    }
}

#[test]
fn a_page_has_limits() {
    let outlets = [Outlet::Open; OUTLETS_PER_FRAME + 1];
    let last = u16::try_from(OUTLETS_MAX - OUTLETS_PER_FRAME).expect("few");
    assert!(OutletPage::new(last, &outlets[..OUTLETS_PER_FRAME], 0).is_ok());
    assert_eq!(OutletPage::new(last + 32, &outlets[..1], 0), Err(PageRefused::First));
    assert_eq!(OutletPage::new(1, &outlets[..1], 0), Err(PageRefused::First));
    assert_eq!(OutletPage::new(0, &[], 0), Err(PageRefused::Count));
    assert_eq!(OutletPage::new(0, &outlets, 0), Err(PageRefused::Count));
    let clamped = [-5, 1 << 24].map(|watts| Outlet::Metered(Watts::new(watts)));
    let told: Vec<_> = OutletPage::new(0, &clamped, 0).expect("a page").outlets().collect();
    assert_eq!(told, [0, (1 << 24) - 1].map(|watts| Outlet::Metered(Watts::new(watts))));
}
