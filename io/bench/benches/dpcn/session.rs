//! A replica's end and its devices' ends in one session, as the threads that own the sockets hold them.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use ridethrough_core::device::{DeviceId, Order, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_core::ledger::{Committed, Ledger, Parts};
use ridethrough_core::site::{KesmId, Policy, Site};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};
use ridethrough_protocol::{
    Actuator, BootNonce, ControllerEndpoint, Datagram, DeviceEndpoint, Event, Handled, KeyEpoch, Keyring, Kind, Lan,
    Leadership, Orders, Outgoing, SessionNonce, SiteSecret, VolatileFence, frames,
};

pub const ORDER_BYTES: usize = Kind::Order.frame_bytes();
pub const ACK_BYTES: usize = Kind::Ack.frame_bytes();
pub const REPLICA: ReplicaId = ReplicaId(1);
pub const SESSION: SessionNonce = SessionNonce::new(0x1234_5678_9abc_def0);
pub const TERM: u64 = 1;
pub const LEASE: Millis = Millis::seconds(60);
pub const VALID_FOR: Millis = Millis::seconds(5);

/// Where a frame's header has the low half of the device's number.
const DEVICE_AT: std::ops::Range<usize> = 8..10;

/// The clock of both ends.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(self) -> Millis {
        Millis::new(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// A replica's end.
pub struct Replica {
    pub endpoint: ControllerEndpoint,
    pub clock: Clock,
}

/// A device's end.
pub struct Device {
    endpoint: DeviceEndpoint<VolatileFence>,
    actuator: Obedient,
    out: Datagram,
    clock: Clock,
}

/// Does what it is told.
#[derive(Default)]
struct Obedient(Option<Setpoint>);

impl Actuator for Obedient {
    fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
        Ok(())
    }

    fn apply(&mut self, setpoint: Option<Setpoint>) {
        self.0 = setpoint;
    }
}

/// A replica that leads so many devices.
pub fn open(devices: u16) -> Result<(Replica, Vec<Device>)> {
    let clock = Clock::start();
    let ids: Vec<_> = (0..devices).map(device_id).collect();
    let endpoint = ControllerEndpoint::new(&keyring().replica(REPLICA), SESSION, &ids, Orders::One);
    let mut replica = Replica { endpoint, clock };
    let mut devices: Vec<_> = (0..devices).map(|number| Device::new(number, clock)).collect();
    // Greeting and offer; telemetry and beat.
    freshen(&mut replica, &mut devices)?;
    freshen(&mut replica, &mut devices)?;
    let live = replica.endpoint.live_devices();
    ensure!(live == devices.len(), "{live} of {} devices are live", devices.len());
    Ok((replica, devices))
}

/// Renews leave to lead, leases and clocks, past the sockets.
pub fn freshen(replica: &mut Replica, devices: &mut [Device]) -> Result<()> {
    let now = replica.clock.now();
    replica.endpoint.lead(Leadership { term: TERM, lease: LEASE, valid_for: LEASE }, now)?;
    for device in &mut *devices {
        replica.endpoint.observe(device.telemetry()?, Lan::A, now);
    }
    replica.endpoint.poll(now, &mut |outgoing: Outgoing<'_>| {
        if let DeviceId::Kesm(KesmId(number)) = outgoing.device {
            devices[usize::from(number)].answer(outgoing.bytes, Lan::A);
        }
    });
    Ok(())
}

impl Replica {
    /// Takes in an order, and sends what is due.
    pub fn order(&mut self, order: &Committed<Order>, mut send: impl FnMut(&[u8])) -> Result<()> {
        let now = self.clock.now();
        self.endpoint.submit(order, TERM, VALID_FOR, now)?;
        self.endpoint.poll(now, &mut |outgoing: Outgoing<'_>| send(outgoing.bytes));
        Ok(())
    }

    /// How many devices say in this datagram for the first time that they do what they were told.
    pub fn hears(&mut self, datagram: &[u8], lan: Lan) -> usize {
        let now = self.clock.now();
        let events = frames(datagram).flatten().map(|frame| self.endpoint.observe(frame, lan, now));
        events.filter(|event| matches!(event, Some(Event::Ack { ack, .. }) if ack.verdict.in_force())).count()
    }
}

impl Device {
    pub fn new(number: u16, clock: Clock) -> Self {
        let keys = keyring().device(device_id(number), &[REPLICA]);
        let boot = BootNonce::new(0xb007_0000 + u64::from(number));
        let endpoint = DeviceEndpoint::new(keys, boot, Orders::One, VolatileFence::default());
        Self { endpoint, actuator: Obedient::default(), out: Datagram::new(), clock }
    }

    /// Its report.
    pub fn telemetry(&mut self) -> Result<&[u8]> {
        self.endpoint.telemetry(REPLICA, &reading(), self.clock.now(), &mut self.out)?;
        Ok(self.out.as_bytes())
    }

    /// What it answers to a frame, if anything: its word on an order, or its report to a replica that it has just met.
    pub fn answer(&mut self, frame: &[u8], lan: Lan) -> Option<&[u8]> {
        match self.endpoint.handle(frame, lan, self.clock.now(), &mut self.actuator, &mut self.out) {
            Handled::Answer { .. } => Some(self.out.as_bytes()),
            Handled::Opened(_) => self.telemetry().ok(),
            _ => None,
        }
    }

    /// Whether it has a leader.
    pub fn holds_lease(&self) -> bool {
        self.endpoint.lease_remaining() > Millis::ZERO
    }

    /// Whom a gateway hands a frame to.
    pub fn addressed<'a>(devices: &'a mut [Self], frame: &[u8]) -> Option<&'a mut Self> {
        let number = frame.get(DEVICE_AT)?.try_into().ok().map(u16::from_le_bytes)?;
        devices.get_mut(usize::from(number))
    }
}

pub fn device_id(number: u16) -> DeviceId {
    DeviceId::Kesm(KesmId(number))
}

pub fn keyring() -> Keyring {
    Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32]))
}

pub fn reading() -> Reading {
    Reading::Kesm {
        stored: Joules::new(1),
        supply: Watts::ZERO,
        speed_rpm: 30_000,
        capacitor: Millivolts::new(800_000),
        available: true,
    }
}

/// Orders as only a ledger can give them, one entry for each of the first devices: restored from a snapshot.
pub fn orders_to_each(devices: u16, index: u64) -> Vec<Committed<Order>> {
    let orders: Vec<_> = (0..devices).map(|number| order(device_id(number), index)).collect();
    let ledger = Ledger::from_parts(empty_site(), Parts { orders, ..Parts::default() });
    (0..devices).filter_map(|number| ledger.order(device_id(number)).copied()).collect()
}

/// Orders of so many entries for the first device, the first of them at this index.
pub fn orders_in_turn(count: usize, first: u64) -> Vec<Committed<Order>> {
    (first..).take(count).flat_map(|index| orders_to_each(1, index)).collect()
}

fn order(device: DeviceId, index: u64) -> Order {
    let watts = Watts::new(i64::try_from(index).unwrap_or(i64::MAX));
    let setpoint = Setpoint::Kesm { supply_max: watts, charge_max: Watts::ZERO, hold: Watts::ZERO };
    Order { device, index, term: TERM, setpoint, until: Millis::seconds(60) }
}

fn empty_site() -> Arc<Site> {
    let policy = Policy {
        tick: Millis::new(100),
        margin_permille: 0,
        transfer_hold: Millis::seconds(1),
        lease: Millis::seconds(1),
        stale_after: Millis::seconds(1),
        branch_drop_permille: 0,
        path_drop_permille: 0,
        reaction: Millis::seconds(1),
    };
    Arc::new(Site {
        name: "bench".into(),
        hash: [0; 32],
        policy,
        feeds: Vec::new(),
        rows: Vec::new(),
        racks: Vec::new(),
        servers: Vec::new(),
        kesms: Vec::new(),
        ties: Vec::new(),
    })
}
