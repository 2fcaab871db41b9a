//! Committed orders from a real ledger, and devices on a real socket.

#![allow(dead_code, reason = "each test and bench uses some of it")]

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ridethrough_core::device::{Ack, DeviceId, Order, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_core::ledger::{Committed, Ledger, Parts};
use ridethrough_core::site::{KesmId, Policy, Site};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};
use ridethrough_link::{FromLink, Lan, Link, LinkConfig, ToLink, Urgency, Wake};
use ridethrough_protocol::{
    Actuator, BootNonce, Datagram, DeviceEndpoint, Handled, KeyEpoch, Keyring, Orders, SessionNonce, SiteSecret,
    VolatileFence, frames,
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
    // Room for all that a test tells it, so that tests can count who allocates.
    (endpoint, Recorder(Vec::with_capacity(16_384)))
}

/// Where a plant's devices send to, on each network.
pub type Replica = [Option<SocketAddr>; 2];

/// Whether the devices stand behind one gateway.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sockets {
    /// All devices have one address on each network.
    Shared,
    /// Every device has its own.
    Own,
}

/// Devices that share a thread.
pub struct Plant {
    ending: Arc<AtomicBool>,
    cut: Arc<[AtomicBool; 2]>,
    thread: Option<JoinHandle<Vec<Recorder>>>,
}

impl Plant {
    /// Starts so many KESMs, which send telemetry to `replica` every 20 ms.
    pub fn start(count: u16, replica: Replica) -> Self {
        Self::start_with(count, replica, Sockets::Shared)
    }

    /// As [`Self::start`].
    pub fn start_with(count: u16, replica: Replica, sockets: Sockets) -> Self {
        let (ending, cut) = (Arc::new(AtomicBool::new(false)), Arc::new([const { AtomicBool::new(false) }; 2]));
        let (end, cuts) = (Arc::clone(&ending), Arc::clone(&cut));
        let thread = std::thread::spawn(move || Running::new(count, replica, sockets, cuts).run(&end));
        Self { ending, cut, thread: Some(thread) }
    }

    /// From now on nothing goes through this network, in either direction.
    pub fn cut(&self, lan: Lan) {
        // Nothing else is published with it.
        self.cut[lan.index()].store(true, Ordering::Relaxed);
    }

    /// Ends the devices; gives what each was told to do.
    pub fn stop(mut self) -> Vec<Recorder> {
        // Pairs with the Acquire in `run`.
        self.ending.store(true, Ordering::Release);
        self.thread.take().expect("it runs").join().expect("the devices did not panic")
    }
}

/// Datagrams taken in before it may be time to report.
const LISTEN_MAX: usize = 64;

struct Running {
    devices: Vec<(DeviceEndpoint<VolatileFence>, Recorder)>,
    /// One pair for all, or one for each.
    sockets: Vec<[Option<UdpSocket>; 2]>,
    replica: Replica,
    cut: Arc<[AtomicBool; 2]>,
    began: Instant,
    out: Datagram,
    /// What a thread with one socket does until a datagram comes; with several it must look at all of them.
    blocking: bool,
}

impl Running {
    fn new(count: u16, replica: Replica, sockets: Sockets, cut: Arc<[AtomicBool; 2]>) -> Self {
        let pairs = if sockets == Sockets::Shared { 1 } else { count };
        let blocking = pairs == 1 && replica.iter().flatten().count() == 1;
        Self {
            devices: (0..count).map(device).collect(),
            sockets: (0..pairs).map(|_| replica.map(|to| to.map(|to| socket_towards(to, blocking)))).collect(),
            replica,
            cut,
            began: Instant::now(),
            out: Datagram::new(),
            blocking,
        }
    }

    fn run(mut self, ending: &AtomicBool) -> Vec<Recorder> {
        let mut tick = Duration::ZERO;
        // Pairs with the Release in `stop`.
        while !ending.load(Ordering::Acquire) {
            let heard: usize = (0..self.sockets.len()).map(|pair| self.listen(pair)).sum();
            if self.began.elapsed() >= tick {
                // A slow machine reports less often, but it listens.
                tick = self.began.elapsed() + Duration::from_millis(20);
                (0..self.devices.len()).for_each(|number| self.report(number));
            } else if heard == 0 && !self.blocking {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        self.devices.into_iter().map(|(_, recorder)| recorder).collect()
    }

    /// Takes in what came to one pair of sockets, a few datagrams of each at most; returns how many.
    fn listen(&mut self, pair: usize) -> usize {
        let (mut count, mut buffer) = (0, [0; 2_048]);
        for lan in Lan::ALL {
            for _ in 0..LISTEN_MAX {
                let Some(socket) = &self.sockets[pair][lan.index()] else { break };
                let Ok((length, _)) = socket.recv_from(&mut buffer) else { break };
                count += 1;
                if !self.is_cut(lan) {
                    frames(&buffer[..length]).for_each(|frame| self.handle(pair, lan, frame.expect("whole frames")));
                }
            }
        }
        count
    }

    fn handle(&mut self, pair: usize, lan: Lan, frame: &[u8]) {
        let now = self.now();
        let number = usize::from(u16::from_le_bytes([frame[8], frame[9]]));
        let (endpoint, recorder) = &mut self.devices[number];
        let handled = endpoint.handle(frame, lan, now, recorder, &mut self.out);
        if let Handled::Opened(replica) = handled {
            endpoint.telemetry(replica, &reading(), now, &mut self.out).expect("a known replica");
        }
        if matches!(handled, Handled::Answer { .. } | Handled::Opened(_)) {
            self.send(pair);
        }
    }

    fn report(&mut self, number: usize) {
        let now = self.now();
        let (endpoint, recorder) = &mut self.devices[number];
        endpoint.poll(now, recorder);
        endpoint.telemetry(REPLICA, &reading(), now, &mut self.out).expect("a known replica");
        self.send(number.min(self.sockets.len() - 1));
    }

    fn send(&self, pair: usize) {
        for lan in Lan::ALL {
            if let (Some(socket), Some(to), false) =
                (&self.sockets[pair][lan.index()], self.replica[lan.index()], self.is_cut(lan))
            {
                socket.send_to(self.out.as_bytes(), to).expect("loopback");
            }
        }
    }

    fn is_cut(&self, lan: Lan) -> bool {
        self.cut[lan.index()].load(Ordering::Relaxed)
    }

    fn now(&self) -> Millis {
        Millis::new(i64::try_from(self.began.elapsed().as_millis()).expect("short"))
    }
}

/// On the same loopback address as the replica's.
fn socket_towards(replica: SocketAddr, blocking: bool) -> UdpSocket {
    let socket = UdpSocket::bind((replica.ip(), 0)).expect("a socket");
    if blocking {
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    } else {
        socket.set_nonblocking(true).expect("nonblocking");
    }
    socket
}

/// A link's addresses.
pub fn addresses(link: &Link) -> Replica {
    Lan::ALL.map(|lan| link.local_addr(lan))
}

/// The configuration of all tests, with this thread as the consumer.
pub fn config(devices: u16, lans: Lans) -> LinkConfig {
    let mut config =
        LinkConfig::new(any_port("127.0.0.1"), secret().replica(REPLICA), (0..devices).map(kesm).collect());
    config.lan_b = (lans == Lans::Both).then(|| any_port("127.0.0.2"));
    config.session = SESSION;
    config.consumer = Some(std::thread::current());
    config.wake = Wake::Everything;
    // Tests run beside each other, and none of them measures time.
    config.urgency_max = Urgency::Normal;
    config
}

fn any_port(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), 0)
}

/// Which networks there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lans {
    /// A alone.
    One,
    /// A and B.
    Both,
}

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits, parked, for the first news that `wanted` takes.
pub fn wait<T>(link: &Link, mut wanted: impl FnMut(FromLink) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = std::iter::from_fn(|| link.poll()).find_map(&mut wanted) {
            return found;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing came in {PATIENCE:?}");
        std::thread::park_timeout(left);
    }
}

/// Waits until so many devices have been heard.
pub fn wait_for_devices(link: &Link, count: u16) {
    let mut heard = BTreeSet::new();
    wait(link, |news| {
        if let FromLink::Telemetry(telemetry) = news {
            heard.insert(telemetry.device);
        }
        (heard.len() == usize::from(count)).then_some(())
    });
}

/// Waits for the next ack; gives how often its order had been sent, too.
pub fn wait_for_ack(link: &Link) -> (Ack, u32) {
    wait(link, |news| match news {
        FromLink::Ack { ack, transmissions, .. } => Some((ack, transmissions)),
        FromLink::Telemetry(_) => None,
    })
}

/// Leadership for longer than any test takes.
pub const LEAD: ToLink = ToLink::Lead { term: 1, lease: Millis::seconds(10), valid_for: Millis::seconds(60) };

/// An order of the leader in term 1.
pub fn order(number: u16, index: u64) -> ToLink {
    ToLink::Order { order: committed(kesm(number), index), term: 1, valid_for: Millis::seconds(9) }
}
