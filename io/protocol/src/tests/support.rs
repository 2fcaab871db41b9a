//! A scripted replica, a recording actuator, and both real halves wired to each other.

use ridethrough_core::device::{DeviceId, Direction, Fence, Order, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_core::site::{KesmId, TieId};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};

use crate::body::{Beat, Body, OrderBody};
use crate::device::Actuator;
use crate::header::Header;
use crate::keys::Seal;
use crate::{
    BootNonce, ControllerEndpoint, Datagram, DeviceEndpoint, Event, Handled, KeyEpoch, Keyring, Lan, Orders, Outgoing,
    SessionNonce, SiteSecret, Version, VolatileFence, frame,
};

pub const DEVICE: DeviceId = DeviceId::Kesm(KesmId(3));
pub const OTHER_DEVICE: DeviceId = DeviceId::Tie(TieId(3));
pub const REPLICAS: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];
pub const R1: ReplicaId = ReplicaId(1);
pub const R2: ReplicaId = ReplicaId(2);

pub fn secret() -> Keyring {
    Keyring::new(KeyEpoch::FIRST, SiteSecret::new(*b"a secret of 32 bytes, for tests."))
}

pub fn ms(value: i64) -> Millis {
    Millis::new(value)
}

pub fn session(number: u64) -> SessionNonce {
    SessionNonce::new(0x5e55_0000 + number)
}

pub fn boot(number: u64) -> BootNonce {
    BootNonce::new(0xb007_0000 + number)
}

pub fn supply(watts: i64) -> Setpoint {
    Setpoint::Kesm { supply_max: Watts::new(watts), charge_max: Watts::ZERO, hold: Watts::new(9_000) }
}

pub fn flow(watts: i64) -> Setpoint {
    Setpoint::Tie { direction: Direction::Backward, flow_max: Watts::new(watts), hold: Watts::new(7_000) }
}

pub fn order(index: u64, term: u64) -> Order {
    let watts = i64::try_from(index).expect("small");
    Order { device: DEVICE, index, term, setpoint: supply(watts), until: ms(0) }
}

pub fn reading() -> Reading {
    Reading::Kesm {
        stored: Joules::new(2_000_000),
        supply: Watts::new(-1_500),
        speed_rpm: 36_000,
        capacitor: Millivolts::new(810_000),
        available: true,
    }
}

/// Remembers what it was told to do.
#[derive(Default)]
pub struct Recorder {
    pub applied: Vec<Option<Setpoint>>,
    pub refusal: Option<Verdict>,
}

impl Actuator for Recorder {
    fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
        self.refusal.map_or(Ok(()), Err)
    }

    fn apply(&mut self, setpoint: Option<Setpoint>) {
        self.applied.push(setpoint);
    }
}

/// A device with its actuator, whose memory outlives its boots.
pub struct Field {
    pub endpoint: DeviceEndpoint<VolatileFence>,
    pub recorder: Recorder,
    pub out: Datagram,
    orders: Orders,
    boots: u64,
}

impl Field {
    pub fn new(device: DeviceId) -> Self {
        Self::demanding(device, Orders::One)
    }

    pub fn demanding(device: DeviceId, orders: Orders) -> Self {
        let keys = secret().device(device, &REPLICAS);
        let endpoint = DeviceEndpoint::new(keys, boot(1), orders, VolatileFence::default());
        Self { endpoint, recorder: Recorder::default(), out: Datagram::new(), orders, boots: 1 }
    }

    pub fn handle(&mut self, frame: &[u8], now: i64) -> Handled {
        self.handle_from(Lan::A, frame, now)
    }

    pub fn handle_from(&mut self, lan: Lan, frame: &[u8], now: i64) -> Handled {
        self.endpoint.handle(frame, lan, ms(now), &mut self.recorder, &mut self.out)
    }

    pub fn poll(&mut self, now: i64) -> Option<i64> {
        self.endpoint.poll(ms(now), &mut self.recorder).map(Millis::get)
    }

    pub fn telemetry(&mut self, replica: ReplicaId, now: i64) -> Vec<u8> {
        let said = self.endpoint.telemetry(replica, &reading(), ms(now), &mut self.out);
        said.expect("the replica is known");
        self.out.as_bytes().to_vec()
    }

    /// Ends this life and begins another, on a clock that begins again.
    pub fn reboot(&mut self, memory: VolatileFence) {
        self.reboot_as(Version::NEWEST, memory);
    }

    /// The same with firmware that speaks this version.
    pub fn reboot_as(&mut self, version: Version, memory: VolatileFence) {
        self.boots += 1;
        let keys = secret().device(self.endpoint.device(), &REPLICAS);
        self.endpoint = DeviceEndpoint::new(keys, boot(self.boots), self.orders, memory).speaking(version);
    }

    pub fn memory(&self) -> VolatileFence {
        VolatileFence(self.endpoint.fence())
    }

    pub fn boot(&self) -> BootNonce {
        boot(self.boots)
    }
}

/// A replica that says what the test wants, with true keys.
pub struct Scripted {
    seal: Seal,
    pub header: Header,
}

impl Scripted {
    pub fn new(replica: ReplicaId, session: SessionNonce, boot: BootNonce) -> Self {
        Self::with_keys(&secret(), replica, session, boot)
    }

    pub fn with_keys(keys: &Keyring, replica: ReplicaId, session: SessionNonce, boot: BootNonce) -> Self {
        let seal = Seal::new(keys.replica(replica).pair(DEVICE).map(|_, pair| pair.to_device.clone()));
        let (kind, epoch) = (crate::Kind::Beat, seal.epoch());
        let version = Version::NEWEST;
        let header = Header { version, kind, replica, device: DEVICE, epoch, session, boot, sequence: 0, heard: 0 };
        Self { seal, header }
    }

    /// A replica that has opened its session and holds the lease of `term` until `lease_until`.
    pub fn leading(field: &mut Field, replica: ReplicaId, number: u64, term: u64, lease_until: i64) -> Self {
        let mut replica = Self::new(replica, session(number), field.boot());
        replica.hear(&field.telemetry(replica.header.replica, 0));
        let opened = field.handle(&replica.beat(0, 0), 0);
        assert_eq!(opened, Handled::Opened(replica.header.replica));
        assert_eq!(field.handle(&replica.beat(term, lease_until), 0), Handled::Nothing);
        replica
    }

    pub fn hear(&mut self, telemetry: &[u8]) {
        self.header.heard = Header::parse(telemetry).expect("a frame").sequence;
    }

    pub fn beat(&mut self, term: u64, lease_until: i64) -> Vec<u8> {
        self.say(&Body::Beat(Beat { term, lease_until: ms(lease_until) }))
    }

    pub fn order(&mut self, term: u64, index: u64, expires_at: i64) -> Vec<u8> {
        let watts = i64::try_from(index).expect("small");
        self.order_with(term, index, expires_at, supply(watts))
    }

    pub fn order_with(&mut self, term: u64, index: u64, expires_at: i64, setpoint: Setpoint) -> Vec<u8> {
        let fence = Fence { term, index };
        self.say(&Body::Order(OrderBody { fence, entry_term: 1, expires_at: ms(expires_at), setpoint }))
    }

    pub fn endorsement(&mut self, term: u64, index: u64, expires_at: i64) -> Vec<u8> {
        let setpoint = supply(i64::try_from(index).expect("small"));
        self.endorsement_of(OrderBody {
            fence: Fence { term, index },
            entry_term: 1,
            expires_at: ms(expires_at),
            setpoint,
        })
    }

    pub fn endorsement_of(&mut self, order: OrderBody) -> Vec<u8> {
        self.say(&Body::Endorsement(order))
    }

    fn say(&mut self, body: &Body) -> Vec<u8> {
        self.header.sequence += 1;
        self.header.kind = body.kind();
        let mut out = Datagram::new();
        frame::seal(&self.header, body, &mut self.seal, &mut out);
        out.as_bytes().to_vec()
    }
}

pub fn controller(replica: ReplicaId, number: u64) -> ControllerEndpoint {
    ControllerEndpoint::new(&secret().replica(replica), session(number), &[OTHER_DEVICE, DEVICE], Orders::TwoOfThree)
}

/// Every frame that is due.
pub fn due(controller: &mut ControllerEndpoint, now: i64) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    controller.poll(ms(now), &mut |outgoing: Outgoing<'_>| frames.push(outgoing.bytes.to_vec()));
    frames
}

/// Makes a controller and a device know each other.
pub fn introduce(controller: &mut ControllerEndpoint, replica: ReplicaId, field: &mut Field, now: i64) {
    let greeting = field.telemetry(replica, now);
    assert_eq!(controller.observe(&greeting, Lan::A, ms(now)), Some(Event::Greeting { device: DEVICE }));
    let mut opened = |frame: &Vec<u8>| field.handle(frame, now) == Handled::Opened(replica);
    assert_eq!(due(controller, now).iter().filter(|frame| opened(frame)).count(), 1);
    let telemetry = field.telemetry(replica, now);
    assert!(matches!(controller.observe(&telemetry, Lan::A, ms(now)), Some(Event::Telemetry(_))));
}
