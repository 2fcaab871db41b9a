//! The plant and its devices, each with its end of the protocol.

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

struct Station {
    device: FieldDevice<VolatileFence>,
    telemetry_due_ms: u64,
    /// When it is polled again, whether or not an order is in force.
    look_due_ms: u64,
}

/// Devices without orders are polled so often, in ms: a reboot is a little late then, and no lease is.
const LOOK_EVERY_MS: u64 = 10;

impl Field {
    /// Boots every device.
    pub fn boot(scenario: &Scenario, keyring: &Keyring, orders: Orders, lans: &'static [Lan], dice: &mut Dice) -> Self {
        let world = World::new(scenario);
        let period_ms = world.site().policy.tick.get().unsigned_abs().max(1);
        let devices: Vec<DeviceId> = world.site().devices().collect();
        let count = devices.len() as u64;
        let station = |(nth, &device): (u64, &DeviceId)| {
            let keys = keyring.device(device, &MEMBERS);
            let device = FieldDevice::boot(&world, keys, orders, dice.bits(), VolatileFence::default())?;
            Some(Station { device, telemetry_due_ms: period_ms * nth / count, look_due_ms: 0 })
        };
        let stations = (0..).zip(&devices).filter_map(station).collect();
        Self { world, stations, period_ms, lans, out: Datagram::new(), deeds: Vec::new() }
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
        self.stations[nth].device.device()
    }

    /// Whether an order is in force at this device.
    pub fn is_ordered(&self, nth: usize) -> bool {
        self.stations[nth].device.in_force().is_some()
    }

    /// What is in force at a device; none while it follows its local safe rule.
    pub fn in_force(&self, device: DeviceId) -> Option<Setpoint> {
        let slot = self.world.site().device_slot(device)?;
        self.stations.get(slot)?.device.in_force()
    }

    /// A device's own clock.
    pub fn clock(&self, nth: usize, now_ms: u64) -> Millis {
        self.stations[nth].device.now(now_ms)
    }

    /// A device's clock jumps ahead.
    pub fn step_clock(&mut self, device: DeviceId, by: Millis) {
        if let Some(station) = self.station(device) {
            station.device.step_clock(by);
        }
    }

    /// A device's clock is fast by so many millionths from now on.
    pub fn drift_clock(&mut self, device: DeviceId, ppm: i64, now_ms: u64) {
        if let Some(station) = self.station(device) {
            station.device.drift_clock(i32::try_from(ppm).unwrap_or(0), now_ms);
        }
    }

    fn station(&mut self, device: DeviceId) -> Option<&mut Station> {
        let slot = self.world.site().device_slot(device)?;
        self.stations.get_mut(slot)
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
            let reply = station.device.handle(frame, lan, now_ms, &mut self.world, &mut self.out, &mut keep);
            self.send(nth, reply, now_ms, wires);
        }
    }

    /// A millisecond passes: physics, leases, telemetry.
    pub fn step(&mut self, now_ms: u64, wires: &mut Wires) {
        self.world.run_ms(now_ms.saturating_sub(self.world.now_ms()));
        for nth in 0..self.stations.len() {
            self.poll(nth, now_ms);
            if self.stations[nth].telemetry_due_ms <= now_ms {
                self.tell(nth, now_ms, wires);
            }
        }
    }

    fn poll(&mut self, nth: usize, now_ms: u64) {
        let (station, deeds) = (&mut self.stations[nth], &mut self.deeds);
        // Nothing can lapse where nothing is in force; what is left is to be switched off and on.
        if station.device.in_force().is_none() && station.look_due_ms > now_ms {
            return;
        }
        station.look_due_ms = now_ms + LOOK_EVERY_MS;
        let mut keep = |record: &Record| deeds.push(Deed { device: nth, act: record.act.clone(), frame: None });
        station.device.poll(now_ms, &mut self.world, &mut keep);
    }

    fn tell(&mut self, nth: usize, now_ms: u64, wires: &mut Wires) {
        let station = &mut self.stations[nth];
        let device = station.device.device();
        let times = u64::from(self.world.voice(device).telemetry_times).max(1);
        station.telemetry_due_ms = now_ms + (self.period_ms / times).max(1);
        let Some(reading) = self.world.read(device) else { return };
        for replica in MEMBERS {
            let device = &mut self.stations[nth].device;
            let reply = device.tell(replica, &reading, now_ms, &self.world, &mut self.out);
            self.send(nth, reply, now_ms, wires);
        }
    }

    fn send(&self, device: usize, reply: Reply, now_ms: u64, wires: &mut Wires) {
        let Reply::Send(ReplicaId(id)) = reply else { return };
        for &lan in self.lans {
            let bytes = self.out.as_bytes().to_vec();
            wires.send(Packet::Report { device, to: slot(ReplicaId(id)), lan, bytes }, now_ms);
        }
    }
}

/// What no two frames have in common.
fn mac(frame: &[u8]) -> Option<u128> {
    frame.last_chunk().map(|bytes| u128::from_le_bytes(*bytes))
}
