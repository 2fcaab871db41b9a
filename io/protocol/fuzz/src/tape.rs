//! What truly happened once between two replicas and a device, call by call.
//!
//! The device greets, sessions open, the first replica leads, the second follows and endorses, orders are executed,
//! leadership changes, the device reboots with its fence and everything begins anew. Every frame goes over both
//! networks.

use std::sync::{Arc, OnceLock};

use ridethrough_core::ledger::{Committed, Ledger, Parts};
use ridethrough_core::site::{Policy, Site};
use ridethrough_protocol::controller::Leadership;
use ridethrough_protocol::{
    Actuator, BootNonce, ControllerEndpoint, Datagram, DeviceEndpoint, DeviceKeys, Event, Handled, KeyEpoch, Keyring,
    Lan, Orders, Outgoing, Outlet, OutletPage, ReplicaKeys, SessionNonce, SiteSecret, VolatileFence,
};
use ridethrough_vocabulary::device::{DeviceId, Order, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_vocabulary::part::RackId;
use ridethrough_vocabulary::units::{Millis, Millivolts, Watts};

/// The replicas that speak; a third shares keys and is silent.
pub const REPLICAS: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];
/// The device.
pub const DEVICE: DeviceId = DeviceId::Pdu(RackId(3));

/// One call of a device's endpoint and what came of it.
pub enum DeviceCall {
    /// It took a frame in; an answer has the bytes of its ack.
    Handle {
        /// The frame.
        frame: Vec<u8>,
        /// The network that it came over.
        lan: Lan,
        /// When.
        now: Millis,
        /// What became of it.
        handled: Handled,
        /// The ack, if one was said.
        answer: Vec<u8>,
    },
    /// It sent telemetry.
    Telemetry(ReplicaId, Millis),
    /// It told what its outlets feed.
    Outlets(ReplicaId, Millis),
    /// It began a new life with the memory of the old one.
    Reboot(BootNonce),
}

/// One call of a replica's endpoint and what came of it.
pub enum ReplicaCall {
    /// It took a frame in.
    Observe {
        /// The frame.
        frame: Vec<u8>,
        /// The network that it came over.
        lan: Lan,
        /// When.
        now: Millis,
        /// What it meant.
        event: Option<Event>,
    },
    /// It was given leave to lead in a term.
    Lead(u64, Millis),
    /// It was told to follow in a term.
    Follow(u64, Millis),
    /// It was given a committed order to send.
    Submit(u64, u64, Millis),
    /// It was given a committed order to endorse.
    Endorse(u64, Millis),
    /// It was asked for what is due.
    Poll(Millis, Vec<Vec<u8>>),
}

/// Everything that happened.
pub struct Tape {
    /// To the device.
    pub device: Vec<DeviceCall>,
    /// To the first and the second replica.
    pub replicas: [Vec<ReplicaCall>; 2],
    /// Every frame that anybody said.
    pub genuine: Vec<Vec<u8>>,
}

/// Remembers what it was told to do.
#[derive(Default)]
pub struct Recorder(pub Vec<Option<Setpoint>>);

impl Actuator for Recorder {
    fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
        Ok(())
    }

    fn apply(&mut self, setpoint: Option<Setpoint>) {
        self.0.push(setpoint);
    }
}

/// A device with its actuator.
pub struct Device {
    /// Its end.
    pub endpoint: DeviceEndpoint<VolatileFence>,
    /// What it was told to do.
    pub recorder: Recorder,
    out: Datagram,
    orders: Orders,
}

/// What one can see of a device from outside, but for its counts.
pub type Seen = (Option<Setpoint>, ridethrough_vocabulary::device::Fence, Millis, usize);

impl Device {
    /// A device in its first life.
    pub fn new(orders: Orders) -> Self {
        let endpoint = DeviceEndpoint::new(device_keys(), boot(1), orders, VolatileFence::default());
        Self { endpoint, recorder: Recorder::default(), out: Datagram::new(), orders }
    }

    /// Takes in a frame; gives the ack, if one was said.
    pub fn handle(&mut self, frame: &[u8], lan: Lan, now: Millis) -> (Handled, &[u8]) {
        let handled = self.endpoint.handle(frame, lan, now, &mut self.recorder, &mut self.out);
        let answer = if matches!(handled, Handled::Answer { .. }) { self.out.as_bytes() } else { &[] };
        (handled, answer)
    }

    /// Says what it measures.
    pub fn telemetry(&mut self, replica: ReplicaId, now: Millis) -> &[u8] {
        let said = self.endpoint.telemetry(replica, &reading(), now, &mut self.out);
        assert!(said.is_ok(), "{replica} is known");
        self.out.as_bytes()
    }

    /// Says what its outlets feed.
    pub fn outlets(&mut self, replica: ReplicaId, now: Millis) -> &[u8] {
        let outlets = [Outlet::Metered(Watts::new(350)), Outlet::Open, Outlet::Unmetered];
        let said =
            OutletPage::new(0, &outlets, 20).map(|page| self.endpoint.outlets(replica, &page, now, &mut self.out));
        assert!(matches!(said, Ok(Ok(()))), "{replica} has a session: {said:?}");
        self.out.as_bytes()
    }

    /// Begins a new life.
    pub fn reboot(&mut self, boot: BootNonce) {
        let memory = VolatileFence(self.endpoint.fence());
        self.endpoint = DeviceEndpoint::new(device_keys(), boot, self.orders, memory);
    }

    /// What one can see of it.
    pub fn seen(&self) -> Seen {
        let endpoint = &self.endpoint;
        (endpoint.in_force(), endpoint.fence(), endpoint.lease_remaining(), self.recorder.0.len())
    }

    /// Does the call again; panics if not the same comes of it.
    pub fn play(&mut self, call: &DeviceCall) {
        match call {
            DeviceCall::Handle { frame, lan, now, handled, answer } => {
                let (found, said) = self.handle(frame, *lan, *now);
                assert!(found == *handled && said == answer, "a genuine frame became {found:?}, it was {handled:?}");
            }
            // What it says counts refusals, so it may differ.
            DeviceCall::Telemetry(replica, now) => {
                self.telemetry(*replica, *now);
            }
            DeviceCall::Outlets(replica, now) => {
                self.outlets(*replica, *now);
            }
            DeviceCall::Reboot(boot) => self.reboot(*boot),
        }
    }
}

/// A replica's end.
pub fn replica(nth: usize, orders: Orders) -> ControllerEndpoint {
    ControllerEndpoint::new(&replica_keys()[nth], session(nth), &[DEVICE], orders)
}

/// Does the call again; panics if not the same comes of it.
pub fn play(replica: &mut ControllerEndpoint, call: &ReplicaCall) {
    match call {
        ReplicaCall::Observe { frame, lan, now, event } => {
            let found = replica.observe(frame, *lan, *now);
            assert!(found == *event, "a genuine frame became {found:?}, it was {event:?}");
        }
        ReplicaCall::Lead(term, now) => lead(replica, *term, *now),
        ReplicaCall::Follow(term, now) => replica.follow(*term, *now),
        ReplicaCall::Submit(index, term, now) => submit(replica, *index, *term, *now),
        ReplicaCall::Endorse(index, now) => endorse(replica, *index, *now),
        ReplicaCall::Poll(now, frames) => {
            assert!(poll(replica, *now) == *frames, "what is due at {now:?} is not what was due");
        }
    }
}

/// The tape of devices that obey one replica, or demand the word of two.
pub fn tape(orders: Orders) -> &'static Tape {
    static TAPES: OnceLock<[Tape; 2]> = OnceLock::new();
    let [one, two] = TAPES.get_or_init(|| [Orders::One, Orders::TwoOfThree].map(|orders| Recording::new(orders).run()));
    match orders {
        Orders::One => one,
        Orders::TwoOfThree => two,
    }
}

struct Recording {
    device: Device,
    replicas: [ControllerEndpoint; 2],
    tape: Tape,
    now: Millis,
}

impl Recording {
    fn new(orders: Orders) -> Self {
        Self {
            device: Device::new(orders),
            replicas: [0, 1].map(|nth| replica(nth, orders)),
            tape: Tape { device: Vec::new(), replicas: [Vec::new(), Vec::new()], genuine: Vec::new() },
            now: Millis::new(1),
        }
    }

    fn run(mut self) -> Tape {
        self.meet();
        self.lead(0, 1);
        self.order(0, 1, 1);
        self.order(0, 2, 1);
        self.lead(1, 2);
        self.order(1, 3, 2);
        self.reboot();
        self.meet();
        self.pass();
        self.order(1, 4, 2);
        assert!(self.device.recorder.0.iter().flatten().count() == 4, "every order was executed");
        self.tape
    }

    /// The device greets, sessions open, the device names them.
    fn meet(&mut self) {
        (0..2).for_each(|nth| self.telemetry(nth));
        self.pass();
        (0..2).for_each(|nth| self.telemetry(nth));
    }

    fn lead(&mut self, leader: usize, term: u64) {
        lead(&mut self.replicas[leader], term, self.now);
        self.tape.replicas[leader].push(ReplicaCall::Lead(term, self.now));
        self.replicas[1 - leader].follow(term, self.now);
        self.tape.replicas[1 - leader].push(ReplicaCall::Follow(term, self.now));
        self.pass();
    }

    fn order(&mut self, leader: usize, index: u64, term: u64) {
        (0..2).for_each(|nth| self.telemetry(nth));
        (0..2).for_each(|nth| self.outlets(nth));
        submit(&mut self.replicas[leader], index, term, self.now);
        self.tape.replicas[leader].push(ReplicaCall::Submit(index, term, self.now));
        self.poll(leader);
        if self.device.orders == Orders::TwoOfThree {
            endorse(&mut self.replicas[1 - leader], index, self.now);
            self.tape.replicas[1 - leader].push(ReplicaCall::Endorse(index, self.now));
        }
        self.pass();
    }

    fn reboot(&mut self) {
        self.device.reboot(boot(2));
        self.tape.device.push(DeviceCall::Reboot(boot(2)));
    }

    /// Time passes, and everything due is said.
    fn pass(&mut self) {
        self.now = self.now.saturating_add(Millis::new(11));
        (0..2).for_each(|nth| self.poll(nth));
    }

    fn poll(&mut self, nth: usize) {
        let frames = poll(&mut self.replicas[nth], self.now);
        self.tape.replicas[nth].push(ReplicaCall::Poll(self.now, frames.clone()));
        for frame in frames {
            self.tape.genuine.push(frame.clone());
            for lan in Lan::ALL {
                self.take(&frame, lan);
            }
        }
    }

    fn take(&mut self, frame: &[u8], lan: Lan) {
        let now = self.now;
        let (handled, answer) = self.device.handle(frame, lan, now);
        let answer = answer.to_vec();
        self.tape.device.push(DeviceCall::Handle { frame: frame.to_vec(), lan, now, handled, answer: answer.clone() });
        match handled {
            Handled::Answer { replica, .. } => self.observe(usize::from(replica.0) - 1, &answer),
            Handled::Opened(replica) => self.telemetry(usize::from(replica.0) - 1),
            Handled::Nothing | Handled::Copy | Handled::Ignored(_) => {}
        }
    }

    fn telemetry(&mut self, nth: usize) {
        let said = self.device.telemetry(REPLICAS[nth], self.now).to_vec();
        self.tape.device.push(DeviceCall::Telemetry(REPLICAS[nth], self.now));
        self.observe(nth, &said);
    }

    fn outlets(&mut self, nth: usize) {
        let said = self.device.outlets(REPLICAS[nth], self.now).to_vec();
        self.tape.device.push(DeviceCall::Outlets(REPLICAS[nth], self.now));
        self.observe(nth, &said);
    }

    fn observe(&mut self, nth: usize, frame: &[u8]) {
        self.tape.genuine.push(frame.to_vec());
        for lan in Lan::ALL {
            let event = self.replicas[nth].observe(frame, lan, self.now);
            self.tape.replicas[nth].push(ReplicaCall::Observe { frame: frame.to_vec(), lan, now: self.now, event });
        }
    }
}

fn lead(replica: &mut ControllerEndpoint, term: u64, now: Millis) {
    let leadership = Leadership { term, lease: Millis::seconds(60), valid_for: Millis::seconds(600) };
    assert!(replica.lead(leadership, now).is_ok(), "terms rise");
}

fn submit(replica: &mut ControllerEndpoint, index: u64, term: u64, now: Millis) {
    let submitted = replica.submit(committed(index), term, Millis::seconds(60), now);
    assert!(submitted.is_ok(), "it leads: {submitted:?}");
}

fn endorse(replica: &mut ControllerEndpoint, index: u64, now: Millis) {
    let endorsed = replica.endorse(committed(index), Millis::seconds(60), now);
    assert!(endorsed.is_ok(), "it follows: {endorsed:?}");
}

fn poll(replica: &mut ControllerEndpoint, now: Millis) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    replica.poll(now, &mut |outgoing: Outgoing<'_>| frames.push(outgoing.bytes.to_vec()));
    frames
}

fn keyring() -> &'static Keyring {
    static KEYRING: OnceLock<Keyring> = OnceLock::new();
    KEYRING.get_or_init(|| {
        let next = KeyEpoch::new(2).expect("not zero");
        let both =
            Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32])).with_accepted(next, SiteSecret::new([8; 32]));
        both.unwrap_or_else(|clash| unreachable!("{clash}"))
    })
}

fn device_keys() -> DeviceKeys {
    static KEYS: OnceLock<DeviceKeys> = OnceLock::new();
    KEYS.get_or_init(|| keyring().device(DEVICE, &REPLICAS)).clone()
}

fn replica_keys() -> &'static [ReplicaKeys; 3] {
    static KEYS: OnceLock<[ReplicaKeys; 3]> = OnceLock::new();
    KEYS.get_or_init(|| REPLICAS.map(|replica| keyring().replica(replica)))
}

const fn session(nth: usize) -> SessionNonce {
    SessionNonce::new(0x5e55_0000_0000_0001 + nth as u64)
}

const fn boot(life: u64) -> BootNonce {
    BootNonce::new(0xb007_0000_0000_0000 + life)
}

const fn reading() -> Reading {
    let (load, draw) = (Watts::new(8_000), Watts::new(9_500));
    Reading::Pdu { load, draw, bus: Millivolts::new(810_000), breaker_permille: 20, tripped: false }
}

/// An order as only a ledger can give it: this one is restored from a snapshot that holds it.
fn committed(index: u64) -> &'static Committed<Order> {
    static COMMITTED: OnceLock<Vec<Committed<Order>>> = OnceLock::new();
    let all = COMMITTED.get_or_init(|| (0..8).map(restored).collect());
    usize::try_from(index).ok().and_then(|index| all.get(index)).expect("few orders")
}

fn restored(index: u64) -> Committed<Order> {
    let watts = Watts::new(1_000 + index.cast_signed());
    let setpoint = Setpoint::Pdu { cap: watts, keep_tiers: 3 };
    let order = Order { device: DEVICE, index, term: 1, setpoint, until: Millis::seconds(60) };
    let ledger = Ledger::from_parts(empty_site(), Parts { orders: vec![order], ..Parts::default() });
    *ledger.order(DEVICE).expect("the snapshot has it")
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
