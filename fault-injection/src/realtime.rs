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
mod datagrams;
mod ending;
mod error;
mod network;
mod replicas;
mod station;
mod surges;
mod telemetry;
mod thread;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};
use ridethrough_core::device::DeviceId;
use ridethrough_protocol::{Datagram, Lan};
// A setup is made of them, and the secret of a replica that belongs to it.
pub use ridethrough_core::device::ReplicaId;
pub use ridethrough_protocol::{Keyring, Orders};

use crate::field::Misled;
use crate::plant::World;
use crate::plant::fault::Happening;
use crate::realtime::commission::Commissioning;
pub use crate::realtime::datagrams::Witnessed;
pub use crate::realtime::ending::{Ending, Lag, Tally};
pub use crate::realtime::error::RealtimeError;
use crate::realtime::network::Network;
pub use crate::realtime::network::{Impairment, Touched, Way};
use crate::realtime::replicas::{Addressee, numbered};
use crate::realtime::station::Station;
pub use crate::realtime::surges::Surge;
use crate::realtime::surges::Surges;
pub(crate) use crate::realtime::thread::{Networks, PlantThread, Site};
use crate::report::{Summary, Verdict};
use crate::scenario::Scenario;

/// At most so many steps before sockets are served again, so that a late plant stays reachable.
const STEPS_PER_TURN_MAX: u64 = 50;
/// A turn that begins so many ms late, or later, is counted.
const LATE_MS: u64 = 5;
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
            station.listen(&poll, slot)?;
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
}
