//! The plant and its devices, each with its end of the protocol.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ridethrough_core::device::{DeviceId, ReplicaId, Setpoint};
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::field::{Act, FieldDevice, Record, Reply};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_protocol::{Datagram, Keyring, Lan, Orders, VolatileFence, frames};

use crate::consensus::{MEMBERS, slot};
use crate::dice::Dice;
use crate::net::{Packet, Wires};

/// The plant with all its devices.
pub struct Field {
    world: World,
    stations: Vec<Station>,
    /// When each device speaks next, and which it is.
    tells: BinaryHeap<Reverse<(u64, usize)>>,
    /// When each device is polled next, and the earliest of these times.
    polls_ms: Vec<u64>,
    next_poll_ms: u64,
    /// Rises whenever a device was spoken to or polled, and whenever a clock was touched.
    touched: u64,
    clocks: u64,
    period_ms: u64,
    lans: &'static [Lan],
    out: Datagram,
    /// What devices did with orders since it was last taken.
    deeds: Vec<Deed>,
}

/// What a device did with an order.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Which device, by its place.
    pub device: usize,
    /// What it did.
    pub act: Act,
    /// The MAC of the frame that made it do that; none where time did.
    pub frame: Option<u128>,
}

type Station = FieldDevice<VolatileFence>;

/// Nothing lapses at a device with nothing in force.
const NEVER_MS: u64 = u64::MAX;

impl Field {
    /// Boots every device.
    pub fn boot(scenario: &Scenario, keyring: &Keyring, orders: Orders, lans: &'static [Lan], dice: &mut Dice) -> Self {
        let world = World::new(scenario);
        let period_ms = world.site().policy.tick.get().unsigned_abs().max(1);
        let devices: Vec<DeviceId> = world.site().devices().collect();
        let count = devices.len() as u64;
        let station = |&device: &DeviceId| {
            let keys = keyring.device(device, &MEMBERS);
            FieldDevice::boot(&world, keys, orders, dice.bits(), VolatileFence::default())
        };
        let stations: Vec<Station> = devices.iter().filter_map(station).collect();
        Self {
            tells: (0..stations.len()).map(|nth| Reverse((period_ms * nth as u64 / count, nth))).collect(),
            polls_ms: vec![0; stations.len()],
            next_poll_ms: 0,
            touched: 0,
            clocks: 0,
            world,
            stations,
            period_ms,
            lans,
            out: Datagram::new(),
            deeds: Vec::new(),
        }
    }

    /// The plant.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// How many devices there are.
    pub const fn devices(&self) -> usize {
        self.stations.len()
    }

    /// Which device this is.
    pub fn device(&self, nth: usize) -> DeviceId {
        self.stations[nth].device()
    }

    /// Whether an order is in force at this device.
    pub fn is_ordered(&self, nth: usize) -> bool {
        self.stations[nth].in_force().is_some()
    }

    /// What is in force at a device; none while it follows its local safe rule.
    pub fn in_force(&self, device: DeviceId) -> Option<Setpoint> {
        let slot = self.world.site().device_slot(device)?;
        self.stations.get(slot)?.in_force()
    }

    /// A device's own clock.
    pub fn clock(&self, nth: usize, now_ms: u64) -> Millis {
        self.stations[nth].now(now_ms)
    }

    /// Rises whenever anything may have changed that is not time alone: a row was stepped, a device was spoken to or polled, a
    /// clock was touched. Between two moments with the same number all is as it was.
    pub const fn revision(&self) -> u64 {
        self.world.revision() + self.touched
    }

    /// Rises whenever a device's clock jumps or goes at another rate.
    pub const fn clocks(&self) -> u64 {
        self.clocks
    }

    /// When a device's clock will show this time, or earlier, as it runs now.
    pub fn clock_shows(&self, nth: usize, at: Millis, now_ms: u64) -> u64 {
        self.stations[nth].shows(at).max(now_ms + 1)
    }

    /// A device's clock jumps ahead.
    pub fn step_clock(&mut self, device: DeviceId, by: Millis) {
        if let Some(slot) = self.world.site().device_slot(device) {
            self.stations[slot].step_clock(by);
            self.clocks += 1;
            self.poll_soon(slot);
        }
    }

    /// A device's clock is fast by so many millionths from now on.
    pub fn drift_clock(&mut self, device: DeviceId, ppm: i64, now_ms: u64) {
        if let Some(slot) = self.world.site().device_slot(device) {
            self.stations[slot].drift_clock(i32::try_from(ppm).unwrap_or(0), now_ms);
            self.clocks += 1;
            self.poll_soon(slot);
        }
    }

    /// Something may lapse at this device that did not lapse before, or later: it is asked in this very millisecond.
    fn poll_soon(&mut self, nth: usize) {
        (self.polls_ms[nth], self.next_poll_ms) = (0, 0);
        self.touched += 1;
    }

    /// What devices did with orders since this was last asked.
    pub fn take_deeds(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.deeds)
    }

    /// A datagram reaches a device.
    pub fn hear(&mut self, nth: usize, bytes: &[u8], lan: Lan, now_ms: u64, wires: &mut Wires) {
        for frame in frames(bytes).map_while(Result::ok) {
            let (station, deeds, mac) = (&mut self.stations[nth], &mut self.deeds, mac(frame));
            let mut keep = |record: &Record| deeds.push(Deed { device: nth, act: record.act.clone(), frame: mac });
            let reply = station.handle(frame, lan, now_ms, &mut self.world, &mut self.out, &mut keep);
            self.send(nth, reply, now_ms, wires);
        }
        self.poll_soon(nth);
    }

    /// Time passes: physics, leases, telemetry.
    pub fn step(&mut self, now_ms: u64, wires: &mut Wires) {
        let happened = self.world.happened();
        self.world.run_ms(now_ms.saturating_sub(self.world.now_ms()));
        if self.world.happened() != happened {
            // A device may have been switched off or on.
            (0..self.stations.len()).for_each(|nth| self.poll_soon(nth));
        }
        self.poll(now_ms);
        while let Some(&Reverse((due_ms, nth))) = self.tells.peek()
            && due_ms <= now_ms
        {
            self.tells.pop();
            self.tell(nth, now_ms, wires);
        }
    }

    /// Polls whoever has something that may lapse now.
    fn poll(&mut self, now_ms: u64) {
        if self.next_poll_ms > now_ms {
            return;
        }
        let stations = self.stations.iter_mut().zip(&mut self.polls_ms).enumerate();
        for (nth, (station, poll_ms)) in stations.filter(|(_, (_, poll_ms))| **poll_ms <= now_ms) {
            let deeds = &mut self.deeds;
            let mut keep = |record: &Record| deeds.push(Deed { device: nth, act: record.act.clone(), frame: None });
            let lapses = station.poll(now_ms, &mut self.world, &mut keep);
            *poll_ms = lapses.map_or(NEVER_MS, |at| station.shows(at).max(now_ms + 1));
            self.touched += 1;
        }
        self.next_poll_ms = self.polls_ms.iter().copied().min().unwrap_or(NEVER_MS);
    }

    fn tell(&mut self, nth: usize, now_ms: u64, wires: &mut Wires) {
        let device = self.stations[nth].device();
        let times = u64::from(self.world.voice(device).telemetry_times).max(1);
        self.tells.push(Reverse((now_ms + (self.period_ms / times).max(1), nth)));
        let Some(reading) = self.world.read(device) else { return };
        for replica in MEMBERS {
            let reply = self.stations[nth].tell(replica, &reading, now_ms, &self.world, &mut self.out);
            self.send(nth, reply, now_ms, wires);
        }
    }

    fn send(&self, device: usize, reply: Reply, now_ms: u64, wires: &mut Wires) {
        let Reply::Send(ReplicaId(id)) = reply else { return };
        for &lan in self.lans {
            let bytes = wires.room_with(self.out.as_bytes());
            wires.send(Packet::Report { device, to: slot(ReplicaId(id)), lan, bytes }, now_ms);
        }
    }
}

/// What no two frames have in common.
fn mac(frame: &[u8]) -> Option<u128> {
    frame.last_chunk().map(|bytes| u128::from_le_bytes(*bytes))
}
