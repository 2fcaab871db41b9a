//! Committed orders from a real ledger, and devices on a real socket.

#![allow(dead_code, reason = "each test and bench uses some of it")]

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ridethrough_core::device::{DeviceId, Order, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_core::ledger::{Committed, Ledger, Parts};
use ridethrough_core::site::{KesmId, Policy, Site};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};
use ridethrough_protocol::{
    Actuator, BootNonce, Datagram, DeviceEndpoint, Handled, KeyEpoch, Keyring, Lan, Orders, SessionNonce, SiteSecret,
    VolatileFence,
};

/// The replica that all tests play.
pub const REPLICA: ReplicaId = ReplicaId(1);
/// Its present life.
pub const SESSION: SessionNonce = SessionNonce::new(0x1234_5678_9abc_def0);

/// The site's secrets.
pub fn secret() -> Keyring {
    Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32]))
}

/// A KESM.
pub fn kesm(number: u16) -> DeviceId {
    DeviceId::Kesm(KesmId(number))
}

/// What a KESM is told by the entry of this index.
pub fn setpoint(index: u64) -> Setpoint {
    Setpoint::Kesm { supply_max: Watts::new(index.cast_signed()), charge_max: Watts::ZERO, hold: Watts::ZERO }
}

/// An order as only a ledger can give it: this one is restored from a snapshot that holds it.
pub fn committed(device: DeviceId, index: u64) -> Committed<Order> {
    let order = Order { device, index, term: 1, setpoint: setpoint(index), until: Millis::seconds(60) };
    let ledger = Ledger::from_parts(empty_site(), Parts { orders: vec![order], ..Parts::default() });
    *ledger.order(device).expect("the snapshot has it")
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
        name: "empty".into(),
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

/// What the devices measure.
pub fn reading() -> Reading {
    Reading::Kesm {
        stored: Joules::new(1),
        supply: Watts::ZERO,
        speed_rpm: 30_000,
        capacitor: Millivolts::new(800_000),
        available: true,
    }
}

/// Remembers what it was told to do.
#[derive(Debug, Default)]
pub struct Recorder(pub Vec<Option<Setpoint>>);

impl Actuator for Recorder {
    fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
        Ok(())
    }

    fn apply(&mut self, setpoint: Option<Setpoint>) {
        self.0.push(setpoint);
    }
}

/// One device's end with its actuator.
pub fn device(number: u16) -> (DeviceEndpoint<VolatileFence>, Recorder) {
    let keys = secret().device(kesm(number), &[REPLICA]);
    let boot = BootNonce::new(0xb007 + u64::from(number));
    let endpoint = DeviceEndpoint::new(keys, boot, Orders::One, VolatileFence::default());
    (endpoint, Recorder::default())
}

/// Devices that share a socket and a thread.
pub struct Plant {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Recorder>>>,
}

impl Plant {
    /// Starts so many KESMs, which send telemetry to `replica` every 20 ms.
    pub fn start(count: u16, replica: SocketAddr) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let thread = std::thread::spawn(move || run(count, replica, &end));
        Self { ending, thread: Some(thread) }
    }

    /// Ends the devices; gives what each was told to do.
    pub fn stop(mut self) -> Vec<Recorder> {
        // Pairs with the Acquire in `run`.
        self.ending.store(true, Ordering::Release);
        self.thread.take().expect("it runs").join().expect("the devices did not panic")
    }
}

fn run(count: u16, replica: SocketAddr, ending: &AtomicBool) -> Vec<Recorder> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    let mut devices: Vec<_> = (0..count).map(device).collect();
    let (began, mut tick) = (Instant::now(), Duration::ZERO);
    let (mut buffer, mut out) = ([0; 512], Datagram::new());
    // Pairs with the Release in `stop`.
    while !ending.load(Ordering::Acquire) {
        let now = Millis::new(i64::try_from(began.elapsed().as_millis()).expect("short"));
        if let Ok((length, _)) = socket.recv_from(&mut buffer) {
            let now = Millis::new(i64::try_from(began.elapsed().as_millis()).expect("short"));
            let number = u16::from_le_bytes([buffer[8], buffer[9]]);
            let (endpoint, recorder) = &mut devices[usize::from(number)];
            let handled = endpoint.handle(&buffer[..length], Lan::A, now, recorder, &mut out);
            if let Handled::Opened(replica) = handled {
                endpoint.telemetry(replica, &reading(), now, &mut out).expect("a known replica");
            }
            if matches!(handled, Handled::Answer { .. } | Handled::Opened(_)) {
                socket.send_to(out.as_bytes(), replica).expect("loopback");
            }
        }
        if began.elapsed() >= tick {
            tick += Duration::from_millis(20);
            for (endpoint, recorder) in &mut devices {
                endpoint.poll(now, recorder);
                endpoint.telemetry(REPLICA, &reading(), now, &mut out).expect("a known replica");
                socket.send_to(out.as_bytes(), replica).expect("loopback");
            }
        }
    }
    devices.into_iter().map(|(_, recorder)| recorder).collect()
}
