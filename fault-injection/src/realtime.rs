//! The plant on the real clock: every device is a UDP endpoint with a socket of its own on each network, all on one
//! thread.
//!
//! ```text
//!  turn:  wait for sockets, at most to the next millisecond
//!         └► handle datagrams ─► step the world up to now ─► let leases lapse ─► send telemetry and outlets that are due
//! ```
//!
//! Physics is never skipped: when the machine is late, the world takes all its steps later, and the lag is told.

mod commission;
mod network;
mod surges;
mod thread;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use ridethrough_core::device::{DeviceId, Fence};
use ridethrough_protocol::limits::REPLICAS_MAX;
use ridethrough_protocol::{Datagram, FenceMemory, Lan, StoreFailed, VolatileFence, frames};
// A setup is made of them, and the secret of a replica that belongs to it.
pub use ridethrough_core::device::ReplicaId;
pub use ridethrough_protocol::{Keyring, Orders};
use serde::Serialize;

use crate::field::{Act, FenceFile, FenceFileError, FieldDevice, Misled, Record, RecordFile, Reply};
use crate::plant::World;
use crate::plant::fault::Happening;
use crate::realtime::commission::Commissioning;
use crate::realtime::network::{Fate, Network, Passing};
pub use crate::realtime::network::{Impairment, Touched, Way};
pub use crate::realtime::surges::Surge;
use crate::realtime::surges::Surges;
pub(crate) use crate::realtime::thread::{Networks, PlantThread, Site};
use crate::report::{Summary, Verdict};
use crate::scenario::Scenario;

/// At most so many steps before sockets are served again, so that a late plant stays reachable.
const STEPS_PER_TURN_MAX: u64 = 50;
/// At most so many datagrams of one socket in one turn, so that a flood at one device does not silence the others.
const DATAGRAMS_PER_TURN_MAX: usize = 64;
/// Longer than any frame: what is longer is no frame, and its end may be lost.
const RECEIVE_BYTES: usize = 2_048;
/// A turn that begins so many ms late, or later, is counted.
const LATE_MS: u64 = 5;
/// Before scenario time runs, meters show what lies between these two moments of it, in ms, again and again: late enough
/// for orders to have been followed, and long enough for a meter's noise not to stand still.
const SHOWN_MS: std::ops::Range<u64> = 200..600;
/// The token of the waker; devices have theirs from 0.
const WAKER: Token = Token(usize::MAX);

/// What a plant in real time needs.
pub struct Setup<'a> {
    /// What runs.
    pub scenario: &'a Scenario,
    /// Where the replicas listen on the first network, replica 1 first.
    pub replicas: &'a [SocketAddr],
    /// The same on the second network; empty where there is none.
    pub replicas_b: &'a [SocketAddr],
    /// What all keys of the site come from.
    pub keyring: &'a Keyring,
    /// How many replicas' word the devices demand.
    pub orders: Orders,
    /// The folder of the devices' own records.
    pub records: &'a Path,
    /// The folder of fence memories; without it a restarted device has forgotten its fence.
    pub nvm: Option<&'a Path>,
}

/// Why a plant cannot run in real time.
#[derive(Debug)]
pub enum RealtimeError {
    /// Something with sockets failed.
    Socket(io::Error),
    /// A folder or a record cannot be written.
    Record {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A fence memory cannot be used.
    Fence(FenceFileError),
    /// The system gives no random bits.
    Random,
    /// The world lacks a device that its site names.
    NoSuchDevice,
    /// There are no replicas, or too many.
    Replicas(usize),
    /// Not every replica has an address on the second network.
    SecondNetwork {
        /// Replicas on the first.
        first: usize,
        /// Replicas on the second.
        second: usize,
    },
}

impl fmt::Display for RealtimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => write!(f, "a socket of the plant failed: {error}"),
            Self::Record { folder, error } => write!(f, "cannot write records in {}: {error}", folder.display()),
            Self::Fence(error) => error.fmt(f),
            Self::NoSuchDevice => f.write_str("the world lacks a device of its site"),
            Self::Random => f.write_str("the system gives no random bits"),
            Self::Replicas(count) => write!(f, "{count} replicas, expected 1 to {REPLICAS_MAX}"),
            Self::SecondNetwork { first, second } => {
                write!(f, "{second} replicas on the second network and {first} on the first, expected the same or none")
            }
        }
    }
}

impl std::error::Error for RealtimeError {}

/// The plant in real time.
pub struct Plant {
    world: World,
    stations: Vec<Station>,
    replicas: Vec<Addressee>,
    poll: Poll,
    events: Events,
    began: Instant,
    /// When scenario time began to run, in ms since `began`.
    started_ms: Option<u64>,
    /// What meters show before that, and when it was made, in ms since `began`.
    shown: Option<(World, u64)>,
    telemetry_period_ms: u64,
    lag: Lag,
    /// The worst lag since the last summary, in ms.
    lag_since_told_ms: u64,
    tally: Tally,
    out: Datagram,
    witness: Option<SyncSender<Witnessed>>,
    misled: Option<Misled>,
    surges: Option<Surges>,
    commissioning: Option<Commissioning>,
    network: Network,
}

/// An order that a device has judged, and when.
#[derive(Clone, Debug)]
pub struct Witnessed {
    /// When its answer had been sent.
    pub at: Instant,
    /// Which device.
    pub device: DeviceId,
    /// What the device wrote into its record.
    pub act: Act,
}

/// A replica as devices reach it.
#[derive(Clone, Copy)]
struct Addressee {
    id: ReplicaId,
    /// On each network.
    addresses: [Option<SocketAddr>; 2],
}

/// A device with its sockets and its record.
struct Station {
    device: FieldDevice<Memory>,
    /// On each network.
    ports: [Option<Port>; 2],
    records: RecordFile,
    telemetry_due_ms: u64,
}

/// A device's end of one network.
struct Port {
    socket: UdpSocket,
    has_more: bool,
}

/// How late the plant was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Now, in ms.
    pub now_ms: u64,
    /// At worst, in ms.
    pub max_ms: u64,
    /// How many turns began 5 ms late or later.
    pub late_turns: u64,
    /// How many turns there were.
    pub turns: u64,
}

/// What devices did with orders, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Orders put in force.
    pub executed: u64,
    /// Orders answered again.
    pub duplicate: u64,
    /// Orders refused.
    pub refused: u64,
    /// Orders that expired, or whose lease did.
    pub lapsed: u64,
    /// Datagrams that could not be sent.
    pub send_failed: u64,
}

/// The last line of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ending {
    /// What the judges saw.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How late the plant was.
    pub lag: Lag,
    /// What devices did with orders.
    pub orders: Tally,
}

/// A fence memory of either kind.
enum Memory {
    File(FenceFile),
    Volatile(VolatileFence),
}

impl FenceMemory for Memory {
    fn load(&self) -> Fence {
        match self {
            Self::File(memory) => memory.load(),
            Self::Volatile(memory) => memory.load(),
        }
    }

    fn store(&mut self, fence: Fence) -> Result<(), StoreFailed> {
        match self {
            Self::File(memory) => memory.store(fence),
            Self::Volatile(memory) => memory.store(fence),
        }
    }
}

impl Plant {
    /// Boots every device on a socket of its own. Scenario time stands at 0 until [`Self::start`].
    pub fn bind(setup: &Setup<'_>) -> Result<Self, RealtimeError> {
        let replicas = numbered(setup.replicas, setup.replicas_b)?;
        let world = World::new(setup.scenario);
        let poll = Poll::new().map_err(RealtimeError::Socket)?;
        for folder in std::iter::once(setup.records).chain(setup.nvm) {
            let failed = |error| RealtimeError::Record { folder: folder.to_owned(), error };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let telemetry_period_ms = u64::try_from(world.site().policy.tick.get()).unwrap_or(100).max(1);
        let devices: Vec<DeviceId> = world.site().devices().collect();
        let mut stations = Vec::with_capacity(devices.len());
        for (slot, &device) in devices.iter().enumerate() {
            let mut station = Station::boot(setup, &world, &replicas, device)?;
            // Spread over the period, so that replicas hear a stream and no bursts.
            station.telemetry_due_ms = telemetry_period_ms * slot as u64 / devices.len() as u64;
            for (port, token) in station.ports.iter_mut().zip(2 * slot..) {
                let Some(port) = port else { continue };
                let registered = poll.registry().register(&mut port.socket, Token(token), Interest::READABLE);
                registered.map_err(RealtimeError::Socket)?;
            }
            stations.push(station);
        }
        let events = Events::with_capacity(2 * stations.len() + 1);
        Ok(Self {
            world,
            stations,
            replicas,
            poll,
            events,
            began: Instant::now(),
            started_ms: None,
            shown: None,
            telemetry_period_ms,
            lag: Lag::default(),
            lag_since_told_ms: 0,
            tally: Tally::default(),
            out: Datagram::new(),
            witness: None,
            misled: None,
            surges: None,
            commissioning: None,
            network: Network::default(),
        })
    }

    /// Something that ends the waiting of a turn from another thread; at most one can be made.
    pub fn waker(&self) -> Result<Waker, RealtimeError> {
        Waker::new(self.poll.registry(), WAKER).map_err(RealtimeError::Socket)
    }

    /// Tells somebody at once of every order that a device judges; what he does not take in time is not told.
    pub fn tell(&mut self, witness: SyncSender<Witnessed>) {
        self.witness = Some(witness);
    }

    /// Tells one replica something else than the others from now on.
    pub fn mislead(&mut self, misled: Misled) {
        self.misled = Some(misled);
    }

    /// Tells somebody at once of every first sample over its rack's limit; what he does not take in time is not told.
    pub fn tell_surges(&mut self, to: SyncSender<Surge>) {
        self.surges = Some(Surges::new(self.world.site(), to));
    }

    /// Lets something happen to the world now, or end.
    pub fn happen(&mut self, what: Happening, begins: bool) {
        self.world.happen(what, begins);
    }

    /// Impairs the network from now on; the returned name mends it. None when it is impaired in too many ways already.
    pub fn impair(&mut self, impairment: Impairment, seed: u64) -> Option<u32> {
        self.network.impair(impairment, seed)
    }

    /// Ends an impairment.
    pub fn mend(&mut self, name: u32) {
        self.network.mend(name);
    }

    /// What the network has done to datagrams so far.
    pub fn touched(&self) -> Touched {
        self.network.touched()
    }

    /// How many devices have an order in force; the others follow their local safe rule.
    pub fn obeying(&self) -> usize {
        self.stations.iter().filter(|station| station.device.in_force().is_some()).count()
    }

    /// What all devices together have refused since they booted.
    pub fn refusals(&self) -> u64 {
        self.stations
            .iter()
            .map(|station| station.device.refusals().to_counts().map(u64::from).iter().sum::<u64>())
            .sum()
    }

    /// Remembers from now on what devices are sent.
    pub fn eavesdrop(&mut self) {
        self.network.eavesdrop();
    }

    /// What devices were sent last, and where each of them listens on the first network.
    pub fn overheard(&self) -> Vec<(SocketAddr, Box<[u8]>)> {
        let address = |slot: usize| self.stations[slot].ports[0].as_ref()?.socket.local_addr().ok();
        self.network.overheard().filter_map(|(slot, bytes)| Some((address(slot)?, bytes))).collect()
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Lets scenario time run from now on.
    pub fn start(&mut self) {
        let now_ms = self.elapsed_ms();
        self.started_ms.get_or_insert(now_ms);
        self.shown = None;
    }

    /// One turn: at most a millisecond of waiting, then everything that is due.
    pub fn turn(&mut self) -> Result<(), RealtimeError> {
        self.wait()?;
        self.commission_next();
        let now_ms = self.elapsed_ms();
        for slot in 0..self.stations.len() {
            for lan in Lan::ALL {
                if lan.of(&self.stations[slot].ports).as_ref().is_some_and(|port| port.has_more) {
                    self.receive(slot, lan, now_ms)?;
                }
            }
        }
        self.deliver_late(now_ms)?;
        self.step(now_ms);
        self.show(now_ms);
        for slot in 0..self.stations.len() {
            self.attend(slot, now_ms)?;
        }
        Ok(())
    }

    /// The plant now, with the worst lag since the last summary.
    pub fn summary(&mut self) -> Summary {
        Summary::of(&self.world, std::mem::take(&mut self.lag_since_told_ms))
    }

    /// What is told at the end.
    pub fn ending(&self) -> Ending {
        Ending { verdict: Verdict::of(&self.world), lag: self.lag, orders: self.tally }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wait(&mut self) -> Result<(), RealtimeError> {
        let is_behind = self.lag.now_ms > 0 || self.stations.iter().any(Station::has_more);
        let timeout = if is_behind { Duration::ZERO } else { Duration::from_millis(1) };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(RealtimeError::Socket(error)),
            _ => {}
        }
        for event in &self.events {
            let Token(token) = event.token();
            let port = self.stations.get_mut(token / 2).and_then(|station| station.ports[token % 2].as_mut());
            if let Some(port) = port {
                port.has_more = true;
            }
        }
        Ok(())
    }

    fn receive(&mut self, slot: usize, lan: Lan, now_ms: u64) -> Result<(), RealtimeError> {
        let mut buffer = [0; RECEIVE_BYTES];
        for _ in 0..DATAGRAMS_PER_TURN_MAX {
            let Some(port) = lan.of_mut(&mut self.stations[slot].ports) else { return Ok(()) };
            let (length, from) = match port.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    port.has_more = false;
                    return Ok(());
                }
                // A replica that is away may be reported here; there is nothing to read and nothing to do.
                Err(_) => continue,
            };
            self.network.hear(slot, &buffer[..length]);
            let sender = self.replicas.iter().find(|to| to.addresses[lan.index()] == Some(from));
            let fate = match sender.map(|to| Passing { slot, lan, replica: to.id, way: Way::ToDevice }) {
                Some(passing) => self.network.pass(passing, &mut buffer[..length], now_ms),
                None => Fate::Delivered(1),
            };
            let Fate::Delivered(copies) = fate else { continue };
            for _ in 0..copies {
                self.take_in(slot, lan, &buffer[..length], now_ms)?;
            }
        }
        Ok(())
    }

    /// What is no frame ends its datagram; nothing of it is believed.
    fn take_in(&mut self, slot: usize, lan: Lan, datagram: &[u8], now_ms: u64) -> Result<(), RealtimeError> {
        frames(datagram).map_while(Result::ok).try_for_each(|frame| self.handle(slot, lan, frame, now_ms))
    }

    /// What the network has held back until now.
    fn deliver_late(&mut self, now_ms: u64) -> Result<(), RealtimeError> {
        while let Some((passing, bytes)) = self.network.due(now_ms) {
            match passing.way {
                Way::ToDevice => self.take_in(passing.slot, passing.lan, &bytes, now_ms)?,
                Way::ToReplica => self.put_on_the_wire(passing, &bytes),
            }
        }
        Ok(())
    }

    fn put_on_the_wire(&mut self, passing: Passing, bytes: &[u8]) {
        let to = self.replicas.iter().find(|to| to.id == passing.replica);
        let address = to.and_then(|to| to.addresses[passing.lan.index()]);
        let port = passing.lan.of(&self.stations[passing.slot].ports);
        if let (Some(address), Some(port)) = (address, port)
            && port.socket.send_to(bytes, address).is_err()
        {
            self.tally.send_failed += 1;
        }
    }

    fn handle(&mut self, slot: usize, lan: Lan, frame: &[u8], now_ms: u64) -> Result<(), RealtimeError> {
        let mut written = Ok(());
        let station = &mut self.stations[slot];
        let mut acts = None;
        let mut keep = |record: &Record| {
            self.tally.count(&record.act);
            acts = self.witness.is_some().then(|| record.act.clone());
            if let Err(error) = station.records.append(record) {
                written = Err(error);
            }
        };
        let reply = station.device.handle(frame, lan, now_ms, &mut self.world, &mut self.out, &mut keep);
        written.map_err(record_failed)?;
        self.send(slot, reply);
        if let (Some(witness), Some(act)) = (&self.witness, acts) {
            // Whoever has gone away or is behind misses it.
            let device = self.stations[slot].device.device();
            let _ = witness.try_send(Witnessed { at: Instant::now(), device, act });
        }
        Ok(())
    }

    /// Steps the world up to now, or part of the way when it is far behind.
    fn step(&mut self, now_ms: u64) {
        let Some(started_ms) = self.started_ms else { return };
        let due_ms = now_ms.saturating_sub(started_ms);
        let behind_ms = due_ms.saturating_sub(self.world.now_ms());
        self.world.run_ms(behind_ms.min(STEPS_PER_TURN_MAX));
        // One step is due in every turn; what is beyond it is lateness.
        let late_ms = behind_ms.saturating_sub(1);
        self.lag_since_told_ms = self.lag_since_told_ms.max(late_ms);
        self.lag = Lag {
            now_ms: due_ms.saturating_sub(self.world.now_ms()),
            max_ms: self.lag.max_ms.max(late_ms),
            late_turns: self.lag.late_turns + u64::from(late_ms >= LATE_MS),
            turns: self.lag.turns + 1,
        };
    }

    /// Before scenario time runs: the world as it will soon be under its present orders. A meter that repeated the first
    /// moment would be taken for one that stands still.
    fn show(&mut self, now_ms: u64) {
        let is_new = |(_, made_ms): &(World, u64)| now_ms < made_ms + self.telemetry_period_ms;
        if self.started_ms.is_some() || self.shown.as_ref().is_some_and(is_new) {
            return;
        }
        let mut world = self.world.clone();
        world.run_ms(SHOWN_MS.start + now_ms % (SHOWN_MS.end - SHOWN_MS.start));
        self.shown = Some((world, now_ms));
    }

    /// Lets lapse what is due at a device and sends its telemetry when it is time.
    fn attend(&mut self, slot: usize, now_ms: u64) -> Result<(), RealtimeError> {
        let mut written = Ok(());
        let station = &mut self.stations[slot];
        let mut keep = |record: &Record| {
            self.tally.count(&record.act);
            if let Err(error) = station.records.append(record) {
                written = Err(error);
            }
        };
        station.device.poll(now_ms, &mut self.world, &mut keep);
        written.map_err(record_failed)?;
        self.tell_outlets(slot, now_ms);
        let station = &mut self.stations[slot];
        if station.telemetry_due_ms > now_ms {
            return Ok(());
        }
        // Late telemetry is sent once and not made up for.
        let times = u64::from(self.world.voice(station.device.device()).telemetry_times);
        let period_ms = (self.telemetry_period_ms / times).max(1);
        let periods = (now_ms - station.telemetry_due_ms) / period_ms + 1;
        station.telemetry_due_ms += periods * period_ms;
        for index in 0..self.replicas.len() {
            let replica = self.replicas[index].id;
            let world = self.shown.as_ref().map_or(&self.world, |(world, _)| world);
            let station = &mut self.stations[slot];
            let device = station.device.device();
            let Some(measured) = world.read(device) else { return Ok(()) };
            if let Some(surges) = &mut self.surges {
                surges.look(device, &measured);
            }
            let told = self.misled.map_or(measured, |misled| misled.hears(replica, device, measured));
            let reply = station.device.tell(replica, &told, now_ms, world, &mut self.out);
            self.send(slot, reply);
        }
        Ok(())
    }

    /// Tells every replica what the device's outlets feed, when their meters have found it.
    fn tell_outlets(&mut self, slot: usize, now_ms: u64) {
        let world = self.shown.as_ref().map_or(&self.world, |(world, _)| world);
        for page in self.stations[slot].device.outlet_pages(now_ms, world) {
            for index in 0..self.replicas.len() {
                let replica = self.replicas[index].id;
                let world = self.shown.as_ref().map_or(&self.world, |(world, _)| world);
                let reply = self.stations[slot].device.outlets(replica, &page, now_ms, world, &mut self.out);
                self.send(slot, reply);
            }
        }
    }

    /// Over every network that there is.
    fn send(&mut self, slot: usize, reply: Reply) {
        let Reply::Send(replica) = reply else { return };
        let now_ms = self.elapsed_ms();
        for lan in Lan::ALL {
            let passing = Passing { slot, lan, replica, way: Way::ToReplica };
            let frame = self.out.as_bytes();
            let (mut buffer, length) = ([0; RECEIVE_BYTES], frame.len());
            buffer[..length].copy_from_slice(frame);
            let Fate::Delivered(copies) = self.network.pass(passing, &mut buffer[..length], now_ms) else { continue };
            for _ in 0..copies {
                self.put_on_the_wire(passing, &buffer[..length]);
            }
        }
    }
}

impl Station {
    fn boot(setup: &Setup<'_>, world: &World, replicas: &[Addressee], device: DeviceId) -> Result<Self, RealtimeError> {
        let name = world.site().device_name(device);
        let memory = match setup.nvm {
            Some(folder) => Memory::File(FenceFile::open(folder, &name).map_err(RealtimeError::Fence)?),
            None => Memory::Volatile(VolatileFence::default()),
        };
        let ids: Vec<ReplicaId> = replicas.iter().map(|to| to.id).collect();
        let keys = setup.keyring.device(device, &ids);
        let boot_bits = getrandom::u64().map_err(|_| RealtimeError::Random)?;
        let device = FieldDevice::boot(world, keys, setup.orders, boot_bits, memory);
        let failed = |error| RealtimeError::Record { folder: setup.records.to_owned(), error };
        Ok(Self {
            device: device.ok_or(RealtimeError::NoSuchDevice)?,
            ports: [port(setup.replicas)?, port(setup.replicas_b)?],
            records: RecordFile::open(setup.records, &name).map_err(failed)?,
            telemetry_due_ms: 0,
        })
    }

    fn has_more(&self) -> bool {
        self.ports.iter().flatten().any(|port| port.has_more)
    }
}

/// A socket on the network on which the replicas have these addresses; none where they have none.
fn port(replicas: &[SocketAddr]) -> Result<Option<Port>, RealtimeError> {
    if replicas.is_empty() {
        return Ok(None);
    }
    let socket = UdpSocket::bind(local_address(replicas)).map_err(RealtimeError::Socket)?;
    Ok(Some(Port { socket, has_more: false }))
}

impl Tally {
    fn count(&mut self, act: &Act) {
        match act {
            Act::Lapsed => self.lapsed += 1,
            Act::Order { verdict: "executed", .. } => self.executed += 1,
            Act::Order { verdict: "duplicate", .. } => self.duplicate += 1,
            Act::Order { .. } => self.refused += 1,
        }
    }
}

fn numbered(first: &[SocketAddr], second: &[SocketAddr]) -> Result<Vec<Addressee>, RealtimeError> {
    if !(1..=REPLICAS_MAX).contains(&first.len()) {
        return Err(RealtimeError::Replicas(first.len()));
    }
    if !second.is_empty() && second.len() != first.len() {
        return Err(RealtimeError::SecondNetwork { first: first.len(), second: second.len() });
    }
    let on_second = second.iter().copied().map(Some).chain(std::iter::repeat(None));
    let addresses = first.iter().copied().map(Some).zip(on_second).map(|(a, b)| [a, b]);
    Ok((1..).map(ReplicaId).zip(addresses).map(|(id, addresses)| Addressee { id, addresses }).collect())
}

/// Loopback when all replicas are there: then nothing outside can reach the plant.
fn local_address(replicas: &[SocketAddr]) -> SocketAddr {
    let is_local = replicas.iter().all(|address| address.ip().is_loopback());
    let is_v4 = replicas.iter().all(SocketAddr::is_ipv4);
    let ip: IpAddr = match (is_v4, is_local) {
        (true, true) => Ipv4Addr::LOCALHOST.into(),
        (true, false) => Ipv4Addr::UNSPECIFIED.into(),
        (false, true) => Ipv6Addr::LOCALHOST.into(),
        (false, false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

fn record_failed(error: io::Error) -> RealtimeError {
    RealtimeError::Record { folder: PathBuf::from("the records folder"), error }
}
