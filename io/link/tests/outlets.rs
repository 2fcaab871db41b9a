//! What a PDU says of its outlets, from its real end over real sockets to whoever reads it; nothing is allocated on the way.

mod support;

use std::alloc::System;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use ridethrough_core::device::{DeviceId, Reading, Setpoint, Verdict};
use ridethrough_core::site::RackId;
use ridethrough_core::units::{Millis, Millivolts, Watts};
use ridethrough_link::{Link, OutletPowers};
use ridethrough_protocol::{
    Actuator, BootNonce, Datagram, DeviceEndpoint, Handled, Lan, Orders, Outlet, OutletPage, VolatileFence, frames,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use support::{Lans, PATIENCE, REPLICA, config, secret};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RACK: RackId = RackId(1);
const TURNS: i64 = 1_000;

struct Still;

impl Actuator for Still {
    fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
        Err(Verdict::Unavailable)
    }

    fn apply(&mut self, _: Option<Setpoint>) {}
}

/// A PDU on a socket of its own.
struct Pdu {
    endpoint: DeviceEndpoint<VolatileFence>,
    socket: UdpSocket,
    began: Instant,
    out: Datagram,
}

impl Pdu {
    fn new(link: &Link) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
        socket.connect(link.local_addr(Lan::A).expect("network A is there")).expect("loopback");
        socket.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        let keys = secret().device(DeviceId::Pdu(RACK), &[REPLICA]);
        let endpoint = DeviceEndpoint::new(keys, BootNonce::new(9), Orders::One, VolatileFence::default());
        Self { endpoint, socket, began: Instant::now(), out: Datagram::new() }
    }

    fn now(&self) -> Millis {
        Millis::new(i64::try_from(self.began.elapsed().as_millis()).expect("short"))
    }

    fn telemetry(&mut self) {
        let (power, bus, now) = (Watts::new(700), Millivolts::new(800_000), self.now());
        let reading = Reading::Pdu { load: power, draw: power, bus, breaker_permille: 0, tripped: false };
        self.endpoint.telemetry(REPLICA, &reading, now, &mut self.out).expect("a known replica");
        self.socket.send(self.out.as_bytes()).expect("loopback");
    }

    /// Greets until the replica has opened a session, and names it.
    fn join(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 2_048];
        loop {
            assert!(Instant::now() < deadline, "no session in {PATIENCE:?}");
            self.telemetry();
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            let now = self.now();
            for frame in frames(&buffer[..length]).map_while(Result::ok) {
                if let Handled::Opened(_) = self.endpoint.handle(frame, Lan::A, now, &mut Still, &mut self.out) {
                    return self.telemetry();
                }
            }
        }
    }

    /// Says what its second outlet feeds; the others are open and not metered.
    fn outlets(&mut self, watts: i64) {
        let outlets = [Outlet::Open, Outlet::Metered(Watts::new(watts)), Outlet::Unmetered, Outlet::Open];
        let (page, now) = (OutletPage::new(0, &outlets, 20).expect("a page"), self.now());
        self.endpoint.outlets(REPLICA, &page, now, &mut self.out).expect("a session is open");
        self.socket.send(self.out.as_bytes()).expect("loopback");
    }
}

/// Says it until it is read: a datagram may be lost.
fn turn(pdu: &mut Pdu, powers: &OutletPowers, watts: i64) {
    let deadline = Instant::now() + PATIENCE;
    let read = || powers.read(RACK, 1, Instant::now()).map(|reading| reading.outlet);
    while read() != Some(Outlet::Metered(Watts::new(watts))) {
        assert!(Instant::now() < deadline, "{watts} W was not heard in {PATIENCE:?}");
        pdu.outlets(watts);
        let said = Instant::now();
        while read() != Some(Outlet::Metered(Watts::new(watts))) && said.elapsed() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn every_word_on_an_outlet_arrives_and_nothing_is_allocated_for_it() {
    let mut config = config(0, Lans::One);
    config.devices = vec![DeviceId::Pdu(RACK)];
    // One less than the PDU tells of.
    config.outlets = vec![2, 3];
    let link = Link::start(config).expect("it starts");
    let (mut pdu, powers) = (Pdu::new(&link), link.outlets());
    assert_eq!(powers.read(RACK, 1, Instant::now()), None);
    pdu.join();
    turn(&mut pdu, &powers, 0);
    let region = Region::new(ALLOCATOR);
    for watts in 1..=TURNS {
        turn(&mut pdu, &powers, watts);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "in {TURNS} turns");
    let read = |rack, outlet| powers.read(rack, outlet, Instant::now()).map(|reading| reading.outlet);
    assert_eq!([0, 2, 3].map(|outlet| read(RACK, outlet)), [Some(Outlet::Open), Some(Outlet::Unmetered), None]);
    assert_eq!([0, 1].map(|outlet| read(RackId(0), outlet)), [None, None], "the other rack's are its own");
    let age = powers.read(RACK, 1, Instant::now()).expect("told").age;
    assert!(age >= Duration::from_millis(20), "what the PDU said of it counts: {age:?}");
    assert_eq!(link.stop(), Ok(()));
}
